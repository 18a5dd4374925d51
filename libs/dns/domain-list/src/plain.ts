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
 *
 * Comments: `#` anywhere; `;` and `//` at the beginning or after white space; `!` followed by white space at the beginning. Names are
 * separated by white space or commas, may be quoted, end in a dot, be in Unicode, or hold RFC 1035 escapes. A word without a dot is a
 * top-level domain only where it stands alone or says so by its dot: `.ua`. Among others it is prose, and one `com` too many.
 */
import type { LineFormat } from './format-reader.ts'
import { globToRegexp } from './glob.ts'
import type { RuleEmitter } from './rule-emitter.ts'
import { ListMatch, RuleKind, SkipReason } from './rule.ts'
import { before, decodeUtf8 } from './utf8.ts'

export class PlainFormat implements LineFormat {
  readonly #emitter: RuleEmitter

  constructor(emitter: RuleEmitter) {
    this.#emitter = emitter
  }

  line(bytes: Uint8Array, start: number, end: number): void {
    if (this.#oneName(bytes, start, end)) return
    const items = withoutComment(decodeUtf8(bytes, start, end)).split(',')
    for (const item of items) {
      const tokens = item.split(/\s+/).filter((token) => token !== '')
      for (const token of tokens) this.#token(token, tokens.length > 1)
    }
  }

  /** The fast way for what most lines are: nothing, a comment, or one name with or without `*.`, white space or a comment around it. */
  #oneName(bytes: Uint8Array, start: number, end: number): boolean {
    let from = start
    while (from < end && isBlank(bytes[from])) from++
    if (from === end || bytes[from] === HASH) return true
    let to = from
    while (to < end && bytes[to] > SPACE && bytes[to] !== HASH) to++
    let after = to
    while (after < end && isBlank(bytes[after])) after++
    if (after < end && bytes[after] !== HASH) return false
    const emitter = this.#emitter
    const below = bytes[from] === DOT ? 1 : bytes[from] === STAR && bytes[from + 1] === DOT ? 2 : 0
    const kind = below > 0 && emitter.match === ListMatch.exact ? RuleKind.subdomains : RuleKind.suffix
    return emitter.plainBytes(kind, bytes, from + below, to)
  }

  #token(quoted: string, amongOthers: boolean): void {
    const emitter = this.#emitter
    let text = unquoted(quoted.endsWith(';') && !quoted.endsWith('\\;') ? quoted.slice(0, -1) : quoted)
    const mark = /^(?:!|@@)/.exec(text)?.[0] ?? ''
    const exception = mark !== ''
    text = text.slice(mark.length)
    if (text === '') return emitter.skip(SkipReason.emptyName, quoted)
    if (looksLikeAddress(text)) {
      if (!emitter.address(text, exception)) emitter.skip(addressFault(text), text)
      return
    }
    if (text.includes('/')) return emitter.skip(SkipReason.url, text)
    const copied = /^(?:\|\|([^|^]+)\^?|\+\.(.+))$/.exec(text)
    if (copied !== null) return emitter.literalName(RuleKind.suffix, copied[1] ?? copied[2], exception)
    if (text.startsWith('=')) return emitter.literalName(RuleKind.exact, text.slice(1), exception)

    const below = /^(?:\*?\.)(?=[^.])/.exec(text)?.[0].length ?? 0
    const name = text.slice(below)
    if (name.replaceAll('\\*', '').includes('*')) return this.#glob(text, name, exception)
    if (below > 0)
      return emitter.literalName(emitter.match === ListMatch.exact ? RuleKind.subdomains : RuleKind.suffix, name, exception)
    if (amongOthers && !DOTS.test(name)) return emitter.skip(SkipReason.singleWord, name)
    emitter.name(RuleKind.suffix, name, exception)
  }

  #glob(text: string, name: string, exception: boolean): void {
    if (/^[*.]+$/.test(text)) return this.#emitter.skip(SkipReason.tooBroad, text)
    const labels = name.split('.')
    if (labels.every((label) => label === '*' || !label.includes('*'))) return this.#emitter.wildcard(text, exception)
    const source = globToRegexp(text, '[^.]*')
    if (source === undefined) this.#emitter.skip(SkipReason.unsupportedPattern, text)
    else this.#emitter.regexp(source, exception)
  }
}

/** Could this be meant as an address, a CIDR or a range, rather than as a name? Four numbers are never taken for a name. */
export function looksLikeAddress(text: string): boolean {
  if (text.length > MAX_ADDRESS_TEXT) return false
  return (
    /^[0-9]+(?:\.[0-9]+){3}$/.test(text) ||
    /^[0-9]+(?:\.[0-9]+){3}(?:-[0-9.]+$|[:/])/.test(text) ||
    /^\[?[0-9a-fA-F]*:[0-9a-fA-F:.]*(?:%\w+)?\]?(?:[-/:].*)?$/.test(text)
  )
}

export function addressFault(text: string): SkipReason {
  return /^[0-9a-fA-F:.]+-[0-9a-fA-F:.]+$/.test(text) ? SkipReason.addressRange : SkipReason.badAddress
}

/** The line up to its comment, if it has one. */
export function withoutComment(line: string): string {
  return before(line, COMMENT)
}

function unquoted(text: string): string {
  const quote = text.charAt(0)
  return text.length > 1 && (quote === '"' || quote === "'") && text.endsWith(quote) ? text.slice(1, -1) : text
}

const MAX_ADDRESS_TEXT = 100
const DOTS = /[.\u3002\uff0e\uff61]/
function isBlank(octet: number | undefined): boolean {
  return octet === SPACE || octet === TAB
}

const SPACE = 0x20
const TAB = 0x09
const DOT = 0x2e
const STAR = 0x2a
const HASH = 0x23
const COMMENT = /^\s*!(?=\s|$)|^\s*!{2}|(?<!\\)#|(?<=^|\s);|(?<=^|\s)\/\//
