/**
 * Reads one dnstap frame: where in the bytes its fields lie, and its few numbers.
 *
 * Ingest calls decode() for every frame and reads the properties. Identity, addresses and DNS messages are offsets into the caller's bytes,
 * so nothing is allocated. Reading the DNS message is left to dns-wire.
 *
 *     frame      key identity | key version | key extra | key message ─┐ | key type
 *     message    key type | key family | ... | key responseMessage ────┤ start..end in the same bytes
 *     key        varint (field number << 3 | wire type);  varint 0, eight bytes 1, length and bytes 2, four bytes 5
 *
 * As proto2 wants it: fields come in any order; of a repeated scalar the last counts, and a repeated `message` is
 * merged; unknown fields, known ones of another wire type, and unknown enum values are skipped. Rejected: groups (no
 * dnstap has them), keys past 32 bits, varints past 64, and whatever runs over its end. The obvious twin that
 * the tests compare with is test-support in decoder.test.ts.
 *
 * Fields that no part of ours needs are skipped: Dnstap.type (a frame with a message is one), sockets, response_port, the query and its
 * time, zone, policy, http_protocol.
 */

/** Why a frame could not be read: what decode() returns when it is not 0. */
export const DnstapFault = {
  truncated: -1, // a field runs over the end of the frame or of the embedded message
  'overlong-varint': -2,
  'group-or-unknown-wire-type': -3,
  'field-number-zero': -4,
  'no-message': -5, // well formed, but nothing of type MESSAGE in it
} as const

export type DnstapFaultName = keyof typeof DnstapFault

/** The name to count a code of decode() under. */
export function dnstapFaultName(code: number): DnstapFaultName {
  return FAULT_NAMES[-code] ?? 'truncated'
}

const FAULT_NAMES = ['truncated', ...Object.keys(DnstapFault)] as DnstapFaultName[]

const VARINT = 0
const EIGHT_BYTES = 1
const LENGTH_DELIMITED = 2
const FOUR_BYTES = 5

const LAST_MESSAGE_TYPE = 14

/**
 * One decoder is reused for all frames. A `...Start`/`...End` pair is empty (both 0) when the field is absent; numbers are
 * 0 then. All of it is void when decode() returned a fault.
 */
export class DnstapDecoder {
  identityStart = 0
  identityEnd = 0
  versionStart = 0
  versionEnd = 0
  extraStart = 0
  extraEnd = 0

  /** Message.type, one of MessageType; 0 when absent or unknown. */
  messageType = 0
  queryAddressStart = 0
  queryAddressEnd = 0
  responseAddressStart = 0
  responseAddressEnd = 0
  /** 0 when absent; the low 32 bits of what the sender says. */
  queryPort = 0
  /** Unix seconds; what does not fit a safe integer is MAX_SAFE_INTEGER. */
  responseTimeSec = 0
  responseTimeNsec = 0
  responseMessageStart = 0
  responseMessageEnd = 0

  /** Where the next byte is; a fault (negative) once reading has failed. */
  #at = 0

