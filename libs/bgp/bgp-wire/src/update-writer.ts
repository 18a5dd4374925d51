/**
 * Writes UPDATEs (RFC 4271 §4.3, RFC 4760) into a caller's buffer, as many routes to a message as fit.
 *
 *     IPv4, next hop IPv4     | header | 0 | n | attributes                              | NLRI ...
 *     else (RFC 4760, 8950)   | header | 0 | n | MP_REACH: family, next hop, NLRI ... | attributes
 *     IPv4 withdrawn          | header | n | prefixes ... | 0
 *     IPv6 withdrawn          | header | 0 | n | MP_UNREACH: family, prefixes ...
 *
 * This is the hot path of announcing: add() copies a few octets and allocates nothing. The first route begins a message. Its lengths are
 * filled in when it ends: when it is full, when the next route has other attributes, or at finish().
 *
 *     writer.reset(buffer); writer.advertise(block)
 *     while (more) if (!writer.add(octets, offset, 32)) { send(buffer, writer.finish()); writer.reset(another) } else next
 *     send(buffer, writer.finish())
 *
 * A bench counts nanoseconds per route. Left out: ADD-PATH, and withdrawals together with announcements in one message.
 */
import type { AttributeBlock } from './attributes.ts'
import { writeHeader } from './header.ts'
import { AttributeFlag, AttributeType, HEADER_LENGTH, MAX_MESSAGE_LENGTH, MessageType, SAFI_UNICAST, afiOf } from './numbers.ts'
import type { Family } from './numbers.ts'
import { writeUint16 } from './network-order.ts'

const Mode = { none: 0, advertise: 1, advertiseMp: 2, withdraw: 3, withdrawMp: 4 } as const
type Mode = (typeof Mode)[keyof typeof Mode]

const NO_BYTES = new Uint8Array(0)
/** Header, the two lengths. */
const FIXED_LENGTH = HEADER_LENGTH + 4
/** Flags, type, two octets of length, AFI, SAFI. */
const MP_HEAD_LENGTH = 7
const END_OF_RIB_LENGTH = FIXED_LENGTH + 6
const LONGEST_PREFIX = 17

export class UpdateWriter {
  readonly #maxMessageLength: number
  #buffer: Uint8Array = NO_BYTES
  #at = 0
  #mode: Mode = Mode.none
  #family: Family = 'ipv4'
  #block: AttributeBlock | undefined = undefined
  #messageStart = 0
  #nlriStart = 0
  #ceiling = 0 // where NLRI of the open message must end at the latest; 0 while none is open
  #messages = 0

  /** `maxMessageLength`: 4096, or 65535 after RFC 8654 was agreed. */
  constructor(maxMessageLength: number = MAX_MESSAGE_LENGTH) {
    this.#maxMessageLength = maxMessageLength
  }

  /** Messages written since the writer was created, with the unfinished one. */
  get messages(): number {
    return this.#messages
  }

  /** How far the buffer is written, without the octets that finish() may add. */
  get position(): number {
    return this.#at
  }

  /** From now on writes into `buffer` from `offset`. An unfinished message in the last buffer is lost. */
  reset(buffer: Uint8Array, offset = 0): void {
    this.#buffer = buffer
    this.#at = offset
    this.#ceiling = 0
  }

