/** The table [bgp] as services see it: what its keys mean together. parse-bgp-peers.ts does the same for its peers. */
import { BGP } from './bgp-section.ts'
import type { BgpConfig, BgpPeerConfig } from './bgp-section.ts'
import { whyNoNextHop } from './next-hop.ts'
import { parsePeers } from './parse-bgp-peers.ts'
import type { BgpContext, ForAllPeers } from './parse-bgp-peers.ts'
import type { Section } from './section.ts'

export function parseBgp(section: Section, context: BgpContext): BgpConfig | undefined {
  const values = section.read(BGP)
  const { asn, bgpIdentifier, listen, gracefulRestartSeconds, longLivedStaleSeconds, onStop, relearnMs, stateFile } = values
  const source = sourceOf(section, values)
  const nextHopIpv4 = values.nextHopIpv4 ?? source.sourceIpv4 ?? bgpIdentifier
  const nextHopIpv6 = values.nextHopIpv6 ?? source.sourceIpv6
  const fallbackWhy = section.has('nextHop') ? undefined : whyNoNextHop(nextHopIpv4 || '192.0.2.1')
  if (fallbackWhy !== undefined)
    section.missing('nextHop', `an IPv4 address that a router can send to (without it ${nextHopIpv4} is used: ${fallbackWhy})`)
  const forAll: ForAllPeers = {
    asn,
    ...source,
    nextHopIpv4,
    nextHopIpv6,
    device: values.device,
    password: values.password,
    holdTimeSeconds: values.holdTimeSeconds,
    connectRetrySeconds: values.connectRetrySeconds,
    families: context.ipv6 ? ['ipv4', 'ipv6'] : ['ipv4'],
    listens: listen !== undefined,
  }
  const peers = parsePeers(section, values.peers, forAll, context)
  if (
    context.ipv6 &&
    nextHopIpv6 === undefined &&
    peers.some(isOverIpv4Only) &&
    context.lists.some((list) => list.nextHopIpv6 === undefined)
  )
    section.warn(
      'ipv6 is on without bgp.nextHopIPv6: peers over IPv4 get no IPv6 routes, peers over IPv6 get our own address as next hop',
    )
  if (!section.present) return undefined
  const own = { asn, bgpIdentifier, listen, gracefulRestartSeconds, longLivedStaleSeconds, onStop, relearnMs, stateFile }
  return { ...own, nextHopIpv4, nextHopIpv6, peers }
}

function isOverIpv4Only(peer: BgpPeerConfig): boolean {
  return (
    peer.remote.kind === 'address' &&
    !peer.remote.address.includes(':') &&
    peer.families.includes('ipv6') &&
    peer.nextHopIpv6 === undefined
  )
}

type Source = Pick<ForAllPeers, 'sourceIpv4' | 'sourceIpv6'>

/** `sourceIP` may be of either family, as in the ancestor; `sourceIPv6` stands beside an IPv4 one. */
function sourceOf(
  section: Section,
  keys: { readonly sourceIp: string | undefined; readonly sourceIpv6: string | undefined },
): Source {
  const { sourceIp, sourceIpv6 } = keys
  if (sourceIp?.includes(':') !== true) return { sourceIpv4: sourceIp, sourceIpv6 }
  if (sourceIpv6 !== undefined) section.mistaken('sourceIP', 'seen an IPv6 address beside sourceIPv6', 'an IPv4 address')
  return { sourceIpv4: undefined, sourceIpv6: sourceIp }
}
