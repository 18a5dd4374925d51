/**
 * Plain lists: names, one or several to a line.
 *
 *   example.com            the name and its subdomains
 *   .example.com           the same; so do the lists that write it mean it
 *   *.example.com          the same, unless the list is `match = exact`: then the subdomains only
 *   =example.com           this name alone
 *   a.*.example.com        `*` is one label;  ad*.example.com: within a label, any characters
 *   !example.com           an exception, also before the other forms
 *   192.0.2.0/24           an address or CIDR
 *
 * Comments: `#` anywhere; `;` and `//` at the beginning or after white space; `!` followed by white space at the beginning. Names are
 * separated by white space or commas, may be quoted, end in a dot, be in Unicode, or hold RFC 1035 escapes.
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
    if (this.#emitter.plainBytes(RuleKind.suffix, bytes, start, end)) return
    if (start === end || bytes[start] === HASH) return
    const text = withoutComment(decodeUtf8(bytes, start, end))
    for (const token of text.split(/[\s,]+/)) if (token !== '') this.#token(token)
  }

  #token(quoted: string): void {
    const emitter = this.#emitter
    let text = unquoted(quoted.endsWith(';') && !quoted.endsWith('\\;') ? quoted.slice(0, -1) : quoted)
    const exception = text.startsWith('!')
    if (exception) text = text.slice(1)
    if (text === '') return emitter.skip(SkipReason.emptyName, quoted)
    if (looksLikeAddress(text)) {
      if (!emitter.address(text, exception)) emitter.skip(addressFault(text), text)
      return
    }
    if (text.includes('://')) return emitter.skip(SkipReason.url, text)
    if (text.startsWith('=')) return emitter.literalName(RuleKind.exact, text.slice(1), exception)

    const below = /^(?:\*?\.)(?=[^.])/.exec(text)?.[0].length ?? 0
    const name = text.slice(below)
    if (name.replaceAll('\\*', '').includes('*')) return this.#glob(text, name, exception)
    if (below === 0) return emitter.name(RuleKind.suffix, name, exception)
    emitter.literalName(emitter.match === ListMatch.exact ? RuleKind.subdomains : RuleKind.suffix, name, exception)
  }

  #glob(text: string, name: string, exception: boolean): void {
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
    /^[0-9]+(?:\.[0-9]+){3}[-:/]/.test(text) ||
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
const HASH = 0x23
const COMMENT = /^\s*!(?=\s|$)|^\s*!{2}|(?<!\\)#|(?<=^|\s);|(?<=^|\s)\/\//
