/** A real redis-server (or Sentinel) on a free port of the loopback address, its files below a temporary folder. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Daemon } from '../daemon.ts'
import { freePort } from '../loopback.ts'
import { findProgram } from '../routers/router.ts'
import type { CertificateFiles } from './certificates.ts'
import { answers, DaemonServer, DATA_FOLDER } from './server.ts'
import type { Server } from './server.ts'

export interface RedisServerOptions {
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Default: one that is free, kept over restarts. */
  readonly port?: number
  readonly password?: string
  /** ACL rules by user, e.g. `{ dnstap: '>secret ~dnstap-bgp:* +@all -config' }`. */
  readonly users?: Readonly<Record<string, string>>
  /** Then it speaks nothing but TLS; with `clientCaFile`, clients must show a certificate. */
  readonly tls?: CertificateFiles & { readonly caFile: string; readonly clientsMustShow?: boolean }
  /** Writes each change to its append-only file, so that SIGKILL loses nothing older than a second; default false. */
  readonly persistent?: boolean
  readonly replicaOf?: { readonly host: string; readonly port: number }
  readonly cluster?: boolean
  /** More lines of its configuration. */
  readonly extra?: string
}

export async function startRedis(options: RedisServerOptions = {}): Promise<Server> {
  const host = options.host ?? '127.0.0.1'
  const port = options.port ?? (await freePort(host))
  const daemon = await Daemon.start({
    name: 'redis-server',
    prepare: (folder) => {
      mkdirSync(join(folder, DATA_FOLDER), { recursive: true })
      const file = join(folder, 'redis.conf')
      writeFileSync(file, configuration(options, host, port, join(folder, DATA_FOLDER)), { mode: 0o600 })
      return { command: findProgram('redis-server') ?? 'redis-server', args: [file] }
    },
    // With a password the answer is an error and with TLS there is none in clear; while a data set loads it is -LOADING.
    ready: () =>
      options.tls !== undefined
        ? answers(host, port, '', '')
        : answers(host, port, 'PING\r\n', options.password === undefined && options.users === undefined ? '+PONG' : '-NOAUTH'),
  })
  return new DaemonServer(daemon, host, port)
}

export interface SentinelOptions {
  readonly master: { readonly host: string; readonly port: number; readonly password?: string }
  /** Default `dnstap`. */
  readonly masterName?: string
  /** How many Sentinels must agree that the master is down; default 1. */
  readonly quorum?: number
}

/** A Sentinel that finds the master down after a second; alone it decides, unless a higher quorum is asked for. */
export async function startSentinel(options: SentinelOptions): Promise<Server> {
  const host = '127.0.0.1'
  const port = await freePort(host)
  const name = options.masterName ?? 'dnstap'
  const { master } = options
  const daemon = await Daemon.start({
    name: 'redis-sentinel',
    prepare: (folder) => {
      const file = join(folder, 'sentinel.conf')
      const lines = [
        `bind ${host}`,
        `port ${port}`,
        `dir ${folder}`,
        `sentinel monitor ${name} ${master.host} ${master.port} ${options.quorum ?? 1}`,
        `sentinel down-after-milliseconds ${name} 1000`,
        `sentinel failover-timeout ${name} 5000`,
      ]
      if (master.password !== undefined) lines.push(`sentinel auth-pass ${name} ${master.password}`)
      writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 })
      return { command: findProgram('redis-server') ?? 'redis-server', args: [file, '--sentinel'] }
    },
    ready: () => answers(host, port, 'PING\r\n', '+PONG'),
  })
  return new DaemonServer(daemon, host, port)
}

function configuration(options: RedisServerOptions, host: string, port: number, dataFolder: string): string {
  const { tls, replicaOf } = options
  const lines = [
    `bind ${host}`,
    tls === undefined ? `port ${port}` : `port 0\ntls-port ${port}`,
    `dir ${dataFolder}`,
    `appendonly ${options.persistent === true ? 'yes' : 'no'}`,
    'save ""',
    'daemonize no',
  ]
  if (options.password !== undefined) lines.push(`requirepass ${options.password}`, `masterauth ${options.password}`)
  if (options.users !== undefined) lines.push('user default off')
  for (const [name, rules] of Object.entries(options.users ?? {})) lines.push(`user ${name} on ${rules}`)
  if (tls !== undefined)
    lines.push(
      `tls-cert-file ${tls.certFile}`,
      `tls-key-file ${tls.keyFile}`,
      `tls-ca-cert-file ${tls.caFile}`,
      `tls-auth-clients ${tls.clientsMustShow === true ? 'yes' : 'no'}`,
    )
  if (replicaOf !== undefined) lines.push(`replicaof ${replicaOf.host} ${replicaOf.port}`)
  if (options.cluster === true) lines.push('cluster-enabled yes')
  if (options.extra !== undefined) lines.push(options.extra)
  return `${lines.join('\n')}\n`
}
