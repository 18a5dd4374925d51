/**
 * Keeps regular expressions from taking ingest's time.
 *
 * RE2 is linear, but a list may hold expressions that cost a long name milliseconds, and a stranger may ask for such names. So time spent
 * makes a debt that is paid off at a share of the time that passes; while the debt is high, expressions are not tried, and names that only they
 * could match are missed and counted. Only for who may miss a name: ingest. The cache, which withdraws what does not match, has no budget.
 */

/** Of one core. */
const SHARE = 0.2
const MAX_DEBT_MS = 100

export class RegexpBudget {
  readonly #now: () => number
  #debtMs = 0
  #lastMs: number
  #isSpent = false
  #skipped = 0

  /** `now`: milliseconds that only grow, with fractions. */
  constructor(now: () => number) {
    this.#now = now
    this.#lastMs = now()
  }

  /** Names for which expressions were not tried. */
  get skipped(): number {
    return this.#skipped
  }

  /** Runs `match` unless the budget is spent. */
  spend(match: () => void): void {
    const before = this.#now()
    this.#debtMs = Math.max(0, this.#debtMs - (before - this.#lastMs) * SHARE)
    this.#lastMs = before
    if (this.#debtMs > MAX_DEBT_MS) this.#isSpent = true
    else if (this.#debtMs < MAX_DEBT_MS / 2) this.#isSpent = false
    if (this.#isSpent) {
      this.#skipped++
      return
    }
    match()
    this.#debtMs += this.#now() - before
  }
}
