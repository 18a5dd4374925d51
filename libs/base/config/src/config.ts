/**
 * The configuration as services see it: typed, complete, checked, with units in the names.
 *
 * `parseConfig` makes it; no other code reads the file or the environment. Each default stands once, in DEFAULTS (defaults.ts).
 * A table that the file does not have is undefined; a service names the tables that it needs (`ConfigWith`).
 */
import type { ListenAddress, TcpListenAddress } from '@dnstap-bgp/net'
import type { Secret } from './secret.ts'

export interface Config {
  /** The file it came from, as it was named. */
  readonly fileName: string
  /** Settings that are legal but perhaps not meant; each is logged at the start. */
  readonly warnings: readonly string[]
  /** Files that hold secrets (passwords, tokens, private keys), the configuration itself if it holds some. Other users must not read them. */
  readonly secretFiles: readonly string[]
  /** Are AAAA records and IPv6 routes wanted? */
  readonly ipv6: boolean
  /** In the order of the file, which is their priority: `domains` (named `default`) first. */
  readonly lists: readonly ListConfig[]
  /** Where the last good versions of lists are kept; undefined: beside the store, or in systemd's STATE_DIRECTORY. */
  readonly listState: string | undefined
  readonly limits: LimitsConfig
  readonly never: NeverConfig
  readonly dnstap: DnstapConfig | undefined
  /** Resolvers that ingest asks questions itself. */
  readonly resolvers: readonly ResolverConfig[]
  readonly bgp: BgpConfig | undefined
  readonly syncer: SyncerConfig | undefined
  readonly bus: BusConfig
  readonly store: StoreConfig
  readonly admin: AdminConfig
  readonly log: LogConfig
}

/**
 * The parts that may be absent from a file, and that a service may need. `lists`: at least one. `alone`: neither [bus] nor [store], because the
 * all-in-one would ignore them.
 */
export type Part = 'lists' | 'dnstap' | 'bgp' | 'syncer' | 'nats' | 'redis' | 'alone'

/** A configuration in which these tables are certain to be there. */
export type ConfigWith<Needed extends Part> = Config & {
  readonly [Name in Needed & keyof Config]: NonNullable<Config[Name]>
} & ('nats' extends Needed ? { readonly bus: NatsConfig } : unknown) &
  ('redis' extends Needed ? { readonly store: RedisConfig } : unknown)

/** An address or a host name, and a port. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

export type ListFormat = (typeof LIST_FORMATS)[number]
export const LIST_FORMATS = [
  'auto',
  'plain',
  'hosts',
  'dnsmasq',
  'adblock',
  'v2fly',
  'geosite',
  'srs',
  'mrs',
  'rpz',
  'sing-box',
  'clash',
  'clash-domain',
  'clash-classical',
  'routeros',
  'autoproxy',
  'unbound',
  'smartdns',
  'dnscrypt',
  'shadowsocks',
  'domain-set',
  'geosite-yaml',
] as const

export interface ListConfig {
  readonly name: string
  readonly source:
    | { readonly kind: 'path'; readonly path: string }
    | { readonly kind: 'url'; readonly url: string; readonly proxy: string | undefined }
  readonly format: ListFormat
  /** What a bare name covers: as its format says, the name alone, or its subdomains too. */
  readonly match: 'auto' | 'exact' | 'suffix'
  /** Make static routes of the addresses and prefixes that stand in the list. */
  readonly addresses: boolean
  /** Of the prefixes in the list: a shorter (wider) one is not routed. */
  readonly shortestPrefixIpv4: number
  readonly shortestPrefixIpv6: number
  /** RFC 1997, as 32-bit numbers. */
  readonly communities: readonly number[]
  /** RFC 8092. */
  readonly largeCommunities: readonly (readonly [global: number, local1: number, local2: number])[]
  readonly nextHopIpv4: string | undefined
  readonly nextHopIpv6: string | undefined
  readonly localPref: number | undefined
  readonly med: number | undefined
  readonly lifetime: Lifetime
  /** Infinity: only the limit of all lists together counts. */
  readonly maxRoutes: number
  /** Token bucket for new routes. Infinity: no cap. */
  readonly newRoutesPerSecond: number
  readonly newRoutesBurst: number
  /** How often a URL is asked for news. */
  readonly refreshIntervalMs: number
  /** The zone's name, of an RPZ zone that does not say it. */
  readonly origin: string | undefined
  /** Lower-case hex; a version with another digest is refused. */
  readonly sha256: string | undefined
  readonly bearerToken: Secret | undefined
  /** Basic authentication (RFC 7617) at the URL's server, and at the proxy. */
  readonly login: LoginConfig | undefined
  readonly proxyLogin: LoginConfig | undefined
  /** A new version with fewer than this share of the last one's names is refused. 0: never. */
  readonly minimumShare: number
}

