/** The tables [bus] and [bus.tls]. */
import { parseClientTls } from './client-tls-table.ts'
import type { BusConfig } from './config.ts'
import type { Context } from './context.ts'
import { DEFAULTS } from './defaults.ts'
import { readSecret } from './read-secret.ts'
import type { Section } from './section.ts'
import { Wrong, endpoint, integer, oneOrMany, path, string } from './values.ts'
import type { Read } from './values.ts'

export function parseBus(section: Section, context: Context): BusConfig {
  const servers = section.get('servers', oneOrMany(natsServer), [])
  const nats: BusConfig = {
    kind: 'nats',
    servers,
    user: section.optional('user', string),
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
      'set together with another way to log in: keep one of user with password, token, credsFile',
      '',
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
  const written = string(value)
  if (written instanceof Wrong) return new Wrong(expected)
  const [scheme, rest] = /^([a-z]+):\/\/(.*)$/i.exec(written)?.slice(1) ?? ['nats', written]
  if (rest.includes('@'))
    return new Wrong('a URL without them: `user` and `password` are settings of their own', {
      seen: 'a URL with credentials in it',
    })
  const server = endpoint(DEFAULTS.bus.port)({
    type: 'scalar',
    kind: 'string',
    value: rest.replace(/\/$/, ''),
    text: rest,
    at: undefined,
  })
  if (server instanceof Wrong || !/^(nats|tls)$/i.test(scheme)) return new Wrong(expected)
  return `${scheme.toLowerCase()}://${server.host.includes(':') ? `[${server.host}]` : server.host}:${server.port}`
}
