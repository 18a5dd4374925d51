/** Which settings differ between two configurations and are read at the start only, by the names they have in the file. */
import type { BgpConfig, Config } from './config.ts'
import { Secret } from './secret.ts'

/** In the order of the manual. Everything else is taken over while running: lists, limits, the never list, ipv6. */
const TABLES = ['dnstap', 'bgp', 'syncer', 'bus', 'store', 'admin', 'log'] as const
const TAKEN_OVER: ReadonlySet<string> = new Set(['dnstap.allow', 'dnstap.types', 'dnstap.resolvers', 'dnstap.tls'])
/** Where the property has another name than the key. */
const KEYS: Readonly<Record<string, string>> = {
  'dnstap.mode': 'dnstap.perm',
  'dnstap.maxFrameBytes': 'dnstap.maxFrameBytes',
  'dnstap.handshakeTimeoutMs': 'dnstap.handshakeTimeout',
  'bgp.asn': 'bgp.as',
  'bgp.bgpIdentifier': 'bgp.routerID',
  'bgp.nextHopIpv4': 'bgp.nextHop',
  'bgp.nextHopIpv6': 'bgp.nextHopIPv6',
  'bgp.gracefulRestartSeconds': 'bgp.gracefulRestartTime',
  'bgp.longLivedStaleSeconds': 'bgp.longLivedStaleTime',
  'bgp.relearnMs': 'bgp.relearnTime',
  'bgp.sourceIpv4': 'bgp.sourceIP',
  'bgp.sourceIpv6': 'bgp.sourceIPv6',
  'bgp.holdTimeSeconds': 'bgp.holdTime',
  'bgp.connectRetrySeconds': 'bgp.connectRetry',
  'bgp.families': 'ipv6 (in BGP sessions)',
  'syncer.syncIntervalMs': 'syncer.syncInterval',
  'store.path': 'cache',
  'store.sentinelName': 'store.sentinel',
  'store.servers': 'store.redis',
}

export function keysThatNeedRestart(before: Config, after: Config): string[] {
  const keys = TABLES.flatMap((table) => {
    const [one, other] = [before, after].map((config) =>
      table === 'bgp' ? bgpAsWritten(config.bgp) : (config[table] as Properties | undefined),
    )
    // Another kind of bus or store, or a table that was not there: each of its settings is another.
    if (one === undefined || other === undefined || one['kind'] !== other['kind']) return one === other ? [] : [`[${table}]`]
    const properties = new Set([...Object.keys(one), ...Object.keys(other)])
    return [...properties]
      .filter((property) => comparable(one[property]) !== comparable(other[property]))
      .map((property) => ({
        key: `${table}.${property}`,
        isNewOrGone: one[property] === undefined || other[property] === undefined,
      }))
      .filter(({ key, isNewOrGone }) => !TAKEN_OVER.has(key) || (key === 'dnstap.tls' && isNewOrGone))
      .map(({ key }) => KEYS[key] ?? key)
  })
  return [...keys, ...(before.listState === after.listState ? [] : ['lists.state'])]
}

/** What peers take from [bgp], and a next hop that is our own address, is told by the key that it is from. */
function bgpAsWritten(bgp: BgpConfig | undefined): Properties | undefined {
  if (bgp === undefined) return undefined
  const { peers, forAllPeers, nextHopIpv4, nextHopIpv6, ...rest } = bgp
  const inherited: Properties = { ...forAllPeers, asn: bgp.asn, localAsn: bgp.asn }
  const ownOf = (peer: Properties) =>
    Object.fromEntries(Object.entries(peer).filter(([key, value]) => comparable(value) !== comparable(inherited[key])))
  return {
    ...rest,
    ...forAllPeers,
    nextHopIpv4: nextHopIpv4 === (forAllPeers.sourceIpv4 ?? bgp.bgpIdentifier) ? 'our own' : nextHopIpv4,
    nextHopIpv6: nextHopIpv6 === forAllPeers.sourceIpv6 ? 'our own' : nextHopIpv6,
    peers: peers.map((peer) => ownOf({ ...peer })),
  }
}

type Properties = Readonly<Record<string, unknown>>

/** With secrets in clear, which JSON would hide: a new password is a change. It is compared and forgotten. */
function comparable(value: unknown): string | undefined {
  return JSON.stringify([value], function (this: Record<string, unknown>, key, each: unknown) {
    const original = this[key]
    if (original instanceof Secret) return `secret ${original.reveal()}`
    return typeof each === 'number' ? String(each) : each
  })
}
