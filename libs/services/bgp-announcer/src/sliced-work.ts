/**
 * Work on a large table that must not hold the event loop: generators that yield after each step, run for a few milliseconds at a time.
 *
 * What comes in order (changes) goes first and in its order; what walks the whole table goes behind it. Small work is done before the
 * call that brought it returns.
 */
import type { Clock, Timer } from '@dnstap-bgp/runtime'

const SLICE_MS = 5
const STEPS_BETWEEN_LOOKS = 64

export class SlicedWork {
  readonly #clock: Pick<Clock, 'monotonic' | 'after'>
  readonly #inOrder: Iterator<void>[] = []
  readonly #walks: Iterator<void>[] = []
  #timer: Timer | undefined
  #working = false
  #closed = false
  #waiting: (() => void)[] = []

  constructor(clock: Pick<Clock, 'monotonic' | 'after'>) {
    this.#clock = clock
  }

  inOrder(work: Iterator<void>): void {
    this.#inOrder.push(work)
    this.#begin()
  }

  walk(work: Iterator<void>): void {
    this.#walks.push(work)
    this.#begin()
  }

  /** Resolves when everything in order is done; walks may go on. */
  done(): Promise<void> {
    return this.#inOrder.length === 0 || this.#closed ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Leaves what is not done. */
  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#resume()
  }

  #begin(): void {
    if (!this.#working && this.#timer === undefined) this.#goOn()
  }

  #goOn(): void {
    this.#working = true
    const untilMs = this.#clock.monotonic() + SLICE_MS
    for (let steps = 1; !this.#closed; steps++) {
      const queue = this.#inOrder.length > 0 ? this.#inOrder : this.#walks
      const [work] = queue
      if (work === undefined) break
      if (work.next().done === true) queue.shift()
      if (queue === this.#walks) this.#resume()
      if (steps % STEPS_BETWEEN_LOOKS !== 0 || this.#clock.monotonic() < untilMs) continue
      this.#timer = this.#clock.after(0, () => {
        this.#timer = undefined
        this.#goOn()
      })
      break
    }
    this.#working = false
    if (this.#inOrder.length === 0) this.#resume()
  }

  #resume(): void {
    for (const resume of this.#waiting.splice(0)) resume()
  }
}
