/** A transport without sockets: what is written at one end of a connection is read at the other. */
import { Duplex } from 'node:stream'
import type { PeerSocket, Transport } from '../src/transport.ts'

export class MemorySocket extends Duplex implements PeerSocket {
  connecting = true
  readonly localAddress: string
  readonly remoteAddress: string
  other: MemorySocket | undefined

  constructor(localAddress: string, remoteAddress: string) {
    super({ allowHalfOpen: false })
    this.localAddress = localAddress
    this.remoteAddress = remoteAddress
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.other?.push(chunk)
    done()
  }

  override _final(done: () => void): void {
    this.other?.push(null)
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (this.other?.destroyed === false) setImmediate(() => this.other?.push(null))
    done(error)
  }
}

/** Two ends of one connection, already up. */
export function socketPair(here: string, there: string): [MemorySocket, MemorySocket] {
  const [near, far] = [new MemorySocket(here, there), new MemorySocket(there, here)]
  near.other = far
  far.other = near
  near.connecting = far.connecting = false
  return [near, far]
}

export class MemoryTransport implements Transport {
  /** The far ends of connections, in order. */
  readonly opened: MemorySocket[] = []
  readonly unacknowledgedBounds: number[] = []
  acceptsConnections = true
  names: ReadonlyMap<string, readonly string[]> = new Map()
  /** Answers a connection with its far end; undefined: nobody answers. */
  onConnect: ((far: MemorySocket) => void) | undefined

  async lookUp(hostname: string): Promise<readonly string[]> {
    const found = this.names.get(hostname)
    if (found === undefined) throw new Error(`no such name: ${hostname}`)
    return found
  }

  connect(address: string): PeerSocket {
    const [near, far] = socketPair('192.0.2.1', address)
    this.opened.push(far)
    near.connecting = true
    const { onConnect } = this
    if (onConnect !== undefined)
      setImmediate(() => {
        near.connecting = false
        near.emit('connect')
        onConnect(far)
      })
    return near
  }

  accept(): boolean {
    return this.acceptsConnections
  }

  boundUnsent(): void {}

  boundUnacknowledged(_socket: PeerSocket, timeoutMs: number): void {
    this.unacknowledgedBounds.push(timeoutMs)
  }

  inFlight(socket: PeerSocket): number {
    return socket.writableLength
  }
}
