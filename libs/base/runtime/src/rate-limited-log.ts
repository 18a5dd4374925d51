/** Lines that strangers can cause at any rate: writes a few, counts the others, and says with the next line how many were left out. */
import type { Clock } from './clock.ts'
import type { Log } from './log.ts'

export interface LogLimit {
  /** Lines of one kind that may come at once. */
  readonly lines: number
  /** Then one line of the kind in so many milliseconds. */
  readonly msPerLine: number
}

/** Ten lines at once, then ten a minute. */
const DEFAULT_LIMIT: LogLimit = { lines: 10, msPerLine: 6000 }
export const ONCE_A_MINUTE: LogLimit = { lines: 1, msPerLine: 60_000 }

interface Budget {
  lines: number
  sinceMs: number
  leftOut: number
}

export class RateLimitedLog {
  readonly #log: Log
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #limit: LogLimit
  readonly #budgets = new Map<string, Budget>()

  constructor(log: Log, clock: Pick<Clock, 'monotonic'>, limit = DEFAULT_LIMIT) {
    this.#log = log
    this.#clock = clock
    this.#limit = limit
  }

  /** @param kind lines of one kind share a limit; there are few kinds, none of them a stranger's choice */
  info(fields: object, sentence: string, kind = ''): void {
    this.#write('info', fields, sentence, kind)
  }

  warn(fields: object, sentence: string, kind = ''): void {
    this.#write('warn', fields, sentence, kind)
  }

  error(fields: object, sentence: string, kind = ''): void {
    this.#write('error', fields, sentence, kind)
  }

  #write(level: 'info' | 'warn' | 'error', fields: object, sentence: string, kind: string): void {
    const budget = this.#budgetOf(kind)
    if (budget.lines < 1) {
      budget.leftOut++
      return
    }
    budget.lines--
    this.#log[level](budget.leftOut === 0 ? fields : { ...fields, linesLeftOut: budget.leftOut }, sentence)
    budget.leftOut = 0
  }

  #budgetOf(kind: string): Budget {
    const nowMs = this.#clock.monotonic()
    const budget = this.#budgets.get(kind) ?? { lines: this.#limit.lines, sinceMs: nowMs, leftOut: 0 }
    this.#budgets.set(kind, budget)
    budget.lines = Math.min(this.#limit.lines, budget.lines + (nowMs - budget.sinceMs) / this.#limit.msPerLine)
    budget.sinceMs = nowMs
    return budget
  }
}
