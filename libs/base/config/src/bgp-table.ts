/** The table [bgp]; bgp-peer-table.ts reads its peers. */
import { parseAddress } from '@dnstap-bgp/ip'
import { parsePeers, type BgpContext, type ForAllPeers } from './bgp-peer-table.ts'
import { asNumber, holdTime, interfaceName, md5Key, routerId, sourceAddress } from './bgp-values.ts'
import type { BgpConfig, BgpPeerConfig } from './config.ts'
import { DEFAULTS } from './defaults.ts'
import { nextHopAddress, whyNoNextHop } from './list-tables.ts'
import { readSecret } from './read-secret.ts'
import type { Section } from './section.ts'
import { Wrong, duration, oneOf, path, seconds, tcpListenAddress } from './values.ts'

export function parseBgp(section: Section, context: BgpContext): BgpConfig | undefined {
  const asn = section.required('as', asNumber, 'the number of our AS')
  const bgpIdentifier = section.required('routerID', routerId, 'an IPv4 address that names this speaker')
  const listen = section.optional('listen', ownAddressAndPort)
  const source = parseSource(section)
  const nextHopIpv4 = section.optional('nextHop', nextHopAddress('ipv4'))
  const forAll: ForAllPeers = {
    asn: asn ?? 0,
    bgpIdentifier: bgpIdentifier ?? '',
    nextHopIpv4: nextHopIpv4 ?? source.sourceIpv4 ?? bgpIdentifier ?? '',
    nextHopIpv6: section.optional('nextHopIPv6', nextHopAddress('ipv6')) ?? source.sourceIpv6,
    ...source,
    device: section.optional('device', interfaceName),
    password: readSecret(section, 'password', context, md5Key),
    holdTimeSeconds: section.get('holdTime', holdTime, DEFAULTS.bgp.holdTimeSeconds),
    connectRetrySeconds: section.get(
      'connectRetry',
      seconds({ minimumMs: 1000, maximumMs: 3_600_000 }),
      DEFAULTS.bgp.connectRetrySeconds,
    ),
    families: context.ipv6 ? ['ipv4', 'ipv6'] : ['ipv4'],
    listens: listen !== undefined,
  }
  const { sourceIpv4, sourceIpv6, device, password, holdTimeSeconds, connectRetrySeconds, families } = forAll
  const fallbackWhy =
    nextHopIpv4 === undefined && !section.has('nextHop') ? whyNoNextHop(forAll.nextHopIpv4 || '192.0.2.1') : undefined
  if (fallbackWhy !== undefined)
    section.missing(
      'nextHop',
      `an IPv4 address that a router can send to (without it ${forAll.nextHopIpv4} is used: ${fallbackWhy})`,
    )

  const bgp: BgpConfig = {
    asn: forAll.asn,
    bgpIdentifier: forAll.bgpIdentifier,
    listen,
    nextHopIpv4: forAll.nextHopIpv4,
    nextHopIpv6: forAll.nextHopIpv6,
    gracefulRestartSeconds: section.get(
      'gracefulRestartTime',
      seconds({ zero: true, maximumMs: 4095_000 }),
      DEFAULTS.bgp.gracefulRestartSeconds,
    ),
    longLivedStaleSeconds: section.get(
      'longLivedStaleTime',
      seconds({ zero: true, maximumMs: 0xffffff * 1000 }),
      DEFAULTS.bgp.longLivedStaleSeconds,
    ),
    onStop: section.get('onStop', oneOf(['keep', 'withdraw']), DEFAULTS.bgp.onStop),
    relearnMs: section.get('relearnTime', duration({ zero: true }), DEFAULTS.bgp.relearnMs),
    stateFile: section.optional('stateFile', path(context.folder)),
    peers: parsePeers(section, forAll, context),
    forAllPeers: { sourceIpv4, sourceIpv6, device, password, holdTimeSeconds, connectRetrySeconds, families },
  }
  if (
    context.ipv6 &&
    bgp.nextHopIpv6 === undefined &&
    bgp.peers.some(isOverIpv4Only) &&
    context.lists.some((list) => list.nextHopIpv6 === undefined)
  )
    context.reading.warnings.push(
      'ipv6 is on without bgp.nextHopIPv6: peers over IPv4 get no IPv6 routes, peers over IPv6 get our own address as next hop',
    )
  section.advise('sourceIF', 'is now called `device`')
  section.done()
  return section.present ? bgp : undefined
}

function isOverIpv4Only(peer: BgpPeerConfig): boolean {
  return (
    peer.remote.kind === 'address' &&
    !peer.remote.address.includes(':') &&
    peer.families.includes('ipv6') &&
    peer.nextHopIpv6 === undefined
  )
}

/** `sourceIP` may be of either family, as in the ancestor; `sourceIPv6` stands beside an IPv4 one. */
function parseSource(section: Section): { sourceIpv4: string | undefined; sourceIpv6: string | undefined } {
  const sourceIp = section.optional('sourceIP', sourceAddress())
  const sourceIpv6 = section.optional('sourceIPv6', sourceAddress('ipv6'))
  if (sourceIp?.includes(':') === true) {
    if (sourceIpv6 !== undefined) section.mistaken('sourceIP', 'seen an IPv6 address beside sourceIPv6', 'an IPv4 address')
    return { sourceIpv4: undefined, sourceIpv6: sourceIp }
  }
  return { sourceIpv4: sourceIp, sourceIpv6 }
}

/** No host name: where we listen must not depend on who answers for it, nor on whether anybody does. */
const ownAddressAndPort: typeof tcpListenAddress = (value) => {
  const read = tcpListenAddress(value)
  const isAddress = read instanceof Wrong || read.host === undefined || parseAddress(read.host) !== undefined
  return isAddress ? read : new Wrong('"address:port", "[IPv6 address]:port" or ":port"')
}
