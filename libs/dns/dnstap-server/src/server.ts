/**
 * Listens for dnstap senders on UNIX sockets, TCP and TLS, and hands over their frames.
 *
 * It moves bytes and timers. The protocol is FrameStreamReader's, one for each connection; what a frame says is the handler's. It
 * promises the resolvers four things: the handshake and FINISH are answered at once; every socket is always read, whatever the
 * handler does with the frames; one bad sender ends its own connection and no other; and a sender that does not get through its
 * handshake in time is dropped.
 */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type SecureContextOptions, type Server as TlsServer, type TLSSocket } from 'node:tls'
import { DEFAULT_MAX_FRAME_LENGTH } from '@dnstap-bgp/frame-streams'
import { RateLimitedLog, type Clock, type Log } from '@dnstap-bgp/runtime'
import { DnstapConnection, type ConnectionOwner } from './connection.ts'
import { newCounters, type CloseReason, type DnstapServerCounters } from './counters.ts'
import { boundAddress } from './inherited-sockets.ts'
import { DnstapListenError, describeListenAddress, explainListenError, type ListenAddress } from './listen-address.ts'
import { readIntoSharedBuffer } from './shared-buffer.ts'
import { listenOnPath } from './unix-listener.ts'

export interface DnstapServerOptions {
  readonly listen: readonly ListenAddress[]
  /** Listening descriptors from inheritedSockets(). A `listen` address that one of them is bound to is not opened again. */
  readonly inherited?: readonly number[] | undefined
  /** File mode, owner and group of the UNIX sockets we make; default 0660 and whoever we run as. */
  readonly mode?: number | undefined
  readonly owner?: string | undefined
  readonly group?: string | undefined
  /** Given: every TCP listener speaks TLS. PEM texts; with clientCa a client must show a certificate of it. */
  readonly tls?: DnstapTlsOptions | undefined
  /** From accept to START, TLS included. Default 5 s. */
  readonly handshakeTimeoutMs?: number | undefined
  readonly maxFrameLength?: number | undefined
  /** Over all listeners. Default 1024. */
  readonly maxConnections?: number | undefined
}

export interface DnstapTlsOptions {
  readonly cert: string
  readonly key: string
  readonly clientCa?: string | undefined
}

export interface DnstapHandler {
  /** One frame, `bytes[start..end)`, valid during the call only. It must not throw: that would be our own fault. */
  onFrame(connection: DnstapConnection, bytes: Uint8Array, start: number, end: number): void
  /** A sender that had started is gone, or one was refused. */
  onClosed?(connection: DnstapConnection, reason: CloseReason): void
}

export interface DnstapServerDeps {
  readonly clock: Clock
  readonly log: Log
  readonly handler: DnstapHandler
}

/** A listening socket's address in text: a port of 0 is replaced once the system has chosen one. */
interface Listener {
  text: string
}

/** How long close() goes on reading what senders had already sent. */
const DRAIN_MS = 200
const KEEPALIVE_MS = 60_000

/** Opens all listeners, or none: a DnstapListenError says which one cannot be had, and why. */
export async function startDnstapServer(options: DnstapServerOptions, deps: DnstapServerDeps): Promise<DnstapServer> {
  const server = new DnstapServer(options, deps)
  try {
    await server.open()
  } catch (error) {
    await server.close()
    throw error
  }
  return server
}

export class DnstapServer implements ConnectionOwner {
  readonly counters: DnstapServerCounters = newCounters()
  readonly clock: Clock
  readonly maxFrameLength: number
  readonly handshakeTimeoutMs: number

  readonly #options: DnstapServerOptions
  readonly #log: Log
  readonly #busyLog: RateLimitedLog
  readonly #handler: DnstapHandler
  readonly #maxConnections: number
  readonly #listeners: { readonly server: Server; readonly remove: () => void }[] = []
  readonly #addresses: ListenAddress[] = []
  readonly #tlsServers: TlsServer[] = []
  readonly #connections = new Set<DnstapConnection>()
  #lastId = 0
  #closing = false
  #allClosed: (() => void) | undefined

  constructor(options: DnstapServerOptions, { clock, log, handler }: DnstapServerDeps) {
    this.#options = options
    this.clock = clock
    this.#log = log
    this.#busyLog = new RateLimitedLog(log, clock)
    this.#handler = handler
    this.maxFrameLength = options.maxFrameLength ?? DEFAULT_MAX_FRAME_LENGTH
    this.handshakeTimeoutMs = options.handshakeTimeoutMs ?? 5000
    this.#maxConnections = options.maxConnections ?? 1024
  }

