import type { Clock, Timer } from './clock.ts'

/** The timers of one owner, cancelled together. After close() no callback runs, and nothing starts. */
export class Timers {
  readonly #clock: Clock
  readonly #pending = new Set<Timer>()
  #isClosed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls `callback` once. */
  after(delayMs: number, callback: () => void): void {
    if (this.#isClosed) return
    const timer = this.#clock.after(delayMs, () => {
      this.#pending.delete(timer)
      callback()
    })
    this.#pending.add(timer)
  }

  /** Calls `callback` again and again. */
  every(periodMs: number, callback: () => void): void {
    if (!this.#isClosed) this.#pending.add(this.#clock.every(periodMs, callback))
  }

  close(): void {
    this.#isClosed = true
    for (const timer of this.#pending) timer.cancel()
    this.#pending.clear()
  }
}
