/** The key `cache` at the top of the file, and the tables [store] and [store.tls]. */
import { parseClientTls } from './client-tls-table.ts'
import type { StoreConfig } from './config.ts'
import type { Context } from './context.ts'
import { DEFAULTS } from './defaults.ts'
import { readSecret } from './read-secret.ts'
import type { Section } from './section.ts'
import { Wrong, endpoint, integer, oneOrMany, path, string } from './values.ts'
import type { Read } from './values.ts'

export function parseStore(root: Section, context: Context): StoreConfig {
  const cachePath = root.optional('cache', path(context.folder))
  const section = root.table('store')
  const tls = parseClientTls(section.table('tls'), context)
  const sentinelName = section.optional('sentinel', string)
  const port = sentinelName === undefined ? DEFAULTS.store.port : DEFAULTS.store.sentinelPort
  const servers = section.get('redis', oneOrMany(redisServer(port)), [])
  const encrypted = servers.some((server) => server.encrypted)
  const redis: StoreConfig = {
    kind: 'redis',
    servers: servers.map(({ host, port }) => ({ host, port })),
    sentinelName,
    database: section.get('database', integer(0, 1_000_000), DEFAULTS.store.database),
    keyPrefix: section.get('keyPrefix', keyPrefix, DEFAULTS.store.keyPrefix),
    user: section.optional('user', string),
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
    const written = string(value)
    if (written instanceof Wrong) return new Wrong(expected)
    const [scheme, rest] = /^([a-z]+):\/\/(.*)$/i.exec(written)?.slice(1) ?? ['redis', written]
    if (rest.includes('@'))
      return new Wrong('a URL without them: `user` and `password` are settings of their own', {
        seen: 'a URL with credentials in it',
      })
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
  const written = string(value)
  // Braces would make a Redis Cluster hash tag, brackets and stars a pattern.
  return written instanceof Wrong || !/^[A-Za-z0-9_.:-]{1,64}$/.test(written) ? new Wrong('letters, digits and _ . : -') : written
}
