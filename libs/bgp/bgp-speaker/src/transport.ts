/** How a peer's octets travel: over TCP (tcp-transport.ts), or through memory in tests. */
import type { Duplex } from 'node:stream'

/** What a peer needs of a net.Socket, with the events `connect`, `data`, `drain`, `end`, `error` and `close`. */
export interface PeerSocket extends Duplex {
  readonly connecting: boolean
  readonly localAddress?: string | undefined
  readonly remoteAddress?: string | undefined
}

export interface Transport {
  /** Addresses of a name; rejects if there are none. */
  lookUp(hostname: string): Promise<readonly string[]>
  /** A socket that is connecting to the peer. Throws if an option that the peer must have cannot be set. */
  connect(address: string): PeerSocket
  /** Sets options on a connection that the peer opened; false: the connection must not be used. */
  accept(socket: PeerSocket): boolean
  /** Bounds how many octets wait unsent in the kernel, so that a peer that reads nothing does not look as if it had everything. */
  boundUnsent(socket: PeerSocket): void
  /** Closes the connection when the peer's TCP acknowledges nothing for this long. */
  boundUnacknowledged(socket: PeerSocket, timeoutMs: number): void
  /** Octets written that the peer's TCP has not acknowledged; if the system does not say, those that the kernel has not taken. */
  inFlight(socket: PeerSocket): number
}
