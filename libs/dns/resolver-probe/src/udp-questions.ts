/** One UDP socket with a fixed source port, connected: the kernel lets nobody but the resolver's address through. */
import { createSocket, type Socket } from 'node:dgram'
import { GrowingPause, type Timer } from '@dnstap-bgp/runtime'
import { RETRY, type QuestionSocket, type QuestionSocketOptions } from './question-socket.ts'

export class UdpQuestions implements QuestionSocket {
  readonly #options: QuestionSocketOptions
  /** Undefined until it is connected. */
  #socket: Socket | undefined
  #forget: (() => void) | undefined
  readonly #pause = new GrowingPause(RETRY)
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
      this.#pause.reset()
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
    this.#again = this.#options.clock.after(this.#pause.nextMs(), () => this.#open())
  }
}