  /** Routes added from now on are announced with these attributes. Calling it again with the same block is cheap. */
  advertise(block: AttributeBlock): void {
    if (this.#block === block) return
    if (!attributesFit(block, this.#maxMessageLength)) {
      throw new RangeError(`${block.bytes.length} octets of attributes leave no room for a route in ${this.#maxMessageLength}`)
    }
    this.#endMessage()
    this.#block = block
    this.#family = block.family
    this.#mode = block.mpNextHop.length > 0 ? Mode.advertiseMp : Mode.advertise
  }

  /** Routes added from now on are withdrawn. */
  withdraw(family: Family): void {
    const mode = family === 'ipv4' ? Mode.withdraw : Mode.withdrawMp
    if (this.#mode === mode) return
    this.#endMessage()
    this.#block = undefined
    this.#family = family
    this.#mode = mode
  }

  /**
   * Adds the prefix of `lengthBits` whose octets (host bits zero) begin at `offset`. False if the buffer has no room: nothing was written;
   * call finish() and continue in another buffer. An empty buffer of the maximal message length always has room.
   */
  add(octets: Uint8Array, offset: number, lengthBits: number): boolean {
    const length = (lengthBits + 7) >> 3
    if (this.#at + length >= this.#ceiling && !this.#nextMessage(length)) return false
    const buffer = this.#buffer
    let at = this.#at
    buffer[at++] = lengthBits
    for (let i = 0; i < length; i++) buffer[at++] = octets[offset + i]
    this.#at = at
    return true
  }

  /** add() for an IPv4 prefix that is a number. */
  addIpv4(address: number, lengthBits: number): boolean {
    const length = (lengthBits + 7) >> 3
    if (this.#at + length >= this.#ceiling && !this.#nextMessage(length)) return false
    const buffer = this.#buffer
    let at = this.#at
    buffer[at++] = lengthBits
    if (length > 0) buffer[at++] = address >>> 24
    if (length > 1) buffer[at++] = address >>> 16
    if (length > 2) buffer[at++] = address >>> 8
    if (length > 3) buffer[at++] = address
    this.#at = at
    return true
  }

  /** End-of-RIB of a family (RFC 4724 §2). False if the buffer has no room. */
  endOfRib(family: Family): boolean {
    this.#endMessage()
    if (this.#at + END_OF_RIB_LENGTH > this.#buffer.length) return false
    const length = family === 'ipv4' ? FIXED_LENGTH : END_OF_RIB_LENGTH
    const buffer = this.#buffer
    writeHeader(buffer, this.#at, length, MessageType.UPDATE)
    let at = this.#at + HEADER_LENGTH
    writeUint16(buffer, at, 0)
    writeUint16(buffer, at + 2, length - FIXED_LENGTH)
    at += 4
    if (family === 'ipv6') {
      buffer[at++] = AttributeFlag.OPTIONAL
      buffer[at++] = AttributeType.MP_UNREACH_NLRI
      buffer[at++] = 3
      writeUint16(buffer, at, afiOf(family))
      buffer[at + 2] = SAFI_UNICAST
    }
    this.#at += length
    this.#messages++
    return true
  }

  /** Ends the last message; octets up to the returned offset may be sent. */
  finish(): number {
    this.#endMessage()
    return this.#at
  }

  /** Begins a message with room for a prefix of `length` octets; false if the buffer has none. */
  #nextMessage(length: number): boolean {
    this.#endMessage()
    const attributes = this.#block?.bytes ?? NO_BYTES
    const nextHop = this.#block?.mpNextHop ?? NO_BYTES
    const mode = this.#mode
    const isMp = mode === Mode.advertiseMp || mode === Mode.withdrawMp
    const before =
      mode === Mode.advertise
        ? FIXED_LENGTH + attributes.length
        : mode === Mode.withdraw
          ? HEADER_LENGTH + 2
          : FIXED_LENGTH + MP_HEAD_LENGTH + (mode === Mode.advertiseMp ? nextHop.length + 2 : 0)
    const after = mode === Mode.advertiseMp ? attributes.length : mode === Mode.withdraw ? 2 : 0
    const start = this.#at
    const ceiling = Math.min(this.#buffer.length, start + this.#maxMessageLength) - after
    if (mode === Mode.none || start + before + 1 + length > ceiling) return false
    const buffer = this.#buffer
    let at = start + HEADER_LENGTH
    if (mode !== Mode.withdraw) writeUint16(buffer, at, 0)
    if (mode === Mode.advertise) {
      writeUint16(buffer, at + 2, attributes.length)
      buffer.set(attributes, at + 4)
    } else if (isMp) {
      at += 4
      buffer[at++] = AttributeFlag.OPTIONAL | AttributeFlag.EXTENDED_LENGTH
      buffer[at++] = mode === Mode.advertiseMp ? AttributeType.MP_REACH_NLRI : AttributeType.MP_UNREACH_NLRI
      at += 2 // its length, when the message ends
      writeUint16(buffer, at, afiOf(this.#family))
      at += 2
      buffer[at++] = SAFI_UNICAST
      if (mode === Mode.advertiseMp) {
        buffer[at++] = nextHop.length
        buffer.set(nextHop, at)
        buffer[at + nextHop.length] = 0 // reserved
      }
    }
    this.#messageStart = start
    this.#at = this.#nlriStart = start + before
    this.#ceiling = ceiling
    this.#messages++
    return true
  }

  #endMessage(): void {
    if (this.#ceiling === 0) return
    this.#ceiling = 0
    const buffer = this.#buffer
    const body = this.#messageStart + HEADER_LENGTH
    const mode = this.#mode
    if (mode === Mode.withdraw) {
      writeUint16(buffer, body, this.#at - this.#nlriStart)
      writeUint16(buffer, this.#at, 0)
      this.#at += 2
    } else if (mode !== Mode.advertise) {
      writeUint16(buffer, body + 6, this.#at - body - 8)
      const attributes = this.#block?.bytes ?? NO_BYTES
      buffer.set(attributes, this.#at)
      this.#at += attributes.length
      writeUint16(buffer, body + 2, this.#at - body - 4)
    }
    writeHeader(buffer, this.#messageStart, this.#at - this.#messageStart, MessageType.UPDATE)
  }
}

/** Is there room for at least one route beside these attributes? */
export function attributesFit(block: AttributeBlock, maxMessageLength: number): boolean {
  const mp = block.mpNextHop.length > 0 ? MP_HEAD_LENGTH + block.mpNextHop.length + 2 : 0
  return FIXED_LENGTH + mp + block.bytes.length + LONGEST_PREFIX <= maxMessageLength
}
