/** Which addresses can be a next hop: of lists, of peers, and our own. */
import { address } from './network-values.ts'
import { Wrong } from './read.ts'
import type { Read } from './read.ts'

/** An address that traffic can be sent to. Peers refuse others, some of them for ever. */
export function nextHopAddress(family: 'ipv4' | 'ipv6'): Read<string> {
  const read = address(family)
  return (value, folder) => {
    const found = read(value, folder)
    if (found instanceof Wrong) return found
    const why = whyNoNextHop(found)
    return why === undefined
      ? found
      : new Wrong(`${family === 'ipv4' ? 'an IPv4' : 'an IPv6'} address that a router can send to (${why} is none)`)
  }
}

/** Why this address (canonical text) cannot be a next hop; undefined: it can. */
export function whyNoNextHop(found: string): string | undefined {
  if (found.includes(':')) {
    if (found === '::') return 'the unspecified address'
    if (found === '::1') return 'the loopback address'
    if (found.startsWith('ff')) return 'a multicast address'
    if (found.startsWith('::ffff:')) return 'an IPv4-mapped address'
    // A link-local one means nothing without its interface, and RFC 2545 allows it only beside a global one.
    if (/^fe[89ab]/.test(found)) return 'a link-local address'
    return undefined
  }
  const first = Number(found.split('.')[0])
  if (first === 0) return 'an address in 0.0.0.0/8'
  if (first === 127) return 'an address in 127.0.0.0/8'
  if (first >= 224 && first < 240) return 'a multicast address'
  if (first >= 240) return 'a reserved address'
  return undefined
}
