/**
 * Domain names: wire format (RFC 1035 §3.1) and presentation format (§5.1).
 *
 * A name on our hot paths is `(bytes, offset)` of its uncompressed wire format. The functions here are for the cold ones:
 * lists, logs, explanations. Every octet is legal in a label: `_`, spaces, zero bytes, octets past ASCII.
 */

/** Of a name in wire format, the root's zero octet included (RFC 1035 §2.3.4). */
export const MAX_NAME_LENGTH = 255
export const MAX_LABEL_LENGTH = 63

/** Lower case of each octet; only ASCII letters have one (RFC 4343). */
export const LOWER_CASE: Uint8Array = Uint8Array.from({ length: 256 }, (_, octet) =>
  octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet,
)

/**
 * The name at `offset` in lower case, without the final dot; the root is `.`. Octets other than printable ASCII become \DDD, and
 * a dot or backslash inside a label is escaped. The name must be whole and uncompressed, as ResponseReader's are.
 */
export function nameToText(bytes: Uint8Array, offset: number): string {
  let length = 0
  let at = offset
  for (let label = bytes[at++] ?? 0; label > 0; label = bytes[at++] ?? 0) {
    if (length > 0) TEXT[length++] = DOT
    for (const end = at + label; at < end; at++) {
      const octet = LOWER_CASE[bytes[at] ?? 0] ?? 0
      if (octet > 0x20 && octet < 0x7f && octet !== DOT && octet !== BACKSLASH) TEXT[length++] = octet
      else length = escapeOctet(octet, length)
    }
  }
  return length === 0 ? '.' : String.fromCharCode.apply(undefined, TEXT.subarray(0, length) as unknown as number[])
}

/**
 * Wire format of a name in presentation format; the final dot may be there or not. Letters keep their case. Undefined
 * when it is none: an empty label, a label over 63 octets, a name over 255, a bad escape, a character past ASCII.
 */
export function textToName(text: string): Uint8Array | undefined {
  if (text === '.') return new Uint8Array(1)
  if (text === '') return undefined
  const name = new Uint8Array(MAX_NAME_LENGTH + 1)
  let labelAt = 0 // where the length octet of the label stands
  let at = 1
  for (let i = 0; i < text.length; i++) {
    let octet = text.charCodeAt(i)
    if (octet === DOT) {
      if (at === labelAt + 1) return undefined
      name[labelAt] = at - labelAt - 1
      labelAt = at++
      continue
    }
    if (octet === BACKSLASH) {
      octet = escapedOctet(text, i + 1)
      if (octet < 0) return undefined
      i += isDigit(text.charCodeAt(i + 1)) ? 3 : 1
    } else if (octet > 0x7f) return undefined
    if (at - labelAt > MAX_LABEL_LENGTH || at >= MAX_NAME_LENGTH) return undefined
    name[at++] = octet
  }
  if (at === labelAt + 1) return name.slice(0, at) // a final dot: the empty label is the root
  name[labelAt] = at - labelAt - 1
  return at < MAX_NAME_LENGTH ? name.slice(0, at + 1) : undefined
}

/** Octets the uncompressed name at `offset` takes, its final zero included. */
export function nameLength(bytes: Uint8Array, offset: number): number {
  let at = offset
  while ((bytes[at] ?? 0) > 0) at += 1 + (bytes[at] ?? 0)
  return at + 1 - offset
}

const DOT = 0x2e
const BACKSLASH = 0x5c
const ZERO = 0x30

/** One string is made of this, instead of one for each octet: for each listed name in a new fact that was a kilobyte of garbage. */
const TEXT = new Uint16Array(4 * MAX_NAME_LENGTH)

/** Writes it at `at` of TEXT; where the next one goes. */
function escapeOctet(octet: number, at: number): number {
  TEXT[at++] = BACKSLASH
  if (octet === DOT || octet === BACKSLASH) TEXT[at++] = octet
  else {
    TEXT[at++] = ZERO + Math.floor(octet / 100)
    TEXT[at++] = ZERO + (Math.floor(octet / 10) % 10)
    TEXT[at++] = ZERO + (octet % 10)
  }
  return at
}

/** The octet that `\DDD` or `\X` stands for, read behind the backslash; -1 when it is neither. */
function escapedOctet(text: string, at: number): number {
  const first = text.charCodeAt(at)
  if (!isDigit(first)) return first <= 0x7f ? first : -1 // NaN past the end is no less either
  const digits = text.slice(at, at + 3)
  if (!/^\d{3}$/.test(digits) || Number(digits) > 255) return -1
  return Number(digits)
}

function isDigit(character: number): boolean {
  return character >= 0x30 && character <= 0x39
}
