/**
 * How many lines of a list were understood, and why the others were not.
 *
 * A line counts once. It is understood when it gave a rule and nothing of it was skipped, or when only parts that say nothing about names were skipped.
 * Otherwise it counts under the first reason that loses something. Comments and blank lines do not count.
 */
import { HARMLESS_SKIPS } from './rule.ts'
import type { SkipReason } from './rule.ts'

export class LineCounts {
  understoodLines = 0
  /** Of those: the lines that gave a rule or an address. */
  linesWithRules = 0
  readonly #byReason = new Map<SkipReason, number>()
  // About the line being read.
  #hasContent = false
  #hasRule = false
  #fault: SkipReason | undefined

  /** A new line begins; the one before is counted. */
  begin(): void {
    if (this.#fault !== undefined) this.#byReason.set(this.#fault, (this.#byReason.get(this.#fault) ?? 0) + 1)
    else if (this.#hasContent) {
      this.understoodLines++
      if (this.#hasRule) this.linesWithRules++
    }
    this.#hasContent = false
    this.#hasRule = false
    this.#fault = undefined
  }

  /** The line gave a rule or an address. */
  gave(): void {
    this.#hasContent = true
    this.#hasRule = true
  }

  skipped(reason: SkipReason): void {
    this.#hasContent = true
    if (!HARMLESS_SKIPS.has(reason)) this.#fault ??= reason
  }

  skippedLines(): Partial<Record<SkipReason, number>> {
    return Object.fromEntries(this.#byReason)
  }
}