  /** Where it really listens: a port of 0 has become the one the system chose. */
  get addresses(): readonly ListenAddress[] {
    return this.#addresses
  }

  get connections(): Iterable<DnstapConnection> {
    return this.#connections
  }

  /** Connections from now on get this certificate; those that are open keep theirs. The texts must be sound. */
  renewTls(tls: DnstapTlsOptions): void {
    for (const server of this.#tlsServers) server.setSecureContext(secureContextOf(tls))
  }

  /** Called by startDnstapServer(), once. */
  async open(): Promise<void> {
    for (const fd of this.#options.inherited ?? []) await this.#openInherited(fd)
    const inherited = this.#addresses.map((address) => describeListenAddress(withoutAnyHost(address)))
    for (const address of this.#options.listen)
      if (!inherited.includes(describeListenAddress(withoutAnyHost(address)))) await this.#open(address)
  }

  /**
   * Stops accepting, reads what senders had sent before, and ends all connections. Resolves when everything is closed and our UNIX
   * sockets are gone; inherited ones stay with systemd.
   */
  async close(): Promise<void> {
    this.#closing = true
    const closed = this.#listeners.splice(0).map(
      ({ server, remove }) =>
        new Promise<void>((resolve) => {
          server.close(() => resolve())
          remove()
        }),
    )
    await this.#drain()
    for (const connection of [...this.#connections]) connection.cut('server-closed')
    if (this.#connections.size > 0) await new Promise<void>((resolve) => (this.#allClosed = resolve))
    await Promise.all(closed)
  }

  onFrame(connection: DnstapConnection, bytes: Uint8Array, start: number, end: number): void {
    this.#handler.onFrame(connection, bytes, start, end)
  }

  onStreaming(connection: DnstapConnection): void {
    this.#busyLog.info({ peer: connection.peer, listener: connection.listener }, 'A dnstap sender is connected.')
  }

  onClosed(connection: DnstapConnection, reason: CloseReason, detail: string | undefined): void {
    this.#connections.delete(connection)
    if (this.#connections.size === 0) this.#allClosed?.()
    const fields = {
      peer: connection.peer,
      listener: connection.listener,
      reason,
      frames: connection.frames,
      ...(connection.identity === '' ? {} : { identity: connection.identity }),
      ...(detail === undefined ? {} : { detail }),
    }
    if (HARMLESS.has(reason)) this.#busyLog.info(fields, 'A dnstap sender is gone.')
    else if (reason === 'ended-before-start') this.#log.debug(fields, 'A connection was closed before it said anything.')
    else this.#busyLog.warn(fields, 'A dnstap connection was ended.')
    this.#handler.onClosed?.(connection, reason)
  }

  async #open(address: ListenAddress): Promise<void> {
    const listener: Listener = { text: describeListenAddress(address) }
    const server = this.#createServer(address.kind, listener)
    let remove = () => {}
    try {
      if (address.kind === 'unix') {
        const { mode = 0o660, owner, group } = this.#options
        remove = await listenOnPath(server, address.path, { mode, owner, group })
      } else {
        const { host, port } = address
        await listen(server, host === undefined ? { port } : { host, port })
      }
    } catch (error) {
      throw explainListenError(address, error)
    }
    this.#opened(server, remove, address, listener)
  }

  async #openInherited(fd: number): Promise<void> {
    const unknown: ListenAddress = { kind: 'unix', path: `descriptor ${fd}` }
    let address: ListenAddress | undefined
    try {
      address = boundAddress(fd)
    } catch (error) {
      throw new DnstapListenError(unknown, 'EBADF', 'the descriptor handed over is not open', { cause: error })
    }
    if (address === undefined) throw new DnstapListenError(unknown, 'ENOTSOCK', 'the descriptor handed over is no stream socket')
    const listener: Listener = { text: describeListenAddress(address) }
    const server = this.#createServer(address.kind, listener)
    try {
      await listen(server, { fd })
    } catch (error) {
      throw explainListenError(address, error)
    }
    this.#opened(server, () => {}, address, listener)
  }

  #opened(server: Server, remove: () => void, address: ListenAddress, listener: Listener): void {
    this.#listeners.push({ server, remove })
    const port = address.kind === 'tcp' ? ((server.address() as AddressInfo | null)?.port ?? address.port) : 0
    const opened = address.kind === 'tcp' ? { ...address, port } : address
    this.#addresses.push(opened)
    listener.text = describeListenAddress(opened)
    server.on('error', (error: NodeJS.ErrnoException) =>
      this.#busyLog.warn({ listener: listener.text, code: error.code }, 'Accepting failed.'),
    )
  }

  #createServer(kind: ListenAddress['kind'], listener: Listener): Server {
    const { tls } = this.#options
    if (kind === 'unix' || tls === undefined)
      return createServer({ pauseOnConnect: true }, (accepted) => this.#acceptPlain(accepted, listener))
    return this.#createTlsServer(listener, tls)
  }

  /** The handshake's time runs from the accepted socket on; frames come by the TLS socket around it. Its ends tell which is whose. */
  #createTlsServer(listener: Listener, tls: DnstapTlsOptions): Server {
    const waiting = new Map<string, DnstapConnection>()
    const endsOf = (socket: Socket) => `${socket.remoteAddress} ${socket.remotePort}`
    const server = createTlsServer({
      ...secureContextOf(tls),
      ...(tls.clientCa === undefined ? {} : { requestCert: true, rejectUnauthorized: true }),
    })
    this.#tlsServers.push(server)
    server.on('connection', (socket: Socket) => {
      const ends = endsOf(socket)
      if (!this.#hasRoom(socket, listener)) return
      waiting.set(ends, this.#connect(socket, listener))
      socket.once('close', () => waiting.delete(ends))
    })
    server.on('secureConnection', (socket: TLSSocket) => {
      const connection = waiting.get(endsOf(socket))
      if (connection === undefined) socket.destroy()
      else {
        socket.on('error', (error: NodeJS.ErrnoException) => connection.cut('connection-error', error.code))
        connection.readTls(socket)
      }
    })
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
      waiting.get(endsOf(socket))?.cut('tls-error', error.code ?? error.message)
      socket.destroy()
    })
    return server
  }

  #acceptPlain(accepted: Socket, listener: Listener): void {
    if (!this.#hasRoom(accepted, listener)) return
    const socket = readIntoSharedBuffer(accepted, (bytes, length) => connection.onBytes(bytes, length))
    const connection = this.#connect(socket, listener)
    connection.watchEnd(socket)
  }

  /** Ends the socket and counts it if not. */
  #hasRoom(socket: Socket, listener: Listener): boolean {
    this.counters.connectionsAccepted++
    if (!this.#closing && this.#connections.size < this.#maxConnections) return true
    this.counters.closed[this.#closing ? 'server-closed' : 'too-many-connections']++
    if (!this.#closing)
      this.#busyLog.warn(
        { listener: listener.text, limit: this.#maxConnections },
        'A dnstap connection was refused: there are too many.',
      )
    socket.on('error', () => {})
    socket.destroy()
    return false
  }

  #connect(socket: Socket, { text: listener }: Listener): DnstapConnection {
    this.counters.connectionsOpen++
    const id = ++this.#lastId
    const peer = peerText(socket) ?? `${listener}#${id}`
    const connection = new DnstapConnection(this, id, peer, listener, socket)
    this.#connections.add(connection)
    if (socket.remoteAddress !== undefined) {
      socket.setNoDelay(true)
      // A resolver whose machine died says nothing: without this its connection would stay for ever.
      socket.setKeepAlive(true, KEEPALIVE_MS)
    }
    return connection
  }

  /** Goes round the event loop until a turn brings no bytes, or time is up. */
  async #drain(): Promise<void> {
    if (this.#connections.size === 0) return
    const until = this.clock.monotonic() + DRAIN_MS
    for (let quiet = 0; quiet < 2 && this.clock.monotonic() < until;) {
      const { reads } = this.counters
      await new Promise((resolve) => setImmediate(resolve))
      quiet = this.counters.reads === reads ? quiet + 1 : 0
    }
  }
}

function secureContextOf({ cert, key, clientCa }: DnstapTlsOptions): SecureContextOptions {
  return { cert, key, minVersion: 'TLSv1.2', ...(clientCa === undefined ? {} : { ca: clientCa }) }
}

/** `[::]:53`, `0.0.0.0:53` and `:53` are one address to an operator. */
function withoutAnyHost(address: ListenAddress): ListenAddress {
  if (address.kind === 'unix') return address
  return address.host === '::' || address.host === '0.0.0.0' ? { ...address, host: undefined } : address
}

/** How senders part in good order. */
const HARMLESS: ReadonlySet<CloseReason> = new Set(['finished', 'ended-without-stop', 'server-closed'])

function peerText(socket: Socket): string | undefined {
  const { remoteAddress, remotePort } = socket
  if (remoteAddress === undefined) return undefined
  const host = remoteAddress.replace(/^::ffff:(?=\d+\.)/, '') // IPv4 by a socket for both
  return `${host.includes(':') ? `[${host}]` : host}:${remotePort}`
}

function listen(server: Server, options: { fd: number } | { port: number; host?: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ ...options }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
