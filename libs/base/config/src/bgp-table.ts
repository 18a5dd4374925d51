/** The [bgp] table and its [[bgp.peer]]s. */
import { parseAddress, parsePrefix } from '@dnstap-bgp/ip'
import type { AddressFamily, BgpConfig, BgpPeerConfig, ListConfig } from './config.ts'
import { BGP_ROLES } from './config.ts'
import { DEFAULTS } from './defaults.ts'
import { nextHopAddress, whyNoNextHop } from './list-tables.ts'
import { nearest } from './mistakes.ts'
import type { Context } from './parse-config.ts'
import { readSecret } from './read-secret.ts'
import type { Section } from './section.ts'
import {
  Wrong,
  address,
  boolean,
  community,
  duration,
  integer,
  largeCommunity,
  listOf,
  oneOf,
  oneOrMany,
  parseEndpoint,
  path,
  prefix,
  seconds,
  tcpListenAddress,
  text,
} from './values.ts'
import type { Read } from './values.ts'

interface BgpContext extends Context {
  readonly ipv6: boolean
  readonly lists: readonly ListConfig[]
}

/** What [bgp] says for every peer that does not say it itself. */
interface ForAllPeers extends Pick<
  BgpPeerConfig,
  'sourceIpv4' | 'sourceIpv6' | 'device' | 'password' | 'holdTimeSeconds' | 'connectRetrySeconds' | 'families'
> {
  readonly asn: number
  readonly bgpIdentifier: string
  readonly nextHopIpv4: string
  readonly nextHopIpv6: string | undefined
  readonly listens: boolean
}

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
  section.advise('sourceIF', 'is called device')
  section.done()
  return section.present ? bgp : undefined
}

