/**
 * IP addresses as octets (4 or 16, network order) and as text.
 *
 * Text is canonical: dotted decimal without leading zeros, and RFC 5952 for IPv6, so that two equal addresses are equal strings.
 * Written out here rather than taken from a library because every new binding passes through.
 */

/**
 * The octets of an address, or undefined when the text is not exactly one.
 *
 * IPv4 is four decimal numbers without leading zeros (RFC 6943 §3.1.1 says why no other form). IPv6 is RFC 4291 §2.2 in all its
 * forms, an embedded IPv4 tail included; no zone, no brackets.
 */
export function parseAddress(text: string): Uint8Array | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text)
}

/** Canonical text of the 4 or 16 octets at `offset`. */
export function formatAddress(bytes: Uint8Array, offset = 0, lengthBytes = bytes.length - offset): string {
  if (lengthBytes === 4) return `${bytes[offset]}.${bytes[offset + 1]}.${bytes[offset + 2]}.${bytes[offset + 3]}`
  return formatIpv6(bytes, offset)
}

function parseIpv4(text: string): Uint8Array | undefined {
  const octets = new Uint8Array(4)
  return readIpv4(text, 0, octets, 0) ? octets : undefined
}

/** Reads dotted decimal from `start` to the end of the text. */
function readIpv4(text: string, start: number, into: Uint8Array, at: number): boolean {
  let position = start
  for (let octet = 0; octet < 4; octet++) {
    if (octet > 0 && text.charCodeAt(position++) !== DOT) return false
    const first = position
    let value = 0
    while (position < text.length && position - first < 3) {
      const digit = text.charCodeAt(position) - ZERO
      if (digit < 0 || digit > 9) break
      value = value * 10 + digit
      position++
    }
    if (position === first || value > 255) return false
    if (position - first > 1 && text.charCodeAt(first) === ZERO) return false
    into[at + octet] = value
  }
  return position === text.length
}

function parseIpv6(text: string): Uint8Array | undefined {
  if (text.length > 45) return undefined
  const octets = new Uint8Array(16)
  let filled = 0
  let gapAt = -1
  let position = 0
  if (text.startsWith('::')) {
    gapAt = 0
    position = 2
  } else if (text.startsWith(':')) return undefined
  while (position < text.length) {
    const groupStart = position
    let value = 0
    while (position < text.length && position - groupStart < 4) {
      const digit = hexDigit(text.charCodeAt(position))
      if (digit < 0) break
      value = value * 16 + digit
      position++
    }
    if (position < text.length && text.charCodeAt(position) === DOT) {
      if (filled > 12 || !readIpv4(text, groupStart, octets, filled)) return undefined
      filled += 4
      break
    }
    if (position === groupStart || filled > 14) return undefined
    octets[filled++] = value >> 8
    octets[filled++] = value & 0xff
    if (position === text.length) break
    if (text.charCodeAt(position++) !== COLON) return undefined
    if (text.charCodeAt(position) === COLON) {
      if (gapAt >= 0) return undefined
      gapAt = filled
      position++
    } else if (position === text.length) return undefined
  }
  if (gapAt < 0) return filled === 16 ? octets : undefined
  if (filled > 14) return undefined // "::" stands for at least one group
  octets.copyWithin(16 - (filled - gapAt), gapAt, filled)
  octets.fill(0, gapAt, 16 - (filled - gapAt))
  return octets
}

/** RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups (the first of equals) as "::". */
function formatIpv6(bytes: Uint8Array, offset: number): string {
  let bestStart = -1
  let bestLength = 1
  for (let group = 0; group < 8;) {
    let end = group
    while (end < 8 && bytes[offset + 2 * end] === 0 && bytes[offset + 2 * end + 1] === 0) end++
    if (end - group > bestLength) {
      bestStart = group
      bestLength = end - group
    }
    group = end + 1
  }
  if (isIpv4Mapped(bytes, offset)) return `::ffff:${formatAddress(bytes, offset + 12, 4)}` // RFC 5952 §5
  let text = ''
  for (let group = 0; group < 8; group++) {
    if (group === bestStart) {
      text += '::'
      group += bestLength - 1
      continue
    }
    if (text !== '' && !text.endsWith(':')) text += ':'
    text += ((bytes[offset + 2 * group] << 8) | bytes[offset + 2 * group + 1]).toString(16)
  }
  return text
}

/** ::ffff:0:0/96 (RFC 4291 §2.5.5.2): an IPv6 address that is no IPv6 destination, and no IPv4 one either. */
export function isIpv4Mapped(bytes: Uint8Array, offset = 0): boolean {
  for (let i = 0; i < 10; i++) if (bytes[offset + i] !== 0) return false
  return bytes[offset + 10] === 0xff && bytes[offset + 11] === 0xff
}

const DOT = 0x2e
const ZERO = 0x30
const COLON = 0x3a

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}
