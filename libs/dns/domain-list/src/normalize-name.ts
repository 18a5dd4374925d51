/**
 * Names as people write them, made the one form that is matched: A-labels, lower case, RFC 1035 §5.1 escapes, no trailing dot.
 *
 * normalizeName() takes any text; scanName() is its fast twin for a run of bytes that is already a plain host name, which is what big
 * lists consist of. Both agree on everything scanName() accepts.
 */
import { toALabels } from './idna.ts'
import { SkipReason } from './rule.ts'

const MAX_WIRE_OCTETS = 255 // RFC 1035 §2.3.4, length octets and the root included
const MAX_LABEL_OCTETS = 63
/** What scanName() needs at most: 253 characters are 255 octets on the wire. */
export const MAX_PLAIN_NAME = 253

export type NormalizedName =
  { readonly name: string; readonly reason?: never } | { readonly name?: never; readonly reason: SkipReason }

/** Which characters may stand in a name without an escape: those of host names and `_`, or (in a zone) all that is printable. */
export type NameCharacters = 'host' | 'zone'

/** One trailing dot is fine; the root alone is no name to list. */
export function normalizeName(text: string, characters: NameCharacters = 'host'): NormalizedName {
  if (text === '' || text === '.') return { reason: SkipReason.emptyName }
  if (text.length > MAX_TEXT) return { reason: SkipReason.nameTooLong }
  if (text.length <= MAX_PLAIN_NAME && HOST_NAME.test(text)) return { name: text.toLowerCase() }
  let ascii = text
  if (NON_ASCII.test(text)) {
    if (text.includes('\ufffd')) return { reason: SkipReason.badUtf8 }
    if (text.includes('\\')) return { reason: SkipReason.badEscape }
    const aLabels = toALabels(text)
    if (aLabels === undefined) return { reason: SkipReason.badIdn }
    ascii = aLabels
    if (ascii === '' || ascii === '.') return { reason: SkipReason.emptyName }
  }
  return normalizeAscii(ascii, characters === 'zone' ? ZONE : HOST)
}

/**
 * Copies the name in bytes[start, end) to `into` (MAX_PLAIN_NAME octets), lower case and without a trailing dot, and returns its length;
 * -1 when it is anything but letters, digits, `-`, `_` and dots in labels of legal length, or might be an address: it has no letter.
 */
export function scanName(bytes: Uint8Array, start: number, end: number, into: Uint8Array): number {
  const stop = end > start && bytes[end - 1] === DOT ? end - 1 : end
  const length = stop - start
  if (length <= 0 || length > MAX_PLAIN_NAME) return -1
  let letters = 0
  let labelStart = 0
  for (let i = 0; i < length; i++) {
    const octet = PLAIN[bytes[start + i]]
    if (octet === 0) return -1
    into[i] = octet
    if (octet === DOT) {
      if (i === labelStart || i - labelStart > MAX_LABEL_OCTETS) return -1
      labelStart = i + 1
    } else if (octet >= UNDERSCORE) letters++
  }
  if (length === labelStart || length - labelStart > MAX_LABEL_OCTETS || letters === 0) return -1
  return length
}

// A name of 255 octets, each written \DDD, is about 1,000 characters; a longer text cannot be a name.
const MAX_TEXT = 1100
/** What nearly every name is: legal as it stands. Labels cannot overlap, so it is linear. */
const HOST_NAME = /^(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}$/
const DOT = 0x2e
const BACKSLASH = 0x5c
const UNDERSCORE = 0x5f // and the lower-case letters after it

const NON_ASCII = /[^\x00-\x7f]/

const OTHER = 0
const RAW = 1 // stands for itself
const SPECIAL = 2 // written \X
/** How each octet may stand in a name; escapes may write any octet. */
const HOST = classes(() => OTHER)
const ZONE = classes((octet) => (octet > 0x20 && octet < 0x7f && !'".;()@$\\'.includes(String.fromCharCode(octet)) ? RAW : OTHER))
/** As dns-wire's nameToText writes them, so that a rule reads like the name it matched. */
const OUTPUT = classes((octet) => (octet === DOT || octet === BACKSLASH ? SPECIAL : octet > 0x20 && octet < 0x7f ? RAW : OTHER))
/** The lower-case octet for what scanName() takes, 0 for all else. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, octet) => (octet === DOT ? DOT : HOST[octet] === RAW ? lower(octet) : 0))

function classes(others: (octet: number) => number): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, octet) => {
    const host = octet < 0x80 && /[A-Za-z0-9_-]/.test(String.fromCharCode(octet))
    return host ? RAW : others(octet)
  })
}

function lower(octet: number): number {
  return octet >= 0x41 && octet <= 0x5a ? octet + 32 : octet
}

function normalizeAscii(text: string, allowed: Uint8Array): NormalizedName {
  let name = ''
  let wireOctets = 1
  let label = ''
  let labelOctets = 0
  let tooLong = false
  for (let i = 0; i < text.length; i++) {
    let octet = text.charCodeAt(i)
    if (octet === DOT) {
      if (labelOctets === 0) return { reason: SkipReason.emptyLabel }
      name += name === '' ? label : `.${label}`
      wireOctets += labelOctets + 1
      label = ''
      labelOctets = 0
      continue
    }
    if (octet === BACKSLASH) {
      const escape = /^(?:[0-9]{3}|[^0-9])/.exec(text.slice(i + 1, i + 4))
      if (escape === null) return { reason: SkipReason.badEscape }
      octet = escape[0].length === 3 ? Number(escape[0]) : escape[0].charCodeAt(0)
      if (octet > 255) return { reason: SkipReason.badEscape }
      i += escape[0].length
    } else if (octet > 0x7f || allowed[octet] !== RAW) return { reason: SkipReason.badCharacter }
    labelOctets++
    if (labelOctets > MAX_LABEL_OCTETS) tooLong = true
    label += OUTPUT_TEXT[octet]
  }
  if (labelOctets > 0) {
    name += name === '' ? label : `.${label}`
    wireOctets += labelOctets + 1
  }
  if (tooLong) return { reason: SkipReason.labelTooLong }
  return wireOctets > MAX_WIRE_OCTETS ? { reason: SkipReason.nameTooLong } : { name }
}

const OUTPUT_TEXT = Array.from({ length: 256 }, (_, octet) => {
  const character = String.fromCharCode(lower(octet))
  if (OUTPUT[octet] === RAW) return character
  return OUTPUT[octet] === SPECIAL ? `\\${character}` : `\\${String(octet).padStart(3, '0')}`
})
