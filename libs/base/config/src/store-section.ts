/** The tables [store] and [store.tls], and `cache` at the top of the file. */
import { clientTls, parseClientTls } from './client-tls.ts'
import type { TlsClientConfig } from './client-tls.ts'
import { serverUrl } from './network-values.ts'
import type { Endpoint } from './network-values.ts'
import { Wrong } from './read.ts'
import type { Read } from './read.ts'
import type { Section } from './section.ts'
import { defineSection, secret, setting } from './setting.ts'
import type { ValuesOf } from './setting.ts'
import type { TopValues } from './top-section.ts'
import { integer, oneOrMany, string } from './values.ts'

const REDIS_PORT = 6379
const SENTINEL_PORT = 26379

const NO_PORT = 0
const redisServer = serverUrl(['redis', 'rediss'], NO_PORT, '"host:port", "redis://host:port", or "rediss://host:port" for TLS')

const keyPrefix: Read<string> = (value, folder) => {
  const written = string(value, folder)
  // Braces would make a Redis Cluster hash tag, brackets and stars a pattern.
  return written instanceof Wrong || !/^[A-Za-z0-9_.:-]{1,64}$/.test(written) ? new Wrong('letters, digits and _ . : -') : written
}

export const STORE = defineSection({
  title: 'store',
  isOptional: true,
  takesEffect: 'restart',
  settings: {
    /** One server, or the Sentinels. */
    redis: setting(oneOrMany(redisServer), {
      default: '',
      meaning: '`"host:port"`, `"redis://host:port"`, `"rediss://host:port"` (TLS); with `sentinel` a list of the Sentinels.',
    }),
    sentinelName: setting(string, { key: 'sentinel', meaning: 'Name of the primary that the Sentinels watch.' }),
    database: setting(integer(0, 1_000_000), { default: 0, meaning: 'Number of the database.' }),
    keyPrefix: setting(keyPrefix, { default: 'dnstap-bgp:', meaning: 'Before every key.' }),
    user: setting(string, { meaning: 'ACL user, with `password`.' }),
    password: secret({ meaning: '' }),
    sentinelPassword: secret({ meaning: '' }),
  },
})
export const STORE_TLS = clientTls('store.tls')

export type StoreConfig = { readonly kind: 'memory' } | { readonly kind: 'file'; readonly path: string } | RedisConfig

export interface RedisConfig extends Omit<ValuesOf<typeof STORE.settings>, 'redis'> {
  readonly kind: 'redis'
  /** One server, or the Sentinels when `sentinelName` is there. */
  readonly servers: readonly Endpoint[]
  readonly tls: TlsClientConfig | undefined
}

export function parseStore(section: Section, { cache }: TopValues): StoreConfig {
  const { redis, ...values } = section.read(STORE)
  const tls = parseClientTls(section.table('tls'), STORE_TLS)
  const isSentinel = values.sentinelName !== undefined
  const defaultPort = isSentinel ? SENTINEL_PORT : REDIS_PORT
  const isEncrypted = redis.some(({ scheme }) => scheme === 'rediss')
  if (redis.length > 1 && !isSentinel)
    section.mistaken('redis', `seen ${redis.length} servers`, 'one, or the Sentinels and sentinel = "NAME" of the primary')
  if (isEncrypted && redis.some(({ scheme }) => scheme === 'redis'))
    section.mistaken('redis', 'seen servers with and without TLS', 'all of one kind')
  if (values.user !== undefined && values.password === undefined)
    section.missing('password', 'user and password (or passwordFile) together')
  if (!section.has('redis') && section.present)
    section.missing('redis', '"host:port" of the server (the embedded store is configured by cache)')
  if (redis.length === 0) return cache === undefined ? { kind: 'memory' } : { kind: 'file', path: cache }
  if (cache !== undefined) section.warn('cache is ignored: store.redis is set')
  return {
    kind: 'redis',
    ...values,
    servers: redis.map(({ host, port }) => ({ host, port: port === NO_PORT ? defaultPort : port })),
    tls: tls ?? (isEncrypted ? { caFile: undefined, certFile: undefined, keyFile: undefined } : undefined),
  }
}
