/** Timers of one owner, and a way to yield the event loop. */
import type { Clock, Timer } from '@dnstap-bgp/runtime'

/** Timers that run once and are cancelled together. */
export class Timers {
  readonly #clock: Clock
  readonly #pending = new Set<Timer>()
  #closed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** After close() the callback is not called. */
  after(delayMs: number, callback: () => void): void {
    if (this.#closed) return
    const timer = this.#clock.after(delayMs, () => {
      this.#pending.delete(timer)
      callback()
    })
    this.#pending.add(timer)
  }

  close(): void {
    this.#closed = true
    for (const timer of this.#pending) timer.cancel()
  }
}

/** Lets sockets and timers run before the caller goes on. */
export function yieldLoop(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.after(0, resolve))
}
