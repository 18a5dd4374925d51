/** `domains`, `ttl` and the [[list]] tables: which names are steered, and what their routes look like. */
import { fileURLToPath } from 'node:url'
import type { Lifetime, ListConfig, LoginConfig } from './config.ts'
import { LIST_FORMATS } from './config.ts'
import { DEFAULTS } from './defaults.ts'
import type { Context } from './context.ts'
import { readSecret } from './read-secret.ts'
import { Section } from './section.ts'
import {
  Wrong,
  address,
  boolean,
  community,
  duration,
  integer,
  largeCommunity,
  oneOf,
  oneOrMany,
  path,
  share,
  string,
  url,
} from './values.ts'
import type { Read } from './values.ts'

const DEFAULT_LIST = 'default'

export function parseLists(root: Section, context: Context): readonly ListConfig[] {
  const lifetime = parseLifetime(root, { kind: 'idle', ttlMs: DEFAULTS.list.ttlMs })
  const domains = root.optional('domains', path(context.folder))
  const first: ListConfig[] =
    domains === undefined ? [] : [{ ...bareList(lifetime), name: DEFAULT_LIST, source: { kind: 'path', path: domains } }]
  const tables = root.tables('list')
  const names = new Set(first.map(({ name }) => name))
  const lists = tables.map((section) => {
    const list = parseList(section, lifetime, context)
    if (list.name !== '' && names.has(list.name))
      section.mistaken(
        'name',
        `${JSON.stringify(list.name)} is the name of an earlier list`,
        list.name === DEFAULT_LIST && domains !== undefined
          ? 'another name: domains is the list "default"'
          : 'a name of its own for each list',
      )
    names.add(list.name)
    return list
  })
  return [...first, ...lists]
}

function bareList(lifetime: Lifetime): Omit<ListConfig, 'name' | 'source'> {
  return {
    format: DEFAULTS.list.format,
    match: DEFAULTS.list.match,
    addresses: DEFAULTS.list.addresses,
    shortestPrefixIpv4: DEFAULTS.list.shortestPrefixIpv4,
    shortestPrefixIpv6: DEFAULTS.list.shortestPrefixIpv6,
    communities: [],
    largeCommunities: [],
    nextHopIpv4: undefined,
    nextHopIpv6: undefined,
    localPref: undefined,
    med: undefined,
    lifetime,
    maxRoutes: Infinity,
    newRoutesPerSecond: DEFAULTS.list.newRoutesPerSecond,
    newRoutesBurst: DEFAULTS.list.newRoutesBurst,
    refreshIntervalMs: DEFAULTS.list.refreshIntervalMs,
    origin: undefined,
    sha256: undefined,
    bearerToken: undefined,
    login: undefined,
    proxyLogin: undefined,
    minimumShare: DEFAULTS.list.minimumShare,
  }
}

