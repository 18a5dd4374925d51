/**
 * Between a format and the sink: normalizes names, applies the `match` override, counts.
 *
 * A format calls `name`, `wildcard`, `keyword`, `regexp` or `address` for what it read, and `skip` for the rest. The sink gets only the normalized forms
 * that rule.ts describes.
 */
import { foreignText } from '@dnstap-bgp/foreign-text'
import { formatPrefix, parsePrefix, withoutHostBits } from '@dnstap-bgp/ip'
import { LineCounts } from './line-counts.ts'
import { MAX_PLAIN_NAME, normalizeName, scanName } from './normalize-name.ts'
import type { NameCharacters } from './normalize-name.ts'
import { isPublicSuffix, isPublicSuffixBytes } from './public-suffix.ts'
import { nameOfRegexp } from './regexp-name.ts'
import { CAP_SKIPS, ListMatch, RuleKind, RuleNote, SkipReason } from './rule.ts'
import type { ParserFormat, ListSummary, RuleSink } from './rule.ts'
import { asciiText } from './utf8.ts'

export type NameKind = typeof RuleKind.suffix | typeof RuleKind.exact | typeof RuleKind.subdomains

export class RuleEmitter {
  /** The line being read. The reader of lines sets it, then calls beginItem(). */
  line = 0
  readonly match: ListMatch
  readonly #sink: RuleSink
  readonly #lines = new LineCounts()
  readonly #rules = [0, 0, 0, 0, 0, 0]
  readonly #skipped = new Map<SkipReason, number>()
  readonly #notes = new Map<RuleNote, number>()
  readonly #scanned = new Uint8Array(MAX_PLAIN_NAME)
  #exceptions = 0
  #important = 0
  #addresses = 0
  #skippedTotal = 0
  #exceptionsSkipped = 0

  constructor(sink: RuleSink, match: ListMatch) {
    this.#sink = sink
    this.match = match
  }

  /** A new line, or a new entry where there are no lines: what follows is counted for it. */
  beginItem(): void {
    this.#lines.begin()
  }

