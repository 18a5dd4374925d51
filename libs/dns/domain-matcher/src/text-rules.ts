/** Keywords and regular expressions: rules that are tried on a name's text, not looked up by its labels. */
import { LOWER_CASE } from '@dnstap-bgp/dns-wire'
import { RuleKind } from '@dnstap-bgp/domain-list'
import type { KeywordAutomaton } from './keyword-automaton.ts'
import type { MatcherText, TextRule } from './layout.ts'
import { RegexpBudget } from './regexp-budget.ts'
import { RegexpRules } from './regexp-rules.ts'

export class TextRules {
  /** An exception that is a regular expression was not tried on the last name: it would have taken too long. */
  isExceptionUntried = false
  readonly #text: MatcherText
  /** Finds keywords, and the fixed texts of regular expressions; undefined: there are none. */
  readonly #automaton: KeywordAutomaton | undefined
  readonly #regexps: RegexpRules
  // Scratch of the match going on.
  readonly #found: Int32Array
  readonly #candidates: number[] = []

  constructor(text: MatcherText, automaton: KeywordAutomaton | undefined, now: (() => number) | undefined) {
    this.#text = text
    this.#automaton = automaton
    const budget = now === undefined ? undefined : new RegexpBudget(now)
    this.#regexps = new RegexpRules(text.textRules, text.unfiltered, text.lists.length, budget)
    this.#found = new Int32Array(text.patterns.length)
  }

  get rules(): readonly TextRule[] {
    return this.#text.textRules
  }

  /** By list: how often a regular expression was not tried because the name would have taken too long. */
  get untried(): readonly number[] {
    return this.#regexps.untried
  }

  prepare(): Generator<void> {
    return this.#regexps.prepare()
  }

  /** Adds to `hits` the indexes of the rules that match the uncompressed wire-format name at `offset`. */
  match(bytes: Uint8Array, offset: number, hits: number[]): void {
    const { textRules, patterns } = this.#text
    if (textRules.length === 0) return
    const count = this.#automaton?.search(bytes, offset, this.#found) ?? 0
    const regexps = this.#candidates
    regexps.length = 0
    for (let i = 0; i < count; i++)
      for (const rule of patterns[this.#found[i]]) (textRules[rule].kind === RuleKind.keyword ? hits : regexps).push(rule)
    this.isExceptionUntried = false
    if (regexps.length > 0 || this.#regexps.hasUnfiltered) {
      this.#regexps.match(nameToPlainText(bytes, offset), regexps, hits)
      this.isExceptionUntried = this.#regexps.isExceptionUntried
    }
  }
}

/** JSON in UTF-16, `length` characters from a word of the matcher's buffer on. */
export function readText(buffer: ArrayBufferLike, word: number, length: number): MatcherText {
  const characters = new Uint16Array(buffer, word * 4, length)
  let text = ''
  for (let i = 0; i < length; i += 4096) text += String.fromCharCode(...characters.subarray(i, i + 4096))
  return JSON.parse(text) as MatcherText
}

/** Lower case, without the final dot, octets as they are. */
function nameToPlainText(bytes: Uint8Array, offset: number): string {
  let text = ''
  let at = offset
  for (let length = bytes[at]; length > 0; length = bytes[at]) {
    if (text !== '') text += '.'
    for (const end = at++ + length; at <= end; at++) text += String.fromCharCode(LOWER_CASE[bytes[at]])
  }
  return text
}
