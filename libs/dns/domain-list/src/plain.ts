/**
 * Plain lists: names, one or several to a line.
 *
 *   example.com            the name and its subdomains
 *   .example.com           the same; so do the lists that write it mean it
 *   *.example.com          the same, unless the list is `match = exact`: then the subdomains only
 *   =example.com           this name alone
 *   a.*.example.com        `*` is one label;  ad*.example.com: within a label, any characters
 *   !example.com           an exception, also before the other forms; `@@` means the same
 *   ||example.com^         the name and its subdomains, as in the lists this line is copied from; so does +.example.com
 *   192.0.2.0/24           an address or CIDR
 *   0.0.0.0 example.com    a line of a hosts file: this name alone
 *   full:example.com       an entry of v2fly, with or without attributes; DOMAIN-SUFFIX,example.com: a classical rule. Nothing else means them
 *
 * Comments: `#` anywhere; `;` and `//` at the beginning or after white space; `!` followed by white space at the beginning. Names are
 * separated by white space or commas, may be quoted, end in a dot, be in Unicode, or hold RFC 1035 escapes. A word without a dot is a
 * top-level domain only where it stands alone or says so by its dot: `.ua`. Among others it is prose, and one `com` too many. A line of which one
 * word is not understood gives nothing: what that word does to the others is not known.
 */
import { parsePrefix } from '@dnstap-bgp/ip'
import { isClassical, classicalRule } from './clash-classical.ts'
import { COSMETIC } from './evidence.ts'
import type { LineFormat } from './format-reader.ts'
import { globToRegexp } from './glob.ts'
import { hostsNames } from './hosts.ts'
import { normalizeName } from './normalize-name.ts'
import { isAscii, isBlank, SPACE } from './octets.ts'
import { addressFault, looksLikeAddress, unquoted, withoutComment } from './plain-words.ts'
import type { NameKind, RuleEmitter } from './rule-emitter.ts'
import { ListMatch, RuleKind, SkipReason } from './rule.ts'
import type { ListOptions } from './rule.ts'
import { decodeUtf8 } from './utf8.ts'
import { isV2flyEntry, V2flyFormat } from './v2fly.ts'

export class PlainFormat implements LineFormat {
  readonly #emitter: RuleEmitter
  readonly #v2fly: V2flyFormat

  constructor(emitter: RuleEmitter, options: ListOptions, maxLineBytes: number) {
    this.#emitter = emitter
    this.#v2fly = new V2flyFormat(emitter, options, maxLineBytes)
  }

  line(bytes: Uint8Array, start: number, end: number): void {
    if (this.#oneName(bytes, start, end, false)) return
    const text = decodeUtf8(bytes, start, end)
    if (isV2flyEntry(text)) {
      if (!this.#v2fly.usualLine(bytes, start, end)) this.#v2fly.line(bytes, start, end)
      return
    }
    if (COSMETIC.test(text)) return this.#emitter.skip(SkipReason.cosmeticRule, text)
    const content = withoutComment(text)
    if (isClassical(content)) return classicalRule(this.#emitter, content.trim())
    this.#items(content.split(','))
  }

  usualLine(bytes: Uint8Array, start: number, end: number): boolean {
    return this.#oneName(bytes, start, end, true)
  }

  /** Nothing, a comment, or one name with or without `*.`, with white space or a comment around it. */
  #oneName(bytes: Uint8Array, start: number, end: number, mustBeAscii: boolean): boolean {
    let from = start
    while (from < end && isBlank(bytes[from])) from++
    if (from === end) return true
    if (bytes[from] === HASH) return !mayBeCosmetic(bytes[from + 1]) && (!mustBeAscii || isAscii(bytes, from, end))
    let to = from
    while (to < end && bytes[to] > SPACE && bytes[to] !== HASH) to++
    let after = to
    while (after < end && isBlank(bytes[after])) after++
    if (after < end && (bytes[after] !== HASH || (after === to && mayBeCosmetic(bytes[after + 1])))) return false
    if (mustBeAscii && !isAscii(bytes, after, end)) return false
    const emitter = this.#emitter
    const below = bytes[from] === DOT ? 1 : bytes[from] === STAR && bytes[from + 1] === DOT ? 2 : 0
    const kind = below > 0 && emitter.match === ListMatch.exact ? RuleKind.subdomains : RuleKind.suffix
    return emitter.plainBytes(kind, bytes, from + below, to)
  }

  #items(items: readonly string[]): void {
    const words: Word[] = []
    let faults = 0
    for (const item of items) {
      const tokens = item.split(/\s+/).filter((token) => token !== '')
      const names = hostsNames(tokens)
      for (const token of names ?? tokens) {
        const word = names === undefined ? this.#word(token) : this.#hostsName(token)
        words.push(word)
        if (word.fault !== undefined && ++faults >= MAX_FAULTS) break
      }
      if (faults >= MAX_FAULTS) break
    }
    if (words.length > 1) for (const word of words) if (word.isSingle) word.fault ??= SkipReason.singleWord
    const isUnderstood = words.every((word) => word.fault === undefined)
    for (const word of words) {
      if (word.fault !== undefined && word.isException) this.#emitter.skipException(word.fault, word.text, word.name)
      else if (word.fault !== undefined) this.#emitter.skip(word.fault, word.text)
      else if (isUnderstood) this.#emit(word)
    }
  }

  #word(quoted: string): Word {
    const text = unquoted(quoted.endsWith(';') && !quoted.endsWith('\\;') ? quoted.slice(0, -1) : quoted)
    const mark = /^(?:!|@@)/.exec(text)?.[0] ?? ''
    const isException = mark !== ''
    const unmarked = text.slice(mark.length)
    if (unmarked === '') return fault(SkipReason.emptyName, quoted, false)
    if (looksLikeAddress(unmarked)) return this.#address(unmarked, isException)
    if (/^-{0,2}[A-Za-z][\w-]*=/.test(unmarked)) return fault(SkipReason.unsupportedDirective, text, isException)
    if (unmarked.includes('/')) return fault(SkipReason.url, unmarked, isException)
    const copied = /^(?:\|\|([^|^]+)\^?|\+\.(.+))$/.exec(unmarked)
    if (copied !== null) return this.#nameOrWord(RuleKind.suffix, copied[1] ?? copied[2] ?? '', isException, true)
    if (unmarked.startsWith('=')) return this.#nameOrWord(RuleKind.exact, unmarked.slice(1), isException, true)

    const below = /^(?:\*?\.)(?=[^.])/.exec(unmarked)?.[0].length ?? 0
    const name = unmarked.slice(below)
    if (name.replaceAll('\\*', '').includes('*')) return this.#glob(unmarked, name, isException)
    if (below === 0) return this.#nameOrWord(RuleKind.suffix, name, isException, false)
    const kind = this.#emitter.match === ListMatch.exact ? RuleKind.subdomains : RuleKind.suffix
    return this.#name(kind, name, isException, true)
  }

