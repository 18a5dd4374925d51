/**
 * TCP connections to and from peers: with the socket options of socket-calls.ts if one is configured, else plain Node sockets.
 *
 * The caller has loaded the calls. Without them, a configured option is an error; it is never left out.
 */
import { createServer, Socket } from 'node:net'
import { parsePrefix, PrefixSet } from '@dnstap-bgp/ip'
import { listening } from '@dnstap-bgp/net'
import { ipVersion, type SocketCalls } from './socket-calls.ts'
import type { PeerSocket } from './transport.ts'

export interface TcpOptions {
  readonly password?: string | undefined
  /** 256 minus the hops that GTSM allows. */
  readonly minimumTtl?: number | undefined
  readonly ttl?: number | undefined
  readonly device?: string | undefined
}

/** Must the socket be created with socket-calls.ts? */
export function needsSocketCalls(options: TcpOptions): boolean {
  return (
    options.password !== undefined ||
    options.minimumTtl !== undefined ||
    options.ttl !== undefined ||
    options.device !== undefined
  )
}

export interface ConnectTo extends TcpOptions {
  readonly address: string
  readonly port: number
  readonly localAddress?: string | undefined
}

/** A socket that is connecting; it emits `connect` or `error`. Throws if an option cannot be set. */
export function connectTcp(to: ConnectTo, calls: SocketCalls | undefined): Socket {
  const socket = needsSocketCalls(to) ? preparedSocket(to, required(calls)) : new Socket()
  socket.setNoDelay(true)
  socket.connect({
    host: to.address,
    port: to.port,
    family: ipVersion(to.address),
    ...(to.localAddress === undefined ? {} : { localAddress: to.localAddress }),
  })
  return socket
}

function preparedSocket(to: ConnectTo, calls: SocketCalls): Socket {
  const version = ipVersion(to.address)
  const fd = calls.open(version)
  try {
    if (to.password !== undefined) calls.setMd5Key(fd, to.address, to.password)
    if (to.ttl !== undefined) calls.setTtl(fd, version, to.ttl)
    if (to.minimumTtl !== undefined) calls.setMinimumTtl(fd, version, to.minimumTtl)
    if (to.device !== undefined) calls.bindToDevice(fd, to.device)
    // manualStart: nothing is read before the connection is up. An option of Node's own, missing in its types.
    return new Socket({ fd, manualStart: true } as ConstructorParameters<typeof Socket>[0])
  } catch (error) {
    calls.close(fd)
    throw error
  }
}

export interface ListenAt {
  readonly address: string
  readonly port: number
  /** TTL of the segments sent while a connection is set up; 255 if a peer demands it. */
  readonly ttl?: number | undefined
  readonly device?: string | undefined
  readonly keys: readonly Md5Key[]
  readonly useCalls: boolean
}

export interface Md5Key {
  readonly address: string
  readonly prefixLength?: number | undefined
  readonly password: string
}

export interface TcpListener {
  readonly address: string
  readonly port: number
  setKey(key: Md5Key): void
  close(): void
}

/** Listens; rejects if that fails. `hasKey` says whether the listener has a TCP MD5 key for an address. */
export async function listenTcp(
  at: ListenAt,
  calls: SocketCalls | undefined,
  onConnection: (socket: Socket, hasKey: (address: string) => boolean) => void,
  onError: (error: Error) => void,
): Promise<TcpListener> {
  const keyed = new PrefixSet<true>()
  const hasKey = (address: string) => {
    const host = parsePrefix(address)
    return host !== undefined && keyed.covering(host) === true
  }
  const server = createServer({ noDelay: true }, (socket) => onConnection(socket, hasKey))
  const version = ipVersion(at.address)
  let fd: number | undefined
  if (at.useCalls) {
    fd = required(calls).open(version)
    try {
      required(calls).reuseAddress(fd)
      if (version === 6) required(calls).ipv6Only(fd)
      if (at.ttl !== undefined) required(calls).setTtl(fd, version, at.ttl)
      if (at.device !== undefined) required(calls).bindToDevice(fd, at.device)
      for (const key of at.keys) setKey(required(calls), fd, version, key, keyed)
      required(calls).bind(fd, at.address, at.port)
    } catch (error) {
      required(calls).close(fd)
      throw error
    }
  }
  await listening(server, fd === undefined ? { host: at.address, port: at.port, ipv6Only: version === 6 } : { fd })
  server.on('error', onError)
  const bound = server.address()
  return {
    address: at.address,
    port: typeof bound === 'object' && bound !== null ? bound.port : at.port,
    setKey(key) {
      if (fd === undefined) throw new Error('this listener has no keys')
      setKey(required(calls), fd, version, key, keyed)
    },
    close() {
      server.close()
    },
  }
}

/** Bounds how many octets wait unsent in the kernel, and how long the peer's TCP may acknowledge nothing. Does nothing if the system cannot. */
export function boundSending(
  socket: PeerSocket,
  bounds: { readonly bytes?: number; readonly timeoutMs?: number },
  calls: SocketCalls | undefined,
): void {
  const fd = descriptorOf(socket)
  if (fd === undefined || calls === undefined) return
  try {
    if (bounds.bytes !== undefined) calls.setUnsentBound(fd, bounds.bytes)
    if (bounds.timeoutMs !== undefined) calls.setUserTimeout(fd, bounds.timeoutMs)
  } catch {
    // If the connection is gone, its `close` says so. A connection works without the bounds, too.
  }
}

/** Octets written that the peer's TCP has not acknowledged; if the system does not say, those that the kernel has not taken. */
export function inFlight(socket: PeerSocket, calls: SocketCalls | undefined): number {
  const fd = descriptorOf(socket)
  if (fd === undefined || calls === undefined) return socket.writableLength
  try {
    return socket.writableLength + calls.unacknowledged(fd)
  } catch {
    return socket.writableLength
  }
}

/** Node has no public way to a socket's descriptor; this private field has always existed. */
function descriptorOf(socket: PeerSocket): number | undefined {
  const fd = (socket as PeerSocket & { _handle?: { fd?: unknown } | null })._handle?.fd
  return !socket.destroyed && typeof fd === 'number' && fd >= 0 ? fd : undefined
}

/** Sets TTL and GTSM on an accepted connection; false if GTSM is configured and not possible: then the connection must not be used. */
export function tuneAccepted(socket: PeerSocket, { minimumTtl, ttl }: TcpOptions, calls: SocketCalls | undefined): boolean {
  if (minimumTtl === undefined && ttl === undefined) return true
  const fd = descriptorOf(socket)
  if (fd === undefined || calls === undefined) return minimumTtl === undefined
  try {
    const version = ipVersion(socket.remoteAddress ?? '')
    if (minimumTtl !== undefined) calls.setMinimumTtl(fd, version, minimumTtl)
    if (ttl !== undefined) calls.setTtl(fd, version, ttl)
    return true
  } catch {
    return minimumTtl === undefined
  }
}

function setKey(calls: SocketCalls, fd: number, version: 4 | 6, key: Md5Key, keyed: PrefixSet<true>): void {
  const { address, prefixLength, password } = key
  if (ipVersion(address) !== version) return
  calls.setMd5Key(fd, address, password, prefixLength)
  const prefix = parsePrefix(prefixLength === undefined ? address : `${address}/${prefixLength}`)
  if (prefix !== undefined) keyed.add(prefix, true)
}

function required(calls: SocketCalls | undefined): SocketCalls {
  if (calls === undefined) throw new Error('socket options are configured and cannot be set')
  return calls
}
