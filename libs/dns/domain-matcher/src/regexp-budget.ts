/**
 * Keeps regular expressions from taking ingest's time.
 *
 * A name may cost a millisecond (regexp-rules.ts), and a stranger may ask for thousands of such names. So time spent makes a debt that is
 * paid off at a share of the time that passes. While the debt is high, expressions are not tried; names that only they match are missed
 * and counted. Only ingest has a budget, because it may miss a name. The cache has none, because it withdraws what does not match.
 */

/** Of one core. */
const SHARE = 0.2
const MAX_DEBT_MS = 100

export class RegexpBudget {
  readonly #now: () => number
  #debtMs = 0
  #lastMs: number
  #isSpent = false

  /** `now`: milliseconds that only grow, with fractions. */
  constructor(now: () => number) {
    this.#now = now
    this.#lastMs = now()
  }

  /** Runs `match` unless the budget is spent; says whether it ran. */
  spend(match: () => void): boolean {
    const before = this.#now()
    this.#debtMs = Math.max(0, this.#debtMs - (before - this.#lastMs) * SHARE)
    this.#lastMs = before
    if (this.#debtMs > MAX_DEBT_MS) this.#isSpent = true
    else if (this.#debtMs < MAX_DEBT_MS / 2) this.#isSpent = false
    if (this.#isSpent) return false
    match()
    this.#debtMs += this.#now() - before
    return true
  }
}
