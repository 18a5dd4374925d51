/**
 * Reads a connection a bounded number of messages at a time, so that a peer that sends at line rate holds up no other peer.
 *
 * Node hands over up to 64 KiB in one call, and libuv makes 32 such calls in one turn of the event loop: that is 110,000 KEEPALIVEs. Here a
 * socket with messages left waits (pause) and its turn comes again after that of everybody else (send-turns.ts), so what the peer sends
 * meanwhile fills its own TCP window.
 */
import type { SendTurns } from './send-turns.ts'

/** What it needs of a net.Socket. */
export interface Pausable {
  pause(): unknown
  resume(): unknown
  destroy(): unknown
  readonly destroyed: boolean
}

export class BoundedInput {
  readonly #socket: Pausable
  readonly #turns: SendTurns
  readonly #take: (octets: Uint8Array | undefined) => boolean
  /** What a socket gave that waits all the same; Node gives nothing then, as far as we know. */
  readonly #given: Uint8Array[] = []
  #isWaiting = false
  #isOver = false
  #drainedBytes = 0

  /** `take` looks at some of the octets, or goes on with the last ones when given none; it answers whether some are left. */
  constructor(socket: Pausable, turns: SendTurns, take: (octets: Uint8Array | undefined) => boolean) {
    this.#socket = socket
    this.#turns = turns
    this.#take = take
  }

  received(octets: Uint8Array): void {
    if (this.#isOver) return this.#drain(octets)
    if (this.#isWaiting) return void this.#given.push(octets)
    if (!this.#take(octets) || this.#isOver) return
    this.#isWaiting = true
    this.#socket.pause()
    this.#nextTurn()
  }

  /** The connection closes: what comes now is read, so that the peer hears our last words, and not looked at. */
  end(): void {
    this.#isOver = true
    this.#given.length = 0
    if (!this.#socket.destroyed) this.#socket.resume()
  }

  /** Unread octets would make the kernel reset the connection when it closes, and the peer may lose what we sent last. */
  #drain(octets: Uint8Array): void {
    this.#drainedBytes += octets.length
    if (this.#drainedBytes > MAX_DRAINED_BYTES) this.#socket.destroy() // it goes on sending, and does not listen
  }

  #nextTurn(): void {
    this.#turns.add(() => {
      if (this.#isOver) return
      if (this.#take(undefined)) return this.#nextTurn()
      const next = this.#given.shift()
      if (next !== undefined && this.#take(next)) return this.#nextTurn()
      if (this.#given.length > 0) return this.#nextTurn()
      this.#isWaiting = false
      if (!this.#isOver && !this.#socket.destroyed) this.#socket.resume()
    })
  }
}

const MAX_DRAINED_BYTES = 4 * 1024 * 1024
