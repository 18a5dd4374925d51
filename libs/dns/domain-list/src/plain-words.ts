/** How the words of a line that people write are told apart: addresses, quotes, comments. Shared by the formats of such lines. */
import { SkipReason } from './rule.ts'
import { before } from './utf8.ts'

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

export function unquoted(text: string): string {
  const quote = text.charAt(0)
  return text.length > 1 && (quote === '"' || quote === "'") && text.endsWith(quote) ? text.slice(1, -1) : text
}

const MAX_ADDRESS_TEXT = 100
const COMMENT = /^\s*!(?=\s|$)|^\s*!{2}|(?<!\\)#|(?<=^|\s);|(?<=^|\s)\/\//
