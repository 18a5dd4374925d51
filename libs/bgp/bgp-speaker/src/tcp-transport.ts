/** The transport of one peer over TCP, with the socket options of its configuration. */
import { lookup } from 'node:dns/promises'
import type { SpeakerPeerConfig } from './config.ts'
import { ipVersion, type SocketCalls } from './socket-calls.ts'
import { boundSending, connectTcp, inFlight, tuneAccepted, type TcpOptions } from './tcp.ts'
import type { PeerSocket, Transport } from './transport.ts'

export class TcpTransport implements Transport {
  readonly #config: SpeakerPeerConfig
  readonly #calls: SocketCalls | undefined
  readonly #maxUnsentBytes: number

  /** Without `calls`, connect() throws and accept() refuses if the peer must have a socket option. */
  constructor(config: SpeakerPeerConfig, calls: SocketCalls | undefined, maxUnsentBytes: number) {
    this.#config = config
    this.#calls = calls
    this.#maxUnsentBytes = maxUnsentBytes
  }

  async lookUp(hostname: string): Promise<readonly string[]> {
    const found = await lookup(hostname, { all: true })
    return found.map(({ address }) => address)
  }

  connect(address: string): PeerSocket {
    const { port, sourceIpv4, sourceIpv6 } = this.#config
    const localAddress = ipVersion(address) === 4 ? sourceIpv4 : sourceIpv6
    return connectTcp({ address, port, localAddress, ...this.#options() }, this.#calls)
  }

  accept(socket: PeerSocket): boolean {
    return tuneAccepted(socket, this.#options(), this.#calls)
  }

  boundUnsent(socket: PeerSocket): void {
    boundSending(socket, { bytes: this.#maxUnsentBytes }, this.#calls)
  }

  boundUnacknowledged(socket: PeerSocket, timeoutMs: number): void {
    boundSending(socket, { timeoutMs }, this.#calls)
  }

  inFlight(socket: PeerSocket): number {
    return inFlight(socket, this.#calls)
  }

  #options(): TcpOptions {
    const { password, ttlSecurityHops, ttl, device } = this.#config
    if (ttlSecurityHops !== undefined) return { password, device, minimumTtl: 256 - ttlSecurityHops, ttl: 255 }
    return { password, device, ttl: ttl === undefined || ttl === SYSTEM_TTL || this.#calls === undefined ? undefined : ttl }
  }
}

const SYSTEM_TTL = 64
