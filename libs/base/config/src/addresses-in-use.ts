import { parsePrefix } from '@dnstap-bgp/ip'
import type { BgpConfig } from './bgp-section.ts'
import type { ListConfig } from './list-section.ts'

/** Every address of peers, next hops and ourselves in the file, with its use. None of them may become a route. */
export function addressesInUse(
  bgp: BgpConfig | undefined,
  lists: readonly ListConfig[],
): readonly (readonly [prefix: string, reason: string])[] {
  const found: (readonly [string, string])[] = []
  const add = (text: string | undefined, reason: string) => {
    if (text !== undefined && text !== '' && text !== 'self' && parsePrefix(text) !== undefined) found.push([text, reason])
  }
  for (const list of lists) {
    add(list.nextHopIpv4, `next hop of list ${list.name}`)
    add(list.nextHopIpv6, `next hop of list ${list.name}`)
  }
  if (bgp === undefined) return found
  add(bgp.nextHopIpv4, 'our next hop')
  add(bgp.nextHopIpv6, 'our next hop')
  add(bgp.bgpIdentifier, 'our router ID')
  for (const peer of bgp.peers) {
    add(peer.remote.kind === 'address' ? peer.remote.address : undefined, `BGP peer ${peer.name}`)
    add(peer.nextHopIpv4, `next hop for BGP peer ${peer.name}`)
    add(peer.nextHopIpv6, `next hop for BGP peer ${peer.name}`)
    add(peer.sourceIpv4, 'our own address')
    add(peer.sourceIpv6, 'our own address')
  }
  return found
}
