/** The tables [bus] and [bus.tls]. */
import { clientTls, parseClientTls } from './client-tls.ts'
import type { TlsClientConfig } from './client-tls.ts'
import { serverUrl } from './network-values.ts'
import { Wrong } from './read.ts'
import type { Read } from './read.ts'
import type { Section } from './section.ts'
import { defineSection, ofSecretFile, secret, setting } from './setting.ts'
import type { ValuesOf } from './setting.ts'
import { integer, oneOrMany, path, string } from './values.ts'

const NATS_PORT = 4222
const readServer = serverUrl(['nats', 'tls'], NATS_PORT, '"nats://host:port", "tls://host:port" or "host:port"')

/** The URL in full. */
const natsServer: Read<string> = (value, folder) => {
  const server = readServer(value, folder)
  if (server instanceof Wrong) return server
  const { scheme, host, port } = server
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

export const BUS = defineSection({
  title: 'bus',
  isOptional: true,
  takesEffect: 'restart',
  settings: {
    servers: setting(oneOrMany(natsServer), {
      default: '',
      meaning: 'NATS: `"nats://host:port"`, `"tls://host:port"`, or a list of them.',
    }),
    user: setting(string, { meaning: 'With `password`.' }),
    password: secret({ meaning: '' }),
    token: secret({ meaning: 'In place of user and password.' }),
    credsFile: ofSecretFile(setting(path, { meaning: 'NATS credentials file, in place of both.' })),
    /** Undefined: a queue keeps the number that it has. */
    replicas: setting(integer(1, 5), {
      meaning: 'Copies of each queue in a NATS cluster, 1 to 5. Absent: what a queue has stays, a new one has 1.',
    }),
  },
})
export const BUS_TLS = clientTls('bus.tls')

export type BusConfig = { readonly kind: 'local' } | NatsConfig

export interface NatsConfig extends ValuesOf<typeof BUS.settings> {
  readonly kind: 'nats'
  readonly tls: TlsClientConfig | undefined
}

export function parseBus(section: Section): BusConfig {
  const nats: NatsConfig = { kind: 'nats', ...section.read(BUS), tls: parseClientTls(section.table('tls'), BUS_TLS) }
  const { servers, user, password, token, credsFile, tls, replicas } = nats
  const ways = [user ?? password, token, credsFile].filter((way) => way !== undefined)
  if (ways.length > 1)
    section.mistaken(
      credsFile === undefined ? 'token' : 'credsFile',
      'set together with another way to log in: keep one of user with password, token, credsFile',
      '',
    )
  if ((user === undefined) !== (password === undefined) && ways.length === 1)
    section.missing(user === undefined ? 'user' : 'password', 'user and password together')
  if (servers.length > 0) return nats
  if ((ways.length > 0 || tls !== undefined || replicas !== undefined) && !section.has('servers'))
    section.missing('servers', 'the URLs of the NATS servers these settings are for')
  return { kind: 'local' }
}