  /**
   * Reads `bytes[start..end)`, message Dnstap of dnstap.proto: identity 1, version 2, extra 3, message 14, each length-delimited; the other fields are
   * skipped. 0, or a DnstapFault.
   */
  decode(bytes: Uint8Array, start: number, end: number): number {
    this.#reset()
    let hasMessage = false
    let at = start
    while (at < end) {
      let key = bytes[at++] as number
      if (key >= 0x80) {
        key = this.#longVarint32(bytes, at - 1, end)
        at = this.#at
        if (at < 0) return at
      }
      switch (key) {
        case (1 << 3) | LENGTH_DELIMITED:
        case (2 << 3) | LENGTH_DELIMITED:
        case (3 << 3) | LENGTH_DELIMITED:
        case (14 << 3) | LENGTH_DELIMITED: {
          let length = bytes[at++] as number
          if (at > end) return DnstapFault.truncated
          if (length >= 0x80) {
            length = this.#longLength(bytes, at - 1, end)
            at = this.#at
            if (at < 0) return at
          }
          if (length > end - at) return DnstapFault.truncated
          const from = at
          at += length
          if (key === ((14 << 3) | LENGTH_DELIMITED)) {
            hasMessage = true
            const fault = this.#message(bytes, from, at)
            if (fault < 0) return fault
          } else if (key === ((1 << 3) | LENGTH_DELIMITED)) {
            this.identityStart = from
            this.identityEnd = at
          } else if (key === ((2 << 3) | LENGTH_DELIMITED)) {
            this.versionStart = from
            this.versionEnd = at
          } else {
            this.extraStart = from
            this.extraEnd = at
          }
          break
        }
        default:
          at = this.#skip(bytes, at, end, key)
          if (at < 0) return at
      }
    }
    return hasMessage ? 0 : DnstapFault['no-message']
  }

