/**
 * From the text of a configuration file and the environment to a checked Config, or to every mistake at once.
 *
 * Called by the apps and the command line at start, and again by whoever wants to know if a new file would do. One function for each
 * table, in the order of the manual (docs/configuration.md). Nothing is opened here but the files that secrets stand in.
 */
import { describeListenAddress, type ListenAddress } from '@dnstap-bgp/net'
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parseBgp } from './bgp-table.ts'
import type {
  AdminConfig,
  BusConfig,
  Config,
  ConfigWith,
  DnstapConfig,
  LimitsConfig,
  LogConfig,
  NeverConfig,
  Part,
  StoreConfig,
  SyncerConfig,
  TlsClientConfig,
} from './config.ts'
import { DNSTAP_TYPES, LOG_LEVELS } from './config.ts'
import { DEFAULTS } from './defaults.ts'
import { parseLists, parseListState } from './list-tables.ts'
import { ConfigError } from './mistakes.ts'
import { readSecret } from './read-secret.ts'
import { Reading, Section } from './section.ts'
import { readTree } from './toml-tree.ts'
import {
  Wrong,
  address,
  boolean,
  duration,
  endpoint,
  endpointWithPort,
  fileMode,
  integer,
  listOf,
  listenAddress,
  oneOf,
  oneOrMany,
  path,
  prefix,
  tcpListenAddress,
  text,
} from './values.ts'
import type { Read } from './values.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface ParseOptions<Needed extends Part> {
  /** What must be there; without it `Config` has undefined for a table that the file lacks. */
  readonly needs?: readonly Needed[]
}

