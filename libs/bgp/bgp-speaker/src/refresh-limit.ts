/**
 * Decides when a peer's ROUTE-REFRESH is answered. Each answer is a walk over the whole table, so a peer that asks again and again gets three
 * answers at once and then one every 10 s. A request that comes too early is answered later; further ones until then add nothing.
 */
import type { Clock, Timer } from '@dnstap-bgp/runtime'

export class RefreshLimit {
  readonly #clock: Clock
  readonly #answer: () => void
  #level = 0
  #drainedAtMs: number
  #timer: Timer | undefined

  constructor(clock: Clock, answer: () => void) {
    this.#clock = clock
    this.#answer = answer
    this.#drainedAtMs = clock.monotonic()
  }

  asked(): void {
    if (this.#timer !== undefined) return
    const waitMs = (this.#drained() + 1 - ANSWERS_AT_ONCE) * MS_PER_ANSWER
    if (waitMs <= 0) this.#answerNow()
    else
      this.#timer = this.#clock.after(waitMs, () => {
        this.#timer = undefined
        this.#answerNow()
      })
  }

  /** The session is over. */
  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #answerNow(): void {
    this.#level = this.#drained() + 1
    this.#answer()
  }

  #drained(): number {
    const nowMs = this.#clock.monotonic()
    this.#level = Math.max(0, this.#level - (nowMs - this.#drainedAtMs) / MS_PER_ANSWER)
    this.#drainedAtMs = nowMs
    return this.#level
  }
}

const ANSWERS_AT_ONCE = 3
const MS_PER_ANSWER = 10_000
