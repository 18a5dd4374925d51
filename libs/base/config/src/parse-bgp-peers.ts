/** The peers of [bgp]: the short form `peers`, and the tables [[bgp.peer]]. */
import { BGP_PEER, NOBODY } from './bgp-section.ts'
import type { BgpPeerConfig } from './bgp-section.ts'
import type { PeerAddress } from './bgp-peer-address.ts'
import { familyOf } from './bgp-values.ts'
import type { ListConfig } from './list-section.ts'
import { nearest } from './nearest.ts'
import type { Section } from './section.ts'
import { defaultsOf } from './setting.ts'
import type { ValuesOf } from './setting.ts'

/** TTL of our packets to a peer that may be some hops away. */
const MULTIHOP_TTL = 64

export interface BgpContext {
  readonly ipv6: boolean
  readonly lists: readonly ListConfig[]
}

/** What [bgp] says for every peer that does not say it itself. */
export interface ForAllPeers extends Pick<
  BgpPeerConfig,
  | 'asn'
  | 'sourceIpv4'
  | 'sourceIpv6'
  | 'device'
  | 'password'
  | 'holdTimeSeconds'
  | 'connectRetrySeconds'
  | 'families'
  | 'nextHopIpv4'
  | 'nextHopIpv6'
> {
  readonly listens: boolean
}

export function parsePeers(
  section: Section,
  short: readonly PeerAddress[],
  forAll: ForAllPeers,
  context: BgpContext,
): readonly BgpPeerConfig[] {
  const seen = new Set<string>()
  const check = (peer: BgpPeerConfig, report: Report) => {
    const key = `${describeRemote(peer)} ${peer.port}`
    if (seen.has(key)) report(undefined, `${peer.name} is listed twice: remove one`, '')
    seen.add(key)
    refuseOwnAddressAsNextHop(peer, forAll, context, report)
  }
  const fromShort = short.map((where) => {
    const peer = makePeer({ ...defaultsOf(BGP_PEER), where }, forAll)
    check(peer, (_key, saw, expected) => section.mistaken('peers', saw, expected))
    return peer
  })
  const fromTables = section.tables('peer').flatMap((table) => {
    const values = table.read(BGP_PEER)
    const peer = makePeer(values, forAll)
    checkPeer(table, values, peer, forAll, context)
    if (values.where === NOBODY) return []
    check(peer, (key, saw, expected) => table.mistaken(key ?? 'address', saw, expected))
    return [peer]
  })
  return [...fromShort, ...fromTables]
}

type Report = (key: string | undefined, seen: string, expected: string) => void

/** RFC 4271 §5.1.3: no route may tell a peer to send to itself. Only what the configuration shows; host names are not resolved here. */
function refuseOwnAddressAsNextHop(peer: BgpPeerConfig, forAll: ForAllPeers, { lists }: BgpContext, report: Report): void {
  if (peer.remote.kind !== 'address') return
  const own = peer.remote.address
  const isIpv6 = own.includes(':')
  const key = isIpv6 ? 'nextHopIpv6' : 'nextHopIpv4'
  const expected = 'a next hop that is not the peer itself (nextHop in its [[bgp.peer]] table comes first, and may be "self")'
  if (peer[key] !== undefined) {
    if (peer[key] === own)
      report(isIpv6 ? 'nextHopIPv6' : 'nextHop', `seen ${own} both as the peer and as its next hop`, expected)
    return
  }
  const itsLists = lists.filter((one) => peer.lists?.includes(one.name) ?? true)
  const list = itsLists.find((one) => one[key] === own)
  if (list !== undefined)
    report(undefined, `seen ${own} both as the peer and as the next hop of list ${JSON.stringify(list.name)}`, expected)
  else if (forAll[key] === own && (itsLists.length === 0 || itsLists.some((one) => one[key] === undefined)))
    report(undefined, `seen ${own} both as the peer and as its next hop`, expected)
}

type PeerValues = ValuesOf<typeof BGP_PEER.settings>

