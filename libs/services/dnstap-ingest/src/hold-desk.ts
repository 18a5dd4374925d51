/**
 * Tells resolvers' hooks when an answer that they hold back may go: when every address in it is routed, or at once when there is nothing to
 * wait for.
 *
 *   frame with a ticket ─▶ no listed address: reply at once
 *                          else AWAIT_ROUTES ─▶ announcers ─▶ ROUTES_SETTLED ─▶ grace ─▶ reply
 *
 * Nothing here is worth a resolver's time. An answer waits for the limit at most; an address that was refused, or not routed in time, is not
 * waited for again for a while; and when nothing at all is confirmed, as without a peer marked `confirm`, nothing is waited for until a trial succeeds. What waits
 * is bounded.
 */
import type { Bus, Subscription } from '@dnstap-bgp/bus'
import type { HoldConfig } from '@dnstap-bgp/config'
import { RateLimitedLog, type Clock, type Closeable, type Log, type Timer } from '@dnstap-bgp/runtime'
import { AWAIT_ROUTES, ROUTES_SETTLED, type SettledHow, type SettledRoutes } from '@dnstap-bgp/steering'
import { encodeHoldReply, HoldResult } from './hold-wire.ts'
import type { FrameSender } from './sender-identities.ts'

export interface HoldDeskDeps {
  readonly bus: Bus
  readonly clock: Clock
  readonly log: Log
}

interface Held {
  readonly sender: FrameSender
  readonly ticket: number
  readonly addresses: Set<string>
  readonly deadline: Timer
  graceUntilMs: number
}

const MAX_HELD = 4096
/** For an address that was refused, or not routed in time. */
const UNROUTED_MS = 60_000
const MAX_UNROUTED = 10_000
/** So many answers in a row without a word of any announcer, and nothing is held for a while; then one answer is a trial. */
const SILENT_HOLDS = 3
const REST_MS = 10_000

export class HoldDesk implements Closeable {
  readonly counters = { nothing: 0, routedBefore: 0, routed: 0, late: 0, known: 0, resting: 0, full: 0 }
  readonly #config: HoldConfig
  readonly #deps: HoldDeskDeps
  readonly #log: RateLimitedLog
  readonly #held = new Set<Held>()
  readonly #byAddress = new Map<string, Set<Held>>()
  /** Addresses in their grace, and until when. */
  readonly #graces = new Map<string, number>()
  /** Addresses that were refused or not routed in time, and until when they are not waited for; the oldest first. */
  readonly #unrouted = new Map<string, number>()
  readonly #subscription: Subscription
  #silentHolds = 0
  #restUntilMs = -Infinity

  constructor(config: HoldConfig, deps: HoldDeskDeps) {
    this.#config = config
    this.#deps = deps
    this.#log = new RateLimitedLog(deps.log, deps.clock)
    this.#subscription = deps.bus.subscribe(ROUTES_SETTLED, (settled) => this.#settled(settled))
  }

  /** Answers that are held back now. */
  get held(): number {
    return this.#held.size
  }

