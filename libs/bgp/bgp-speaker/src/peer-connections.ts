/**
 * The sockets of one peer, by the numbers that its PeerFsm gave them: opening, reading in turns, closing. What the octets mean, and when a
 * connection is opened or closed, is for the peer to decide.
 */
import { plainAddress } from '@dnstap-bgp/net'
import { reasonOf, type Clock } from '@dnstap-bgp/runtime'
import { BoundedInput } from './bounded-input.ts'
import type { SendTurns } from './send-turns.ts'
import type { PeerSocket, Transport } from './transport.ts'

export interface PeerConnection {
  readonly number: number
  readonly socket: PeerSocket
  readonly address: string
  readonly input: BoundedInput
}

export interface PeerConnectionsDeps {
  readonly transport: Transport
  readonly clock: Clock
  readonly turns: SendTurns
  /** Where to connect to; looked up for each attempt. */
  readonly addresses: () => Promise<readonly string[]>
  readonly onConnected: (number: number) => void
  /** The connection was lost, or never came up. Not called for one that close() closed. */
  readonly onClosed: (number: number, reason: string) => void
  /** Reads some of the octets, or goes on with the last ones if there are none; true: some are left. */
  readonly onOctets: (number: number, octets: Uint8Array | undefined) => boolean
  /** The socket has room again. */
  readonly onDrain: (number: number) => void
  /** A socket that close() closed is gone. */
  readonly onGone: () => void
}

export class PeerConnections {
  readonly #deps: PeerConnectionsDeps
  readonly #connections = new Map<number, PeerConnection>()
  /** Connections that the PeerFsm has not closed; for one of them the address may still be looked up. */
  readonly #wanted = new Set<number>()
  /** Sockets that are closing. */
  readonly #closing = new Set<PeerSocket>()
  #attempts = 0

  constructor(deps: PeerConnectionsDeps) {
    this.#deps = deps
  }

  /** Is nothing open, and nothing being opened? */
  get isIdle(): boolean {
    return this.#connections.size === 0 && this.#wanted.size === 0
  }

  get(number: number): PeerConnection | undefined {
    return this.#connections.get(number)
  }

  isWanted(number: number): boolean {
    return this.#wanted.has(number)
  }

  /** Connects to the next of the peer's addresses. */
  async connect(number: number): Promise<void> {
    this.#wanted.add(number)
    const { transport, addresses, onClosed, onConnected } = this.#deps
    const fail = (reason: string) => {
      if (this.#wanted.delete(number)) onClosed(number, reason)
    }
    let address: string | undefined
    try {
      const found = await addresses()
      address = found[this.#attempts++ % found.length]
    } catch (error) {
      return fail(`its name does not resolve: ${reasonOf(error)}`)
    }
    if (!this.#wanted.has(number)) return // closed meanwhile
    if (address === undefined) return fail('its name has no address')
    try {
      const socket = transport.connect(address)
      socket.once('connect', () => {
        transport.boundUnsent(socket)
        if (this.#wanted.has(number)) onConnected(number)
      })
      this.#adopt(number, socket, address)
    } catch (error) {
      fail(reasonOf(error))
    }
  }

  /** Takes over a connection that the peer opened. */
  accept(number: number, socket: PeerSocket): void {
    this.#deps.transport.boundUnsent(socket)
    this.#wanted.add(number)
    this.#adopt(number, socket, plainAddress(socket.remoteAddress ?? ''))
  }

  /** Writes; answers how many octets wait in our process, or undefined if there is no connection to write to. */
  write(number: number, bytes: Uint8Array): number | undefined {
    const socket = this.#connections.get(number)?.socket
    if (socket === undefined || socket.destroyed || !socket.writable) return undefined
    socket.write(bytes)
    return socket.writableLength
  }

  /** Closes when everything written has left; `abort`: at once. Answers with the address of a connection that never came up. */
  close(number: number, abort: boolean): string | undefined {
    this.#wanted.delete(number)
    const connection = this.#connections.get(number)
    if (connection === undefined) return undefined
    const { socket } = connection
    this.#connections.delete(number)
    connection.input.end()
    if (socket.destroyed) return undefined
    this.#closing.add(socket)
    const isConnecting = socket.connecting
    if (abort || isConnecting) socket.destroy()
    else {
      socket.end()
      const cut = this.#deps.clock.after(CLOSE_PATIENCE_MS, () => socket.destroy())
      socket.once('close', () => cut.cancel())
    }
    return isConnecting ? connection.address : undefined
  }

  /** Resolves when no socket is closing any more. */
  async closed(): Promise<void> {
    const open = [...this.#closing].filter((socket) => !socket.destroyed)
    await Promise.all(open.map((socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()))))
  }

  /** Destroys every socket at once. */
  destroyAll(): void {
    for (const socket of this.#closing) socket.destroy()
    for (const { socket } of this.#connections.values()) socket.destroy()
  }

  #adopt(number: number, socket: PeerSocket, address: string): void {
    const { turns, onOctets, onClosed, onDrain, onGone } = this.#deps
    const input = new BoundedInput(socket, turns, (octets) => onOctets(number, octets))
    this.#connections.set(number, { number, socket, address, input })
    let reason: string | undefined
    socket.on('error', (error) => (reason = reasonOf(error)))
    socket.on('end', () => (reason ??= 'the peer closed the connection'))
    socket.on('close', () => {
      this.#closing.delete(socket)
      this.#connections.delete(number)
      if (this.#wanted.delete(number)) onClosed(number, reason ?? 'the connection was closed')
      else onGone()
    })
    socket.on('drain', () => onDrain(number))
    socket.on('data', (chunk: Uint8Array) => input.received(chunk))
  }
}

/** After a NOTIFICATION. When the speaker closes, it waits less. */
const CLOSE_PATIENCE_MS = 10_000
