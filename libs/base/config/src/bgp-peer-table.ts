/** The peers of [bgp]: the short form `peers`, and the tables [[bgp.peer]]. */
import { parseAddress } from '@dnstap-bgp/ip'
import { asNumber, booleanOr, familyOf, holdTime, interfaceName, md5Key, selfOr, sourceAddress } from './bgp-values.ts'
import type { BgpPeerConfig, ListConfig } from './config.ts'
import { BGP_ROLES } from './config.ts'
import type { Context } from './context.ts'
import { DEFAULTS } from './defaults.ts'
import { whyNoNextHop } from './list-tables.ts'
import { nearest } from './mistakes.ts'
import { readSecret } from './read-secret.ts'
import type { Section } from './section.ts'
import {
  Wrong,
  boolean,
  community,
  integer,
  largeCommunity,
  arrayOf,
  oneOf,
  oneOrMany,
  parseEndpoint,
  prefix,
  seconds,
  string,
} from './values.ts'
import type { Read } from './values.ts'

export interface BgpContext extends Context {
  readonly ipv6: boolean
  readonly lists: readonly ListConfig[]
}

/** What [bgp] says for every peer that does not say it itself. */
export interface ForAllPeers extends Pick<
  BgpPeerConfig,
  'sourceIpv4' | 'sourceIpv6' | 'device' | 'password' | 'holdTimeSeconds' | 'connectRetrySeconds' | 'families'
> {
  readonly asn: number
  readonly bgpIdentifier: string
  readonly nextHopIpv4: string
  readonly nextHopIpv6: string | undefined
  readonly listens: boolean
}

