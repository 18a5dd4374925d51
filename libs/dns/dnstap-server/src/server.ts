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
import { RateLimitedLog, type Clock, type Log, type Timer } from '@dnstap-bgp/runtime'
import { DnstapConnection, type ConnectionOwner } from './connection.ts'
import { newCounters, type CloseReason, type DnstapServerCounters } from './counters.ts'
import { boundAddress, isSameSocket } from './inherited-sockets.ts'
import { DnstapListenError, describeListenAddress, explainListenError, type ListenAddress } from './listen-address.ts'
import { CONNECTION_LIMITS, Listener, type ConnectionLimits } from './listener.ts'
import { readIntoSharedBuffer } from './shared-buffer.ts'
import { listenOnPath, SocketFile } from './unix-listener.ts'

export interface DnstapServerOptions {
  readonly listen: readonly ListenAddress[]
  /** Listening descriptors from inheritedSockets(). A `listen` address that one of them is bound to is not opened again. */
  readonly inherited: readonly number[]
  /** File mode, owner and group of the UNIX sockets we make; undefined: whoever we run as. */
  readonly mode: number
  readonly owner: string | undefined
  readonly group: string | undefined
  /** Given: every TCP listener speaks TLS. PEM texts; with clientCa a client must show a certificate of it. */
  readonly tls: DnstapTlsOptions | undefined
  /** May who connects from this address (IPv4 or IPv6, as text) to a TCP listener talk to us? */
  readonly allows: (address: string) => boolean
  /** From accept to START, TLS included. */
  readonly handshakeTimeoutMs: number
  readonly maxFrameLength: number
  readonly limits?: ConnectionLimits
}

export interface DnstapTlsOptions {
  readonly cert: string
  readonly key: string
  readonly clientCa?: string | undefined
}

export interface DnstapHandler {
  /** A socket was read; its frames follow. */
  onRead?(connection: DnstapConnection): void
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

/** How long close() goes on reading what senders had already sent. */
const DRAIN_MS = 200
const KEEPALIVE_MS = 60_000
/** A socket that was removed from its place is found missing within so long. */
const LOOK_AT_SOCKETS_MS = 1000

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
  readonly #limits: ConnectionLimits
  readonly #listeners: Listener[] = []
  readonly #addresses: ListenAddress[] = []
  readonly #tlsServers: TlsServer[] = []
  readonly #connections = new Map<DnstapConnection, Listener>()
  #lookTimer: Timer | undefined
  #mending: Promise<void> | undefined
  #trouble: string | undefined
  #lastId = 0
  #closing = false
  #allClosed: (() => void) | undefined

  constructor(options: DnstapServerOptions, { clock, log, handler }: DnstapServerDeps) {
    this.#options = options
    this.clock = clock
    this.#log = log
    this.#busyLog = new RateLimitedLog(log, clock)
    this.#handler = handler
    this.maxFrameLength = options.maxFrameLength
    this.handshakeTimeoutMs = options.handshakeTimeoutMs
    this.#limits = options.limits ?? CONNECTION_LIMITS
  }

  /** Where it really listens: a port of 0 has become the one the system chose. */
  get addresses(): readonly ListenAddress[] {
    return this.#addresses
  }

  get connections(): Iterable<DnstapConnection> {
    return this.#connections.keys()
  }

  /** Why senders cannot reach a socket that was open, in a sentence; undefined: they can. */
  get trouble(): string | undefined {
    return this.#trouble
  }