export interface LoginConfig {
  readonly user: string
  readonly password: Secret
}

/** How long a binding lives after a sighting. */
export type Lifetime =
  | { readonly kind: 'idle'; readonly ttlMs: number }
  /** The record's TTL, not under min, not over max, plus grace. */
  | { readonly kind: 'dns'; readonly minMs: number; readonly maxMs: number; readonly graceMs: number }

export interface LimitsConfig {
  readonly namesPerAddress: number
  readonly addressesPerName: number
  /** Routes of all lists together. */
  readonly routes: number
}

export interface NeverConfig {
  /** May addresses of private use (RFC 1918, RFC 6598, RFC 4193) become routes? */
  readonly allowPrivate: boolean
  /** The operator's own: canonical text with length. */
  readonly prefixes: readonly string[]
  /** Exceptions from the built-in never list: canonical prefixes. */
  readonly allow: readonly string[]
}

export type DnstapType = (typeof DNSTAP_TYPES)[number]
export const DNSTAP_TYPES = ['CLIENT_RESPONSE', 'RESOLVER_RESPONSE', 'FORWARDER_RESPONSE', 'STUB_RESPONSE'] as const

export interface DnstapConfig {
  /** Empty only when the sockets are handed over by systemd (LISTEN_FDS). */
  readonly listen: readonly ListenAddress[]
  /** Canonical prefixes that may talk to TCP listeners. Empty: every address. */
  readonly allow: readonly string[]
  /** File mode of UNIX sockets. */
  readonly mode: number
  /** User and group (name or number) of UNIX sockets; undefined: those that we run as. */
  readonly owner: string | undefined
  readonly group: string | undefined
  readonly types: readonly DnstapType[]
  /** Addresses of the resolvers that send dnstap; no route may cover them. Undefined: they are learnt from the frames. */
  readonly resolvers: readonly string[] | undefined
  readonly maxFrameBytes: number
  readonly handshakeTimeoutMs: number
  /** On TCP listeners. */
  readonly tls: TlsServerConfig | undefined
}

export type ResolverKind = (typeof RESOLVER_KINDS)[number]
export const RESOLVER_KINDS = ['unbound', 'bind', 'knot-resolver', 'pdns-recursor', 'dnsdist'] as const

export interface ResolverConfig {
  /** Address and port, as logs and pages show it. */
  readonly name: string
  readonly address: string
  readonly port: number
  readonly kind: ResolverKind
  /** A metronome keeps the resolver's frames from waiting longer than this; undefined: there is none. */
  readonly flushTargetMs: number | undefined
}

export interface TlsServerConfig {
  readonly certFile: string
  readonly keyFile: string
  /** Given: a client must show a certificate of this authority. */
  readonly clientCaFile: string | undefined
}

export interface TlsClientConfig {
  readonly caFile: string | undefined
  readonly certFile: string | undefined
  readonly keyFile: string | undefined
}

export interface BgpConfig {
  readonly asn: number
  readonly bgpIdentifier: string
  /** Where passive peers reach us; undefined: we do not listen. */
  readonly listen: TcpListenAddress | undefined
  /** For routes whose list has none: `nextHop`, else `sourceIP`, else `routerID`, as in the ancestor. */
  readonly nextHopIpv4: string
  /** Undefined: our own address on sessions over IPv6, and no IPv6 routes on sessions over IPv4. */
  readonly nextHopIpv6: string | undefined
  /** 0: graceful restart is not offered. */
  readonly gracefulRestartSeconds: number
  /** RFC 9494; 0: not offered. */
  readonly longLivedStaleSeconds: number
  readonly onStop: 'keep' | 'withdraw'
  /** After the store came back empty (new epoch), routes that it does not know yet stay this long. */
  readonly relearnMs: number
  /** File of the routes announced last; undefined: beside the store, or in systemd's STATE_DIRECTORY. */
  readonly stateFile: string | undefined
  readonly peers: readonly BgpPeerConfig[]
  /** Settings of each peer that does not set them itself. */
  readonly forAllPeers: Pick<
    BgpPeerConfig,
    'sourceIpv4' | 'sourceIpv6' | 'device' | 'password' | 'holdTimeSeconds' | 'connectRetrySeconds' | 'families'
  >
}

