/** The header of every message (RFC 4271 §4.1), for messages that are sent rarely; UpdateWriter writes its own. */
import { HEADER_LENGTH } from './numbers.ts'
import type { MessageType } from './numbers.ts'
import { writeUint16 } from './network-order.ts'

export function message(type: MessageType, body: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(HEADER_LENGTH + body.length)
  writeHeader(bytes, 0, bytes.length, type)
  bytes.set(body, HEADER_LENGTH)
  return bytes
}

/** | Marker (16, all ones) | Length (2) | Type (1) | */
export function writeHeader(bytes: Uint8Array, offset: number, length: number, type: MessageType): void {
  bytes.fill(0xff, offset, offset + 16)
  writeUint16(bytes, offset + 16, length)
  bytes[offset + 18] = type
}
