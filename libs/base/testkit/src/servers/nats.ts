/** A real nats-server on a free port of the loopback address, its JetStream below a temporary folder. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Daemon } from '../daemon.ts'
import { freePort } from '../loopback.ts'
import { findProgram } from '../routers/router.ts'
import type { CertificateFiles } from './certificates.ts'
import { answers, DaemonServer, DATA_FOLDER } from './server.ts'
import type { Server } from './server.ts'

export interface NatsServerOptions {
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Its name in a cluster; default `test`. */
  readonly name?: string
  /** Default: one that is free, kept over restarts. */
  readonly port?: number
  /** Default true. */
  readonly jetstream?: boolean
  readonly user?: { readonly name: string; readonly password: string }
  readonly token?: string
  /** With `clientCaFile`, clients must show a certificate by that authority. */
  readonly tls?: CertificateFiles & { readonly clientCaFile?: string }
  readonly maxPayloadBytes?: number
  /** More lines of its configuration. */
  readonly extra?: string
}

export interface NatsServer extends Server {
  /** `127.0.0.1:4222` */
  readonly url: string
}

export async function startNats(options: NatsServerOptions = {}): Promise<NatsServer> {
  const host = options.host ?? '127.0.0.1'
  const port = options.port ?? (await freePort(host))
  const daemon = await Daemon.start({
    name: 'nats-server',
    prepare: (folder) => {
      const file = join(folder, 'nats.conf')
      writeFileSync(file, configuration(options, host, port, join(folder, DATA_FOLDER)), { mode: 0o600 })
      return { command: findProgram('nats-server') ?? 'nats-server', args: ['-c', file] }
    },
    ready: () => answers(host, port, '', 'INFO '),
  })
  return Object.assign(new DaemonServer(daemon, host, port), { url: `${host}:${port}` })
}

function configuration(options: NatsServerOptions, host: string, port: number, dataFolder: string): string {
  const { user, token, tls } = options
  const lines = [`listen: "${host}:${port}"`, `server_name: "${options.name ?? 'test'}"`]
  if (options.jetstream ?? true)
    lines.push(`jetstream { store_dir: "${dataFolder}", max_memory_store: 1GB, max_file_store: 20GB }`)
  if (options.maxPayloadBytes !== undefined) lines.push(`max_payload: ${options.maxPayloadBytes}`)
  if (user !== undefined) lines.push(`authorization { user: "${user.name}", password: "${user.password}" }`)
  else if (token !== undefined) lines.push(`authorization { token: "${token}" }`)
  if (tls !== undefined) {
    const verify = tls.clientCaFile === undefined ? '' : `, ca_file: "${tls.clientCaFile}", verify: true`
    lines.push(`tls { cert_file: "${tls.certFile}", key_file: "${tls.keyFile}"${verify}, timeout: 5 }`)
  }
  if (options.extra !== undefined) lines.push(options.extra)
  return `${lines.join('\n')}\n`
}