export type AddressFamily = 'ipv4' | 'ipv6'
export type BgpRole = (typeof BGP_ROLES)[number]
/** Our role towards the peer (RFC 9234 §4.1). */
export const BGP_ROLES = ['provider', 'rs', 'rs-client', 'customer', 'peer'] as const

export interface BgpPeerConfig {
  /** As the operator wrote it, for logs and pages. */
  readonly name: string
  readonly remote:
    | { readonly kind: 'address'; readonly address: string }
    | { readonly kind: 'hostname'; readonly hostname: string }
    /** Passive only: any peer from this range. */
    | { readonly kind: 'prefix'; readonly prefix: string }
  readonly port: number
  readonly asn: number
  /** Our AS towards this peer. */
  readonly localAsn: number
  readonly password: Secret | undefined
  /** RFC 5082: how many hops away the peer may be; undefined: off. */
  readonly ttlSecurityHops: number | undefined
  /** TTL of our packets: 1 for eBGP without multihop, 255 with GTSM, else 64. */
  readonly ttl: number
  /** We wait for the peer to connect. */
  readonly passive: boolean
  readonly families: readonly AddressFamily[]
  /** For every route to this peer, before a list's next hop and ours. `self`: our address on the session. Undefined: none of its own. */
  readonly nextHopIpv4: string | undefined
  readonly nextHopIpv6: string | undefined
  /** Added to every route for this peer. */
  readonly communities: readonly number[]
  readonly largeCommunities: readonly (readonly [global: number, local1: number, local2: number])[]
  /** Names of the lists whose routes it gets; undefined: all. */
  readonly lists: readonly string[] | undefined
  /** Infinity: no limit. */
  readonly maxRoutes: number
  /** 0: no KEEPALIVEs, no hold timer. */
  readonly holdTimeSeconds: number
  readonly connectRetrySeconds: number
  /** Source address by family of the peer's address. */
  readonly sourceIpv4: string | undefined
  readonly sourceIpv6: string | undefined
  /** Network interface or VRF that the session is bound to. */
  readonly device: string | undefined
  readonly role: BgpRole | undefined
  /** With a role: no session with a peer that names none. */
  readonly strictRole: boolean
  readonly gracefulRestart: boolean
}

export interface SyncerConfig {
  /** Undefined: we only ask and tell, nobody asks us. */
  readonly listen: TcpListenAddress | undefined
  /** 0: no periodic fetch. */
  readonly syncIntervalMs: number
  readonly peers: readonly Endpoint[]
  /** Who may talk to us besides the peers: canonical prefixes. */
  readonly allow: readonly string[]
  /** Names by which peers reach us: without a token other names are refused (DNS rebinding). */
  readonly names: readonly string[]
  readonly token: Secret | undefined
}

export type BusConfig = { readonly kind: 'local' } | NatsConfig

export interface NatsConfig {
  readonly kind: 'nats'
  readonly servers: readonly string[]
  readonly user: string | undefined
  readonly password: Secret | undefined
  readonly token: Secret | undefined
  readonly credsFile: string | undefined
  readonly tls: TlsClientConfig | undefined
  /** Copies of each queue in a cluster; undefined: a queue keeps the number it has. */
  readonly replicas: number | undefined
}

export type StoreConfig = { readonly kind: 'memory' } | { readonly kind: 'file'; readonly path: string } | RedisConfig

export interface RedisConfig {
  readonly kind: 'redis'
  /** One server, or the Sentinels when `sentinelName` is there. */
  readonly servers: readonly Endpoint[]
  readonly sentinelName: string | undefined
  readonly database: number
  readonly keyPrefix: string
  readonly user: string | undefined
  readonly password: Secret | undefined
  readonly sentinelPassword: Secret | undefined
  readonly tls: TlsClientConfig | undefined
}

export interface AdminConfig {
  /** Undefined: switched off (`listen = "off"`). */
  readonly listen: ListenAddress | undefined
  /** A UNIX socket beside a TCP address, for requests that change something. If the default one cannot be made, the program runs without it. */
  readonly socket: { readonly path: string; readonly isDefault: boolean } | undefined
  /** Asked for on /api; needed for it on anything but loopback and UNIX sockets, and for a POST on TCP. */
  readonly token: Secret | undefined
}

export interface LogConfig {
  readonly level: LogLevel
  readonly format: 'text' | 'json'
}

export type LogLevel = (typeof LOG_LEVELS)[number]
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