  /** A name under the kind the format gives it, which the operator's `match` may widen or narrow. */
  name(kind: NameKind, text: string, exception = false, important = false, characters: NameCharacters = 'host'): void {
    this.literalName(this.#overridden(kind), text, exception, important, characters)
  }

  /** A name under exactly this kind, whatever `match` says. */
  literalName(kind: NameKind, text: string, exception = false, important = false, characters: NameCharacters = 'host'): void {
    const { name, reason } = normalizeName(text, characters)
    if (name === undefined) return this.#refuse(reason, text, exception)
    this.#emit(kind, name, exception, important)
    if (kind !== RuleKind.exact && !exception && isPublicSuffix(name)) this.note(RuleNote.publicSuffix, name)
  }

  /** A plain host name in octets, without making a string. False: it is anything else, and must be read as text. */
  plainBytes(kind: NameKind, bytes: Uint8Array, start: number, end: number, exception = false, important = false): boolean {
    const scanned = this.#scanned
    const length = scanName(bytes, start, end, scanned)
    if (length < 0) return false
    const actual = this.#overridden(kind)
    if (this.#sink.ruleBytes === undefined) this.#emit(actual, asciiText(scanned, 0, length), exception, important)
    else {
      this.#count(actual, exception, important)
      this.#sink.ruleBytes(actual, scanned, 0, length, exception, important, this.line)
    }
    if (actual !== RuleKind.exact && !exception && isPublicSuffixBytes(scanned, length))
      this.note(RuleNote.publicSuffix, asciiText(scanned, 0, length))
    return true
  }

  /** Labels of which some are `*`, each standing for exactly one label. */
  wildcard(text: string, exception = false, important = false): void {
    const labels = text.replace(/\.$/, '').split('.')
    if (labels.every((label) => label === '*')) return this.#refuse(SkipReason.tooBroad, text, exception)
    // Normalized with a stand-in of the same length, as no two-sided rule of IDN looks across labels.
    const { name, reason } = normalizeName(labels.map((label) => (label === '*' ? '-' : label)).join('.'))
    if (name === undefined) return this.#refuse(reason, text, exception)
    const normalized = name.split('.')
    this.#emit(RuleKind.wildcard, normalized.map((label, i) => (labels[i] === '*' ? '*' : label)).join('.'), exception, important)
  }

  /** A name that exists in a zone without a policy that we can honour: wildcards above it do not reach it. It counts as no rule. */
  encloser(text: string): void {
    const { name } = normalizeName(text, 'zone')
    if (name !== undefined && this.match !== ListMatch.suffix) this.#sink.rule(RuleKind.encloser, name, false, false, this.line)
  }

  keyword(text: string, exception = false, important = false): void {
    const keyword = text.toLowerCase()
    if (!/^[a-z0-9_.-]{1,253}$/.test(keyword)) return this.#refuse(SkipReason.badKeyword, text, exception)
    if (/^\.+$/.test(keyword)) return this.#refuse(SkipReason.tooBroad, text, exception)
    this.#emit(RuleKind.keyword, keyword, exception, important)
  }

  /**
   * The source of a regular expression. Whether it compiles is for the matcher, whose engine it has to suit. One that says nothing but
   * "this name and its subdomains" becomes that rule: names cost a matcher little, and expressions are capped.
   */
  regexp(source: string, exception = false, important = false): void {
    if (source.length > MAX_REGEXP) return this.#refuse(SkipReason.regexpTooLong, source, exception)
    if (source === '' || !/^[\x20-\x7e]+$/.test(source)) return this.#refuse(SkipReason.badRegexp, source, exception)
    if (MATCHES_ALL.test(source)) return this.#refuse(SkipReason.tooBroad, source, exception)
    const known = nameOfRegexp(source)
    if (known === undefined) this.#emit(RuleKind.regexp, source, exception, important)
    else this.literalName(known.kind, known.name, exception, important)
  }

  /**
   * True when the text is an address or CIDR, which is then dealt with. `clearHostBits`: bits behind the prefix length are cleared, as
   * the programs do that define the format; otherwise such a prefix is a mistake.
   */
  address(text: string, exception = false, clearHostBits = false): boolean {
    const exact = parsePrefix(text)
    const prefix = exact !== undefined ? formatPrefix(exact) : clearHostBits ? withoutHostBits(text) : undefined
    if (prefix === undefined) return false
    if (exception) this.skipException(SkipReason.addressException, text)
    else {
      this.#addresses++
      this.#lines.gave()
      if (exact === undefined) this.note(RuleNote.hostBits, text)
      this.#sink.address(prefix, this.line)
    }
    return true
  }

  note(note: RuleNote, text: string): void {
    this.#notes.set(note, (this.#notes.get(note) ?? 0) + 1)
    this.#sink.note?.(note, this.line, foreignText(text, MAX_SHOWN))
  }

  skip(reason: SkipReason, text: string): void {
    this.#skippedTotal++
    this.#skipped.set(reason, (this.#skipped.get(reason) ?? 0) + 1)
    this.#lines.skipped(reason)
    this.#sink.skip(reason, this.line, foreignText(text, MAX_SHOWN))
  }

  /** An exception that is skipped; `name`: the one name that it stands for, where there is one. */
  skipException(reason: SkipReason, text: string, name = ''): void {
    this.skip(reason, text)
    this.#exceptionsSkipped++
    this.#sink.exceptionSkipped?.(this.line, normalizeName(name).name ?? '', foreignText(text, MAX_SHOWN))
  }

  summary(format: ParserFormat): ListSummary {
    const [suffix, exact, subdomains, wildcard, keyword, regexp] = this.#rules
    this.#lines.begin()
    return {
      format,
      lines: this.line,
      rules: { suffix, exact, subdomains, wildcard, keyword, regexp },
      exceptions: this.#exceptions,
      important: this.#important,
      addresses: this.#addresses,
      skipped: Object.fromEntries(this.#skipped),
      skippedTotal: this.#skippedTotal,
      understoodLines: this.#lines.understoodLines,
      linesWithRules: this.#lines.linesWithRules,
      skippedLines: this.#lines.skippedLines(),
      lostToCaps: Object.fromEntries([...this.#skipped].filter(([reason]) => CAP_SKIPS.has(reason))),
      exceptionsSkipped: this.#exceptionsSkipped,
      notes: Object.fromEntries(this.#notes),
    }
  }

  #refuse(reason: SkipReason, text: string, exception: boolean): void {
    if (exception) this.skipException(reason, text)
    else this.skip(reason, text)
  }

  #overridden(kind: NameKind): NameKind {
    if (this.match === ListMatch.suffix) return RuleKind.suffix
    return this.match === ListMatch.exact && kind === RuleKind.suffix ? RuleKind.exact : kind
  }

  #emit(kind: RuleKind, pattern: string, exception: boolean, important: boolean): void {
    this.#count(kind, exception, important)
    this.#sink.rule(kind, pattern, exception, important, this.line)
  }

  #count(kind: RuleKind, exception: boolean, important: boolean): void {
    this.#rules[kind]++
    this.#lines.gave()
    if (exception) this.#exceptions++
    if (important) this.#important++
  }
}

const MAX_SHOWN = 120
const MAX_REGEXP = 2048
const MATCHES_ALL = /^\^?(?:\(?\.?[*+]?\)?)?\$?$/
