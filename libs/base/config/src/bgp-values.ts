/** Values that only the tables of BGP have. */
import type { AddressFamily } from './config.ts'
import { nextHopAddress } from './list-tables.ts'
import { Wrong, address, boolean, integer, seconds, string } from './values.ts'
import type { Read } from './values.ts'

export const asNumber: Read<number> = (value) => {
  const expected = 'an AS number from 1 to 4294967295'
  const found = integer(1, 0xffffffff, 'an AS number')(value)
  if (found instanceof Wrong) return new Wrong(expected, found)
  return found === 23456 ? new Wrong(`${expected} (23456 is AS_TRANS, RFC 6793)`) : found
}

/** RFC 6286: any number but 0, by custom an IPv4 address. */
export const routerId: Read<string> = (value) => {
  const found = address('ipv4')(value)
  if (found instanceof Wrong) return new Wrong('an IPv4 address')
  return found === '0.0.0.0' ? new Wrong('an IPv4 address other than 0.0.0.0') : found
}

export function sourceAddress(family?: AddressFamily): Read<string> {
  const read = address(family)
  return (value) => {
    const found = read(value)
    if (found instanceof Wrong) return found
    const first = Number(found.split('.')[0])
    const wrong = found === '::' || found.startsWith('ff') || (!found.includes(':') && (first === 0 || first >= 224))
    return wrong ? new Wrong('an address of this machine') : found
  }
}

export function selfOr(family: AddressFamily): Read<string> {
  const read = nextHopAddress(family)
  return (value) => {
    const written = string(value)
    if (!(written instanceof Wrong) && written.toLowerCase() === 'self') return 'self'
    const found = read(value)
    return found instanceof Wrong ? new Wrong(`"self", or ${found.expected}`, found) : found
  }
}

/** RFC 4271 §4.2: zero, or at least three seconds; two octets on the wire. */
export const holdTime = seconds({ minimumMs: 3000, maximumMs: 65_535_000, zero: true })

export function booleanOr<T>(read: Read<T>): Read<boolean | T> {
  return (value) => {
    const flag = value.type === 'scalar' && value.kind === 'boolean' ? boolean(value) : undefined
    if (flag !== undefined) return flag
    const found = read(value)
    return found instanceof Wrong ? new Wrong(`true, false or ${found.expected}`, found) : found
  }
}

/** IFNAMSIZ is 16 and counts the final NUL: a name has at most 15 octets. */
export const interfaceName: Read<string> = (value) => {
  const written = string(value)
  return written instanceof Wrong || !/^[^\s/\0]{1,15}$/.test(written)
    ? new Wrong('the name of a network interface or VRF (1 to 15 characters)')
    : written
}

/** TCP_MD5SIG_MAXKEYLEN. */
export function md5Key(secret: string): string | undefined {
  return Buffer.byteLength(secret) <= 80 ? undefined : 'at most 80 octets (RFC 2385 keys on this system)'
}

export function familyOf(text: string): AddressFamily {
  return text.includes(':') ? 'ipv6' : 'ipv4'
}
