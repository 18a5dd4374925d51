/**
 * Tells ingests when a route that they wait for has been handed to every peer that confirms.
 *
 *   AWAIT_ROUTES ─▶ is it there? ─▶ ROUTES_SETTLED at once
 *                        └ no: look again when a peer was sent something ─▶ ROUTES_SETTLED
 *
 * While nobody waits it costs a look at an empty map for each write to a peer that confirms. What is awaited is forgotten after a second,
 * because no resolver waits that long. An announcer without a peer that confirms says nothing: perhaps another one does.
 */
import { Confirmation, type ConfirmingPeer } from '@dnstap-bgp/bgp-speaker'
import type { Bus, Subscription } from '@dnstap-bgp/bus'
import { hostPrefix } from '@dnstap-bgp/ip'
import type { Clock, Closeable, Timer } from '@dnstap-bgp/runtime'
import { AWAIT_ROUTES, ROUTES_SETTLED, type SettledHow } from '@dnstap-bgp/steering'

export interface RouteConfirmerDeps {
  readonly bus: Bus
  readonly clock: Clock
  readonly peers: () => Iterable<ConfirmingPeer>
}

interface Awaited {
  readonly confirmation: Confirmation
  readonly untilMs: number
}

/** Each is looked at whenever a peer was sent something; further ones are not answered, and whoever asked goes on after its own limit. */
const MAX_AWAITED = 2000
const KEPT_MS = 1000

export class RouteConfirmer implements Closeable {
  readonly counters = { asked: 0, confirmed: 0, forgotten: 0, refused: 0 }
  readonly #deps: RouteConfirmerDeps
  /** By address, the oldest first. */
  readonly #awaited = new Map<string, Awaited>()
  readonly #subscription: Subscription
  #sweep: Timer | undefined

  constructor(deps: RouteConfirmerDeps) {
    this.#deps = deps
    this.#subscription = deps.bus.subscribe(AWAIT_ROUTES, (addresses) => this.#await(addresses))
  }

  get awaited(): number {
    return this.#awaited.size
  }

  /** A peer that confirms was sent something, or its session is over. */
  look(): void {
    if (this.#awaited.size === 0) return
    const peers = [...this.#deps.peers()]
    const settled: string[] = []
    for (const [address, { confirmation }] of this.#awaited) if (confirmation.isComplete(peers)) settled.push(address)
    for (const address of settled) this.#awaited.delete(address)
    this.#settle(settled, 'routed')
  }

  async close(): Promise<void> {
    this.#sweep?.cancel()
    await this.#subscription.close()
  }

  #await(addresses: readonly string[]): void {
    const { clock } = this.#deps
    const peers = [...this.#deps.peers()]
    const settled: string[] = []
    for (const address of addresses) {
      this.counters.asked++
      const confirmation = new Confirmation(hostPrefix(address))
      if (confirmation.isComplete(peers)) settled.push(address)
      else if (this.#awaited.size >= MAX_AWAITED && !this.#awaited.has(address)) this.counters.refused++
      else {
        this.#awaited.delete(address)
        this.#awaited.set(address, { confirmation, untilMs: clock.monotonic() + KEPT_MS })
      }
    }
    this.#settle(settled, 'before')
    if (this.#awaited.size > 0) this.#sweep ??= clock.after(KEPT_MS, () => this.#forget())
  }

  #settle(addresses: readonly string[], how: SettledHow): void {
    if (addresses.length === 0) return
    this.counters.confirmed += addresses.length
    this.#deps.bus.publish(ROUTES_SETTLED, { addresses, how })
  }

  #forget(): void {
    this.#sweep = undefined
    const { clock } = this.#deps
    const nowMs = clock.monotonic()
    for (const [address, { untilMs }] of this.#awaited) {
      if (untilMs > nowMs) break
      this.#awaited.delete(address)
      this.counters.forgotten++
    }
    if (this.#awaited.size > 0) this.#sweep = clock.after(KEPT_MS, () => this.#forget())
  }
}