function makePeer(values: PeerValues, forAll: ForAllPeers): BgpPeerConfig {
  const { where, sourceIp, multihop, ttlSecurity, ...own } = values
  const asn = own.asn ?? forAll.asn
  const localAsn = own.localAsn ?? forAll.asn
  const ttlSecurityHops = ttlSecurity === false ? undefined : ttlSecurity === true ? 1 : ttlSecurity
  const usualTtl = asn === localAsn || multihop === true ? MULTIHOP_TTL : 1
  const sourceFamily = sourceIp === undefined ? undefined : familyOf(sourceIp)
  return {
    ...own,
    name: own.name ?? where.name,
    remote: where.remote,
    port: where.port ?? own.port,
    asn,
    localAsn,
    password: own.password ?? forAll.password,
    ttlSecurityHops,
    ttl: ttlSecurityHops !== undefined ? 255 : typeof multihop === 'number' ? multihop : usualTtl,
    families: own.families === undefined ? forAll.families : [...new Set(own.families)],
    maxRoutes: own.maxRoutes ?? Infinity,
    holdTimeSeconds: own.holdTimeSeconds ?? forAll.holdTimeSeconds,
    connectRetrySeconds: own.connectRetrySeconds ?? forAll.connectRetrySeconds,
    sourceIpv4: sourceFamily === 'ipv4' ? sourceIp : forAll.sourceIpv4,
    sourceIpv6: sourceFamily === 'ipv6' ? sourceIp : forAll.sourceIpv6,
    device: own.device ?? forAll.device,
  }
}

function checkPeer(
  section: Section,
  values: PeerValues,
  peer: BgpPeerConfig,
  { listens }: ForAllPeers,
  context: BgpContext,
): void {
  const { where, multihop, families, sourceIp } = values
  const isOfAnotherAs = peer.asn !== peer.localAsn
  if (section.has('port') && where.port !== undefined)
    section.mistaken('port', 'set together with a port in `address`: keep one of the two', '')
  if (multihop !== false && peer.ttlSecurityHops !== undefined)
    section.mistaken('multihop', 'set together with `ttlSecurity`, which takes the number of hops: keep one of the two', '')
  if (where.remote.kind === 'prefix' && !peer.passive)
    section.mistaken('address', 'seen a prefix', 'passive = true with a prefix, or one address')
  if (peer.passive && !listens) section.mistaken('passive', 'needs `bgp.listen = "address:port"`, where the peer reaches us', '')
  if (peer.strictRole && peer.role === undefined)
    section.mistaken('strictRole', 'applies only with `role`: set `role`, or remove it', '')
  if (peer.role !== undefined && !isOfAnotherAs)
    section.mistaken('role', 'applies only to a peer of another AS (RFC 9234): remove it', '')
  const family = where.remote.kind === 'address' && where !== NOBODY ? familyOf(where.remote.address) : undefined
  if (sourceIp !== undefined && family !== undefined && familyOf(sourceIp) !== family)
    section.mistaken('sourceIP', `seen ${sourceIp}`, `an ${family === 'ipv4' ? 'IPv4' : 'IPv6'} address, as the peer's`)
  if (families?.length === 0) section.mistaken('families', 'seen an empty list', '"ipv4", "ipv6" or both')
  if (families?.includes('ipv6') === true && !context.ipv6)
    section.mistaken('families', '"ipv6" needs `ipv6 = true` at the top of the file', '')
  checkListNames(section, values.lists ?? [], context.lists)
}

function checkListNames(section: Section, names: readonly string[], lists: readonly ListConfig[]): void {
  const known = lists.map((list) => list.name)
  for (const name of names) {
    if (known.includes(name)) continue
    const near = nearest(name, known)
    section.mistaken(
      'lists',
      `there is no list ${JSON.stringify(name)}`,
      'names of configured lists',
      near === undefined ? undefined : JSON.stringify(near),
    )
  }
}

function describeRemote({ remote }: BgpPeerConfig): string {
  return remote.kind === 'address' ? remote.address : remote.kind === 'prefix' ? remote.prefix : remote.hostname
}
