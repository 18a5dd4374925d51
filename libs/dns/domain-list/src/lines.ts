/**
 * Cuts a stream of bytes into lines, without holding more than one.
 *
 * A line that lies whole in a chunk is handed over in place; a split line is gathered in a bounded buffer. Where the chunks are cut changes nothing.
 * A line over the limit is reported once, and the rest of it is skipped. LF and CR LF end a line; a byte
 * order mark before the first is dropped.
 */

export interface LineReaderEvents {
  /** A line without its end, valid during the call. `number` counts from 1. */
  line(bytes: Uint8Array, start: number, end: number, number: number): void
  /** A line longer than the limit, by its first octets. */
  tooLong(bytes: Uint8Array, start: number, end: number, number: number): void
}

export class LineReader {
  readonly #events: LineReaderEvents
  readonly #maxLineBytes: number
  #held = new Uint8Array(1024)
  #heldLength = 0
  #overflowed = false // the line in #held is longer than the limit
  #number = 0

  constructor(events: LineReaderEvents, maxLineBytes: number) {
    this.#events = events
    this.#maxLineBytes = Math.max(maxLineBytes, SHOWN_BYTES)
  }

  push(chunk: Uint8Array): void {
    let start = 0
    while (start < chunk.length) {
      const newline = chunk.indexOf(LF, start)
      const end = newline < 0 ? chunk.length : newline
      if (newline < 0 || this.#heldLength > 0 || this.#overflowed) {
        this.#hold(chunk, start, end)
        if (newline < 0) return
        this.#releaseHeld()
      } else this.#deliver(chunk, start, end)
      start = end + 1
    }
  }

  /** No more octets: the held part is the last line. */
  end(): void {
    if (this.#heldLength > 0 || this.#overflowed) this.#releaseHeld()
  }

  #hold(chunk: Uint8Array, start: number, end: number): void {
    if (this.#overflowed) return
    const length = this.#heldLength + end - start
    if (length > this.#maxLineBytes + 1) {
      // One more than the limit is kept while it may be the CR before an LF; now it is sure. The beginning is kept to be shown.
      const missing = SHOWN_BYTES - this.#heldLength
      if (missing > 0) this.#held.set(chunk.subarray(start, start + missing), this.#heldLength)
      this.#heldLength = SHOWN_BYTES
      this.#overflowed = true
      return
    }
    if (length > this.#held.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#held.length))
      larger.set(this.#held.subarray(0, this.#heldLength))
      this.#held = larger
    }
    this.#held.set(chunk.subarray(start, end), this.#heldLength)
    this.#heldLength = length
  }

  #releaseHeld(): void {
    const length = this.#heldLength
    this.#heldLength = 0
    if (this.#overflowed) {
      this.#overflowed = false
      this.#number++
      this.#events.tooLong(this.#held, 0, length, this.#number)
    } else this.#deliver(this.#held, 0, length)
  }

  #deliver(bytes: Uint8Array, from: number, to: number): void {
    this.#number++
    const start = this.#number === 1 && startsWithBom(bytes, from, to) ? from + 3 : from
    const end = to > start && bytes[to - 1] === CR ? to - 1 : to
    if (to - from > this.#maxLineBytes + 1) this.#events.tooLong(bytes, from, from + SHOWN_BYTES, this.#number)
    else this.#events.line(bytes, start, end, this.#number)
  }
}

const LF = 0x0a
const CR = 0x0d
const SHOWN_BYTES = 64

function startsWithBom(bytes: Uint8Array, start: number, end: number): boolean {
  return end - start >= 3 && bytes[start] === 0xef && bytes[start + 1] === 0xbb && bytes[start + 2] === 0xbf
}
