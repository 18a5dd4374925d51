/** Keywords and regular expressions of a matcher that is being built: checks them against the limits of each list. For MatcherBuilder. */
import { MAX_NAME_LENGTH } from '@dnstap-bgp/dns-wire'
import { RuleKind } from '@dnstap-bgp/domain-list'
import { RE2JS } from 're2js'
import { buildAutomaton, MAX_STATES } from './keyword-automaton.ts'
import { atomOf } from './layout.ts'
import type { MatcherText, TextRule } from './layout.ts'
import { Refusal, type MatcherLimits } from './matcher-limits.ts'
import { requiredPieces } from './regexp-literals.ts'

/** Why the rule was not taken; undefined: it was. `duplicate`: the list has said it before. */
export type TextRuleOutcome = Refusal | 'duplicate' | undefined

export class TextRuleBuilder {
  readonly #limits: MatcherLimits
  readonly #shares: Share[] = [] // by list
  readonly #rules: TextRule[] = []
  readonly #known = new Set<string>()
  readonly #patterns = new Map<string, number[]>() // piece -> text rules
  readonly #unfiltered: number[] = []
  #patternOctets = 0

  constructor(limits: MatcherLimits) {
    this.#limits = limits
  }

  addList(): void {
    this.#shares.push({ keywords: 0, regexps: 0, regexpsSize: 0, unfiltered: 0, unfilteredSize: 0 })
  }

  add(list: number, kind: RuleKind, text: string, exception: boolean, important: boolean): TextRuleOutcome {
    return kind === RuleKind.keyword
      ? this.#keyword(list, text, exception, important)
      : this.#regexp(list, text, exception, important)
  }

  get text(): Pick<MatcherText, 'textRules' | 'patterns' | 'unfiltered'> {
    return { textRules: this.#rules, patterns: [...this.#patterns.values()], unfiltered: this.#unfiltered }
  }

  /** Finds the patterns; empty: there are none. */
  automaton(): Uint32Array {
    const patterns = [...this.#patterns.keys()]
    return patterns.length === 0 ? new Uint32Array(0) : buildAutomaton(patterns)
  }

  #keyword(list: number, text: string, exception: boolean, important: boolean): TextRuleOutcome {
    const keyword = text.toLowerCase()
    if (keyword.length === 1) return Refusal.tooBroad
    if (keyword === '' || keyword.length > MAX_NAME_LENGTH || !/^[\x21-\x7e]+$/.test(keyword)) return Refusal.badKeyword
    const rule = { list, kind: RuleKind.keyword, text: keyword, exception, important, size: 0 }
    if (this.#known.has(keyOf(rule))) return 'duplicate'
    const share = this.#shares[list]
    if (share.keywords >= this.#limits.keywords || !this.#takePatterns([keyword])) return Refusal.tooManyKeywords
    share.keywords++
    this.#addRule(rule, [keyword])
    return undefined
  }

  #regexp(list: number, source: string, exception: boolean, important: boolean): TextRuleOutcome {
    if (source.length > this.#limits.regexpLength) return Refusal.regexpTooLarge
    const rule = { list, kind: RuleKind.regexp, text: source, exception, important, size: 0 }
    if (this.#known.has(keyOf(rule))) return 'duplicate'
    const share = this.#shares[list]
    const { unfilteredRegexps, unfilteredSize } = this.#limits
    if (share.regexps >= this.#limits.regexps) return Refusal.tooManyRegexps
    share.regexps++
    const compiled = compile(source)
    if (compiled === undefined) return Refusal.badRegexp
    const size = compiled.programSize()
    if (size > this.#limits.regexpSize) return Refusal.regexpTooLarge
    if (share.regexpsSize + size > this.#limits.regexpsSize) return Refusal.tooManyRegexps
    if (UNRELATED_NAMES.every((name) => compiled.test(name))) return Refusal.tooBroad
    let pieces = requiredPieces(source)
    if (pieces !== undefined && !this.#takePatterns(pieces)) pieces = undefined
    if (pieces === undefined) {
      if (share.unfiltered >= unfilteredRegexps || share.unfilteredSize + size > unfilteredSize) return Refusal.tooManyRegexps
      share.unfiltered++
      share.unfilteredSize += size
    }
    share.regexpsSize += size
    this.#addRule({ ...rule, size }, pieces)
    return undefined
  }

  #addRule(rule: TextRule, pieces: readonly string[] | undefined): void {
    this.#known.add(keyOf(rule))
    const index = this.#rules.push(rule) - 1
    if (pieces === undefined) this.#unfiltered.push(index)
    else for (const piece of pieces) this.#patterns.get(piece)?.push(index)
  }

  /** Notes the pieces, unless they are more than the automaton has states for. */
  #takePatterns(pieces: readonly string[]): boolean {
    const fresh = pieces.filter((piece) => !this.#patterns.has(piece))
    const octets = fresh.reduce((sum, piece) => sum + piece.length, 0)
    if (this.#patternOctets + octets >= MAX_STATES) return false
    this.#patternOctets += octets
    for (const piece of fresh) this.#patterns.set(piece, [])
    return true
  }
}

/** What a list has taken of its limits. */
interface Share {
  keywords: number
  regexps: number
  regexpsSize: number
  unfiltered: number
  unfilteredSize: number
}

function keyOf({ list, kind, text, exception, important }: TextRule): string {
  return `${atomOf(list, 0, exception, important)} ${kind} ${text}`
}

/** Whatever matches all of these says nothing about a name. */
const UNRELATED_NAMES = ['q.z', 'www.example.org', '7.x-y.co.uk', '_k._j.w', 'xn--p1ai.0.4.3.2.1.in-addr.arpa']

/** Undefined also for classes of Unicode: they take tens of milliseconds to compile, and a name has nothing but octets. */
function compile(source: string): RE2JS | undefined {
  if (/\\[pP]/.test(source)) return undefined
  try {
    return RE2JS.compile(source, RE2JS.CASE_INSENSITIVE)
  } catch {
    return undefined
  }
}
