import { formatAddress, isIpv4Mapped, parseAddress } from '@dnstap-bgp/ip'

/** The canonical text of an address as a socket tells it: without a zone, an IPv4-mapped one as IPv4. Other text stays as it is. */
export function plainAddress(text: string): string {
  const octets = parseAddress(text.replace(/%.*$/, ''))
  if (octets === undefined) return text
  return octets.length === 16 && isIpv4Mapped(octets) ? formatAddress(octets, 12, 4) : formatAddress(octets)
}