function parseList(section: Section, lifetime: Lifetime, context: Context): ListConfig {
  const { list } = DEFAULTS
  const name = section.required('name', listName, 'a name for the list') ?? ''
  const source = section.required('source', listSource(context.folder), 'the path of a file or folder, or an http(s) URL')
  const isUrl = source?.kind === 'url'
  const perSecond = section.get(
    'newRoutesPerSecond',
    integer(0, 1_000_000, 'a whole number (0: no cap)'),
    list.newRoutesPerSecond,
  )
  const parsed: ListConfig = {
    name,
    source: isUrl
      ? { ...source, proxy: section.optional('proxy', url(['http'], 'proxyUser and proxyPassword')) }
      : (source ?? { kind: 'path', path: '' }),
    format: section.get('format', oneOf(LIST_FORMATS), list.format),
    match: section.get('match', oneOf(['auto', 'exact', 'suffix']), list.match),
    addresses: section.get('addresses', boolean, list.addresses),
    shortestPrefixIpv4: section.get('shortestPrefix', integer(0, 32), list.shortestPrefixIpv4),
    shortestPrefixIpv6: section.get('shortestPrefixIPv6', integer(0, 128), list.shortestPrefixIpv6),
    communities: section.get('communities', oneOrMany(community), []),
    largeCommunities: section.get('largeCommunities', oneOrMany(largeCommunity), []),
    nextHopIpv4: section.optional('nextHop', nextHopAddress('ipv4')),
    nextHopIpv6: section.optional('nextHopIPv6', nextHopAddress('ipv6')),
    localPref: section.optional('localPref', integer(0, 0xffffffff)),
    med: section.optional('med', integer(0, 0xffffffff)),
    lifetime: parseLifetime(section, lifetime),
    maxRoutes: section.get('maxRoutes', integer(1, 100_000_000), Infinity),
    newRoutesPerSecond: perSecond === 0 ? Infinity : perSecond,
    newRoutesBurst: section.get('newRoutesBurst', integer(1, 100_000_000), Math.max(list.newRoutesBurst, perSecond)),
    refreshIntervalMs: section.get('refreshInterval', duration({ minimumMs: 10_000 }), list.refreshIntervalMs),
    origin: section.optional('origin', zoneName),
    sha256: section.optional('sha256', digest),
    bearerToken: readSecret(section, 'bearerToken', context),
    login: parseLogin(section, 'user', 'password', context),
    proxyLogin: parseLogin(section, 'proxyUser', 'proxyPassword', context),
    minimumShare: section.get('minimumShare', share, list.minimumShare),
  }
  for (const key of FOR_URLS)
    if (!isUrl && source !== undefined && section.has(key))
      section.mistaken(key, 'applies only when `source` is a URL: remove it', '')
  for (const key of ['shortestPrefix', 'shortestPrefixIPv6'])
    if (section.has(key) && !parsed.addresses)
      section.mistaken(key, 'applies only with `addresses = true`: remove it, or set that', '')
  if (parsed.bearerToken !== undefined && parsed.login !== undefined)
    section.mistaken('user', 'set together with `bearerToken`: keep one of the two', '')
  if (isUrl && parsed.proxyLogin !== undefined && !section.has('proxy'))
    section.missing('proxy', 'the URL of the proxy that `proxyUser` logs in to')
  if (section.has('origin') && parsed.format !== 'rpz' && parsed.format !== 'auto')
    section.mistaken('origin', 'applies only to RPZ zones: remove it, or set `format = "rpz"`', '')
  section.advise('path', 'is called `source` here')
  section.advise('url', 'is called `source` here')
  section.advise('file', 'is called `source` here')
  section.done()
  return parsed
}

const FOR_URLS = [
  'refreshInterval',
  'proxy',
  ...['bearerToken', 'password', 'proxyPassword'].flatMap((key) => [key, `${key}File`]),
  'user',
  'proxyUser',
]

/** User and password, which need each other. */
function parseLogin(section: Section, userKey: string, passwordKey: string, context: Context): LoginConfig | undefined {
  const user = section.optional(userKey, userName)
  const password = readSecret(section, passwordKey, context)
  const hasPassword = section.has(passwordKey) || section.has(`${passwordKey}File`)
  if (section.has(userKey) && !hasPassword) section.missing(passwordKey, `${userKey} and ${passwordKey} together`)
  if (!section.has(userKey) && hasPassword) section.missing(userKey, `${userKey} and ${passwordKey} together`)
  return user === undefined || password === undefined ? undefined : { user, password }
}

/** RFC 7617 §2: a colon would end it. */
const userName: Read<string> = (value) => {
  const written = string(value)
  return written instanceof Wrong || written.includes(':') ? new Wrong('a name without colons') : written
}

const zoneName: Read<string> = (value) => {
  const written = string(value)
  return written instanceof Wrong || !/^(?:\.|(?:[\w-]{1,63}\.)*[\w-]{1,63}\.?)$/.test(written)
    ? new Wrong('the name of a zone such as "rpz.example.net"')
    : written
}

/** `[lists]`: where the last good copies are kept; undefined: wherever the service keeps its state. */
export function parseListState(section: Section, { folder }: Context): string | undefined {
  const state = section.optional('state', path(folder))
  section.done()
  return state
}

