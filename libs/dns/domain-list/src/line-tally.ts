/**
 * How many lines of a list were understood, and why the others were not.
 *
 * A line counts once. It is understood when it gave something and nothing of it was skipped, or when what was skipped says nothing about
 * names. Otherwise it counts under the first reason that loses something. Comments and blank lines are no lines here.
 */
import { HARMLESS_SKIPS } from './rule.ts'
import type { SkipReason } from './rule.ts'

export class LineTally {
  understoodLines = 0
  readonly #byReason = new Map<SkipReason, number>()
  // Of the line being read.
  #hasContent = false
  #fault: SkipReason | undefined

  /** A new line begins; the one before is counted. */
  begin(): void {
    if (this.#fault !== undefined) this.#byReason.set(this.#fault, (this.#byReason.get(this.#fault) ?? 0) + 1)
    else if (this.#hasContent) this.understoodLines++
    this.#hasContent = false
    this.#fault = undefined
  }

  /** The line gave a rule or an address. */
  gave(): void {
    this.#hasContent = true
  }

  skipped(reason: SkipReason): void {
    this.#hasContent = true
    if (!HARMLESS_SKIPS.has(reason)) this.#fault ??= reason
  }

  skippedLines(): Partial<Record<SkipReason, number>> {
    return Object.fromEntries(this.#byReason)
  }
}
