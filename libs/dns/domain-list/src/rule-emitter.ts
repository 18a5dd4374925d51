/**
 * Between a format and the sink: normalizes names, applies the `match` override, counts.
 *
 * A format says what it read (`name`, `glob`, `keyword`, `regexp`, `address`) and what it could not honour (`skip`); nothing reaches the
 * sink that is not in the form rule.ts promises.
 */
import { foreignText } from '@dnstap-bgp/foreign-text'
import { formatPrefix, parsePrefix } from '@dnstap-bgp/ip'
import { MAX_PLAIN_NAME, normalizeName, scanName } from './name.ts'
import type { NameCharacters } from './name.ts'
import { ListMatch, RuleKind, SkipReason } from './rule.ts'
import type { ListFormat, ListSummary, RuleSink } from './rule.ts'
import { asciiText } from './utf8.ts'

export type NameKind = typeof RuleKind.suffix | typeof RuleKind.exact | typeof RuleKind.subdomains

export class RuleEmitter {
  /** The line being read; the line reader moves it. */
  line = 0
  readonly match: ListMatch
  readonly #sink: RuleSink
  readonly #rules = [0, 0, 0, 0, 0, 0]
  readonly #skipped = new Map<SkipReason, number>()
  readonly #scanned = new Uint8Array(MAX_PLAIN_NAME)
  #exceptions = 0
  #important = 0
  #addresses = 0
  #skippedTotal = 0

  constructor(sink: RuleSink, match: ListMatch) {
    this.#sink = sink
    this.match = match
  }

  /** A name under the kind the format gives it, which the operator's `match` may widen or narrow. */
  name(kind: NameKind, text: string, exception = false, important = false, characters: NameCharacters = 'host'): void {
    this.literalName(this.#overridden(kind), text, exception, important, characters)
  }

  /** A name under exactly this kind, whatever `match` says. */
  literalName(kind: NameKind, text: string, exception = false, important = false, characters: NameCharacters = 'host'): void {
    const { name, reason } = normalizeName(text, characters)
    if (name === undefined) this.skip(reason, text)
    else this.#emit(kind, name, exception, important)
  }

  /** The fast way for a plain host name in bytes; false when it is anything else and has to be looked at as text. */
  plainBytes(kind: NameKind, bytes: Uint8Array, start: number, end: number, exception = false, important = false): boolean {
    const length = scanName(bytes, start, end, this.#scanned)
    if (length < 0) return false
    const actual = this.#overridden(kind)
    if (this.#sink.ruleBytes === undefined) this.#emit(actual, asciiText(this.#scanned, 0, length), exception, important)
    else {
      this.#count(actual, exception, important)
      this.#sink.ruleBytes(actual, this.#scanned, 0, length, exception, important, this.line)
    }
    return true
  }

  /** Labels of which some are `*`, each standing for exactly one label. */
  wildcard(text: string, exception = false, important = false): void {
    const labels = text.replace(/\.$/, '').split('.')
    if (labels.every((label) => label === '*')) return this.skip(SkipReason.tooBroad, text)
    // Normalized with a stand-in of the same length, as no two-sided rule of IDN looks across labels.
    const { name, reason } = normalizeName(labels.map((label) => (label === '*' ? '-' : label)).join('.'))
    if (name === undefined) return this.skip(reason, text)
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
    if (!/^[a-z0-9_.-]{1,253}$/.test(keyword)) return this.skip(SkipReason.badKeyword, text)
    if (/^\.+$/.test(keyword)) return this.skip(SkipReason.tooBroad, text)
    this.#emit(RuleKind.keyword, keyword, exception, important)
  }

  /** The source of a regular expression. Whether it compiles is for the matcher, whose engine it has to suit. */
  regexp(source: string, exception = false, important = false): void {
    if (source === '' || source.length > MAX_REGEXP || !/^[\x20-\x7e]+$/.test(source))
      return this.skip(SkipReason.badRegexp, source)
    if (MATCHES_ALL.test(source)) return this.skip(SkipReason.tooBroad, source)
    this.#emit(RuleKind.regexp, source, exception, important)
  }

  /** True when the text is an address or CIDR, which is then dealt with. */
  address(text: string, exception = false): boolean {
    const prefix = parsePrefix(text)
    if (prefix === undefined) return false
    if (exception) this.skip(SkipReason.addressException, text)
    else {
      this.#addresses++
      this.#sink.address(formatPrefix(prefix), this.line)
    }
    return true
  }

  skip(reason: SkipReason, text: string): void {
    this.#skippedTotal++
    this.#skipped.set(reason, (this.#skipped.get(reason) ?? 0) + 1)
    this.#sink.skip(reason, this.line, foreignText(text, MAX_SHOWN))
  }

  summary(format: ListFormat): ListSummary {
    const [suffix, exact, subdomains, wildcard, keyword, regexp] = this.#rules
    return {
      format,
      lines: this.line,
      rules: { suffix, exact, subdomains, wildcard, keyword, regexp },
      exceptions: this.#exceptions,
      important: this.#important,
      addresses: this.#addresses,
      skipped: Object.fromEntries(this.#skipped),
      skippedTotal: this.#skippedTotal,
    }
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
    if (exception) this.#exceptions++
    if (important) this.#important++
  }
}

const MAX_SHOWN = 120
const MAX_REGEXP = 2048
const MATCHES_ALL = /^\^?(?:\(?\.?[*+]?\)?)?\$?$/
