/** Store time on this side: the time that Redis told last, and the time that has passed since by our monotonic clock. */
import type { Clock } from '@dnstap-bgp/runtime'

export class StoreTime {
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>
  /** Store time when our monotonic clock was at 0, by the last answer. */
  #offsetMs: number | undefined
  #latestMs = -Infinity

  constructor(clock: Pick<Clock, 'now' | 'monotonic'>) {
    this.#clock = clock
  }

  /** False: Redis has not told it yet. */
  get isKnown(): boolean {
    return this.#offsetMs !== undefined
  }

  /** It never goes back. Before Redis has told it: the wall clock's time, good for nothing that is stored. */
  now(): number {
    if (this.#offsetMs === undefined) return this.#clock.now()
    this.#latestMs = Math.max(this.#latestMs, Math.floor(this.#offsetMs + this.#clock.monotonic()))
    return this.#latestMs
  }

  /** Redis told it. */
  hear(storeMs: number): void {
    this.#offsetMs = storeMs - this.#clock.monotonic()
  }
}