export function parsePeers(section: Section, forAll: ForAllPeers, context: BgpContext): readonly BgpPeerConfig[] {
  const short = section.get('peers', arrayOf(peerAddress), []).map((where) => makePeer(where, forAll))
  const tables = section.tables('peer')
  const long = tables.map((table) => parsePeer(table, forAll, context))
  const seen = new Set<string>()
  const check = (peer: BgpPeerConfig | undefined, report: Report) => {
    if (peer === undefined) return
    const key = `${describeRemote(peer)} ${peer.port}`
    if (seen.has(key)) report(undefined, `${peer.name} is listed twice: remove one`, '')
    seen.add(key)
    refuseOwnAddressAsNextHop(peer, forAll, context, report)
  }
  short.forEach((peer) => check(peer, (_key, saw, expected) => section.mistaken('peers', saw, expected)))
  long.forEach((peer, index) => check(peer, (key, saw, expected) => tables[index].mistaken(key ?? 'address', saw, expected)))
  return [...short, ...long.filter((peer) => peer !== undefined)]
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

function parsePeer(section: Section, forAll: ForAllPeers, context: BgpContext): BgpPeerConfig | undefined {
  const where = section.required('address', peerAddress, 'an address or host name of the peer')
  const port = section.optional('port', integer(1, 65535))
  if (port !== undefined && where?.port !== undefined)
    section.mistaken('port', 'set together with a port in `address`: keep one of the two', '')
  const asn = section.get('as', asNumber, forAll.asn)
  const localAsn = section.get('localAs', asNumber, forAll.asn)
  const external = asn !== localAsn
  const multihop = section.get('multihop', booleanOr(integer(2, 255, 'a number of hops')), DEFAULTS.bgp.peer.multihop)
  const ttlSecurity = section.get('ttlSecurity', booleanOr(integer(1, 254, 'a number of hops')), DEFAULTS.bgp.peer.ttlSecurity)
  const ttlSecurityHops = ttlSecurity === false ? undefined : ttlSecurity === true ? 1 : ttlSecurity
  if (multihop !== false && ttlSecurityHops !== undefined)
    section.mistaken('multihop', 'set together with `ttlSecurity`, which takes the number of hops: keep one of the two', '')
  const passive = section.get('passive', boolean, DEFAULTS.bgp.peer.passive)
  if (where?.remote.kind === 'prefix' && !passive)
    section.mistaken('address', 'seen a prefix', 'passive = true with a prefix, or one address')
  if (passive && !forAll.listens)
    section.mistaken('passive', 'needs `bgp.listen = "address:port"`, where the peer reaches us', '')
  const role = section.optional('role', oneOf(BGP_ROLES))
  const strictRole = section.get('strictRole', boolean, DEFAULTS.bgp.peer.strictRole)
  if (strictRole && role === undefined) section.mistaken('strictRole', 'applies only with `role`: set `role`, or remove it', '')
  if (role !== undefined && !external) section.mistaken('role', 'applies only to a peer of another AS (RFC 9234): remove it', '')
  const sourceOfPeer = section.optional('sourceIP', sourceAddress())
  const family = where?.remote.kind === 'address' ? familyOf(where.remote.address) : undefined
  if (sourceOfPeer !== undefined && family !== undefined && familyOf(sourceOfPeer) !== family)
    section.mistaken('sourceIP', `seen ${sourceOfPeer}`, `an ${family === 'ipv4' ? 'IPv4' : 'IPv6'} address, as the peer's`)
  const families = section.get('families', oneOrMany(oneOf(['ipv4', 'ipv6'])), undefined)
  if (families?.length === 0) section.mistaken('families', 'seen an empty list', '"ipv4", "ipv6" or both')
  if (families?.includes('ipv6') === true && !context.ipv6)
    section.mistaken('families', '"ipv6" needs `ipv6 = true` at the top of the file', '')
  const fallback = makePeer(where ?? { name: '', remote: { kind: 'address', address: '' }, port: undefined }, forAll)
  const peer: BgpPeerConfig = {
    ...fallback,
    name: section.get('name', string, fallback.name),
    port: where?.port ?? port ?? fallback.port,
    asn,
    localAsn,
    password: readSecret(section, 'password', context, md5Key) ?? fallback.password,
    ttlSecurityHops,
    ttl:
      ttlSecurityHops !== undefined
        ? 255
        : typeof multihop === 'number'
          ? multihop
          : external && multihop !== true
            ? 1
            : DEFAULTS.bgp.multihopTtl,
    passive,
    families: families === undefined ? fallback.families : [...new Set(families)],
    nextHopIpv4: section.optional('nextHop', selfOr('ipv4')),
    nextHopIpv6: section.optional('nextHopIPv6', selfOr('ipv6')),
    communities: section.get('communities', oneOrMany(community), []),
    largeCommunities: section.get('largeCommunities', oneOrMany(largeCommunity), []),
    lists: parseListNames(section, context.lists),
    maxRoutes: section.get('maxRoutes', integer(1, 100_000_000), Infinity),
    holdTimeSeconds: section.get('holdTime', holdTime, forAll.holdTimeSeconds),
    connectRetrySeconds: section.get(
      'connectRetry',
      seconds({ minimumMs: 1000, maximumMs: 3_600_000 }),
      forAll.connectRetrySeconds,
    ),
    sourceIpv4: sourceOfPeer !== undefined && familyOf(sourceOfPeer) === 'ipv4' ? sourceOfPeer : forAll.sourceIpv4,
    sourceIpv6: sourceOfPeer !== undefined && familyOf(sourceOfPeer) === 'ipv6' ? sourceOfPeer : forAll.sourceIpv6,
    device: section.get('device', interfaceName, forAll.device),
    role,
    strictRole,
    gracefulRestart: section.get('gracefulRestart', boolean, DEFAULTS.bgp.peer.gracefulRestart),
  }
  section.done()
  return where === undefined ? undefined : peer
}

function makePeer(where: PeerAddress, forAll: ForAllPeers): BgpPeerConfig {
  return {
    name: where.name,
    remote: where.remote,
    port: where.port ?? DEFAULTS.bgp.port,
    asn: forAll.asn,
    localAsn: forAll.asn,
    password: forAll.password,
    ttlSecurityHops: undefined,
    ttl: DEFAULTS.bgp.multihopTtl,
    passive: DEFAULTS.bgp.peer.passive,
    families: forAll.families,
    nextHopIpv4: undefined,
    nextHopIpv6: undefined,
    communities: [],
    largeCommunities: [],
    lists: undefined,
    maxRoutes: Infinity,
    holdTimeSeconds: forAll.holdTimeSeconds,
    connectRetrySeconds: forAll.connectRetrySeconds,
    sourceIpv4: forAll.sourceIpv4,
    sourceIpv6: forAll.sourceIpv6,
    device: forAll.device,
    role: undefined,
    strictRole: DEFAULTS.bgp.peer.strictRole,
    gracefulRestart: DEFAULTS.bgp.peer.gracefulRestart,
  }
}

function parseListNames(section: Section, lists: readonly ListConfig[]): readonly string[] | undefined {
  const names = section.optional('lists', oneOrMany(string))
  for (const name of names ?? []) {
    if (lists.some((list) => list.name === name)) continue
    const near = nearest(
      name,
      lists.map((list) => list.name),
    )
    section.mistaken(
      'lists',
      `there is no list ${JSON.stringify(name)}`,
      'names of configured lists',
      near === undefined ? undefined : JSON.stringify(near),
    )
  }
  return names
}

interface PeerAddress {
  readonly name: string
  readonly remote: BgpPeerConfig['remote']
  readonly port: number | undefined
}

const peerAddress: Read<PeerAddress> = (value) => {
  const expected = '"host", "host:port", "[IPv6 address]:port" or an IPv6 address'
  const written = string(value)
  if (written instanceof Wrong) return new Wrong(expected)
  if (written.includes('/')) {
    const range = prefix(value)
    return range instanceof Wrong ? range : { name: written, remote: { kind: 'prefix', prefix: range }, port: undefined }
  }
  const found = parseEndpoint(written, 0)
  if (found === undefined) return new Wrong(expected)
  const port = found.port === 0 ? undefined : found.port
  if (parseAddress(found.host) === undefined) return { name: written, remote: { kind: 'hostname', hostname: found.host }, port }
  const why = whyNoPeer(found.host)
  if (why !== undefined) return new Wrong(`the address of a router (this is ${why})`)
  return { name: written, remote: { kind: 'address', address: found.host }, port }
}

/** Loopback is fine for a peer: a router on the same machine, a tunnel, a test. */
function whyNoPeer(host: string): string | undefined {
  return host === '127.0.0.1' || host === '::1' || /^127\./.test(host)
    ? undefined
    : /^fe[89ab]/.test(host)
      ? undefined
      : whyNoNextHop(host)
}

function describeRemote({ remote }: BgpPeerConfig): string {
  return remote.kind === 'address' ? remote.address : remote.kind === 'prefix' ? remote.prefix : remote.hostname
}
