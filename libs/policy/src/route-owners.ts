/**
 * Which lists may own a route. The cache is the authority, and everybody who can publish on the bus can pretend to be the cache. So the
 * announcer accepts only a route that a sighting, or a list, of its own configuration can make:
 *
 * - one of the route's lists is configured here, and
 * - the route is a host route, unless such a list has `addresses = true`: then the route may be as wide as the list's shortest prefix.
 */

/** What a list's settings say of its routes. */
export interface ListBounds {
  readonly name: string
  /** Are addresses and prefixes written in the list routed? */
  readonly addresses: boolean
  readonly shortestPrefixIpv4: number
  readonly shortestPrefixIpv6: number
}

export type WhyNoOwner = 'unknown list' | 'too wide'

export class RouteOwners {
  readonly #lists: ReadonlyMap<string, ListBounds>

  constructor(lists: readonly ListBounds[]) {
    this.#lists = new Map(lists.map((list) => [list.name, list]))
  }

  /**
   * The lists among `owners` that may own the prefix, or why no list may. An unknown list beside a known one stays: it brings its attributes
   * when it is configured.
   */
  of(prefix: string, owners: readonly string[]): readonly string[] | WhyNoOwner {
    if (!owners.some((owner) => this.#lists.has(owner))) return 'unknown list'
    const slash = prefix.lastIndexOf('/')
    const length = slash < 0 ? Infinity : Number(prefix.slice(slash + 1))
    const isIpv6 = prefix.includes(':')
    if (length >= (isIpv6 ? 128 : 32)) return owners
    const allowed = owners.filter((owner) => this.#mayBeAsWide(owner, length, isIpv6))
    return allowed.length === 0 ? 'too wide' : allowed
  }

  #mayBeAsWide(owner: string, length: number, isIpv6: boolean): boolean {
    const list = this.#lists.get(owner)
    return list?.addresses === true && length >= (isIpv6 ? list.shortestPrefixIpv6 : list.shortestPrefixIpv4)
  }
}
