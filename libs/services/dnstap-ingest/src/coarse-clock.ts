/** Time in ticks of a quarter of a second, so that no frame reads the clock. Whole seconds count from 1: in the coalescer 0 means empty. */
import type { Clock } from '@dnstap-bgp/runtime'

export const TICK_MS = 250

export class CoarseClock {
  /** Counts up with each tick. */
  tick = 1
  nowSeconds = 1
  readonly #clock: Clock
  readonly #startedMs: number
  readonly #startedWallMs: number
  #readAtMs: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#startedMs = this.#readAtMs = clock.monotonic()
    this.#startedWallMs = clock.now()
  }

  /** Call it once a tick. */
  read(): void {
    this.#readAt(this.#clock.monotonic())
  }

  /** Reads the clock when a tick is overdue, as after a stall. */
  catchUp(): void {
    const nowMs = this.#clock.monotonic()
    if (nowMs - this.#readAtMs >= TICK_MS) this.#readAt(nowMs)
  }

  /** Wall time as it would be if nobody had set the wall clock since the start. */
  steadyWallMs(): number {
    return this.#startedWallMs + this.#clock.monotonic() - this.#startedMs
  }

  /** The second, as `nowSeconds` counts, in which `delayMs` from now is over. */
  secondAfter(delayMs: number): number {
    return 1 + Math.ceil((this.#clock.monotonic() - this.#startedMs + delayMs) / 1000)
  }

  #readAt(nowMs: number): void {
    this.tick++
    this.#readAtMs = nowMs
    this.nowSeconds = 1 + Math.floor((nowMs - this.#startedMs) / 1000)
  }
}
