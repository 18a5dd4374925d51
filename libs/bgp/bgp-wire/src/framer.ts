/**
 * Cuts the TCP byte stream of one connection into BGP messages (RFC 4271 §4.1).
 *
 *      0               16              18     19
 *     | Marker (all 1) | Length         | Type | ...
 *
 * push() a chunk, then call next() until it returns undefined; only then push() again. A message that is whole in a chunk is returned in
 * place. A message split over chunks is gathered in a buffer of our own, no longer than the length in its header, which is checked against
 * the connection's limit. A message is valid until the next call of next().
 *
 * Throws BgpError (Message Header Error) and cannot be used after that: behind a bad header, the next one cannot be found.
 */
import { BgpError } from './bgp-error.ts'
import {
  ErrorCode,
  HEADER_LENGTH,
  HeaderErrorSubcode,
  MAX_EXTENDED_MESSAGE_LENGTH,
  MAX_MESSAGE_LENGTH,
  MessageType,
} from './numbers.ts'
import { readUint16, uint16 } from './network-order.ts'

const NO_BYTES = new Uint8Array(0)

export class MessageFramer {
  #limit = MAX_MESSAGE_LENGTH
  #chunk: Uint8Array = NO_BYTES
  #at = 0 // first octet of the chunk not yet handed out or gathered
  #partial = new Uint8Array(64)
  #gathered = 0 // octets of a split message in #partial

  /** Octets of an unfinished message in our buffer. */
  get bufferedBytes(): number {
    return this.#gathered
  }

  /** Does the chunk have octets that next() has not read? */
  get hasMore(): boolean {
    return this.#at < this.#chunk.length
  }

  /** RFC 8654: after we announced the capability, messages may be longer than 4096 octets. */
  allowExtendedMessages(): void {
    this.#limit = MAX_EXTENDED_MESSAGE_LENGTH
  }

  /** The chunk is read in place: do not change it until next() has returned undefined. */
  push(chunk: Uint8Array): void {
    this.#chunk = chunk
    this.#at = 0
  }

  /** The next whole message, with its header; undefined if the rest of it has not arrived. */
  next(): Uint8Array | undefined {
    if (this.#gathered > 0) return this.#nextGathered()
    const available = this.#chunk.length - this.#at
    if (available >= HEADER_LENGTH) {
      const length = checkedLength(this.#chunk, this.#at, this.#limit)
      if (available >= length) {
        const message = this.#chunk.subarray(this.#at, this.#at + length)
        this.#at += length
        return message
      }
    }
    return available > 0 ? this.#nextGathered() : this.#drained()
  }

  #nextGathered(): Uint8Array | undefined {
    if (!this.#gather(HEADER_LENGTH)) return this.#drained()
    const length = checkedLength(this.#partial, 0, this.#limit)
    if (!this.#gather(length)) return this.#drained()
    this.#gathered = 0
    return this.#partial.subarray(0, length)
  }

  /** Copies octets of the chunk until `length` of the message are gathered; false if the chunk ends before. */
  #gather(length: number): boolean {
    if (length > this.#partial.length) {
      const larger = new Uint8Array(length)
      larger.set(this.#partial.subarray(0, this.#gathered))
      this.#partial = larger
    }
    const take = Math.min(length - this.#gathered, this.#chunk.length - this.#at)
    if (take > 0) {
      this.#partial.set(this.#chunk.subarray(this.#at, this.#at + take), this.#gathered)
      this.#gathered += take
      this.#at += take
    }
    return this.#gathered >= length
  }

  #drained(): undefined {
    this.#chunk = NO_BYTES // do not keep the caller's memory
    this.#at = 0
    return undefined
  }
}

/** Reads | Marker (16) | Length (2) | Type (1) | (RFC 4271 §4.1); checks as in §6.1. */
function checkedLength(bytes: Uint8Array, offset: number, limit: number): number {
  for (let i = 0; i < 16; i++) {
    if (bytes[offset + i] !== 0xff)
      throw headerError(HeaderErrorSubcode.CONNECTION_NOT_SYNCHRONIZED, [], 'the marker is not all ones')
  }
  const length = readUint16(bytes, offset + 16)
  const type = bytes[offset + 18]
  // The length is checked first; for an unknown type, 19 up to the limit is right.
  const shortest = SHORTEST[type] ?? HEADER_LENGTH
  const longest = type === MessageType.KEEPALIVE ? HEADER_LENGTH : type === MessageType.OPEN ? MAX_MESSAGE_LENGTH : limit
  if (length < shortest || length > longest) {
    throw headerError(HeaderErrorSubcode.BAD_MESSAGE_LENGTH, uint16(length), `a message of type ${type} with length ${length}`)
  }
  if (SHORTEST[type] === undefined) throw headerError(HeaderErrorSubcode.BAD_MESSAGE_TYPE, [type], `type ${type}`)
  return length
}

/** Shortest length by message type. ROUTE-REFRESH: RFC 2918 §3. */
const SHORTEST: readonly (number | undefined)[] = [undefined, 29, 23, 21, 19, 23]

function headerError(subcode: number, data: readonly number[], detail: string): BgpError {
  return new BgpError(ErrorCode.MESSAGE_HEADER_ERROR, subcode, Uint8Array.from(data), detail)
}