  /**
   * Message of dnstap.proto: type 1 (varint), query_address 4 and response_address 5 (4 or 16 octets), query_port 6 (varint),
   * response_time_sec 12 (varint), response_time_nsec 13 (fixed32), response_message 14. Other varints are read for their length alone. A byte read past the end is
   * noticed at the latest when the loop ends.
   */
  #message(bytes: Uint8Array, start: number, end: number): number {
    let at = start
    while (at < end) {
      let key = bytes[at++] as number
      if (key >= 0x80) {
        key = this.#longVarint32(bytes, at - 1, end)
        at = this.#at
        if (at < 0) return at
      }
      switch (key) {
        case (1 << 3) | VARINT:
        case (2 << 3) | VARINT:
        case (3 << 3) | VARINT:
        case (6 << 3) | VARINT:
        case (7 << 3) | VARINT: {
          let value = bytes[at++] as number
          if (value >= 0x80) {
            value = this.#varint32(bytes, at - 1, end)
            at = this.#at
            if (at < 0) return at
          }
          if (key === ((6 << 3) | VARINT)) this.queryPort = value
          else if (key === ((1 << 3) | VARINT) && value >= 1 && value <= LAST_MESSAGE_TYPE) this.messageType = value
          break
        }
        case (12 << 3) | VARINT: {
          const seconds = this.#varint64(bytes, at, end)
          at = this.#at
          if (at < 0) return at
          this.responseTimeSec = seconds
          break
        }
        case (13 << 3) | FOUR_BYTES:
          if (end - at < 4) return DnstapFault.truncated
          this.responseTimeNsec = readFixed32(bytes, at)
          at += 4
          break
        case (4 << 3) | LENGTH_DELIMITED:
        case (5 << 3) | LENGTH_DELIMITED:
        case (14 << 3) | LENGTH_DELIMITED: {
          let length = bytes[at++] as number
          if (length >= 0x80) {
            length = this.#longLength(bytes, at - 1, end)
            at = this.#at
            if (at < 0) return at
          }
          if (length > end - at) return DnstapFault.truncated
          const from = at
          at += length
          if (key === ((14 << 3) | LENGTH_DELIMITED)) {
            this.responseMessageStart = from
            this.responseMessageEnd = at
          } else if (key === ((4 << 3) | LENGTH_DELIMITED)) {
            this.queryAddressStart = from
            this.queryAddressEnd = at
          } else {
            this.responseAddressStart = from
            this.responseAddressEnd = at
          }
          break
        }
        default:
          at = this.#skip(bytes, at, end, key)
          if (at < 0) return at
      }
    }
    return at === end ? 0 : DnstapFault.truncated
  }

  /** Past the value of an unknown field; or a fault. */
  #skip(bytes: Uint8Array, at: number, end: number, key: number): number {
    if (key >>> 3 === 0) return DnstapFault['field-number-zero']
    switch (key & 7) {
      case VARINT:
        this.#varint32(bytes, at, end)
        return this.#at
      case EIGHT_BYTES:
        return end - at < 8 ? DnstapFault.truncated : at + 8
      case LENGTH_DELIMITED: {
        const length = this.#longLength(bytes, at, end)
        if (this.#at < 0) return this.#at
        return length > end - this.#at ? DnstapFault.truncated : this.#at + length
      }
      case FOUR_BYTES:
        return end - at < 4 ? DnstapFault.truncated : at + 4
      default:
        return DnstapFault['group-or-unknown-wire-type']
    }
  }

  /** A key: at most five bytes and 32 bits. */
  #longVarint32(bytes: Uint8Array, start: number, end: number): number {
    let value = 0
    let at = start
    for (let shift = 0; shift < 35; shift += 7) {
      if (at >= end) return this.#fail(DnstapFault.truncated)
      const byte = bytes[at++] as number
      if (shift === 28 && byte > 0x0f) return this.#fail(DnstapFault['overlong-varint'])
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        this.#at = at
        return value >>> 0
      }
    }
    return this.#fail(DnstapFault['overlong-varint'])
  }

  /** A length: any varint. One of more than 32 bits is longer than any frame. Nearly every message has a length of two bytes. */
  #longLength(bytes: Uint8Array, start: number, end: number): number {
    const second = bytes[start + 1] as number
    if (second < 0x80 && end - start >= 2 && (bytes[start] as number) >= 0x80) {
      this.#at = start + 2
      return ((bytes[start] as number) & 0x7f) | (second << 7)
    }
    return this.#varint64(bytes, start, end)
  }

  /** The low 32 bits of a varint of at most ten bytes, as protobuf reads uint32 and enums. */
  #varint32(bytes: Uint8Array, start: number, end: number): number {
    let value = 0
    let at = start
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= end) return this.#fail(DnstapFault.truncated)
      const byte = bytes[at++] as number
      if (shift < 32) value |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        if (shift === 63 && byte > 1) break
        this.#at = at
        return value >>> 0
      }
    }
    return this.#fail(DnstapFault['overlong-varint'])
  }

  #varint64(bytes: Uint8Array, start: number, end: number): number {
    // Unix seconds take five bytes until 2038 and long after.
    if (end - start >= 5) {
      const fifth = bytes[start + 4] as number
      const others = readFixed32(bytes, start)
      if (fifth < 0x08 && (others & 0x80808080) === (0x80808080 | 0)) {
        this.#at = start + 5
        return (
          (others & 0x7f) | ((others >>> 1) & 0x3f80) | ((others >>> 2) & 0x1fc000) | ((others >>> 3) & 0xfe00000) | (fifth << 28)
        )
      }
    }
    let low = 0 // 28 bits
    let high = 0 // 36 bits
    let weight = 1
    let at = start
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= end) return this.#fail(DnstapFault.truncated)
      const byte = bytes[at++] as number
      if (shift < 28) low |= (byte & 0x7f) << shift
      else {
        high += (byte & 0x7f) * weight
        weight *= 128
      }
      if (byte < 0x80) {
        if (shift === 63 && byte > 1) break
        this.#at = at
        return high < 0x2000000 ? high * 0x10000000 + low : Number.MAX_SAFE_INTEGER
      }
    }
    return this.#fail(DnstapFault['overlong-varint'])
  }

  #fail(fault: number): number {
    this.#at = fault
    return 0
  }

  #reset(): void {
    this.identityStart = 0
    this.identityEnd = 0
    this.versionStart = 0
    this.versionEnd = 0
    this.extraStart = 0
    this.extraEnd = 0
    this.messageType = 0
    this.queryAddressStart = 0
    this.queryAddressEnd = 0
    this.responseAddressStart = 0
    this.responseAddressEnd = 0
    this.queryPort = 0
    this.responseTimeSec = 0
    this.responseTimeNsec = 0
    this.responseMessageStart = 0
    this.responseMessageEnd = 0
  }
}

function readFixed32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0
  )
}
