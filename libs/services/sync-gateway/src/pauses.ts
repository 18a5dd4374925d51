/** Pauses that all end early when their owner is closed. */
import type { Clock } from '@dnstap-bgp/runtime'

export class Pauses {
  readonly #clock: Clock
  readonly #ends = new Set<() => void>()
  closed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  pause(ms: number): Promise<void> {
    if (this.closed) return Promise.resolve()
    return new Promise((resolve) => {
      const end = () => {
        timer.cancel()
        this.#ends.delete(end)
        resolve()
      }
      const timer = this.#clock.after(ms, end)
      this.#ends.add(end)
    })
  }

  close(): void {
    this.closed = true
    for (const end of this.#ends) end()
  }
}
