/**
 * Ends bindings at their deadlines: every 200 ms, at the next deadline when that comes sooner, and when the store hints at one.
 *
 * What is due is ended a slice at a time, so that the loop stays free however much expires together.
 */
import { StoreError } from '@dnstap-bgp/ip-store'
import type { Expired, IpStore } from '@dnstap-bgp/ip-store'
import type { Clock, Timer } from '@dnstap-bgp/runtime'

export const SWEEP_PERIOD_MS = 200

export interface ExpiryDeps {
  readonly store: Pick<IpStore, 'now' | 'expire' | 'expireBatch'>
  readonly clock: Clock
  /** Told of each slice as soon as it is known: what is learnt meanwhile has later revisions. */
  readonly onExpired: (expired: Expired) => void
  /** Called, and waited for, after each sweep. */
  readonly onSwept: () => Promise<void>
}

export class Expiry {
  readonly #deps: ExpiryDeps
  #sweeping: Promise<void> | undefined
  #sweeper: Timer | undefined
  /** For the next deadline, when it comes before the next sweep. */
  #deadline: Timer | undefined
  #closed = false

  constructor(deps: ExpiryDeps) {
    this.#deps = deps
  }

  /** The sweep that is under way. */
  get sweeping(): Promise<void> | undefined {
    return this.#sweeping
  }

  /** From now on sweeps come by themselves. */
  start(): void {
    this.#sweeper ??= this.#deps.clock.every(SWEEP_PERIOD_MS, () => this.sweepSoon())
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#sweeper?.cancel()
    this.#deadline?.cancel()
    await this.#sweeping
  }

  sweepSoon(): void {
    if (this.#closed || this.#sweeping !== undefined) return
    this.#sweeping = this.sweep()
      .catch((error: unknown) => {
        // The store says in its own health that it is away; the next sweep is due anyway.
        if (!(error instanceof StoreError)) throw error
      })
      .finally(() => {
        this.#sweeping = undefined
      })
  }

  /** @throws StoreError */
  async sweep(): Promise<void> {
    const { store, clock, onExpired } = this.#deps
    const next = () => {
      const nowMs = store.now()
      const coming = store.expire(nowMs, store.expireBatch).then((expired) => {
        onExpired(expired)
        return { ...expired, nowMs }
      })
      coming.catch(() => {}) // met where it is awaited, which may be after a turn
      return coming
    }
    // Two at a time while there is much to do: a store that is elsewhere ends the next slice while we tell of the one before.
    const coming = [next()]
    try {
      for (let slice = coming.shift(); slice !== undefined; slice = coming.shift()) {
        const { bindings, nowMs, nextDeadlineMs } = await slice
        if (bindings >= store.expireBatch && !this.#closed) {
          while (coming.length < 2) coming.push(next())
          await new Promise<void>((resolve) => clock.after(0, resolve))
          // What we take for due and the store does not is for the next sweep.
        } else if (coming.length === 0 && nextDeadlineMs !== undefined && nextDeadlineMs > nowMs) this.#sweepAt(nextDeadlineMs)
      }
    } finally {
      await Promise.allSettled(coming)
    }
    await this.#deps.onSwept()
  }

  /** Whoever is due before the next sweep has one of its own. */
  #sweepAt(deadlineMs: number): void {
    const { store, clock } = this.#deps
    const delayMs = deadlineMs - store.now()
    this.#deadline?.cancel()
    this.#deadline = undefined
    if (delayMs >= SWEEP_PERIOD_MS || this.#closed) return
    this.#deadline = clock.after(Math.max(1, Math.ceil(delayMs)), () => this.sweepSoon())
  }
}
