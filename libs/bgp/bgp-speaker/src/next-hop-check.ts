/**
 * Next hops that a router must refuse (RFC 4271 §5.1.3, §6.3). A route to its own next hop cannot exist: next hops, peers and our own addresses
 * are on the never list.
 */
import { isIpv4Mapped, parseAddress } from '@dnstap-bgp/ip'

/**
 * What is wrong with a next hop, as the end of the sentence "a next hop must not be …"; undefined if nothing is. The peer itself cannot be the
 * next hop of a route that it gets.
 */
export function nextHopFault(nextHop: string, peerAddress: string): string | undefined {
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
  const peer = parseAddress(peerAddress)
  if (peer !== undefined && peer.length === octets.length && peer.every((octet, i) => octet === octets[i]))
    return 'the address of the peer itself'
  return undefined
}