/** Reads the file. @throws ConfigError with all mistakes, or with the one that the file cannot be read */
export function loadConfig<const Needed extends Part = never>(
  fileName: string,
  environment: Environment,
  options: ParseOptions<Needed> = {},
): ConfigWith<Needed> {
  let file: string
  try {
    file = readFileSync(fileName, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const seen =
      code === 'ENOENT'
        ? 'there is no such file'
        : code === 'EACCES'
          ? 'we may not read it'
          : code === 'EISDIR'
            ? 'it is a folder'
            : String(error)
    throw new ConfigError(fileName, [{ key: '', seen, expected: 'a configuration file' }], { cause: error })
  }
  return parseConfig(file, fileName, environment, options)
}

/** @throws ConfigError with all mistakes */
export function parseConfig<const Needed extends Part = never>(
  fileText: string,
  fileName: string,
  environment: Environment,
  { needs = [] }: ParseOptions<Needed> = {},
): ConfigWith<Needed> {
  const { config, reading } = readConfig(fileText, fileName, environment)
  reportNeeds(config, needs, reading)
  reportSharedPort(config, needs, reading)
  if (reading.mistakes.length > 0) throw new ConfigError(fileName, inFileOrder(reading.mistakes))
  // What reportNeeds found missing would have been thrown by now.
  return config as ConfigWith<Needed>
}

/** The configuration as far as it can be read, and what was noticed on the way. */
export function readConfig(fileText: string, fileName: string, environment: Environment): { config: Config; reading: Reading } {
  const tree = readTree(fileText)
  const reading = new Reading(environment, tree.mistakes, tree.incomplete)
  const root = new Section(reading, { title: '', variables: [] }, tree.root)
  const context: Context = { folder: dirname(resolve(fileName)), reading, environment }
  const ipv6 = root.get('ipv6', boolean, DEFAULTS.ipv6)
  const lists = parseLists(root, context)
  const config = {
    fileName,
    warnings: reading.warnings,
    ipv6,
    lists,
    listState: parseListState(root.table('lists'), context),
    limits: parseLimits(root.table('limits')),
    never: parseNever(root.table('never')),
    dnstap: parseDnstap(root.table('dnstap'), context),
    bgp: parseBgp(root.table('bgp'), { ...context, ipv6, lists }),
    syncer: parseSyncer(root.table('syncer'), context),
    bus: parseBus(root.table('bus'), context),
    store: parseStore(root, context),
    admin: parseAdmin(root.table('admin'), context),
    log: parseLog(root.table('log')),
  }
  root.advise(
    'namespace',
    'is gone; start the service inside the namespace (systemd: NetworkNamespacePath=, else: ip netns exec)',
  )
  root.done()
  reading.reportUnknownKeys()
  reading.warnOfUnknownVariables()
  const secretFiles = [...reading.secretFiles].map((file) => file ?? fileName)
  return { config: { ...config, secretFiles }, reading }
}

export interface Context {
  /** Relative paths start here. */
  readonly folder: string
  readonly reading: Reading
  readonly environment: Environment
}

function inFileOrder<T extends { readonly line?: number }>(mistakes: readonly T[]): T[] {
  return [...mistakes].sort((a, b) => (a.line ?? Infinity) - (b.line ?? Infinity) || 0)
}

function reportNeeds(config: Config, needs: readonly Part[], reading: Reading): void {
  if (reading.incomplete) return
  const missing = (key: string, expected: string) => {
    if (!reading.mistakes.some((mistake) => mistake.key === key || mistake.key.startsWith(`${key}.`)))
      reading.mistakes.push({ key, seen: 'missing', expected })
  }
  const tooMuch = (key: string, expected: string) => reading.mistakes.push({ key, seen: 'is for the services apart', expected })
  for (const need of needs) {
    if (need === 'lists' && config.lists.length === 0)
      missing('domains', 'domains = "FILE" at the top of the file, or a [[list]] table with a name and a source')
    if (need === 'dnstap' && config.dnstap === undefined) missing('dnstap', 'a table [dnstap] with at least listen')
    if (need === 'bgp' && config.bgp === undefined) missing('bgp', 'a table [bgp] with at least as and routerID')
    if (need === 'syncer' && config.syncer === undefined) missing('syncer', 'a table [syncer] with listen, peers or both')
    if (need === 'nats' && config.bus.kind !== 'nats')
      missing('bus.servers', 'the URLs of the NATS servers: this service runs by itself')
    if (need === 'redis' && config.store.kind !== 'redis')
      missing('store.redis', '"host:port" of the Redis server: this service runs by itself')
    if (need === 'alone' && config.store.kind === 'redis')
      tooMuch('store.redis', 'it away, and cache = "FILE" at the top of the file: the all-in-one keeps its routes there')
    if (need === 'alone' && config.bus.kind === 'nats')
      tooMuch('bus.servers', 'it away: the services of the all-in-one need no bus between them')
  }
}

/** Whatever a program listens on, its admin server listens too: not at the same place. */
function reportSharedPort({ admin, dnstap, bgp, syncer }: Config, needs: readonly Part[], reading: Reading): void {
  const admins = admin.listen
  if (admins?.kind !== 'tcp' || admins.port === 0) return
  const has = (part: Part) => needs.includes(part) || needs.includes('alone')
  const others = [
    ...(has('dnstap') ? (dnstap?.listen ?? []) : []).map((listen) => ['dnstap.listen', listen] as const),
    ...(has('bgp') ? [['bgp.listen', bgp?.listen] as const] : []),
    ...(has('syncer') ? [['syncer.listen', syncer?.listen] as const] : []),
  ]
  for (const [key, listen] of others) {
    if (listen?.kind !== 'tcp' || listen.port !== admins.port) continue
    if (listen.host !== undefined && admins.host !== undefined && listen.host !== admins.host) continue
    const where = describeListenAddress(admins)
    reading.mistakes.push({
      key,
      seen: `seen ${describeListenAddress(listen)}, where [admin] listens (${where})`,
      expected: 'another port',
    })
  }
}

function parseLimits(section: Section): LimitsConfig {
  const count = integer(1, 100_000_000)
  const limits = {
    namesPerAddress: section.get('namesPerAddress', count, DEFAULTS.limits.namesPerAddress),
    addressesPerName: section.get('addressesPerName', count, DEFAULTS.limits.addressesPerName),
    routes: section.get('routes', count, DEFAULTS.limits.routes),
  }
  section.done()
  return limits
}

function parseNever(section: Section): NeverConfig {
  const never = {
    allowPrivate: section.get('allowPrivate', boolean, DEFAULTS.never.allowPrivate),
    prefixes: section.get('prefixes', listOf(prefix), []),
    allow: section.get('allow', listOf(prefix), []),
  }
  section.done()
  return never
}

function parseDnstap(section: Section, context: Context): DnstapConfig | undefined {
  const { folder, environment } = context
  const listen = section.get('listen', oneOrMany(listenAddress(folder)), [])
  const handedOver = Number(environment['LISTEN_FDS'] ?? 0) > 0
  if (section.present && !section.has('listen') && !handedOver)
    section.missing('listen', 'the path of a UNIX socket, or "host:port"')
  repeated(listen.map(describeListenAddress), (again) => section.mistaken('listen', `seen ${again} twice`, 'each address once'))
  const tlsTable = section.table('tls')
  const certFile = tlsTable.required('cert', path(folder), 'the path of a PEM file')
  const keyFile = tlsTable.required('key', path(folder), 'the path of a PEM file')
  tlsTable.noteSecretFile(keyFile)
  const clientCaFile = tlsTable.optional('clientCA', path(folder))
  if (tlsTable.present && listen.length > 0 && listen.every((one) => one.kind === 'unix'))
    section.mistaken('listen', 'seen UNIX sockets only', 'a "host:port" among them for [dnstap.tls] to guard')
  tlsTable.done()
  const dnstap: DnstapConfig = {
    listen,
    allow: section.get('allow', listOf(prefix), []),
    mode: section.get('perm', fileMode, DEFAULTS.dnstap.mode),
    owner: section.optional('owner', nameOrId),
    group: section.optional('group', nameOrId),
    types: section.get('types', oneOrMany(oneOf(DNSTAP_TYPES)), DEFAULTS.dnstap.types),
    resolvers: section.optional('resolvers', listOf(address())),
    maxFrameBytes: section.get('maxFrameBytes', integer(512, 16 * 1024 * 1024), DEFAULTS.dnstap.maxFrameBytes),
    handshakeTimeoutMs: section.get('handshakeTimeout', duration({ minimumMs: 10 }), DEFAULTS.dnstap.handshakeTimeoutMs),
    tls: certFile === undefined || keyFile === undefined ? undefined : { certFile, keyFile, clientCaFile },
  }
  if (dnstap.types.length === 0) section.mistaken('types', 'seen an empty list', `at least one of ${DNSTAP_TYPES.join(', ')}`)
  if (dnstap.allow.length === 0 && dnstap.tls?.clientCaFile === undefined)
    for (const one of listen)
      if (one.kind === 'tcp' && !isLoopback(one.host))
        context.reading.warnings.push(
          `whoever reaches ${describeListenAddress(one)} may say by dnstap what is routed: name who may in dnstap.allow, or ask for certificates (dnstap.tls.clientCA)`,
        )
  section.advise('socket', 'is now listen, which takes a path or "host:port"')
  section.done()
  return section.present ? dnstap : undefined
}

function isLoopback(host: string | undefined): boolean {
  return host !== undefined && (host === 'localhost' || host === '::1' || /^127(\.\d+){3}$/.test(host))
}

/** A user or group: its name, or its number. */
const nameOrId: Read<string> = (value) => {
  const number = integer(0, 0xfffffffe)(value)
  if (!(number instanceof Wrong)) return String(number)
  const name = text(value)
  return name instanceof Wrong || !/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\$?$/.test(name) ? new Wrong('a name or a number') : name
}

function parseSyncer(section: Section, context: Context): SyncerConfig | undefined {
  const syncer: SyncerConfig = {
    listen: section.optional('listen', tcpListenAddress),
    syncIntervalMs: section.get('syncInterval', duration({ minimumMs: 1000, zero: true }), DEFAULTS.syncer.syncIntervalMs),
    peers: section.get('peers', listOf(endpointWithPort), []),
    allow: section.get('allow', listOf(prefix), []),
    names: section.get('names', listOf(hostName), []),
    token: readSecret(section, 'token', context),
  }
  repeated(
    syncer.peers.map(({ host, port }) => `${host} port ${port}`),
    (again) => section.mistaken('peers', `seen ${again} twice`, 'each peer once'),
  )
  if (syncer.listen !== undefined && syncer.peers.length === 0 && syncer.allow.length === 0)
    context.reading.warnings.push(
      '[syncer] listens, but nobody may talk to it: name the peers, or their prefixes in syncer.allow',
    )
  section.done()
  return section.present ? syncer : undefined
}

/** A name as it may stand in an HTTP Host header, without port. */
const hostName: Read<string> = (value) => {
  const written = text(value)
  return written instanceof Wrong || !/^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?$/.test(written)
    ? new Wrong('a host name without port, such as "site-a.example.org"')
    : written.toLowerCase()
}

function parseBus(section: Section, context: Context): BusConfig {
  const servers = section.get('servers', oneOrMany(natsServer), [])
  const nats: BusConfig = {
    kind: 'nats',
    servers,
    user: section.optional('user', text),
    password: readSecret(section, 'password', context),
    token: readSecret(section, 'token', context),
    credsFile: section.optional('credsFile', path(context.folder)),
    tls: parseClientTls(section.table('tls'), context),
    replicas: section.optional('replicas', integer(1, 5)),
  }
  section.noteSecretFile(nats.credsFile)
  const ways = [nats.user ?? nats.password, nats.token, nats.credsFile].filter((way) => way !== undefined)
  if (ways.length > 1)
    section.mistaken(
      nats.credsFile === undefined ? 'token' : 'credsFile',
      'stands beside another way to log in',
      'one of user and password, token, credsFile',
    )
  if ((nats.user === undefined) !== (nats.password === undefined) && ways.length === 1)
    section.missing(nats.user === undefined ? 'user' : 'password', 'user and password together')
  if (
    servers.length === 0 &&
    (ways.length > 0 || nats.tls !== undefined || nats.replicas !== undefined) &&
    !section.has('servers')
  )
    section.missing('servers', 'the URLs of the NATS servers these settings are for')
  section.done()
  return servers.length === 0 ? { kind: 'local' } : nats
}

/** `nats://host:port`, `tls://host:port`, or `host:port`, which becomes the first. */
const natsServer: Read<string> = (value) => {
  const expected = '"nats://host:port", "tls://host:port" or "host:port"'
  const written = text(value)
  if (written instanceof Wrong) return new Wrong(expected)
  const [scheme, rest] = /^([a-z]+):\/\/(.*)$/i.exec(written)?.slice(1) ?? ['nats', written]
  if (rest.includes('@'))
    return new Wrong('one without: user and password have settings of their own', { seen: 'a URL with credentials in it' })
  const server = endpoint(4222)({ type: 'scalar', kind: 'string', value: rest.replace(/\/$/, ''), text: rest, at: undefined })
  if (server instanceof Wrong || !/^(nats|tls)$/i.test(scheme)) return new Wrong(expected)
  return `${scheme.toLowerCase()}://${server.host.includes(':') ? `[${server.host}]` : server.host}:${server.port}`
}

function parseStore(root: Section, context: Context): StoreConfig {
  const cachePath = root.optional('cache', path(context.folder))
  const section = root.table('store')
  const tls = parseClientTls(section.table('tls'), context)
  const sentinelName = section.optional('sentinel', text)
  const port = sentinelName === undefined ? DEFAULTS.store.port : DEFAULTS.store.sentinelPort
  const servers = section.get('redis', oneOrMany(redisServer(port)), [])
  const encrypted = servers.some((server) => server.encrypted)
  const redis: StoreConfig = {
    kind: 'redis',
    servers: servers.map(({ host, port }) => ({ host, port })),
    sentinelName,
    database: section.get('database', integer(0, 1_000_000), DEFAULTS.store.database),
    keyPrefix: section.get('keyPrefix', keyPrefix, DEFAULTS.store.keyPrefix),
    user: section.optional('user', text),
    password: readSecret(section, 'password', context),
    sentinelPassword: readSecret(section, 'sentinelPassword', context),
    tls: tls ?? (encrypted ? { caFile: undefined, certFile: undefined, keyFile: undefined } : undefined),
  }
  if (servers.length > 1 && sentinelName === undefined)
    section.mistaken('redis', `seen ${servers.length} servers`, 'one, or the Sentinels and sentinel = "NAME" of the primary')
  if (servers.length > 0 && servers.some((server) => server.encrypted) !== servers.every((server) => server.encrypted))
    section.mistaken('redis', 'seen servers with and without TLS', 'all of one kind')
  if (redis.user !== undefined && redis.password === undefined)
    section.missing('password', 'user and password (or passwordFile) together')
  if (!section.has('redis') && section.present)
    section.missing('redis', '"host:port" of the server (the embedded store is configured by cache)')
  section.done()
  if (servers.length > 0) {
    if (cachePath !== undefined) context.reading.warnings.push('cache is ignored: store.redis is set')
    return redis
  }
  return cachePath === undefined ? { kind: 'memory' } : { kind: 'file', path: cachePath }
}

function redisServer(defaultPort: number): Read<{ host: string; port: number; encrypted: boolean }> {
  const expected = '"host:port", "redis://host:port", or "rediss://host:port" for TLS'
  return (value) => {
    const written = text(value)
    if (written instanceof Wrong) return new Wrong(expected)
    const [scheme, rest] = /^([a-z]+):\/\/(.*)$/i.exec(written)?.slice(1) ?? ['redis', written]
    if (rest.includes('@'))
      return new Wrong('one without: user and password have settings of their own', { seen: 'a URL with credentials in it' })
    const server = endpoint(defaultPort)({
      type: 'scalar',
      kind: 'string',
      value: rest.replace(/\/$/, ''),
      text: rest,
      at: undefined,
    })
    if (server instanceof Wrong || !/^rediss?$/i.test(scheme)) return new Wrong(expected)
    return { ...server, encrypted: scheme.toLowerCase() === 'rediss' }
  }
}

const keyPrefix: Read<string> = (value) => {
  const written = text(value)
  // Braces would make a Redis Cluster hash tag, brackets and stars a pattern.
  return written instanceof Wrong || !/^[A-Za-z0-9_.:-]{1,64}$/.test(written) ? new Wrong('letters, digits and _ . : -') : written
}

function parseClientTls(section: Section, { folder }: Context): TlsClientConfig | undefined {
  const tls = {
    caFile: section.optional('ca', path(folder)),
    certFile: section.optional('cert', path(folder)),
    keyFile: section.optional('key', path(folder)),
  }
  section.noteSecretFile(tls.keyFile)
  if ((tls.certFile === undefined) !== (tls.keyFile === undefined) && section.has('cert') !== section.has('key'))
    section.missing(tls.certFile === undefined ? 'cert' : 'key', 'cert and key together')
  section.done()
  return section.present ? tls : undefined
}

function parseAdmin(section: Section, context: Context): AdminConfig {
  const where = section.get('listen', orOff(listenAddress(context.folder)), DEFAULTS.admin.listen)
  const socket = section.optional('socket', orOff(path(context.folder)))
  const listen = where === 'off' ? undefined : where
  const admin: AdminConfig = {
    listen,
    socket: socket === undefined ? defaultAdminSocket(listen) : socket === 'off' ? undefined : { path: socket, isDefault: false },
    token: readSecret(section, 'token', context),
  }
  section.done()
  return admin
}

/** Beside a TCP address only. Whoever configured a path, or nothing at all, has what they wanted. */
function defaultAdminSocket(listen: ListenAddress | undefined): AdminConfig['socket'] {
  if (listen?.kind !== 'tcp' || listen.port === 0) return undefined
  const { socket } = DEFAULTS.admin
  const isUsual = listen.port === DEFAULTS.admin.listen.port
  return { path: isUsual ? socket : socket.replace(/\.sock$/, `-${listen.port}.sock`), isDefault: true }
}

function orOff<T>(read: Read<T>): Read<T | 'off'> {
  return (value) => {
    const written = text(value)
    if (!(written instanceof Wrong) && written.toLowerCase() === 'off') return 'off'
    const found = read(value)
    return found instanceof Wrong ? new Wrong(`${found.expected}, or "off"`, found) : found
  }
}

function parseLog(section: Section): LogConfig {
  const log = {
    level: section.get('level', oneOf(LOG_LEVELS), DEFAULTS.log.level),
    format: section.get('format', oneOf(['text', 'json']), DEFAULTS.log.format),
  }
  section.done()
  return log
}

function repeated(names: readonly string[], report: (name: string) => void): void {
  const seen = new Set<string>()
  const told = new Set<string>()
  for (const name of names) {
    if (seen.has(name) && !told.has(name)) report(name)
    if (seen.has(name)) told.add(name)
    seen.add(name)
  }
}
