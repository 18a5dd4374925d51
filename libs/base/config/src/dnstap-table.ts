/** The tables [dnstap] and [dnstap.tls]. */
import { describeListenAddress, isLoopback } from '@dnstap-bgp/net'
import type { DnstapConfig } from './config.ts'
import { DNSTAP_TYPES } from './config.ts'
import type { Context } from './context.ts'
import { DEFAULTS } from './defaults.ts'
import { eachRepeated } from './each-repeated.ts'
import type { Section } from './section.ts'
import {
  Wrong,
  address,
  duration,
  fileMode,
  integer,
  arrayOf,
  listenAddress,
  oneOf,
  oneOrMany,
  path,
  prefix,
  string,
} from './values.ts'
import type { Read } from './values.ts'

export function parseDnstap(section: Section, context: Context): DnstapConfig | undefined {
  const { folder, environment } = context
  const listen = section.get('listen', oneOrMany(listenAddress(folder)), [])
  const handedOver = Number(environment['LISTEN_FDS'] ?? 0) > 0
  if (section.present && !section.has('listen') && !handedOver)
    section.missing('listen', 'the path of a UNIX socket, or "host:port"')
  eachRepeated(listen.map(describeListenAddress), (again) =>
    section.mistaken('listen', `${again} is listed twice: remove one`, ''),
  )
  const tlsTable = section.table('tls')
  const certFile = tlsTable.required('cert', path(folder), 'the path of a PEM file')
  const keyFile = tlsTable.required('key', path(folder), 'the path of a PEM file')
  tlsTable.noteSecretFile(keyFile)
  const clientCaFile = tlsTable.optional('clientCA', path(folder))
  if (tlsTable.present && listen.length > 0 && listen.every((one) => one.kind === 'unix'))
    section.mistaken('listen', 'seen UNIX sockets only', 'a "host:port" among them ([dnstap.tls] protects TCP only)')
  tlsTable.done()
  const dnstap: DnstapConfig = {
    listen,
    allow: section.get('allow', arrayOf(prefix), []),
    mode: section.get('perm', fileMode, DEFAULTS.dnstap.mode),
    owner: section.optional('owner', nameOrId),
    group: section.optional('group', nameOrId),
    types: section.get('types', oneOrMany(oneOf(DNSTAP_TYPES)), DEFAULTS.dnstap.types),
    resolvers: section.optional('resolvers', arrayOf(address())),
    maxFrameBytes: section.get('maxFrameBytes', integer(512, 16 * 1024 * 1024), DEFAULTS.dnstap.maxFrameBytes),
    handshakeTimeoutMs: section.get('handshakeTimeout', duration({ minimumMs: 10 }), DEFAULTS.dnstap.handshakeTimeoutMs),
    tls: certFile === undefined || keyFile === undefined ? undefined : { certFile, keyFile, clientCaFile },
  }
  if (dnstap.types.length === 0) section.mistaken('types', 'seen an empty list', `at least one of ${DNSTAP_TYPES.join(', ')}`)
  if (dnstap.allow.length === 0 && dnstap.tls?.clientCaFile === undefined)
    for (const one of listen)
      if (one.kind === 'tcp' && !isLoopback(one.host))
        context.reading.warnings.push(
          `${describeListenAddress(one)} accepts dnstap from every address, so anybody who reaches it can make routes: set dnstap.allow, or require certificates (dnstap.tls.clientCA)`,
        )
  section.advise('socket', 'is now called `listen`, which takes a path or "host:port"')
  section.done()
  return section.present ? dnstap : undefined
}

/** A user or group: its name, or its number. */
const nameOrId: Read<string> = (value) => {
  const number = integer(0, 0xfffffffe)(value)
  if (!(number instanceof Wrong)) return String(number)
  const name = string(value)
  return name instanceof Wrong || !/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\$?$/.test(name) ? new Wrong('a name or a number') : name
}
