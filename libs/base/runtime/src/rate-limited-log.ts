/** Lines that strangers can cause at any rate: lets a few through and counts the rest, so that nobody fills the disk through us. */
import type { Clock } from './clock.ts'
import type { Log } from './log.ts'

const BURST = 10
const MS_PER_LINE = 6000

export class RateLimitedLog {
  readonly #log: Log
  readonly #clock: Clock
  #lines = BURST
  #since: number
  #leftOut = 0

  constructor(log: Log, clock: Clock) {
    this.#log = log
    this.#clock = clock
    this.#since = clock.monotonic()
  }

  info(fields: object, sentence: string): void {
    if (this.#mayWrite()) this.#log.info(this.#withLeftOut(fields), sentence)
  }

  warn(fields: object, sentence: string): void {
    if (this.#mayWrite()) this.#log.warn(this.#withLeftOut(fields), sentence)
  }

  #mayWrite(): boolean {
    const now = this.#clock.monotonic()
    this.#lines = Math.min(BURST, this.#lines + (now - this.#since) / MS_PER_LINE)
    this.#since = now
    if (this.#lines < 1) {
      this.#leftOut++
      return false
    }
    this.#lines--
    return true
  }

  #withLeftOut(fields: object): object {
    if (this.#leftOut === 0) return fields
    const linesLeftOut = this.#leftOut
    this.#leftOut = 0
    return { ...fields, linesLeftOut }
  }
}
