/**
 * May this be routed? One decision for every part that asks: ingest (before a fact is passed on), cache (before a binding is made, when lists
 * or settings change, and to explain), announcer (before a route is announced).
 *
 * The order is from reasons that stay to reasons that pass:
 *
 *   ipv6-off     the address is IPv6, and `ipv6 = false`
 *   never        the never list covers the address: built-in ranges, the operator's, next hops, hosts in use, resolvers
 *   held-down    the name or the address was forgotten by hand and stays out for a while
 *
 * Which names a list covers is the matcher's; how wide a list's routes may be is in route-owners.ts.
 */
import type { HoldDowns } from './hold-downs.ts'

export interface WhyNot {
  /** One word for each reason: metrics, the bus and `explain` carry it. */
  readonly refusal: 'ipv6-off' | 'never' | 'held-down'
  /** For people: follows a colon, without a full stop. */
  readonly why: string
}

export interface RoutePolicyOptions {
  readonly ipv6: boolean
  /** Why a prefix (canonical text) is never routed. A NeverList, or what a part knows of it. */
  readonly never: { refuses(prefix: string): string | undefined }
  /** Only the cache has hold-downs: it is told when somebody forgets by hand. */
  readonly holdDowns?: HoldDowns
}

export class RoutePolicy {
  readonly #ipv6: boolean
  readonly #never: RoutePolicyOptions['never']
  readonly #holdDowns: HoldDowns | undefined

  constructor({ ipv6, never, holdDowns }: RoutePolicyOptions) {
    this.#ipv6 = ipv6
    this.#never = never
    this.#holdDowns = holdDowns
  }

  /**
   * Why no route to `prefix` (canonical text) may exist for `name`; undefined: it may. `nowMs` is of the clock that the hold-downs were set
   * by. An address that stands in a list has no name: ''.
   */
  whyNot(prefix: string, name: string, nowMs: number): WhyNot | undefined {
    return this.whyNotPrefix(prefix) ?? (this.#holdDowns?.has(name, prefix, nowMs) === true ? HELD_DOWN : undefined)
  }

  /** The same, without hold-downs: whatever the name and the time. */
  whyNotPrefix(prefix: string): WhyNot | undefined {
    if (!this.#ipv6 && prefix.includes(':')) return IPV6_OFF
    const reason = this.#never.refuses(prefix)
    return reason === undefined ? undefined : { refusal: 'never', why: `the never list has it: ${reason}` }
  }

  /** The part of whyNot() that the length of an address decides, 4 or 16 octets. Hot: for each address of each matching reply. */
  whyNotFamily(lengthBytes: number): WhyNot | undefined {
    return lengthBytes === 16 && !this.#ipv6 ? IPV6_OFF : undefined
  }
}

const IPV6_OFF: WhyNot = { refusal: 'ipv6-off', why: 'IPv6 is switched off (ipv6 = false)' }
const HELD_DOWN: WhyNot = { refusal: 'held-down', why: 'it was forgotten by hand and is held down' }
