/** The tables [bgp] and [[bgp.peer]]. What several of their keys mean together is in parse-bgp.ts and parse-bgp-peers.ts. */
import {
  asNumber,
  booleanOr,
  holdTime,
  interfaceName,
  md5Key,
  ownAddressAndPort,
  routerId,
  selfOr,
  sourceAddress,
} from './bgp-values.ts'
import type { AddressFamily } from './bgp-values.ts'
import { peerAddress } from './bgp-peer-address.ts'
import type { PeerAddress, PeerRemote } from './bgp-peer-address.ts'
import { community, largeCommunity } from './community-values.ts'
import { duration, seconds } from './duration.ts'
import { nextHopAddress } from './next-hop.ts'
import { defineSection, required, secret, setting } from './setting.ts'
import type { ValuesOf } from './setting.ts'
import { arrayOf, boolean, integer, oneOf, oneOrMany, path, string } from './values.ts'

const connectRetry = seconds({ minimumMs: 1000, maximumMs: 3_600_000 })

export const BGP = defineSection({
  title: 'bgp',
  isOptional: true,
  takesEffect: 'restart',
  advice: { sourceIF: 'is now called `device`' },
  settings: {
    asn: required(asNumber, { key: 'as', expected: 'the number of our AS', standIn: 0, meaning: 'Our AS.' }),
    bgpIdentifier: required(routerId, {
      key: 'routerID',
      expected: 'an IPv4 address that names this speaker',
      standIn: '',
      meaning: 'Our BGP identifier, an IPv4 address.',
    }),
    sourceIp: setting(sourceAddress(), { key: 'sourceIP', meaning: 'Source address of sessions over its family.' }),
    sourceIpv6: setting(sourceAddress('ipv6'), {
      key: 'sourceIPv6',
      meaning: 'Source address of sessions over IPv6, beside an IPv4 `sourceIP`.',
    }),
    nextHopIpv4: setting(nextHopAddress('ipv4'), {
      key: 'nextHop',
      meaning: 'IPv4 next hop. Absent: `sourceIP`, else `routerID`.',
    }),
    nextHopIpv6: setting(nextHopAddress('ipv6'), {
      key: 'nextHopIPv6',
      meaning: 'IPv6 next hop. Absent: `sourceIPv6`; else our own address on sessions over IPv6, and no IPv6 routes over IPv4.',
    }),
    /** Where passive peers reach us. */
    listen: setting(ownAddressAndPort, {
      meaning: '`"address:port"` (`":port"`: all addresses), where passive peers reach us. Absent: we do not listen.',
    }),
    /** The short form. */
    peers: setting(arrayOf(peerAddress), {
      default: '',
      meaning: 'The short form: `["192.0.2.2", "192.0.2.3:1179", "[2001:db8::2]:179"]`, iBGP with the settings of this table.',
    }),
    password: secret({ check: md5Key, meaning: 'TCP MD5 key (RFC 2385) for peers without their own.' }),
    device: setting(interfaceName, { meaning: 'Interface or VRF for peers without their own.' }),
    holdTimeSeconds: setting(holdTime, { key: 'holdTime', default: '90s', meaning: 'Offered to peers; `0`: no hold timer.' }),
    connectRetrySeconds: setting(connectRetry, {
      key: 'connectRetry',
      default: '10s',
      meaning: 'How long an attempt to connect may take. Between attempts the pause doubles from 1 to 60 s.',
    }),
    gracefulRestartSeconds: setting(seconds({ zero: true, maximumMs: 4095_000 }), {
      key: 'gracefulRestartTime',
      default: '120s',
      meaning: 'How long peers keep our routes while we restart (RFC 4724); `0`: not offered.',
    }),
    /** RFC 9494. */
    longLivedStaleSeconds: setting(seconds({ zero: true, maximumMs: 0xffffff * 1000 }), {
      key: 'longLivedStaleTime',
      default: '0',
      meaning: 'How long after that, at lowest preference (RFC 9494); `0`: not offered.',
    }),
    onStop: setting(oneOf(['keep', 'withdraw']), {
      default: 'keep',
      meaning: '`keep`: routes stay while we restart, at peers that agreed to it; `withdraw`: they are withdrawn first.',
    }),
    relearnMs: setting(duration({ zero: true }), {
      key: 'relearnTime',
      default: '15m',
      meaning:
        "When the store lost data (a new epoch), routes that it does not name stay this long as stale, while they are learnt anew. If it lost more than half of its routes, lists' `newRoutesPerSecond` and `newRoutesBurst` are ten times as high meanwhile; longer than `syncer.syncInterval`, so that peers are asked meanwhile. `0`: they go at once.",
    }),
    stateFile: setting(path, {
      meaning:
        'File in which the announcer keeps what it announced last, so that a restart loses nothing that routers hold while the store has lost its memory, or the cache or the bus is away. It counts for `relearnTime`. Absent: `announced` beside `cache`, else in systemd\'s `STATE_DIRECTORY`; with neither, or `relearnTime = "0"`, nothing is kept.',
    }),
  },
})

export type BgpRole = (typeof BGP_ROLES)[number]
/** Our role towards the peer (RFC 9234 §4.1). */
const BGP_ROLES = ['provider', 'rs', 'rs-client', 'customer', 'peer'] as const

/** Stands for a peer without an address, which is a mistake. */
export const NOBODY: PeerAddress = { name: '', remote: { kind: 'address', address: '' }, port: undefined }

