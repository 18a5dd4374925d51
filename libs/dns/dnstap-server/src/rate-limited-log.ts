/** Lets a few lines through and counts the rest, so that a sender gone mad does not fill the disk through us. */
import type { Clock, Log } from '@dnstap-bgp/runtime'

const BURST = 10
const MS_PER_LINE = 6000

export class RateLimitedLog {
  readonly #log: Log
  readonly #clock: Clock
  #lines = BURST
  #since: number
  #suppressed = 0

  constructor(log: Log, clock: Clock) {
    this.#log = log
    this.#clock = clock
    this.#since = clock.monotonic()
  }

  info(fields: object, sentence: string): void {
    if (this.#mayWrite()) this.#log.info(this.#withSuppressed(fields), sentence)
  }

  warn(fields: object, sentence: string): void {
    if (this.#mayWrite()) this.#log.warn(this.#withSuppressed(fields), sentence)
  }

  #mayWrite(): boolean {
    const now = this.#clock.monotonic()
    this.#lines = Math.min(BURST, this.#lines + (now - this.#since) / MS_PER_LINE)
    this.#since = now
    if (this.#lines < 1) {
      this.#suppressed++
      return false
    }
    this.#lines--
    return true
  }

  #withSuppressed(fields: object): object {
    if (this.#suppressed === 0) return fields
    const suppressed = this.#suppressed
    this.#suppressed = 0
    return { ...fields, linesLeftOut: suppressed }
  }
}
