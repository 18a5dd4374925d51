/**
 * When a peer's ROUTE-REFRESH is answered. Each answer is a walk over the whole table, so a peer that asks again and again gets three at
 * once and then one each 10 s. A question that comes too early is answered when its time has come; more of them until then add nothing.
 */
import type { Clock, Timer } from '@dnstap-bgp/runtime'

export class RefreshLimit {
  readonly #clock: Clock
  readonly #answer: () => void
  #level = 0
  #lookedAtMs: number
  #timer: Timer | undefined

  constructor(clock: Clock, answer: () => void) {
    this.#clock = clock
    this.#answer = answer
    this.#lookedAtMs = clock.monotonic()
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
    this.#level = Math.max(0, this.#level - (nowMs - this.#lookedAtMs) / MS_PER_ANSWER)
    this.#lookedAtMs = nowMs
    return this.#level
  }
}

const ANSWERS_AT_ONCE = 3
const MS_PER_ANSWER = 10_000
