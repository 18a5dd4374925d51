/**
 * Work on a large table that must not block the event loop: generators that yield after each step, run for a few milliseconds at a time.
 *
 * Ordered work (changes) comes first, in its order; walks through the whole table come behind it. Small work is done before the call returns,
 * unless there was much of it since the last turn of the event loop: chunks of a snapshot may follow each other without a turn between them.
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
  #spentMs = 0 // since the last turn of the event loop
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

  /** Resolves when all ordered work is done; walks may go on. */
  done(): Promise<void> {
    return this.#inOrder.length === 0 || this.#closed ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Stops; unfinished work is left. */
  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#resume()
  }

  #begin(): void {
    if (!this.#working && this.#timer === undefined) this.#goOn()
  }

  #goOn(): void {
    if (this.#spentMs >= SLICE_MS) return this.#takeTurn()
    this.#working = true
    const beganMs = this.#clock.monotonic()
    const untilMs = beganMs + SLICE_MS - this.#spentMs
    for (let steps = 1; !this.#closed; steps++) {
      const queue = this.#inOrder.length > 0 ? this.#inOrder : this.#walks
      const [work] = queue
      if (work === undefined) break
      if (work.next().done === true) queue.shift()
      if (queue === this.#walks) this.#resume()
      if (steps % STEPS_BETWEEN_LOOKS !== 0 || this.#clock.monotonic() < untilMs) continue
      this.#takeTurn()
      break
    }
    this.#spentMs = this.#timer === undefined ? this.#spentMs + this.#clock.monotonic() - beganMs : 0
    this.#working = false
    if (this.#inOrder.length === 0) this.#resume()
  }

  #takeTurn(): void {
    this.#timer = this.#clock.after(0, () => {
      this.#timer = undefined
      this.#spentMs = 0
      this.#goOn()
    })
  }

  #resume(): void {
    for (const resume of this.#waiting.splice(0)) resume()
  }
}