  /** What `allows` says has changed: who may no longer talk to us is cut. */
  cutDisallowed(): void {
    for (const connection of [...this.#connections.keys()])
      if (connection.address !== undefined && !this.#options.allows(connection.address)) connection.cut('not-allowed')
  }

  /** Connections from now on get this certificate; those that are open keep theirs. The texts must be sound. */
  renewTls(tls: DnstapTlsOptions): void {
    for (const server of this.#tlsServers) server.setSecureContext(secureContextOf(tls))
  }

  /** Called by startDnstapServer(), once. */
  async open(): Promise<void> {
    for (const fd of this.#options.inherited) await this.#openInherited(fd)
    const inherited = [...this.#addresses]
    for (const address of this.#options.listen) {
      const isOpen = await Promise.all(inherited.map((other) => isSameSocket(address, other)))
      if (!isOpen.includes(true)) await this.#open(address, inherited)
    }
    this.#lookTimer = this.clock.every(LOOK_AT_SOCKETS_MS, () => {
      this.#mending ??= this.#lookAtSockets().finally(() => (this.#mending = undefined))
    })
  }

  /**
   * Stops accepting, reads what senders had sent before, and ends all connections. Resolves when everything is closed and our UNIX
   * sockets are gone; inherited ones stay with systemd.
   */
  async close(): Promise<void> {
    this.#closing = true
    this.#lookTimer?.cancel()
    await this.#mending
    const closed = this.#listeners.splice(0).map(
      ({ server, file, isInherited }) =>
        new Promise<void>((resolve) => {
          if (server === undefined) resolve()
          else server.close(() => resolve())
          if (!isInherited) file?.remove()
        }),
    )
    await this.#drain()
    for (const connection of [...this.#connections.keys()]) connection.cut('server-closed')
    if (this.#connections.size > 0) await new Promise<void>((resolve) => (this.#allClosed = resolve))
    await Promise.all(closed)
  }

  onRead(connection: DnstapConnection): void {
    this.#handler.onRead?.(connection)
  }

  onFrame(connection: DnstapConnection, bytes: Uint8Array, start: number, end: number): void {
    this.#handler.onFrame(connection, bytes, start, end)
  }

  onStreaming(connection: DnstapConnection): void {
    this.#busyLog.info({ peer: connection.origin, listener: connection.listener }, 'A dnstap sender is connected.')
  }

  onHeld(connection: DnstapConnection, octets: number): void {
    const listener = this.#connections.get(connection)
    if (listener === undefined) return
    listener.heldOctets += octets
    if (octets <= 0 || !listener.holdsTooMuch) return
    let most = connection
    for (const [other, its] of this.#connections) if (its === listener && other.held > most.held) most = other
    most.cut('too-much-held')
  }

  onClosed(connection: DnstapConnection, reason: CloseReason, detail: string | undefined): void {
    const listener = this.#connections.get(connection)
    this.#connections.delete(connection)
    listener?.closed(connection.address)
    if (this.#connections.size === 0) this.#allClosed?.()
    const fields = {
      peer: connection.origin,
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

  async #open(address: ListenAddress, inherited: readonly ListenAddress[]): Promise<void> {
    const listener = new Listener(address, false, this.#limits)
    try {
      if (address.kind === 'unix') await this.#bind(listener, address.path)
      else {
        const { host, port } = address
        const server = this.#createServer('tcp', listener)
        await listen(server, host === undefined ? { port } : { host, port })
        listener.server = server
      }
    } catch (error) {
      const holder = inherited.find((other) => other.kind === 'tcp' && address.kind === 'tcp' && other.port === address.port)
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE' && holder !== undefined)
        throw new DnstapListenError(
          address,
          'EADDRINUSE',
          `the socket from systemd listens on ${describeListenAddress(holder)} already; write that address, or none`,
          { cause: error },
        )
      throw explainListenError(address, error)
    }
    this.#opened(listener, address)
  }

  async #bind(listener: Listener, path: string): Promise<void> {
    const { mode, owner, group } = this.#options
    const server = this.#createServer('unix', listener)
    listener.file = await listenOnPath(server, path, { mode, owner, group })
    listener.server = server
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
    const listener = new Listener(address, true, this.#limits)
    const server = this.#createServer(address.kind, listener)
    try {
      await listen(server, { fd })
    } catch (error) {
      throw explainListenError(address, error)
    }
    listener.server = server
    if (address.kind === 'unix') {
      // An abstract one (@NAME) has no file, and one whose file is not in our view of the file system cannot be missed.
      const file = new SocketFile(address.path)
      if (file.isInPlace) listener.file = file
    }
    this.#opened(listener, address)
  }

  #opened(listener: Listener, address: ListenAddress): void {
    this.#listeners.push(listener)
    const { server } = listener
    const port = address.kind === 'tcp' ? ((server?.address() as AddressInfo | null)?.port ?? address.port) : 0
    const opened = address.kind === 'tcp' ? { ...address, port } : address
    this.#addresses.push(opened)
    listener.text = describeListenAddress(opened)
    this.#watch(listener)
  }

  #watch({ server, text }: Listener): void {
    server?.on('error', (error: NodeJS.ErrnoException) =>
      this.#busyLog.warn({ listener: text, code: error.code }, 'Accepting failed.'),
    )
  }

  /** Somebody may have removed a UNIX socket, or put another in its place: senders that come then find nobody, or not us. */
  async #lookAtSockets(): Promise<void> {
    let trouble: string | undefined
    for (const listener of this.#listeners) {
      const { file, isInherited } = listener
      if (file === undefined || file.isInPlace) continue
      const its = isInherited
        ? `The socket ${file.path} is not in its place: restart the systemd unit that made it.`
        : await this.#bindAgain(listener, file.path)
      trouble ??= its
    }
    this.#trouble = trouble
  }

  /** Why it cannot; undefined: it is done. */
  async #bindAgain(listener: Listener, path: string): Promise<string | undefined> {
    const before = listener.server
    try {
      await this.#bind(listener, path)
    } catch (error) {
      const explained = explainListenError({ kind: 'unix', path }, error)
      if (explained instanceof DnstapListenError) return `${path} was taken from us: ${explained.message}.`
      throw error
    }
    before?.close() // its connections go on
    this.#watch(listener)
    this.#log.warn({ listener: path }, 'The socket was not in its place any more; it is there again.')
    return undefined
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
    const address = addressOf(socket)
    const reason = this.#reasonToRefuse(address, listener)
    if (reason === undefined) return true
    if (reason === 'too-many-connections' && this.#makeRoom(address, listener)) return true
    this.counters.closed[reason]++
    if (reason !== 'server-closed')
      this.#busyLog.warn({ listener: listener.text, ...(address === undefined ? {} : { address }) }, REFUSALS[reason])
    socket.on('error', () => {})
    socket.destroy()
    return false
  }

  /** Whoever holds connections open and begins no stream shuts nobody out: the one of them that has waited longest goes. */
  #makeRoom(address: string | undefined, listener: Listener): boolean {
    for (const [connection, its] of this.#connections) {
      if (its !== listener || connection.isStreaming || connection.isEnding) continue
      if (!listener.hasRoomWithout(connection.address, address)) continue
      connection.cut('too-many-connections')
      return true
    }
    return false
  }

  #reasonToRefuse(
    address: string | undefined,
    listener: Listener,
  ): 'server-closed' | 'not-allowed' | 'too-many-connections' | undefined {
    if (this.#closing) return 'server-closed'
    if (address !== undefined && !this.#options.allows(address)) return 'not-allowed'
    return listener.hasRoomFor(address) ? undefined : 'too-many-connections'
  }

  #connect(socket: Socket, listener: Listener): DnstapConnection {
    this.counters.connectionsOpen++
    const id = ++this.#lastId
    const address = addressOf(socket)
    const origin = address === undefined ? `${listener.text}#${id}` : describeListenAddress(endOf(address, socket))
    const connection = new DnstapConnection(this, id, origin, address, listener.text, socket)
    this.#connections.set(connection, listener)
    listener.opened(address)
    if (address !== undefined) {
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

const REFUSALS = {
  'not-allowed': 'A dnstap connection was refused: its address is not allowed.',
  'too-many-connections': 'A dnstap connection was refused: there are too many.',
} as const

/** How senders part in good order. */
const HARMLESS: ReadonlySet<CloseReason> = new Set(['finished', 'ended-without-stop', 'server-closed'])

/** The other end of a TCP connection; undefined on a UNIX socket. */
function addressOf(socket: Socket): string | undefined {
  return socket.remoteAddress?.replace(/^::ffff:(?=\d+\.)/, '') // IPv4 by a socket for both
}

function endOf(host: string, socket: Socket): ListenAddress {
  return { kind: 'tcp', host, port: socket.remotePort ?? 0 }
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
