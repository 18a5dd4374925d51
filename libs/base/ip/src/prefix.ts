/**
 * Prefixes: an address and how many of its leading bits count.
 *
 * parsePrefix() is written out, for routes pass through it by the million when a table is loaded; ip-num does the arithmetic for what an
 * operator writes.
 */
import { IPv4CidrRange, IPv6CidrRange } from 'ip-num'
import { formatAddress, parseAddress } from './address.ts'

export interface Prefix {
  /** 4 or 16 octets, host bits zero. */
  readonly bytes: Uint8Array
  readonly lengthBits: number
}

/** Reads `192.0.2.0/24`, `2001:db8::/32`, or a bare address (a host prefix). Undefined when it is neither or has host bits set. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf('/')
  const bytes = parseAddress(slash < 0 ? text : text.slice(0, slash))
  if (bytes === undefined) return undefined
  if (slash < 0) return { bytes, lengthBits: bytes.length * 8 }
  const lengthBits = readLength(text, slash + 1)
  if (lengthBits < 0 || lengthBits > bytes.length * 8) return undefined
  return hasHostBits(bytes, lengthBits) ? undefined : { bytes, lengthBits }
}

/** Canonical text, e.g. `192.0.2.0/24`. */
export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix.bytes)}/${prefix.lengthBits}`
}

/** The host prefix of an address given as canonical text: `192.0.2.1` becomes `192.0.2.1/32`. */
export function hostPrefix(address: string): string {
  return address.includes(':') ? `${address}/128` : `${address}/32`
}

/** Does the prefix cover the address (octets of the same family) at `offset`? */
export function containsAddress(prefix: Prefix, address: Uint8Array, offset = 0): boolean {
  const whole = prefix.lengthBits >> 3
  for (let i = 0; i < whole; i++) if (prefix.bytes[i] !== address[offset + i]) return false
  const rest = prefix.lengthBits & 7
  if (rest === 0) return true
  return ((prefix.bytes[whole] ^ address[offset + whole]) & (0xff << (8 - rest)) & 0xff) === 0
}

/** The prefix that was meant by `192.0.2.1/24`, whose host bits are not zero: `192.0.2.0/24`. Undefined when it is no prefix at all. */
export function withoutHostBits(text: string): string | undefined {
  const [address = '', lengthText = '', ...rest] = text.split('/')
  const bytes = parseAddress(address)
  if (bytes === undefined || rest.length > 0 || !/^[0-9]{1,3}$/.test(lengthText)) return undefined
  const lengthBits = Number(lengthText)
  if (lengthBits > bytes.length * 8) return undefined
  const range =
    bytes.length === 4
      ? IPv4CidrRange.fromCidr(`${formatAddress(bytes)}/${lengthBits}`)
      : IPv6CidrRange.fromCidr(`${groupsOf(bytes)}/${lengthBits}`)
  const first = parseAddress(range.getFirst().toString())
  return first === undefined ? undefined : formatPrefix({ bytes: first, lengthBits })
}

/** All eight groups: ip-num reads no address that ends as IPv4 does. */
function groupsOf(bytes: Uint8Array): string {
  return Array.from({ length: 8 }, (_, group) => ((bytes[2 * group] << 8) | bytes[2 * group + 1]).toString(16)).join(':')
}

/** The decimal number of up to three digits from `start` to the end of the text, without leading zeros; -1 when it is none. */
function readLength(text: string, start: number): number {
  const digits = text.length - start
  if (digits < 1 || digits > 3 || (digits > 1 && text.charCodeAt(start) === ZERO)) return -1
  let length = 0
  for (let at = start; at < text.length; at++) {
    const digit = text.charCodeAt(at) - ZERO
    if (digit < 0 || digit > 9) return -1
    length = length * 10 + digit
  }
  return length
}

const ZERO = 0x30

function hasHostBits(bytes: Uint8Array, lengthBits: number): boolean {
  const whole = lengthBits >> 3
  if (whole === bytes.length) return false
  if ((bytes[whole] & (0xff >> (lengthBits & 7))) !== 0) return true
  for (let i = whole + 1; i < bytes.length; i++) if (bytes[i] !== 0) return true
  return false
}
