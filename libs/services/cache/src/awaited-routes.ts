/**
 * Tells ingests at once that an address for which a resolver holds its answer back will not be routed, because the cache refused it.
 *
 * Without it such an answer would wait for its limit. While nobody waits it costs a look at an empty map.
 */
import type { Bus } from '@dnstap-bgp/bus'
import type { Clock } from '@dnstap-bgp/runtime'
import { ROUTES_SETTLED } from '@dnstap-bgp/steering'

/** No resolver waits longer. */
const KEPT_MS = 1000
const MAX_AWAITED = 2000

export class AwaitedRoutes {
  readonly #bus: Bus
  readonly #clock: Clock
  /** Until when each is awaited; the oldest first. */
  readonly #awaited = new Map<string, number>()

  constructor({ bus, clock }: { readonly bus: Bus; readonly clock: Clock }) {
    this.#bus = bus
    this.#clock = clock
  }

  refused(address: string): void {
    if (this.#awaited.size === 0 || !this.#awaited.delete(address)) return
    this.#bus.publish(ROUTES_SETTLED, { addresses: [address], how: 'refused' })
  }

  /** AWAIT_ROUTES was heard. */
  hear(addresses: readonly string[]): void {
    const nowMs = this.#clock.monotonic()
    for (const address of addresses) {
      this.#awaited.delete(address)
      this.#awaited.set(address, nowMs + KEPT_MS)
    }
    for (const [address, untilMs] of this.#awaited) {
      if (untilMs > nowMs && this.#awaited.size <= MAX_AWAITED) break
      this.#awaited.delete(address)
    }
  }
}
