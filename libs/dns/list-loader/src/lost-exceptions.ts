/**
 * Exceptions of a list that were skipped, or that the matcher had no room for. While an exception is missing, the rules that it excepts from route
 * too much, so a list of which a rule still covers the excepted name is refused.
 *
 * Whether a rule covers it is asked of the finished matcher. An exception that is no single name (an expression, a line that is too long) cannot be
 * asked for, and counts as one whose rule stays.
 */
import type { Matcher } from '@dnstap-bgp/domain-matcher'

interface LostException {
  /** The excepted name; '' when it is no single name. */
  readonly name: string
  readonly line: number
  readonly text: string
}

/** Kept of one list: each costs a look into the matcher. */
const MAX_KEPT = 10_000

export class LostExceptions {
  readonly #lost: LostException[] = []
  #count = 0

  get count(): number {
    return this.#count
  }

  add(name: string, line: number, text: string): void {
    this.#count++
    if (this.#lost.length < MAX_KEPT) this.#lost.push({ name, line, text })
  }

  /** What is wrong with the list of this name, which lost these. */
  fault(matcher: Matcher, list: string): string | undefined {
    if (this.#count > this.#lost.length) return `${this.#count} exceptions cannot be honoured`
    const harmful = this.#lost.find(({ name }) => name === '' || isFed(matcher, name, list))
    if (harmful === undefined) return undefined
    const what = harmful.name === '' ? 'its rules cover what it excepts' : `its rules cover ${harmful.name}`
    return `the exception in line ${harmful.line} cannot be honoured, and ${what}: ${harmful.text}`
  }
}

function isFed(matcher: Matcher, name: string, list: string): boolean {
  return matcher.explain(name)?.feeds.some((feed) => feed.list === list) === true
}
