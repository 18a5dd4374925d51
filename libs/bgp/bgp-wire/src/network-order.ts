/** Octets in network order: reads and writes that all messages share, and UTF-8 for the texts that BGP carries. */

export function readUint16(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] << 8) | bytes[offset + 1]
}

export function readUint32(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] << 24) | (bytes[offset + 1] << 16) | (bytes[offset + 2] << 8) | bytes[offset + 3]) >>> 0
}

export function writeUint16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 8
  bytes[offset + 1] = value
}

export function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24
  bytes[offset + 1] = value >>> 16
  bytes[offset + 2] = value >>> 8
  bytes[offset + 3] = value
}

/** A copy. Not slice(): a Buffer of Node is a Uint8Array whose slice() shares the memory. */
export function copyOctets(bytes: Uint8Array, start = 0, end = bytes.length): Uint8Array {
  return new Uint8Array(bytes.subarray(start, end))
}

export function uint16(value: number): number[] {
  return [(value >>> 8) & 0xff, value & 0xff]
}

export function uint32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff]
}

/** `text` as UTF-8, cut before the first character that does not fit. A lone surrogate becomes U+FFFD. */
export function utf8Octets(text: string, maxOctets: number): number[] {
  const octets: number[] = []
  for (const character of text) {
    const scalar = scalarOf(character)
    const size = scalar < 0x80 ? 1 : scalar < 0x800 ? 2 : scalar < 0x10000 ? 3 : 4
    if (octets.length + size > maxOctets) break
    if (size === 1) octets.push(scalar)
    else {
      octets.push(LEAD_OCTET[size] | (scalar >> (6 * (size - 1))))
      for (let rest = size - 2; rest >= 0; rest--) octets.push(0x80 | ((scalar >> (6 * rest)) & 0x3f))
    }
  }
  return octets
}

const LEAD_OCTET = [0, 0, 0xc0, 0xe0, 0xf0]

function scalarOf(character: string): number {
  const point = character.codePointAt(0) ?? 0xfffd
  return point >= 0xd800 && point <= 0xdfff ? 0xfffd : point
}

/**
 * A text from the peer, safe for a log line. Octets that are not UTF-8 become U+FFFD, as do control characters (a newline in a shutdown
 * message must not forge a second log line) and characters that change the direction of text in a terminal.
 */
export function foreignTextIn(bytes: Uint8Array, start: number, end: number): string {
  let text = ''
  let at = start
  while (at < end) {
    const lead = bytes[at]
    const size =
      lead < 0x80 ? 1 : lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xf0 && lead < 0xf5 ? 4 : 0
    let scalar = size === 0 ? -1 : size === 1 ? lead : lead & (0x7f >> size)
    for (let i = 1; i < size && scalar >= 0; i++) {
      const next = at + i < end ? bytes[at + i] : 0
      scalar = (next & 0xc0) === 0x80 ? (scalar << 6) | (next & 0x3f) : -1
    }
    if (scalar < 0 || scalar < SMALLEST_OF_SIZE[size] || scalar > 0x10ffff || (scalar >= 0xd800 && scalar <= 0xdfff)) {
      text += '\ufffd'
      at++
      continue
    }
    text += isUnprintable(scalar) ? '\ufffd' : String.fromCodePoint(scalar)
    at += size
  }
  return text
}

const SMALLEST_OF_SIZE = [0, 0, 0x80, 0x800, 0x10000]

function isUnprintable(scalar: number): boolean {
  if (scalar < 0x20 || (scalar >= 0x7f && scalar <= 0x9f)) return true
  return (
    scalar === 0x2028 || scalar === 0x2029 || (scalar >= 0x202a && scalar <= 0x202e) || (scalar >= 0x2066 && scalar <= 0x2069)
  )
}
