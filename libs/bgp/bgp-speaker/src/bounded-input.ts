/**
 * Reads a connection a bounded number of messages at a time, so that a peer that sends at line rate does not delay other peers.
 *
 * Node gives up to 64 KiB in one call, and libuv makes 32 such calls in one turn of the event loop: that is 110,000 KEEPALIVEs. Here a socket
 * with messages left is paused until all other peers had their turn (send-turns.ts); meanwhile the peer fills its own TCP window.
 */
import type { SendTurns } from './send-turns.ts'

/** The part of a net.Socket that is used here. */
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
  /** Octets that arrived while the socket was paused; as far as we know, Node gives none then. */
  readonly #given: Uint8Array[] = []
  #isWaiting = false
  #isOver = false
  #drainedBytes = 0

  /** `take` reads some of the octets, or continues with the last ones if it gets none; true: some are left. */
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

  /** The connection closes: octets are read and ignored from now on, so that the peer receives our last message. */
  end(): void {
    this.#isOver = true
    this.#given.length = 0
    if (!this.#socket.destroyed) this.#socket.resume()
  }

  /** With unread octets the kernel would reset the connection at its close, and the peer may lose our last message. */
  #drain(octets: Uint8Array): void {
    this.#drainedBytes += octets.length
    if (this.#drainedBytes > MAX_DRAINED_BYTES) this.#socket.destroy() // the peer only sends
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
