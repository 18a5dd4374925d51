/**
 * One sender's connection: bytes into its FrameStreamReader, answers back, and an end with one reason.
 *
 * The socket is always read; nothing here waits for the handler of frames. At most one ACCEPT and one FINISH are written, and replies as far
 * as they are read, so a sender that does not read costs nothing.
 */
import type { Socket } from 'node:net'
import { FrameStreamReader } from '@dnstap-bgp/frame-streams'
import type { Clock, Timer } from '@dnstap-bgp/runtime'
import { reasonOfRefusal, type CloseReason, type DnstapServerCounters } from './server-counters.ts'

/** How long a sender may take to close after FINISH. */
const LINGER_MS = 2000
/** Octets of replies that wait in our process beside those in the kernel. */
const MAX_UNREAD = 4096

export interface ConnectionOwner {
  readonly clock: Clock
  readonly counters: DnstapServerCounters
  readonly maxFrameLength: number
  readonly handshakeTimeoutMs: number
  onRead(connection: DnstapConnection): void
  onFrame(connection: DnstapConnection, bytes: Uint8Array, start: number, end: number): void
  onStreaming(connection: DnstapConnection): void
  /** It holds this many octets more (negative: less) of a frame that is not yet whole. */
  onHeld(connection: DnstapConnection, octets: number): void
  onClosed(connection: DnstapConnection, reason: CloseReason, detail: string | undefined): void
}

export class DnstapConnection {
  /** Counts up from 1 over the life of the server. */
  readonly id: number
  /** Where it connects from: `192.0.2.1:4711`, or the UNIX socket's path with our number of the connection (the system tells no more). */
  readonly origin: string
  /** The other end's IP address; undefined on a UNIX socket. */
  readonly address: string | undefined
  /** The address it came in by, as in the configuration. */
  readonly listener: string
  /** Identity and version as the sender's frames state them; empty until the decoder of frames sets them. */
  identity = ''
  version = ''
  /** For the decoder of frames too: when it last looked. */
  heardAt = 0
  /** Likewise: how many of its frames are about questions that we asked. */
  ownFrames = 0

  readonly #owner: ConnectionOwner
  readonly #reader: FrameStreamReader
  #socket: Socket
  #timer: Timer | undefined
  #reason: CloseReason | undefined
  #detail: string | undefined
  #closed = false
  #held = 0

  constructor(owner: ConnectionOwner, id: number, origin: string, address: string | undefined, listener: string, socket: Socket) {
    this.id = id
    this.origin = origin
    this.address = address
    this.listener = listener
    this.#owner = owner
    this.#socket = socket
    this.#reader = new FrameStreamReader(
      {
        onFrame: (bytes, start, end) => owner.onFrame(this, bytes, start, end),
        answer: (bytes) => this.#socket.write(bytes),
      },
      { maxFrameLength: owner.maxFrameLength },
    )
    this.#timer = owner.clock.after(owner.handshakeTimeoutMs, () => this.cut('handshake-timeout'))
    socket.on('error', (error: NodeJS.ErrnoException) => this.#note('connection-error', error.code ?? error.message))
    socket.on('close', () => this.#onClose())
  }

  get frames(): number {
    return this.#reader.frames
  }

  /** Octets of a frame that has begun and is not yet whole. */
  get held(): number {
    return this.#held
  }

  /** The connection was cut, or the sender ended it; its socket closes soon. */
  get isEnding(): boolean {
    return this.#reason !== undefined
  }

  get isStreaming(): boolean {
    return this.#reader.state === 'streaming'
  }

  /** A TLS socket around the one accepted carries the stream. */
  readTls(socket: Socket): void {
    this.#socket = socket
    socket.on('data', (chunk: Uint8Array) => this.onBytes(chunk, chunk.length))
    this.watchEnd(socket)
  }

  /** Tells an orderly end from a broken connection. */
  watchEnd(socket: Socket): void {
    socket.on('end', () => this.#note(this.#reasonOfEnd(), undefined))
  }

  /**
   * Writes to a sender that asked for it. One that does not read what it asked for is told no more: false. Only on a UNIX socket.
   */
  reply(octets: Uint8Array): boolean {
    if (this.address !== undefined || this.#closed || this.isEnding) return false
    if (this.#socket.writableLength > MAX_UNREAD) return false
    this.#socket.write(octets)
    return true
  }

  /** Ends the connection now. */
  cut(reason: CloseReason, detail?: string): void {
    this.#note(reason, detail)
    this.#socket.destroy()
    this.#holds(0)
  }

  /** `bytes[0..length)` of the stream, valid during the call only. */
  onBytes(bytes: Uint8Array, length: number): void {
    const { counters } = this.#owner
    const reader = this.#reader
    const before = reader.state
    const framesBefore = reader.frames
    this.#owner.onRead(this)
    reader.push(bytes, 0, length)
    counters.reads++
    counters.bytes += length
    counters.frames += reader.frames - framesBefore
    if (reader.state !== before) this.#onState(before)
    if (reader.heldLength !== this.#held) this.#holds(reader.heldLength)
  }

  #holds(octets: number): void {
    const more = octets - this.#held
    this.#held = octets
    this.#owner.onHeld(this, more)
  }

  #onState(before: FrameStreamReader['state']): void {
    const { state, refusal } = this.#reader
    const hadStarted = before === 'streaming'
    if (refusal !== undefined) {
      this.cut(reasonOfRefusal[refusal])
      return
    }
    if (state === 'accepted') return
    this.#timer?.cancel()
    this.#timer = undefined
    if (!hadStarted) this.#owner.onStreaming(this)
    if (state === 'finished') {
      this.#note('finished', undefined)
      this.#socket.end()
      this.#timer = this.#owner.clock.after(LINGER_MS, () => this.#socket.destroy())
    }
  }

  #reasonOfEnd(): CloseReason {
    if (this.#reader.state !== 'streaming') return 'ended-before-start'
    return this.#reader.heldLength > 0 ? 'ended-in-frame' : 'ended-without-stop'
  }

  /** The first reason is the true one; the others follow from it. */
  #note(reason: CloseReason, detail: string | undefined): void {
    if (this.#reason !== undefined) return
    this.#reason = reason
    this.#detail = detail
  }

  #onClose(): void {
    if (this.#closed) return
    this.#closed = true
    this.#timer?.cancel()
    this.#timer = undefined
    const reason = this.#reason ?? this.#reasonOfEnd()
    this.#holds(0)
    this.#owner.counters.connectionsOpen--
    this.#owner.counters.closed[reason]++
    this.#owner.onClosed(this, reason, this.#detail)
  }
}
