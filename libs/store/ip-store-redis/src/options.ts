/** The operator's options of Redis, as the client library's options. */
import { growingPauseMs, reveal, type SecretText } from '@dnstap-bgp/runtime'
import { readFileSync } from 'node:fs'
import type { RedisOptions } from 'ioredis'

/** The library's own type does not know exactOptionalPropertyTypes. */
export type ClientOptions = Omit<RedisOptions, 'replyMapping'>

export interface RedisStoreOptions {
  /** One server; or, with `sentinelName`, the Sentinels. */
  readonly servers: readonly { readonly host: string; readonly port: number }[]
  /** The name under which the Sentinels know the master. */
  readonly sentinelName?: string | undefined
  readonly sentinelPassword?: SecretText | undefined
  readonly database?: number | undefined
  /** Begins every key; default `dnstap-bgp:`. */
  readonly keyPrefix?: string | undefined
  /** An ACL user; absent: `default`. */
  readonly user?: string | undefined
  readonly password?: SecretText | undefined
  readonly tls?:
    | {
        /** Absent: the system's authorities. */
        readonly caFile?: string | undefined
        readonly certFile?: string | undefined
        readonly keyFile?: string | undefined
      }
    | undefined
  /** About so many changes can be told afterwards; default 200,000. */
  readonly logLength?: number | undefined
}

const CONNECT_TIMEOUT_MS = 5000
/** A command without an answer for this long fails, and the store is unavailable. */
export const COMMAND_TIMEOUT_MS = 5000
/** A connection that is silent for this long while commands wait is closed: its host may be gone, and another server the master. */
const SILENCE_MS = 2 * COMMAND_TIMEOUT_MS
const RECONNECT = { firstMs: 100, longestMs: 5000, random: Math.random }

/** @throws when a file cannot be read or no server is named */
export function clientOptions(options: RedisStoreOptions): ClientOptions {
  const [server] = options.servers
  if (server === undefined) throw new Error('no Redis server is named')
  const { tls } = options
  const read = (file: string | undefined): Buffer | undefined => (file === undefined ? undefined : readFileSync(file))
  const [ca, cert, key] = [read(tls?.caFile), read(tls?.certFile), read(tls?.keyFile)]
  const tlsOptions = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) }
  const password = options.password === undefined ? undefined : reveal(options.password)
  const sentinelPassword = options.sentinelPassword === undefined ? undefined : reveal(options.sentinelPassword)
  return {
    ...(options.sentinelName === undefined
      ? { host: server.host, port: server.port }
      : {
          sentinels: options.servers.map(({ host, port }) => ({ host, port })),
          name: options.sentinelName,
          ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
          sentinelRetryStrategy: reconnectMs,
          sentinelCommandTimeout: COMMAND_TIMEOUT_MS,
          ...(tls === undefined ? {} : { sentinelTLS: tlsOptions, enableTLSForSentinelMode: true }),
        }),
    ...(options.user === undefined ? {} : { username: options.user }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls: tlsOptions }),
    db: options.database ?? 0,
    connectionName: 'dnstap-bgp',
    // The library would send INFO by itself and, where that is not allowed, complain on stderr. While Redis loads, it refuses scripts.
    enableReadyCheck: false,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: COMMAND_TIMEOUT_MS,
    socketTimeout: SILENCE_MS,
    keepAlive: 10_000,
    // Nothing waits for a connection: the caller keeps what cannot be stored now.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: reconnectMs,
    // After a failover the old master answers READONLY: leave it and ask the Sentinels again.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    lazyConnect: true,
  }
}

function reconnectMs(attempt: number): number {
  return growingPauseMs(attempt, RECONNECT)
}
