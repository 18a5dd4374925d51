/** The tables [dnstap], [dnstap.hold] and [dnstap.tls]. */
import { describeListenAddress, isLoopback } from '@dnstap-bgp/net'
import { duration } from './duration.ts'
import { eachRepeated } from './each-repeated.ts'
import { address, listenAddress, prefix } from './network-values.ts'
import { Wrong } from './read.ts'
import type { Read } from './read.ts'
import type { Section } from './section.ts'
import { defineSection, ofSecretFile, required, setting } from './setting.ts'
import type { ValuesOf } from './setting.ts'
import { arrayOf, fileMode, integer, oneOf, oneOrMany, path, string } from './values.ts'

export type DnstapType = (typeof DNSTAP_TYPES)[number]
const DNSTAP_TYPES = ['CLIENT_RESPONSE', 'RESOLVER_RESPONSE', 'FORWARDER_RESPONSE', 'STUB_RESPONSE'] as const

/** A user or group: its name, or its number. */
const nameOrId: Read<string> = (value, folder) => {
  const number = integer(0, 0xfffffffe)(value, folder)
  if (!(number instanceof Wrong)) return String(number)
  const name = string(value, folder)
  return name instanceof Wrong || !/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\$?$/.test(name) ? new Wrong('a name or a number') : name
}

export const DNSTAP = defineSection({
  title: 'dnstap',
  isOptional: true,
  takesEffect: 'restart',
  advice: { socket: 'is now called `listen`, which takes a path or "host:port"' },
  settings: {
    /** Empty only when the sockets are handed over by systemd (LISTEN_FDS). */
    listen: setting(oneOrMany(listenAddress), {
      default: '',
      meaning:
        'A UNIX socket\'s path (anything with a `/`) or `"host:port"` (`":port"`: all addresses); or a list of them. Not needed under systemd socket activation.',
    }),
    /** Canonical prefixes. Empty: every address. */
    allow: setting(arrayOf(prefix), {
      default: '',
      takesEffect: 'reload',
      meaning:
        'Addresses and prefixes that may talk to TCP listeners: `["192.0.2.0/24", "2001:db8::53"]`. Without it and without `clientCA`, every address that reaches the listener can make routes.',
    }),
    mode: setting(fileMode, { key: 'perm', default: '0660', meaning: 'Permissions of UNIX sockets, in octal.' }),
    /** Undefined: the user and group that we run as. */
    owner: setting(nameOrId, { meaning: 'User (name or number) that UNIX sockets are given to.' }),
    group: setting(nameOrId, { meaning: 'Group (name or number) that UNIX sockets are given to.' }),
    types: setting(oneOrMany(oneOf(DNSTAP_TYPES)), {
      default: 'CLIENT_RESPONSE',
      takesEffect: 'reload',
      meaning: 'dnstap message types that count: also `RESOLVER_RESPONSE`, `FORWARDER_RESPONSE`, `STUB_RESPONSE`.',
    }),
    /** Undefined: they are learnt from the frames. */
    resolvers: setting(arrayOf(address()), {
      takesEffect: 'reload',
      meaning:
        'Addresses of the resolvers that report. No route may cover one of them. Absent: they are learnt from the frames, after about two minutes of queries (an address seen in ten different windows of ten seconds; 64 for each sender). `[]`: none.',
    }),
    maxFrameBytes: setting(integer(512, 16 * 1024 * 1024), {
      default: 256 * 1024,
      meaning: 'A longer frame closes its connection.',
    }),
    handshakeTimeoutMs: setting(duration({ minimumMs: 10 }), {
      key: 'handshakeTimeout',
      default: '10s',
      meaning: 'A connection that has not started by then is closed.',
    }),
  },
})

export const DNSTAP_HOLD = defineSection({
  title: 'dnstap.hold',
  takesEffect: 'restart',
  settings: {
    graceMs: setting(duration({ zero: true, maximumMs: 1000 }), {
      key: 'grace',
      default: '3ms',
      meaning: 'From the UPDATE until an answer that is held back may go: a router needs a moment for its own tables. `0`: none.',
    }),
    limitMs: setting(duration({ maximumMs: 1000 }), {
      key: 'limit',
      default: '50ms',
      meaning: 'No answer waits longer than this for us, grace included; at most a second.',
    }),
  },
})

export const DNSTAP_TLS = defineSection({
  title: 'dnstap.tls',
  isOptional: true,
  takesEffect: 'reload',
  settings: {
    certFile: required(path, {
      key: 'cert',
      expected: 'the path of a PEM file',
      standIn: '',
      meaning: 'Certificate chain, PEM.',
    }),
    keyFile: ofSecretFile(
      required(path, { key: 'key', expected: 'the path of a PEM file', standIn: '', meaning: 'Its private key, PEM.' }),
    ),
    /** Given: a client must show a certificate of this authority. */
    clientCaFile: setting(path, { key: 'clientCA', meaning: 'When given, senders must show a certificate of this authority.' }),
  },
})

/** Answers that a resolver's hook holds back until they are routed. */
export type HoldConfig = ValuesOf<typeof DNSTAP_HOLD.settings>

export type TlsServerConfig = ValuesOf<typeof DNSTAP_TLS.settings>

export interface DnstapConfig extends ValuesOf<typeof DNSTAP.settings> {
  readonly hold: HoldConfig
  /** On TCP listeners. */
  readonly tls: TlsServerConfig | undefined
}

export function parseDnstap(section: Section, isHandedOver: boolean): DnstapConfig | undefined {
  const values = section.read(DNSTAP)
  const { listen, types } = values
  const holdTable = section.table('hold')
  const hold = holdTable.read(DNSTAP_HOLD)
  const tlsTable = section.table('tls')
  const tls = tlsTable.read(DNSTAP_TLS)
  if (section.present && !section.has('listen') && !isHandedOver)
    section.missing('listen', 'the path of a UNIX socket, or "host:port"')
  eachRepeated(listen.map(describeListenAddress), (again) =>
    section.mistaken('listen', `${again} is listed twice: remove one`, ''),
  )
  if (tlsTable.present && listen.length > 0 && listen.every((one) => one.kind === 'unix'))
    section.mistaken('listen', 'seen UNIX sockets only', 'a "host:port" among them ([dnstap.tls] protects TCP only)')
  if (types.length === 0) section.mistaken('types', 'seen an empty list', `at least one of ${DNSTAP_TYPES.join(', ')}`)
  if (hold.graceMs >= hold.limitMs)
    holdTable.mistaken('grace', `seen ${hold.graceMs}ms, and a limit of ${hold.limitMs}ms`, 'a grace shorter than the limit')
  const dnstap: DnstapConfig = { ...values, hold, tls: tlsTable.present ? tls : undefined }
  warnOfEverybody(section, dnstap)
  return section.present ? dnstap : undefined
}

function warnOfEverybody(section: Section, { listen, allow, tls }: DnstapConfig): void {
  if (allow.length > 0 || tls?.clientCaFile !== undefined) return
  for (const one of listen)
    if (one.kind === 'tcp' && !isLoopback(one.host))
      section.warn(
        `${describeListenAddress(one)} accepts dnstap from every address, so anybody who reaches it can make routes: set dnstap.allow, or require certificates (dnstap.tls.clientCA)`,
      )
}
