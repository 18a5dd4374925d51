/** One UDP socket with a fixed source port, connected: the kernel lets nobody but the resolver's address through. */
import { createSocket, type Socket } from 'node:dgram'
import type { Timer } from '@dnstap-bgp/runtime'
import { LONGEST_RETRY_MS, RETRY_MS, type QuestionSocket, type QuestionSocketOptions } from './question-socket.ts'

export class UdpQuestions implements QuestionSocket {
  readonly #options: QuestionSocketOptions
  /** Undefined until it is connected. */
  #socket: Socket | undefined
  #forget: (() => void) | undefined
  #retryMs = RETRY_MS
  #again: Timer | undefined
  #isClosed = false

  constructor(options: QuestionSocketOptions) {
    this.#options = options
    this.#open()
  }

  send(messages: readonly Uint8Array[]): void {
    // The callback keeps an error of this datagram from becoming an event of the socket.
    for (const message of messages) this.#socket?.send(message, () => undefined)
  }

  close(): void {
    this.#isClosed = true
    this.#again?.cancel()
    this.#forget?.()
    this.#forget = undefined
    this.#socket?.close()
    this.#socket = undefined
  }

  #open(): void {
    const { address, port, onMessage, onOpen } = this.#options
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // Nobody listens there now. The socket stays as good as it was.
      if (error.code !== 'ECONNREFUSED') this.#replace(socket)
    })
    socket.on('message', (message) => onMessage(message))
    socket.on('connect', () => {
      if (this.#isClosed) return void socket.close()
      this.#retryMs = RETRY_MS
      this.#socket = socket
      const local = socket.address()
      this.#forget = onOpen(local.address, local.port)
    })
    // Without a callback an error of connect() is an event.
    socket.connect(port, address)
  }

  #replace(broken: Socket): void {
    broken.removeAllListeners().on('error', () => undefined)
    broken.close()
    this.#socket = undefined
    this.#forget?.()
    this.#forget = undefined
    if (this.#isClosed) return
    this.#again = this.#options.clock.after(this.#retryMs, () => this.#open())
    this.#retryMs = Math.min(LONGEST_RETRY_MS, 2 * this.#retryMs)
  }
}