/** The keys ttl, ttlMin, ttlMax, ttlGrace; `inherited` where there is no ttl. */
function parseLifetime(section: Section, inherited: Lifetime): Lifetime {
  const ttl = section.optional('ttl', ttlOrDns)
  const bounds = {
    minMs: section.get('ttlMin', duration({ minimumMs: 1000 }), DEFAULTS.list.ttlMinMs),
    maxMs: section.get('ttlMax', duration({ minimumMs: 1000 }), DEFAULTS.list.ttlMaxMs),
    graceMs: section.get('ttlGrace', duration({ zero: true }), DEFAULTS.list.ttlGraceMs),
  }
  const isDns = ttl === 'dns' || (ttl === undefined && !section.has('ttl') && inherited.kind === 'dns')
  for (const key of ['ttlMin', 'ttlMax', 'ttlGrace'])
    if (section.has(key) && !isDns) section.mistaken(key, 'applies only with `ttl = "dns"`: remove it, or set that', '')
  if (isDns) {
    const own = ['ttlMin', 'ttlMax', 'ttlGrace'].some((key) => section.has(key))
    if (bounds.minMs > bounds.maxMs)
      section.mistaken(section.has('ttlMin') ? 'ttlMin' : 'ttlMax', '`ttlMin` is greater than `ttlMax`', '')
    return ttl === undefined && !own ? inherited : { kind: 'dns', ...bounds }
  }
  return typeof ttl === 'number' ? { kind: 'idle', ttlMs: ttl } : inherited
}

const ttlOrDns: Read<number | 'dns'> = (value) => {
  const written = string(value)
  if (!(written instanceof Wrong) && written.toLowerCase() === 'dns') return 'dns'
  const ms = duration({ minimumMs: 1000 })(value)
  return ms instanceof Wrong ? new Wrong(`${ms.expected}, or "dns"`, ms) : ms
}

/** It stands in metrics, on pages and in the store. */
const listName: Read<string> = (value) => {
  const written = string(value)
  const fits = !(written instanceof Wrong) && /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(written)
  return fits ? written : new Wrong('a name of letters, digits and . _ - (at most 64)')
}

function listSource(folder: string): Read<{ kind: 'path'; path: string } | { kind: 'url'; url: string }> {
  return (value) => {
    const written = string(value)
    if (written instanceof Wrong) return new Wrong('the path of a file or folder, or an http(s) URL')
    if (/^file:/i.test(written)) return fromFileUrl(written)
    if (/^[a-z][a-z0-9+.-]*:\/\//i.test(written)) {
      const found = url(['http', 'https'], 'user and password')(value)
      return found instanceof Wrong ? found : { kind: 'url', url: found }
    }
    const found = path(folder)(value)
    return found instanceof Wrong ? found : { kind: 'path', path: found }
  }
}

/** file:///etc/x%20y and what may stand behind it (`#google`). */
function fromFileUrl(written: string): { kind: 'path'; path: string } | Wrong {
  const hash = written.indexOf('#')
  const fragment = hash < 0 ? '' : written.slice(hash)
  try {
    return { kind: 'path', path: fileURLToPath(hash < 0 ? written : written.slice(0, hash)) + fragment }
  } catch {
    return new Wrong('a path, or "file:///" and an absolute one')
  }
}

const digest: Read<string> = (value) => {
  const written = string(value)
  return written instanceof Wrong || !/^[0-9a-f]{64}$/i.test(written)
    ? new Wrong('the 64 hexadecimal digits of a SHA-256')
    : written.toLowerCase()
}

/** An address that traffic can be sent to. Peers refuse others, some of them for ever. */
export function nextHopAddress(family: 'ipv4' | 'ipv6'): Read<string> {
  const read = address(family)
  return (value) => {
    const found = read(value)
    if (found instanceof Wrong) return found
    const why = whyNoNextHop(found)
    return why === undefined
      ? found
      : new Wrong(`${family === 'ipv4' ? 'an IPv4' : 'an IPv6'} address that a router can send to (${why} is none)`)
  }
}

/** Why this address (canonical text) cannot be a next hop; undefined: it can. */
export function whyNoNextHop(found: string): string | undefined {
  if (found.includes(':')) {
    if (found === '::') return 'the unspecified address'
    if (found === '::1') return 'the loopback address'
    if (found.startsWith('ff')) return 'a multicast address'
    if (found.startsWith('::ffff:')) return 'an IPv4-mapped address'
    // A link-local one means nothing without its interface, and RFC 2545 allows it only beside a global one.
    if (/^fe[89ab]/.test(found)) return 'a link-local address'
    return undefined
  }
  const first = Number(found.split('.')[0])
  if (first === 0) return 'an address in 0.0.0.0/8'
  if (first === 127) return 'an address in 127.0.0.0/8'
  if (first >= 224 && first < 240) return 'a multicast address'
  if (first >= 240) return 'a reserved address'
  return undefined
}
