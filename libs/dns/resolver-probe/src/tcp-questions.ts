/** One TCP connection (RFC 1035 §4.2.2: each message behind its length, u16be). All its questions are for one worker of the resolver. */
import { connect, type Socket } from 'node:net'
import { GrowingPause, type Timer } from '@dnstap-bgp/runtime'
import { RETRY, type QuestionSocket, type QuestionSocketOptions } from './question-socket.ts'

/** No more than this is queued for a resolver that does not read. */
const MAX_UNSENT_OCTETS = 16_384

export class TcpQuestions implements QuestionSocket {
  readonly #options: QuestionSocketOptions
  #socket: Socket | undefined
  #isOpen = false
  #forget: (() => void) | undefined
  readonly #pause = new GrowingPause(RETRY)
  #again: Timer | undefined
  #isClosed = false

  constructor(options: QuestionSocketOptions) {
    this.#options = options
    this.#open()
  }

  send(messages: readonly Uint8Array[]): void {
    const socket = this.#socket
    if (!this.#isOpen || socket === undefined || socket.writableLength > MAX_UNSENT_OCTETS) return
    const octets = Buffer.allocUnsafe(messages.reduce((sum, { length }) => sum + 2 + length, 0))
    let at = 0
    for (const message of messages) {
      at = octets.writeUInt16BE(message.length, at)
      octets.set(message, at)
      at += message.length
    }
    socket.write(octets)
  }

  close(): void {
    this.#isClosed = true
    this.#again?.cancel()
    this.#socket?.destroy()
  }

  #open(): void {
    const { address, port, clock, onMessage, onOpen } = this.#options
    const socket = (this.#socket = connect({ host: address, port, noDelay: true }))
    let rest: Buffer = Buffer.alloc(0)
    socket.on('connect', () => {
      this.#isOpen = true
      this.#forget = onOpen(socket.localAddress ?? '', socket.localPort ?? 0)
    })
    socket.on('data', (chunk: Buffer) => {
      this.#pause.reset() // it serves
      rest = eachMessage(rest.length === 0 ? chunk : Buffer.concat([rest, chunk]), onMessage)
    })
    socket.on('error', () => undefined) // 'close' follows
    socket.on('close', () => {
      this.#isOpen = false
      this.#forget?.()
      this.#forget = undefined
      if (this.#isClosed) return
      this.#again = clock.after(this.#pause.nextMs(), () => this.#open())
    })
  }
}

/** Hands over the whole messages; returns what is left, a message's beginning of 65,536 octets at most. */
function eachMessage(octets: Buffer, onMessage: (message: Uint8Array) => void): Buffer {
  let at = 0
  while (octets.length - at >= 2) {
    const end = at + 2 + octets.readUInt16BE(at)
    if (end > octets.length) break
    onMessage(octets.subarray(at + 2, end))
    at = end
  }
  return octets.subarray(at)
}