  /** A hook holds an answer with these addresses back. None: it may go. */
  ask(sender: FrameSender, ticket: number, addresses: readonly string[]): void {
    const { bus, clock } = this.#deps
    const { counters } = this
    const nowMs = clock.monotonic()
    const awaited = addresses.filter((address) => !this.#isUnrouted(address, nowMs))
    const isResting = this.#silentHolds >= SILENT_HOLDS && nowMs < this.#restUntilMs
    const why =
      addresses.length === 0
        ? 'nothing'
        : awaited.length === 0
          ? 'known'
          : isResting || bus.state !== 'connected'
            ? 'resting'
            : this.#held.size >= MAX_HELD
              ? 'full'
              : undefined
    if (why !== undefined) {
      counters[why]++
      sender.reply?.(encodeHoldReply(ticket, HoldResult.nothing))
      return
    }
    // Until the trial is answered, others do not wait.
    if (this.#silentHolds >= SILENT_HOLDS) this.#restUntilMs = nowMs + REST_MS
    const deadline = clock.after(this.#config.limitMs, () => this.#late(held))
    const held: Held = { sender, ticket, addresses: new Set(awaited), deadline, graceUntilMs: 0 }
    this.#held.add(held)
    for (const address of awaited) {
      const others = this.#byAddress.get(address)
      if (others === undefined) this.#byAddress.set(address, new Set([held]))
      else others.add(held)
    }
    bus.publish(AWAIT_ROUTES, awaited)
  }

  async close(): Promise<void> {
    for (const held of [...this.#held]) this.#release(held, HoldResult.nothing)
    await this.#subscription.close()
  }

  #settled({ addresses, how }: SettledRoutes): void {
    this.#silentHolds = 0
    const nowMs = this.#deps.clock.monotonic()
    for (const address of addresses) {
      if (how === 'refused') this.#noteUnrouted(address, nowMs)
      else this.#unrouted.delete(address)
      const waiting = this.#byAddress.get(address)
      if (waiting === undefined) continue
      this.#byAddress.delete(address)
      const graceUntilMs = this.#graceOf(address, how, nowMs)
      for (const held of waiting) {
        held.addresses.delete(address)
        held.graceUntilMs = Math.max(held.graceUntilMs, graceUntilMs)
        if (held.addresses.size === 0) this.#routed(held, nowMs)
      }
    }
  }

  /** A route that was there before may still be in the grace that began when somebody else waited for it. */
  #graceOf(address: string, how: SettledHow, nowMs: number): number {
    const { graceMs } = this.#config
    if (how !== 'routed' || graceMs === 0) return this.#graces.get(address) ?? 0
    const until = nowMs + graceMs
    this.#graces.set(address, until)
    this.#deps.clock.after(graceMs, () => this.#graces.delete(address))
    return until
  }

  #routed(held: Held, nowMs: number): void {
    const waitMs = held.graceUntilMs - nowMs
    this.counters[waitMs > 0 ? 'routed' : 'routedBefore']++
    // The deadline stays: the grace ends before it, or with it.
    if (waitMs > 0) this.#deps.clock.after(waitMs, () => this.#release(held, HoldResult.routed))
    else this.#release(held, HoldResult.routed)
  }

  #late(held: Held): void {
    if (!this.#held.has(held)) return
    if (held.addresses.size > 0) {
      this.counters.late++
      const nowMs = this.#deps.clock.monotonic()
      for (const address of held.addresses) this.#noteUnrouted(address, nowMs)
      if (++this.#silentHolds === SILENT_HOLDS) {
        this.#restUntilMs = nowMs + REST_MS
        this.#log.warn(
          {},
          'Answers that resolvers hold back are not confirmed as routed, so they are no longer held. Is a peer marked `confirm`, and the announcer up?',
        )
      }
    }
    this.#release(held, held.addresses.size > 0 ? HoldResult.late : HoldResult.routed)
  }

  #release(held: Held, result: HoldResult): void {
    if (!this.#held.delete(held)) return
    held.deadline.cancel()
    for (const address of held.addresses) {
      const waiting = this.#byAddress.get(address)
      waiting?.delete(held)
      if (waiting?.size === 0) this.#byAddress.delete(address)
    }
    held.sender.reply?.(encodeHoldReply(held.ticket, result))
  }

  #isUnrouted(address: string, nowMs: number): boolean {
    const until = this.#unrouted.get(address)
    if (until === undefined) return false
    if (nowMs < until) return true
    this.#unrouted.delete(address)
    return false
  }

  #noteUnrouted(address: string, nowMs: number): void {
    this.#unrouted.delete(address)
    this.#unrouted.set(address, nowMs + UNROUTED_MS)
    if (this.#unrouted.size <= MAX_UNROUTED) return
    const [oldest] = this.#unrouted.keys()
    this.#unrouted.delete(oldest)
  }
}
