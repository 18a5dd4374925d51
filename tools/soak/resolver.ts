/**
 * A resolver as dnstap-bgp sees one: frames as Unbound makes them, over Frame Streams to the real socket.
 *
 * Like Unbound it shakes hands (READY, ACCEPT, START), connects again 0.3 s after a connection ended, never waits for the reader, and
 * drops what finds no room.
 */
import { dnsResponse, dnstapFrame } from '@dnstap-bgp/testkit'
import { connect, type Socket } from 'node:net'

export interface SaidAnswer {
  readonly name: string
  readonly addresses: readonly string[]
  readonly ttlSeconds: number
  readonly atMs: number
}

export class SoakResolver {
  /** Given to the socket; dropped for want of a connection or of room. */
  given = 0
  dropped = 0
  readonly identity: string
  /** How far its clock is ahead of the machine's. */
  clockOffsetMs = 0
  readonly #path: string
  #socket: Socket | undefined
  #ready = false
  #closed = false
  #again: NodeJS.Timeout | undefined

  constructor(identity: string, path: string) {
    this.identity = identity
    this.#path = path
    this.#connect()
  }

  get connected(): boolean {
    return this.#ready
  }

  /** False: dropped, as a resolver drops. */
  say(answer: SaidAnswer): boolean {
    const socket = this.#socket
    if (socket === undefined || !this.#ready || socket.writableLength > MAX_WAITING_BYTES) {
      this.dropped++
      return false
    }
    socket.write(framesOf({ ...answer, atMs: answer.atMs + this.clockOffsetMs }, this.identity))
    this.given++
    return true
  }

  /** As when the resolver is restarted. */
  reconnect(): void {
    this.#socket?.destroy()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#again)
    this.#socket?.destroy()
  }

  #connect(): void {
    const socket = connect(this.#path)
    this.#socket = socket
    socket.on('connect', () => socket.write(control(READY, true)))
    socket.on('data', () => {
      // The first that comes is ACCEPT; a reader says nothing more until we stop.
      if (this.#ready) return
      socket.write(control(START, true))
      this.#ready = true
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.#ready = false
      if (!this.#closed) this.#again = setTimeout(() => this.#connect(), RECONNECT_MS)
    })
  }
}

const RECONNECT_MS = 300
const MAX_WAITING_BYTES = 1 << 20
const READY = 4
const START = 2

/** One frame for A and one for AAAA, as two questions bring them. */
function framesOf(answer: SaidAnswer, identity: string): Buffer {
  const frames: Uint8Array[] = []
  for (const type of ['A', 'AAAA'] as const) {
    const values = answer.addresses.filter((address) => address.includes(':') === (type === 'AAAA'))
    if (values.length === 0) continue
    const response = dnsResponse({
      qname: answer.name,
      qtype: type === 'A' ? 1 : 28,
      answers: values.map((value) => ({ owner: answer.name, type, value, ttlSeconds: answer.ttlSeconds })),
    })
    const frame = dnstapFrame({ response, identity, responseTimeMs: answer.atMs })
    frames.push(u32(frame.length), frame)
  }
  return Buffer.concat(frames)
}

function control(type: number, withContentType: boolean): Buffer {
  const contentType = Buffer.from('protobuf:dnstap.Dnstap')
  const body = Buffer.concat([u32(type), ...(withContentType ? [u32(1), u32(contentType.length), contentType] : [])])
  return Buffer.concat([u32(0), u32(body.length), body])
}

function u32(value: number): Buffer {
  const octets = Buffer.alloc(4)
  octets.writeUInt32BE(value)
  return octets
}
