/** Values that only the tables of BGP have. */
import { parseAddress } from '@dnstap-bgp/ip'
import { seconds } from './duration.ts'
import { address, tcpListenAddress } from './network-values.ts'
import { nextHopAddress } from './next-hop.ts'
import { Wrong } from './read.ts'
import type { Read } from './read.ts'
import { boolean, integer, string } from './values.ts'

export type AddressFamily = 'ipv4' | 'ipv6'

export const asNumber: Read<number> = (value, folder) => {
  const expected = 'an AS number from 1 to 4294967295'
  const found = integer(1, 0xffffffff, 'an AS number')(value, folder)
  if (found instanceof Wrong) return new Wrong(expected, found)
  return found === 23456 ? new Wrong(`${expected} (23456 is AS_TRANS, RFC 6793)`) : found
}

/** RFC 6286: any number but 0, by custom an IPv4 address. */
export const routerId: Read<string> = (value, folder) => {
  const found = address('ipv4')(value, folder)
  if (found instanceof Wrong) return new Wrong('an IPv4 address')
  return found === '0.0.0.0' ? new Wrong('an IPv4 address other than 0.0.0.0') : found
}

export function sourceAddress(family?: AddressFamily): Read<string> {
  const read = address(family)
  return (value, folder) => {
    const found = read(value, folder)
    if (found instanceof Wrong) return found
    const first = Number(found.split('.')[0])
    const wrong = found === '::' || found.startsWith('ff') || (!found.includes(':') && (first === 0 || first >= 224))
    return wrong ? new Wrong('an address of this machine') : found
  }
}

export function selfOr(family: AddressFamily): Read<string> {
  const read = nextHopAddress(family)
  return (value, folder) => {
    const written = string(value, folder)
    if (!(written instanceof Wrong) && written.toLowerCase() === 'self') return 'self'
    const found = read(value, folder)
    return found instanceof Wrong ? new Wrong(`"self", or ${found.expected}`, found) : found
  }
}

/** RFC 4271 §4.2: zero, or at least three seconds; two octets on the wire. */
export const holdTime = seconds({ minimumMs: 3000, maximumMs: 65_535_000, zero: true })

export function booleanOr<T>(read: Read<T>): Read<boolean | T> {
  return (value, folder) => {
    const found = read(value, folder)
    if (!(found instanceof Wrong)) return found
    const flag = boolean(value, folder)
    return flag instanceof Wrong ? new Wrong(`true, false or ${found.expected}`, found) : flag
  }
}

/** IFNAMSIZ is 16 and counts the final NUL: a name has at most 15 octets. */
export const interfaceName: Read<string> = (value, folder) => {
  const written = string(value, folder)
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

/** No host name: where we listen must not depend on who answers for it, nor on whether anybody does. */
export const ownAddressAndPort: typeof tcpListenAddress = (value, folder) => {
  const read = tcpListenAddress(value, folder)
  const isAddress = read instanceof Wrong || read.host === undefined || parseAddress(read.host) !== undefined
  return isAddress ? read : new Wrong('"address:port", "[IPv6 address]:port" or ":port"')
}
