/** What an operator says about NATS, and how the client library wants to hear it. Files are read here, so that a wrong path ends the start. */
import { readFileSync } from 'node:fs'
import { checkServerIdentity } from 'node:tls'
import { reveal, type SecretText } from '@dnstap-bgp/runtime'
import type { PeerCertificate } from 'node:tls'
import { credsAuthenticator, usernamePasswordAuthenticator, tokenAuthenticator } from 'nats'
import type { Authenticator, ConnectionOptions, TlsOptions } from 'nats'
import { inboxPrefixOf } from './names.ts'

export interface NatsTlsOptions {
  /** Absent: the system's authorities. */
  readonly caFile?: string | undefined
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
}

export interface NatsBusOptions {
  /** `host:port` or `nats://host:port` or `tls://…`; credentials may stand in them. Any of one cluster. */
  readonly servers: readonly string[]
  readonly user?: string | undefined
  readonly password?: SecretText | undefined
  readonly token?: SecretText | undefined
  /** A file with a JWT and its seed, as `nsc` writes it; read again at each connect. */
  readonly credsFile?: string | undefined
  /** When present, a server that offers no TLS is refused. */
  readonly tls?: NatsTlsOptions | undefined
  /** Shown in the server's list of connections, and part of our inboxes' names (inboxes.ts). */
  readonly name?: string | undefined
  /** Copies of each stream in a cluster. Undefined: what a stream has stays, a new one has 1. */
  readonly replicas?: number | undefined
}

const CONNECT_TIMEOUT_MS = 5000
/** A server that hangs and does not close is left when two pings in a row had no answer by the time of the third: after 15 s at most. */
const PING_INTERVAL_MS = 5000
const MAX_PINGS_OUT = 2

export function connectionOptions(options: NatsBusOptions, reconnectDelayMs: () => number): ConnectionOptions {
  const urls = options.servers.map(parseServer)
  const authenticator = authenticatorOf(options, urls)
  const tls = options.tls ?? (urls.some((url) => url.protocol === 'tls:') ? {} : undefined)
  return {
    servers: urls.map((url) => url.host),
    name: clientName(options),
    inboxPrefix: inboxPrefixOf(clientName(options)),
    ...(authenticator === undefined ? {} : { authenticator }),
    ...(tls === undefined ? {} : { tls: tlsOptions(tls, urls) }),
    timeout: CONNECT_TIMEOUT_MS,
    pingInterval: PING_INTERVAL_MS,
    maxPingOut: MAX_PINGS_OUT,
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true, // a password may be corrected at the server while we try
    reconnectDelayHandler: reconnectDelayMs,
    resolve: false, // Node resolves, /etc/hosts included; the library would ask DNS alone
  }
}

export function clientName({ name }: NatsBusOptions): string {
  return name ?? 'dnstap-bgp'
}

function parseServer(server: string): URL {
  const text = server.includes('://') ? server : `nats://${server}`
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !['nats:', 'tls:'].includes(url.protocol) || url.host === '')
    throw new Error(
      `a NATS server is written host:port, nats://host:port or tls://host:port, not '${withoutCredentials(server)}'`,
    )
  if (url.port === '') url.port = '4222'
  return url
}

/** Credentials in a URL stay out of every message. */
function withoutCredentials(server: string): string {
  return server.replace(/\/\/.*@/, '//…@')
}

function authenticatorOf(options: NatsBusOptions, urls: readonly URL[]): Authenticator | undefined {
  const { credsFile } = options
  if (credsFile !== undefined) {
    credsAuthenticator(readFileSync(credsFile)) // a file that is not there or no credentials: say so now
    return (nonce) => credsAuthenticator(readFileSync(credsFile))(nonce)
  }
  const inUrl = urls.find((url) => url.username !== '')
  const token = options.token ?? (inUrl?.password === '' ? decodeURIComponent(inUrl.username) : undefined)
  if (token !== undefined) return tokenAuthenticator(reveal(token))
  const user = options.user ?? (inUrl === undefined ? undefined : decodeURIComponent(inUrl.username))
  const password = options.password ?? decodeURIComponent(inUrl?.password ?? '')
  return user === undefined ? undefined : usernamePasswordAuthenticator(user, reveal(password))
}

function tlsOptions(tls: NatsTlsOptions, urls: readonly URL[]): TlsOptions {
  const read = (file: string | undefined): string | undefined => (file === undefined ? undefined : readFileSync(file, 'utf8'))
  const [ca, cert, key] = [read(tls.caFile), read(tls.certFile), read(tls.keyFile)]
  const hosts = urls.map((url) => url.hostname.replace(/^\[|\]$/g, ''))
  const checked = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    // The library does not tell Node which address it dialled, so the certificate must be of one of those we were given.
    checkServerIdentity: (host: string, certificate: PeerCertificate): Error | undefined => {
      const faults = [...hosts, host].map((each) => checkServerIdentity(each, certificate))
      return faults.some((fault) => fault === undefined) ? undefined : faults[0]
    },
  }
  return checked
}