export const BGP_PEER = defineSection({
  title: 'bgp.peer',
  isRepeated: true,
  takesEffect: 'restart',
  settings: {
    where: required(peerAddress, {
      key: 'address',
      expected: 'an address or host name of the peer',
      standIn: NOBODY,
      meaning: 'Address or host name, perhaps with a port; with `passive` also a prefix: any peer in it.',
    }),
    port: setting(integer(1, 65535), { default: 179, meaning: 'Its port.' }),
    /** As the operator wrote it, for logs and pages. */
    name: setting(string, { meaning: 'For logs and pages. Absent: `address`.' }),
    asn: setting(asNumber, { key: 'as', meaning: 'Its AS. Absent: ours (iBGP).' }),
    localAsn: setting(asNumber, { key: 'localAs', meaning: 'Our AS towards it. Absent: `bgp.as`.' }),
    password: secret({ check: md5Key, meaning: 'TCP MD5 key.' }),
    ttlSecurity: setting(booleanOr(integer(1, 254, 'a number of hops')), {
      default: false,
      meaning: 'GTSM (RFC 5082): `true` for a neighbour, or how many hops away it may be.',
    }),
    multihop: setting(booleanOr(integer(2, 255, 'a number of hops')), {
      default: false,
      meaning: 'eBGP to a peer that is no neighbour: `true`, or the TTL.',
    }),
    passive: setting(boolean, { default: false, meaning: 'We wait for it to connect.' }),
    families: setting(oneOrMany(oneOf(['ipv4', 'ipv6'])), {
      meaning: '`"ipv4"`, `"ipv6"` or both. Absent: IPv4, and IPv6 where `ipv6` is on.',
    }),
    /** For every route to this peer, before a list's next hop and ours. */
    nextHopIpv4: setting(selfOr('ipv4'), {
      key: 'nextHop',
      meaning: 'IPv4 next hop of all routes to it, before that of lists; `"self"`: our address on the session.',
    }),
    nextHopIpv6: setting(selfOr('ipv6'), { key: 'nextHopIPv6', meaning: 'IPv6 next hop, likewise.' }),
    communities: setting(oneOrMany(community), { default: '', meaning: 'Added to all routes to it.' }),
    largeCommunities: setting(oneOrMany(largeCommunity), { default: '', meaning: 'Likewise.' }),
    /** Undefined: all. */
    lists: setting(oneOrMany(string), { meaning: 'Names of the lists whose routes it gets. Absent: all.' }),
    maxRoutes: setting(integer(1, 100_000_000), { meaning: 'It gets no more routes than this.' }),
    holdTimeSeconds: setting(holdTime, { key: 'holdTime', meaning: 'Absent: `bgp.holdTime`.' }),
    connectRetrySeconds: setting(connectRetry, { key: 'connectRetry', meaning: 'Absent: `bgp.connectRetry`.' }),
    sourceIp: setting(sourceAddress(), { key: 'sourceIP', meaning: 'Absent: that of `[bgp]` for its family.' }),
    device: setting(interfaceName, { meaning: 'Absent: `bgp.device`.' }),
    role: setting(oneOf(BGP_ROLES), {
      meaning: 'Our role towards it (RFC 9234): `provider`, `rs`, `rs-client`, `customer`, `peer`.',
    }),
    /** With a role: no session with a peer that names none. */
    strictRole: setting(boolean, { default: false, meaning: 'With `role`: no session with a peer that names no role.' }),
    gracefulRestart: setting(boolean, { default: true, meaning: 'Offer it graceful restart.' }),
    confirm: setting(boolean, {
      default: false,
      meaning:
        "A resolver's hook that holds an answer back waits until this peer was sent the route ([first-packet.md](first-packet.md)). A peer without a session is not waited for.",
    }),
  },
})

type BgpValues = ValuesOf<typeof BGP.settings>

export interface BgpConfig extends Pick<
  BgpValues,
  'asn' | 'bgpIdentifier' | 'listen' | 'gracefulRestartSeconds' | 'longLivedStaleSeconds' | 'onStop' | 'relearnMs' | 'stateFile'
> {
  /** For routes whose list has none: `nextHop`, else `sourceIP`, else `routerID`, as in the ancestor. */
  readonly nextHopIpv4: string
  /** Undefined: our own address on sessions over IPv6, and no IPv6 routes on sessions over IPv4. */
  readonly nextHopIpv6: string | undefined
  readonly peers: readonly BgpPeerConfig[]
}

type PeerValues = ValuesOf<typeof BGP_PEER.settings>

export interface BgpPeerConfig extends Omit<
  PeerValues,
  | 'where'
  | 'name'
  | 'asn'
  | 'localAsn'
  | 'ttlSecurity'
  | 'multihop'
  | 'families'
  | 'maxRoutes'
  | 'holdTimeSeconds'
  | 'connectRetrySeconds'
  | 'sourceIp'
> {
  /** As the operator wrote it, for logs and pages. */
  readonly name: string
  readonly remote: PeerRemote
  readonly asn: number
  /** Our AS towards this peer. */
  readonly localAsn: number
  /** RFC 5082: how many hops away the peer may be; undefined: off. */
  readonly ttlSecurityHops: number | undefined
  /** TTL of our packets: 1 for eBGP without multihop, 255 with GTSM, else 64. */
  readonly ttl: number
  readonly families: readonly AddressFamily[]
  /** Infinity: no limit. */
  readonly maxRoutes: number
  /** 0: no KEEPALIVEs, no hold timer. */
  readonly holdTimeSeconds: number
  readonly connectRetrySeconds: number
  /** Source address by family of the peer's address. */
  readonly sourceIpv4: string | undefined
  readonly sourceIpv6: string | undefined
}
