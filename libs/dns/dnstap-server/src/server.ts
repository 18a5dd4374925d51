/**
 * Listens for dnstap senders on UNIX sockets, TCP and TLS, and hands over their frames.
 *
 * It moves bytes and timers. Each connection has a FrameStreamReader for the protocol; the handler decodes the frames. Four things hold
 * for resolvers: the handshake and FINISH are answered at once; every socket is always read, whatever the handler does; one bad sender
 * ends its own connection and no other; and a sender that does not finish its handshake in time is dropped.
 */
import { createServer, type Server, type Socket } from 'node:net'
import type { Server as TlsServer } from 'node:tls'
import { describeListenAddress, plainAddress, type ListenAddress } from '@dnstap-bgp/net'
import { RateLimitedLog, type Clock, type Log } from '@dnstap-bgp/runtime'
import { DnstapConnection, type ConnectionOwner } from './connection.ts'
import { newServerCounters, type CloseReason, type DnstapServerCounters } from './server-counters.ts'
import { CONNECTION_LIMITS, type ConnectionLimits, type Listener } from './listener.ts'
import { ListeningSockets } from './listening-sockets.ts'
import { readIntoSharedBuffer } from './shared-buffer.ts'
import { createTlsListener, secureContextOf, type DnstapTlsOptions } from './tls-listener.ts'

export interface DnstapServerOptions {
  readonly listen: readonly ListenAddress[]
  /** Listening descriptors from inheritedSockets(). A `listen` address that one of them is bound to is not opened again. */
  readonly inherited: readonly number[]
  /** File mode, owner and group of the UNIX sockets we make; undefined: those that we run as. */
  readonly mode: number
  readonly owner: string | undefined
  readonly group: string | undefined
  /** Given: every TCP listener speaks TLS. PEM texts; with clientCa a client must show a certificate of it. */
  readonly tls: DnstapTlsOptions | undefined
  /** May a sender connect from this address (IPv4 or IPv6, as text) to a TCP listener? */
  readonly allows: (address: string) => boolean
  /** From accept to START, TLS included. */
  readonly handshakeTimeoutMs: number
  readonly maxFrameLength: number
  readonly limits?: ConnectionLimits
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
  readonly counters: DnstapServerCounters = newServerCounters()
  readonly clock: Clock
  readonly maxFrameLength: number
  readonly handshakeTimeoutMs: number

  readonly #options: DnstapServerOptions
  readonly #log: Log
  readonly #busyLog: RateLimitedLog
  readonly #handler: DnstapHandler
  readonly #sockets: ListeningSockets
  readonly #tlsServers: TlsServer[] = []
  readonly #connections = new Map<DnstapConnection, Listener>()
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
    this.#sockets = new ListeningSockets(options, {
      clock,
      log,
      busyLog: this.#busyLog,
      limits: options.limits ?? CONNECTION_LIMITS,
      createServer: (kind, listener) => this.#createServer(kind, listener),
    })
  }

  /** Where it really listens: a port of 0 has become the one the system chose. */
  get addresses(): readonly ListenAddress[] {
    return this.#sockets.addresses
  }

  get connections(): Iterable<DnstapConnection> {
    return this.#connections.keys()
  }

  /** Why senders cannot reach a socket that was open, in a sentence; undefined: they can. */
  get trouble(): string | undefined {
    return this.#sockets.trouble
  }

  /** Call it when `allows` changed its mind: cuts the senders that it no longer allows. */
  cutDisallowed(): void {
    for (const connection of [...this.#connections.keys()])
      if (connection.address !== undefined && !this.#options.allows(connection.address)) connection.cut('not-allowed')
  }

  /** New connections get this certificate; open ones keep theirs. The texts must be valid. */
  renewTls(tls: DnstapTlsOptions): void {
    for (const server of this.#tlsServers) server.setSecureContext(secureContextOf(tls))
  }

  /** Called by startDnstapServer(), once. @throws ListenError */
  open(): Promise<void> {
    return this.#sockets.open()
  }

  /**
   * Stops accepting, reads what senders had sent before, and ends all connections. Resolves when everything is closed and our UNIX
   * sockets are gone; inherited ones stay with systemd.
   */
  async close(): Promise<void> {
    this.#closing = true
    const closed = await this.#sockets.close()
    await this.#drain()
    for (const connection of [...this.#connections.keys()]) connection.cut('server-closed')
    if (this.#connections.size > 0) await new Promise<void>((resolve) => (this.#allClosed = resolve))
    await closed.done
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

  #createServer(kind: ListenAddress['kind'], listener: Listener): Server {
    const { tls } = this.#options
    if (kind === 'unix' || tls === undefined)
      return createServer({ pauseOnConnect: true }, (accepted) => this.#acceptPlain(accepted, listener))
    const server = createTlsListener(tls, (accepted) =>
      this.#hasRoom(accepted, listener) ? this.#connect(accepted, listener) : undefined,
    )
    this.#tlsServers.push(server)
    return server
  }

  #acceptPlain(accepted: Socket, listener: Listener): void {
    if (!this.#hasRoom(accepted, listener)) return
    const socket = readIntoSharedBuffer(accepted, (bytes, length) => connection.onBytes(bytes, length))
    const connection = this.#connect(socket, listener)
    connection.watchEnd(socket)
  }

  /** False: the socket is destroyed and counted. */
  #hasRoom(socket: Socket, listener: Listener): boolean {
    this.counters.connectionsAccepted++
    const address = senderAddress(socket)
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

  /** Connections that begin no stream must not keep others out: cuts the one that has waited longest. */
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
    const address = senderAddress(socket)
    const origin = address === undefined ? `${listener.text}#${id}` : describeListenAddress(endOf(address, socket))
    const connection = new DnstapConnection(this, id, origin, address, listener.text, socket)
    this.#connections.set(connection, listener)
    listener.opened(address)
    if (address !== undefined) {
      socket.setNoDelay(true)
      // Without keepalives the connection of a resolver whose machine died would stay for ever.
      socket.setKeepAlive(true, KEEPALIVE_MS)
    }
    return connection
  }

  /** Turns the event loop until two turns bring no bytes, or time is up. */
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

const REFUSALS = {
  'not-allowed': 'A dnstap connection was refused: its address is not allowed.',
  'too-many-connections': 'A dnstap connection was refused: there are too many.',
} as const

/** Ends that are in order. */
const HARMLESS: ReadonlySet<CloseReason> = new Set(['finished', 'ended-without-stop', 'server-closed'])

/** The other end of a TCP connection; undefined on a UNIX socket. */
function senderAddress(socket: Socket): string | undefined {
  return socket.remoteAddress === undefined ? undefined : plainAddress(socket.remoteAddress)
}

function endOf(host: string, socket: Socket): ListenAddress {
  return { kind: 'tcp', host, port: socket.remotePort ?? 0 }
}
