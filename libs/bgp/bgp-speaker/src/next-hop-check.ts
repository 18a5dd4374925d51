/** Next hops that a router must refuse, so that a configuration can refuse them first (RFC 4271 §5.1.3, §6.3). */
import { containsAddress, isIpv4Mapped, parseAddress, parsePrefix } from '@dnstap-bgp/ip'

export interface NextHopSurroundings {
  /** Addresses of the peer that is to get the route: it cannot send to itself. */
  readonly peerAddresses?: readonly string[]
  /** The route itself; traffic for it would be sent to what it covers. */
  readonly prefix?: string
}

/** What is wrong with a next hop, as the end of the sentence "a next hop must not be …"; undefined when nothing is. */
export function nextHopFault(nextHop: string, around: NextHopSurroundings = {}): string | undefined {
  const octets = parseAddress(nextHop)
  if (octets === undefined) return 'anything but an address'
  if (octets.length === 4) {
    if (octets[0] === 0) return 'in 0.0.0.0/8'
    if (octets[0] === 127) return 'in 127.0.0.0/8'
    if (octets[0] >= 224) return 'a multicast or reserved address'
  } else {
    if (isIpv4Mapped(octets)) return 'an IPv4-mapped address'
    if (octets.subarray(0, 15).every((octet) => octet === 0) && octets[15] <= 1) return 'the unspecified or the loopback address'
    if (octets[0] === 0xff) return 'a multicast address'
    if (octets[0] === 0xfe && (octets[1] & 0xc0) === 0x80) return 'a link-local address'
  }
  for (const text of around.peerAddresses ?? []) {
    const peer = parseAddress(text)
    if (peer !== undefined && peer.length === octets.length && peer.every((octet, i) => octet === octets[i]))
      return 'the address of the peer itself'
  }
  const prefix = around.prefix === undefined ? undefined : parsePrefix(around.prefix)
  if (prefix !== undefined && prefix.bytes.length === octets.length && containsAddress(prefix, octets))
    return 'inside the route itself'
  return undefined
}