  #address(text: string, isException: boolean): Word {
    const isPrefix = parsePrefix(text) !== undefined
    return { ...fault(addressFault(text), text, isException), form: 'address', fault: isPrefix ? undefined : addressFault(text) }
  }

  /** `isLiteral`: the list's `match` changes nothing. */
  #name(kind: NameKind, name: string, isException: boolean, isLiteral: boolean): Word {
    const { reason } = normalizeName(name)
    return { form: isLiteral ? 'literal' : 'name', kind, text: name, name, isException, isSingle: false, fault: reason }
  }

  /** A name that may be a word of prose, when it has no dot. A dash is no name. */
  #nameOrWord(kind: NameKind, name: string, isException: boolean, isLiteral: boolean): Word {
    const word = this.#name(kind, name, isException, isLiteral)
    if (word.fault === undefined && /^-+$/.test(name)) word.fault = SkipReason.singleWord
    return { ...word, isSingle: !DOTS.test(name) }
  }

  #hostsName(name: string): Word {
    return this.#nameOrWord(RuleKind.exact, name, false, false)
  }

  #glob(text: string, name: string, isException: boolean): Word {
    if (/^[*.]+$/.test(text)) return fault(SkipReason.tooBroad, text, isException)
    const labels = name.split('.')
    const isWildcard = labels.every((label) => label === '*' || !label.includes('*'))
    const source = isWildcard ? text : globToRegexp(text, '[^.]*')
    if (source === undefined) return fault(SkipReason.unsupportedPattern, text, isException)
    return { ...fault(SkipReason.badRegexp, source, isException), form: isWildcard ? 'wildcard' : 'regexp', fault: undefined }
  }

  #emit({ form, kind, text, isException }: Word): void {
    const emitter = this.#emitter
    switch (form) {
      case 'name':
        return emitter.name(kind, text, isException)
      case 'literal':
        return emitter.literalName(kind, text, isException)
      case 'wildcard':
        return emitter.wildcard(text, isException)
      case 'regexp':
        return emitter.regexp(text, isException)
      case 'address':
        emitter.address(text, isException)
    }
  }
}

/** One word of a line: the rule that it would give, or why it gives none. */
interface Word {
  /** `literal`: a name whose kind the list's `match` does not change. */
  readonly form: 'name' | 'literal' | 'wildcard' | 'regexp' | 'address'
  readonly kind: NameKind
  readonly text: string
  /** Where it stands for one name. */
  readonly name: string
  readonly isException: boolean
  /** It has no dot. */
  readonly isSingle: boolean
  fault: SkipReason | undefined
}

function fault(reason: SkipReason, text: string, isException: boolean): Word {
  return { form: 'name', kind: RuleKind.suffix, text, name: '', isException, isSingle: false, fault: reason }
}

/** What stands behind a `#` without a blank before it: then it may be the middle of `##`, `#@#`, `#?#`, `#$#`, `#%#`. */
function mayBeCosmetic(octet: number | undefined): boolean {
  return octet === HASH || octet === 0x40 || octet === 0x3f || octet === 0x24 || octet === 0x25
}

/** Told of one line, which gives nothing in any case. */
const MAX_FAULTS = 20
const DOTS = /[.\u3002\uff0e\uff61]/
const DOT = 0x2e
const STAR = 0x2a
const HASH = 0x23
