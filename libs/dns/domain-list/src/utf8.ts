/** UTF-8 by hand (RFC 3629): the pure layers have no TextDecoder. Only lines that hold anything beyond ASCII pay for it. */

/** The text of bytes[start, end). Broken UTF-8 becomes U+FFFD, which refuses a name and not a comment. */
export function decodeUtf8(bytes: Uint8Array, start: number, end: number): string {
  let text = ''
  let from = start
  while (from < end) {
    const to = asciiEnd(bytes, from, end)
    if (to > from) {
      text += asciiText(bytes, from, to)
      from = to
      continue
    }
    const lead = bytes[from]
    const length = sequenceLength(lead)
    const codePoint = length > 0 && from + length <= end ? readSequence(bytes, from, length) : -1
    text += codePoint < 0 ? '\ufffd' : String.fromCodePoint(codePoint)
    from += codePoint < 0 ? 1 : length
  }
  return text
}

/** The text before the first match of `pattern`. Never `replace(/pattern.*$/, '')`: on a hostile line that takes the square of its length. */
export function before(text: string, pattern: RegExp): string {
  const at = text.search(pattern)
  return at < 0 ? text : text.slice(0, at)
}

/** ASCII (or Latin-1) bytes as text. Eight at a time: measured at half the cost of one `apply` for names of usual length. */
export function asciiText(bytes: Uint8Array, start: number, end: number): string {
  const char = String.fromCharCode
  let text = ''
  let i = start
  for (; i + 8 <= end; i += 8) {
    text += char(bytes[i], bytes[i + 1], bytes[i + 2], bytes[i + 3], bytes[i + 4], bytes[i + 5], bytes[i + 6], bytes[i + 7])
  }
  for (; i < end; i++) text += char(bytes[i])
  return text
}

/** How many octets a sequence has, by its first; 0: none begins so. */
function sequenceLength(lead: number): number {
  return lead >= 0xf0 && lead <= 0xf4 ? 4 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xc2 && lead < 0xe0 ? 2 : 0
}

function asciiEnd(bytes: Uint8Array, start: number, end: number): number {
  let i = start
  while (i < end && bytes[i] < 0x80) i++
  return i
}

/** The code point of a sequence of 2 to 4 octets, or -1: a missing continuation, an overlong form, a surrogate, past U+10FFFF. */
function readSequence(bytes: Uint8Array, at: number, length: number): number {
  let codePoint = bytes[at] & (0xff >> (length + 1))
  for (let i = 1; i < length; i++) {
    const octet = bytes[at + i]
    if ((octet & 0xc0) !== 0x80) return -1
    codePoint = (codePoint << 6) | (octet & 0x3f)
  }
  if (codePoint < SMALLEST[length] || codePoint > 0x10ffff) return -1
  return codePoint >= 0xd800 && codePoint < 0xe000 ? -1 : codePoint
}

const SMALLEST = [0, 0, 0x80, 0x800, 0x10000]

/** Where in bytes[start, end) the first octet stands that is no UTF-8; -1: there is none. */
export function badUtf8At(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end) {
    const lead = bytes[at]
    if (lead < 0x80) {
      at++
      continue
    }
    const length = sequenceLength(lead)
    if (length === 0 || at + length > end || readSequence(bytes, at, length) < 0) return at
    at += length
  }
  return -1
}
