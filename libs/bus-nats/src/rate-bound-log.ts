/** A log line that can be caused from outside at any rate: written at most every ten seconds, with how many there were. */
import type { Clock, Log } from '@dnstap-bgp/runtime'

const INTERVAL_MS = 10_000

export class RateBoundLog {
  readonly #clock: Clock
  readonly #log: Log
  #lastMs = -Infinity
  #unsaid = 0

  constructor(clock: Clock, log: Log) {
    this.#clock = clock
    this.#log = log
  }

  warn(fields: object, sentence: string): void {
    const now = this.#clock.monotonic()
    if (now - this.#lastMs < INTERVAL_MS) {
      this.#unsaid++
      return
    }
    this.#log.warn(this.#unsaid > 0 ? { ...fields, alsoUnsaid: this.#unsaid } : fields, sentence)
    this.#lastMs = now
    this.#unsaid = 0
  }
}
