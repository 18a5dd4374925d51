/**
 * May this route be announced? The cache has decided already; the announcer decides again, because its configuration may differ, because
 * everybody who can publish on the bus can pretend to be the cache, and because it alone knows which addresses BGP sessions use.
 *
 * Refused: a prefix that the policy refuses (never list, resolvers that are heard, addresses in use, IPv6 if that is off), and a prefix that
 * none of its lists may own.
 */
import type { ListConfig } from '@dnstap-bgp/config'
import { hostPrefix, parseAddress } from '@dnstap-bgp/ip'
import { RouteOwners, RoutePolicy, type NeverList, type WhyNoOwner } from '@dnstap-bgp/policy'
import type { Log } from '@dnstap-bgp/runtime'
import { HeardResolvers } from '@dnstap-bgp/steering'

export interface RouteGateConfig {
  readonly lists: readonly ListConfig[]
  readonly never: NeverList
  readonly ipv6: boolean
}

export class RouteGate {
  readonly counters = { neverRefused: 0, unknownList: 0, tooWide: 0 }
  readonly #log: Log
  #config: RouteGateConfig
  #owners: RouteOwners
  /** Knows the configuration's never list, the resolvers that are heard, and the addresses in use. */
  #policy: RoutePolicy
  readonly #resolvers = new HeardResolvers()
  /** Addresses that sessions use and that the configuration may not name: of peers by name or range, our own. */
  readonly #inUse = new Map<string, string>()
  /** Each reason is logged once until the configuration changes. */
  readonly #logged = new Set<WhyNoOwner>()

  constructor(config: RouteGateConfig, log: Log) {
    this.#config = config
    this.#log = log
    this.#owners = new RouteOwners(config.lists)
    this.#policy = policyOf(config, [])
  }

  reconfigure(config: RouteGateConfig): void {
    this.#config = config
    this.#owners = new RouteOwners(config.lists)
    this.#logged.clear()
    this.#renewPolicy()
  }

  /** Was any route refused so far? Such routes are not in the table: only the cache knows them. */
  get hasRefused(): boolean {
    const { neverRefused, unknownList, tooWide } = this.counters
    return neverRefused + unknownList + tooWide > 0
  }

  isRefused(prefix: string): boolean {
    return this.#policy.whyNotPrefix(prefix) !== undefined
  }

  /** The lists that may own the route, or why no list may. */
  ownersOf(prefix: string, lists: readonly string[]): readonly string[] | WhyNoOwner {
    return this.#owners.of(prefix, lists)
  }

  /** The lists that may own the route. Undefined: none; the refusal is counted, and logged if it is the first of its kind. */
  admit(prefix: string, lists: readonly string[]): readonly string[] | undefined {
    const owners = this.#owners.of(prefix, lists)
    if (typeof owners !== 'string') return owners
    this.counters[owners === 'too wide' ? 'tooWide' : 'unknownList']++
    if (!this.#logged.has(owners)) {
      this.#logged.add(owners)
      const why = owners === 'too wide' ? 'it is wider than its lists allow' : 'none of its lists is configured here'
      this.#log.warn(
        { prefix, lists },
        `A route is refused: ${why}. The cache has another configuration, or another program publishes on the bus. More of such routes are only counted.`,
      )
    }
    return undefined
  }

  /** No route may cover this address from now on. Answers with the address if routes that cover it must go. */
  protect(address: string, what: string): readonly string[] {
    if (this.#inUse.has(address) || parseAddress(address) === undefined) return []
    this.#inUse.set(address, what)
    for (const [oldest] of this.#inUse) if (this.#inUse.size > MAX_IN_USE) this.#inUse.delete(oldest)
    return this.#renewedBy([address])
  }

  /** Resolvers are heard. Answers with those of them whose covering routes must go. */
  hear(resolvers: readonly string[], nowMs: number): readonly string[] {
    return this.#resolvers.hear(resolvers, nowMs) ? this.#renewedBy(resolvers, true) : []
  }

  #renewedBy(addresses: readonly string[], always = false): readonly string[] {
    const added = addresses.filter((address) => !this.isRefused(hostPrefix(address)))
    if (always || added.length > 0) this.#renewPolicy()
    return added
  }

  #renewPolicy(): void {
    const resolvers = this.#resolvers.addresses.map((address) => [address, 'a resolver we hear from'] as const)
    this.#policy = policyOf(this.#config, [...this.#inUse, ...resolvers])
  }
}

function policyOf({ never, ipv6 }: RouteGateConfig, also: readonly (readonly [string, string])[]): RoutePolicy {
  return new RoutePolicy({ ipv6, never: also.length === 0 ? never : never.with(also) })
}

/** Far more than peers have: names that resolve to new addresses each time must not fill the memory. */
const MAX_IN_USE = 10_000
