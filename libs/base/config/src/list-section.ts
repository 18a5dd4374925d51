/** The tables [[list]] and [lists]: which names are steered, and what their routes look like. */
import { community, largeCommunity } from './community-values.ts'
import { duration } from './duration.ts'
import { lifetimeBound, ttlOrDns } from './lifetime.ts'
import type { Lifetime } from './lifetime.ts'
import { EXPECTED_SOURCE, digest, listName, listSource, userName, zoneName } from './list-values.ts'
import { nextHopAddress } from './next-hop.ts'
import type { Secret } from './secret.ts'
import { defineSection, required, secret, setting } from './setting.ts'
import type { ValuesOf } from './setting.ts'
import { boolean, integer, oneOf, oneOrMany, path, share, url } from './values.ts'

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

export const LIST = defineSection({
  title: 'list',
  isRepeated: true,
  takesEffect: 'reload',
  advice: { path: 'is called `source` here', url: 'is called `source` here', file: 'is called `source` here' },
  settings: {
    name: required(listName, {
      expected: 'a name for the list',
      standIn: '',
      isRouting: true,
      meaning: 'Letters, digits and `. _ -`; shown in metrics and logs.',
    }),
    source: required(listSource, {
      expected: EXPECTED_SOURCE,
      standIn: { kind: 'path', path: '' },
      meaning:
        'Path of a file or folder, or an http(s) URL. `geosite.dat#google,meta` takes these sites of a geosite file, `list#@cn` what has this attribute. `file:///` may stand before an absolute path.',
    }),
    format: setting(oneOf(LIST_FORMATS), {
      default: 'auto',
      meaning: `${LIST_FORMATS.filter((format) => format !== 'auto')
        .map((format) => `\`${format}\``)
        .join(', ')}; \`auto\` recognises it by the lines.`,
    }),
    /** What a bare name covers: as its format says, the name alone, or its subdomains too. */
    match: setting(oneOf(['auto', 'exact', 'suffix']), {
      default: 'auto',
      meaning: 'What a bare name covers: as the format says (`auto`), itself (`exact`), its subdomains too (`suffix`).',
    }),
    addresses: setting(boolean, {
      default: false,
      isRouting: true,
      meaning: 'Make static routes of addresses and prefixes in the list.',
    }),
    shortestPrefixIpv4: setting(integer(0, 32), {
      key: 'shortestPrefix',
      default: 8,
      meaning: 'With `addresses`: an IPv4 prefix in the list that is shorter (wider) is not routed, and health says so.',
    }),
    shortestPrefixIpv6: setting(integer(0, 128), { key: 'shortestPrefixIPv6', default: 19, meaning: 'The same for IPv6.' }),
    /** RFC 1997, as 32-bit numbers. */
    communities: setting(oneOrMany(community), {
      default: '',
      meaning: '`"65000:100"`, or `no-export`, `no-advertise`, `no-peer`, `blackhole`, `graceful-shutdown`, ...',
    }),
    /** RFC 8092. */
    largeCommunities: setting(oneOrMany(largeCommunity), { default: '', meaning: '`"65000:1:2"`.' }),
    nextHopIpv4: setting(nextHopAddress('ipv4'), {
      key: 'nextHop',
      meaning: 'IPv4 next hop of its routes, in place of `bgp.nextHop`.',
    }),
    nextHopIpv6: setting(nextHopAddress('ipv6'), {
      key: 'nextHopIPv6',
      meaning: 'IPv6 next hop of its routes, in place of `bgp.nextHopIPv6`.',
    }),
    localPref: setting(integer(0, 0xffffffff), { meaning: 'LOCAL_PREF towards iBGP peers.' }),
    med: setting(integer(0, 0xffffffff), { meaning: 'MULTI_EXIT_DISC.' }),
    ttl: setting(ttlOrDns, { meaning: 'As at the top of the file, whose value it has when absent.' }),
    ttlMinMs: setting(lifetimeBound, { key: 'ttlMin', default: '5m', meaning: 'As at the top of the file.' }),
    ttlMaxMs: setting(lifetimeBound, { key: 'ttlMax', default: '24h', meaning: 'As at the top of the file.' }),
    ttlGraceMs: setting(duration({ zero: true }), { key: 'ttlGrace', default: '1m', meaning: 'As at the top of the file.' }),
    maxRoutes: setting(integer(1, 100_000_000), { isRouting: true, meaning: 'No more routes than this.' }),
    newRoutesPerSecond: setting(integer(0, 1_000_000, 'a whole number (0: no cap)'), {
      default: 1000,
      meaning: 'New routes beyond this rate are refused; `0`: no cap.',
    }),
    newRoutesBurst: setting(integer(1, 100_000_000), { default: 10_000, meaning: 'How many may come at once.' }),
    refreshIntervalMs: setting(duration({ minimumMs: 10_000 }), {
      key: 'refreshInterval',
      default: '24h',
      meaning: 'How often a URL is asked for news.',
    }),
    origin: setting(zoneName, { meaning: 'Name of the zone, for an RPZ zone that does not say it itself.' }),
    /** Lower-case hex. */
    sha256: setting(digest, {
      meaning: 'Digest that the file must have (of a gzip file: packed). A version with another one is refused. Not for folders.',
    }),
    bearerToken: secret({ meaning: "Sent to the URL's server." }),
    user: setting(userName, { meaning: "For the URL's server (Basic authentication), with `password`." }),
    password: secret({ meaning: '' }),
    proxy: setting(url(['http'], 'proxyUser and proxyPassword'), {
      meaning: 'HTTP proxy for the URL: `"http://host:port"`. https URLs go through it by CONNECT.',
    }),
    proxyUser: setting(userName, { meaning: 'For the proxy, with `proxyPassword`.' }),
    proxyPassword: secret({ meaning: '' }),
    minimumShare: setting(share, {
      default: 0.5,
      meaning: "A new version with fewer than this share of the last one's names is refused; `0`: never.",
    }),
  },
})

export const LISTS = defineSection({
  title: 'lists',
  takesEffect: 'restart',
  settings: {
    state: setting(path, {
      meaning:
        "Folder for the last good versions of lists. Absent: `lists` beside `cache`, else in systemd's `STATE_DIRECTORY`; with neither a restart needs every URL, and takes files as they are.",
    }),
    namesFile: setting(path, {
      meaning:
        'A file with the names of all lists (CDB) that dnstap-ingest and the all-in-one keep current for dnsdist: `dnstap-bgp resolver-config dnsdist` ([first-packet.md](first-packet.md)).',
    }),
  },
})

type Written = ValuesOf<typeof LIST.settings>
type Lifespan = 'ttl' | 'ttlMinMs' | 'ttlMaxMs' | 'ttlGraceMs'
type Access = 'user' | 'password' | 'proxy' | 'proxyUser' | 'proxyPassword'

export interface ListConfig extends Omit<Written, Lifespan | Access | 'source' | 'maxRoutes'> {
  readonly source:
    | { readonly kind: 'path'; readonly path: string }
    | { readonly kind: 'url'; readonly url: string; readonly proxy: string | undefined }
  readonly lifetime: Lifetime
  /** Infinity: only the limit of all lists together counts. */
  readonly maxRoutes: number
  /** Token bucket for new routes. Infinity: no cap. */
  readonly newRoutesPerSecond: number
  /** Basic authentication (RFC 7617) at the URL's server, and at the proxy. */
  readonly login: ListLogin | undefined
  readonly proxyLogin: ListLogin | undefined
}

export interface ListLogin {
  readonly user: string
  readonly password: Secret
}
