/**
 * Which routes the announcer takes from the bus at all. The cache is the authority, and whoever can publish on the bus can pretend to be
 * the cache; so a route must be one that a sighting, or a list, of this configuration can make:
 *
 * - one of its lists is configured here, and
 * - it is a host route, unless such a list has `addresses = true`: then it may be as wide as the shortest length that is allowed.
 */
import type { ListConfig } from '@dnstap-bgp/config'

export type WhyRefused = 'unknown list' | 'too wide'

export class RouteAdmission {
  readonly #lists: ReadonlyMap<string, ListConfig>

  constructor(lists: readonly ListConfig[]) {
    this.#lists = new Map(lists.map((list) => [list.name, list]))
  }

  /**
   * The lists among `owners` that may own the prefix, or why there is none. Unknown lists beside a known one stay: they bring no attributes
   * now, and theirs when they are configured.
   */
  ownersOf(prefix: string, owners: readonly string[]): readonly string[] | WhyRefused {
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
