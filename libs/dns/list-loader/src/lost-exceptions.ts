/**
 * Exceptions of a list that were skipped, or that the matcher had no room for. Without its exception a rule routes too much, so the list is refused
 * while one of its rules covers the excepted name.
 *
 * The finished matcher tells whether a rule covers it. An exception that is not a single name (an expression, a line that is too long) counts as
 * covered.
 */
import type { Matcher } from '@dnstap-bgp/domain-matcher'

interface LostException {
  /** The excepted name; '' when it is no single name. */
  readonly name: string
  readonly line: number
  readonly text: string
}

/** Each costs a lookup in the matcher. */
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

  /** Why the list with this name is refused; undefined: it is not. */
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