/** No host name: where we listen must not depend on who answers for it, nor on whether anybody does. */
const ownAddressAndPort: typeof tcpListenAddress = (value) => {
  const read = tcpListenAddress(value)
  const isAddress = read instanceof Wrong || read.host === undefined || parseAddress(read.host) !== undefined
  return isAddress ? read : new Wrong('"address:port", "[IPv6 address]:port" or ":port"')
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

function parsePeers(section: Section, forAll: ForAllPeers, context: BgpContext): readonly BgpPeerConfig[] {
  const short = section.get('peers', listOf(peerAddress), []).map((where) => makePeer(where, forAll))
  const tables = section.tables('peer')
  const long = tables.map((table) => parsePeer(table, forAll, context))
  const seen = new Set<string>()
  const check = (peer: BgpPeerConfig | undefined, report: Report) => {
    if (peer === undefined) return
    const key = `${describeRemote(peer)} ${peer.port}`
    if (seen.has(key)) report(undefined, `seen ${peer.name} again`, 'each peer once')
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
    section.mistaken('port', 'stands beside a port in address', 'one of the two')
  const asn = section.get('as', asNumber, forAll.asn)
  const localAsn = section.get('localAs', asNumber, forAll.asn)
  const external = asn !== localAsn
  const multihop = section.optional('multihop', booleanOr(integer(2, 255, 'a number of hops')))
  const ttlSecurity = section.optional('ttlSecurity', booleanOr(integer(1, 254, 'a number of hops')))
  const ttlSecurityHops = ttlSecurity === undefined || ttlSecurity === false ? undefined : ttlSecurity === true ? 1 : ttlSecurity
  if (multihop !== undefined && multihop !== false && ttlSecurityHops !== undefined)
    section.mistaken('multihop', 'stands beside ttlSecurity', 'one of the two (ttlSecurity takes the number of hops)')
  const passive = section.get('passive', boolean, false)
  if (where?.remote.kind === 'prefix' && !passive)
    section.mistaken('address', 'seen a prefix', 'passive = true with a prefix, or one address')
  if (passive && !forAll.listens)
    section.mistaken('passive', 'seen true without bgp.listen', 'bgp.listen = "host:port", where the peer reaches us')
  const role = section.optional('role', oneOf(BGP_ROLES))
  const strictRole = section.optional('strictRole', boolean)
  if (strictRole === true && role === undefined)
    section.mistaken('strictRole', 'stands without role', 'role, which says what we are to the peer')
  if (role !== undefined && !external)
    section.mistaken('role', 'seen a role in our own AS', 'roles (RFC 9234) with peers of another AS only')
  const sourceOfPeer = section.optional('sourceIP', sourceAddress())
  const family = where?.remote.kind === 'address' ? familyOf(where.remote.address) : undefined
  if (sourceOfPeer !== undefined && family !== undefined && familyOf(sourceOfPeer) !== family)
    section.mistaken('sourceIP', `seen ${sourceOfPeer}`, `an ${family === 'ipv4' ? 'IPv4' : 'IPv6'} address, as the peer's`)
  const families = section.get('families', oneOrMany(oneOf(['ipv4', 'ipv6'])), undefined)
  if (families?.length === 0) section.mistaken('families', 'seen an empty list', '"ipv4", "ipv6" or both')
  if (families?.includes('ipv6') === true && !context.ipv6)
    section.mistaken('families', 'seen "ipv6" where ipv6 is off', 'ipv6 = true at the top of the file')
  const fallback = makePeer(where ?? { name: '', remote: { kind: 'address', address: '' }, port: undefined }, forAll)
  const peer: BgpPeerConfig = {
    ...fallback,
    name: section.get('name', text, fallback.name),
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
    strictRole: strictRole === true,
    gracefulRestart: section.get('gracefulRestart', boolean, DEFAULTS.bgp.gracefulRestart),
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
    passive: false,
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
    strictRole: false,
    gracefulRestart: DEFAULTS.bgp.gracefulRestart,
  }
}

function parseListNames(section: Section, lists: readonly ListConfig[]): readonly string[] | undefined {
  const names = section.optional('lists', oneOrMany(text))
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
  const written = text(value)
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

const asNumber: Read<number> = (value) => {
  const expected = 'an AS number from 1 to 4294967295'
  const found = integer(1, 0xffffffff, 'an AS number')(value)
  if (found instanceof Wrong) return new Wrong(expected, found)
  return found === 23456 ? new Wrong(`${expected} (23456 is AS_TRANS, RFC 6793)`) : found
}

/** RFC 6286: any number but 0, by custom an IPv4 address. */
const routerId: Read<string> = (value) => {
  const found = address('ipv4')(value)
  if (found instanceof Wrong) return new Wrong('an IPv4 address')
  return found === '0.0.0.0' ? new Wrong('an IPv4 address other than 0.0.0.0') : found
}

function sourceAddress(family?: AddressFamily): Read<string> {
  const read = address(family)
  return (value) => {
    const found = read(value)
    if (found instanceof Wrong) return found
    const first = Number(found.split('.')[0])
    const wrong = found === '::' || found.startsWith('ff') || (!found.includes(':') && (first === 0 || first >= 224))
    return wrong ? new Wrong('an address of this machine') : found
  }
}

function selfOr(family: AddressFamily): Read<string> {
  const read = nextHopAddress(family)
  return (value) => {
    const written = text(value)
    if (!(written instanceof Wrong) && written.toLowerCase() === 'self') return 'self'
    const found = read(value)
    return found instanceof Wrong ? new Wrong(`"self", or ${found.expected}`, found) : found
  }
}

/** RFC 4271 §4.2: zero, or at least three seconds; two octets on the wire. */
const holdTime = seconds({ minimumMs: 3000, maximumMs: 65_535_000, zero: true })

function booleanOr<T>(read: Read<T>): Read<boolean | T> {
  return (value) => {
    const flag = value.type === 'scalar' && value.kind === 'boolean' ? boolean(value) : undefined
    if (flag !== undefined) return flag
    const found = read(value)
    return found instanceof Wrong ? new Wrong(`true, false or ${found.expected}`, found) : found
  }
}

/** IFNAMSIZ is 16, the zero at the end included. */
const interfaceName: Read<string> = (value) => {
  const written = text(value)
  return written instanceof Wrong || !/^[^\s/\0]{1,15}$/.test(written)
    ? new Wrong('the name of a network interface or VRF (1 to 15 characters)')
    : written
}

/** TCP_MD5SIG_MAXKEYLEN. */
function md5Key(secret: string): string | undefined {
  return Buffer.byteLength(secret) <= 80 ? undefined : 'at most 80 octets (RFC 2385 keys on this system)'
}

function familyOf(text: string): AddressFamily {
  return text.includes(':') ? 'ipv6' : 'ipv4'
}

/** Every address that the file gives to peers, next hops and ourselves, with what it is: never to be a route. */
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
