/**
 * Ends bindings at their deadlines: every 200 ms, at the next deadline when that comes sooner, and when the store hints at one.
 *
 * The gate says up to which time deadlines count (expiry-gate.ts): facts first, deadlines second. Bindings end a slice at a time, so that
 * the event loop stays free when very many expire together.
 */
import type { Bus } from '@dnstap-bgp/bus'
import { StoreError } from '@dnstap-bgp/ip-store'
import type { Expired, IpStore } from '@dnstap-bgp/ip-store'
import type { Clock, Timer } from '@dnstap-bgp/runtime'
import { RESOLUTIONS } from '@dnstap-bgp/steering'
import { randomUUID } from 'node:crypto'
import { ExpiryGate } from './expiry-gate.ts'
import type { IngestClocks } from './ingest-clocks.ts'
import { yieldLoop } from './yield-loop.ts'

export const SWEEP_PERIOD_MS = 200
/** No fact waits longer in the queue: a binding that expired longer ago may end at the start. */
const LONG_PAST_MS = RESOLUTIONS.limits.maxAgeSeconds * 1000

export interface ExpiryDeps {
  readonly bus: Bus
  readonly store: Pick<IpStore, 'now' | 'expire' | 'expireBatch' | 'counts'>
  readonly clock: Clock
  readonly ingestClocks: IngestClocks
  /** Called for each slice as soon as it has ended: changes made meanwhile have later revisions. */
  readonly onExpired: (expired: Expired) => void
  /** Called, and waited for, after each sweep. */
  readonly onSwept: () => Promise<void>
}

export class Expiry {
  readonly #deps: ExpiryDeps
  #gate: ExpiryGate | undefined
  #sweeping: Promise<void> | undefined
  #sweeper: Timer | undefined
  /** The gate opened while a sweep was under way. */
  #sweepsAgain = false
  /** For a deadline that comes before the next sweep. */
  #deadline: Timer | undefined
  #closed = false

  constructor(deps: ExpiryDeps) {
    this.#deps = deps
  }

  /** The sweep that is under way. */
  get sweeping(): Promise<void> | undefined {
    return this.#sweeping
  }

  /** Why deadlines that have passed wait, in words; undefined: they do not wait. */
  get waitsFor(): string | undefined {
    return this.#gate?.waitsFor
  }

  /** Ends bindings that expired so long ago that no waiting fact can extend them, and starts the sweeps. @throws StoreError */
  async start(): Promise<void> {
    const { bus, store, clock, ingestClocks } = this.#deps
    this.#gate ??= new ExpiryGate({
      bus,
      clock,
      ingestClocks,
      id: randomUUID(),
      storeNow: () => store.now(),
      onOpened: () => this.#opened(),
    })
    await this.#endUpTo(() => store.now() - LONG_PAST_MS)
    if ((await store.counts()).bindings === 0) this.#gate.startedEmpty()
    if (!this.#closed) this.#sweeper ??= clock.every(SWEEP_PERIOD_MS, () => this.sweepSoon())
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#sweeper?.cancel()
    this.#deadline?.cancel()
    await this.#gate?.close()
    await this.#sweeping
  }

  sweepSoon(): void {
    if (this.#closed || this.#sweeping !== undefined) return
    this.#sweeping = this.#sweep()
      .catch((error: unknown) => {
        // The store's own health tells that it is away; the next sweep comes anyway.
        if (!(error instanceof StoreError)) throw error
        this.#gate?.storeWasAway()
      })
      .finally(() => {
        this.#sweeping = undefined
        if (this.#sweepsAgain) this.#opened()
      })
  }

  #opened(): void {
    this.#sweepsAgain = this.#sweeping !== undefined
    this.sweepSoon()
  }

  async #sweep(): Promise<void> {
    const { store, onSwept } = this.#deps
    const gate = this.#gate
    if (gate === undefined) return // not started
    let { nextDeadlineMs } = await store.expire(store.now(), 0)
    if (nextDeadlineMs !== undefined && nextDeadlineMs <= gate.upToMs) nextDeadlineMs = await this.#endUpTo(() => gate.upToMs)
    if (nextDeadlineMs !== undefined) {
      if (nextDeadlineMs > store.now()) this.#sweepAt(nextDeadlineMs)
      else if (nextDeadlineMs > gate.upToMs) gate.startRound()
      // If the store's clock is behind ours, the binding is left for the next sweep.
    }
    await onSwept()
  }

  /** Returns the next deadline; undefined: there is none. */
  async #endUpTo(upToMs: () => number): Promise<number | undefined> {
    const { store, clock, onExpired } = this.#deps
    const next = () => {
      const coming = store.expire(upToMs(), store.expireBatch).then((expired) => {
        onExpired(expired)
        return expired
      })
      coming.catch(() => {}) // handled where it is awaited, which may be after a turn of the loop
      return coming
    }
    // Two at a time while there is much to do: Redis ends the next slice while we publish the one before.
    const coming = [next()]
    let nextDeadlineMs: number | undefined
    try {
      for (let slice = coming.shift(); slice !== undefined; slice = coming.shift()) {
        const expired = await slice
        nextDeadlineMs = expired.nextDeadlineMs
        if (expired.bindings < store.expireBatch || this.#closed) continue
        while (coming.length < 2) coming.push(next())
        await yieldLoop(clock)
      }
    } finally {
      await Promise.allSettled(coming)
    }
    return nextDeadlineMs
  }

  /** A deadline before the next sweep gets a sweep of its own. */
  #sweepAt(deadlineMs: number): void {
    const { store, clock } = this.#deps
    const delayMs = deadlineMs - store.now()
    this.#deadline?.cancel()
    this.#deadline = undefined
    if (delayMs >= SWEEP_PERIOD_MS || this.#closed) return
    this.#deadline = clock.after(Math.max(1, Math.ceil(delayMs)), () => this.sweepSoon())
  }
}
