/**
 * The bytes of a part: a head, then batches. Each batch is one atomic step: it counts whole or not at all.
 *
 *   part     head  batch 0  batch 1  ...
 *   head     0 'dnstap-bgp store'   16 version u32   20 number of the part u32   24 store, 8 random octets
 *            32 end f64   40 check u32 (of 0 to 40)   44 zeros
 *            end: where the part before ends (0: there was none); in a copy, which has the number 0, where the copy ends
 *   batch    0 'DBAT'   4 check u32 (of all that follows)   8 length of the records u32   12 number of the batch in its part u32
 *            16 records
 *   record   0 slot u32   4 length u32   8 row as BindingTable.writeRow() writes it; length 0: the slot is empty from now on
 *            slot 2^32 - 2 is the anchor of store time (store-clock.ts), a text. The first batch of a part begins with one.
 *
 * Little endian. Checks are CRC-32. A slot stands in a batch once.
 */
import { crc32 } from 'node:zlib'
import type { BindingTable } from '@dnstap-bgp/ip-store'

export const VERSION = 2 // 1 was an LMDB file
export const HEAD_BYTES = 48
export const BATCH_HEAD_BYTES = 16
export const RECORD_HEAD_BYTES = 8
export const ANCHOR_SLOT = 0xffff_fffe
/** Slots are given out densely: a larger one is no slot of ours. */
export const MAX_SLOT = 2 ** 27
/** The number in the head of a copy. */
export const COPY = 0
/** A batch is written when it has so many octets. */
export const BATCH_BYTES = 2 ** 20

const NAME = 'dnstap-bgp store'
export const NAME_BYTES = NAME.length
const BATCH_MAGIC = 0x54414244
const CHECKED_HEAD_BYTES = 40
const FIRST_ROOM = 2 ** 16

export interface PartHead {
  readonly number: number
  /** 16 hexadecimal digits. */
  readonly store: string
  readonly end: number
}

export function encodeHead({ number, store, end }: PartHead): Uint8Array {
  const bytes = Buffer.alloc(HEAD_BYTES)
  bytes.write(NAME, 'latin1')
  bytes.writeUInt32LE(VERSION, 16)
  bytes.writeUInt32LE(number, 20)
  bytes.write(store, 24, 8, 'hex')
  bytes.writeDoubleLE(end, 32)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, CHECKED_HEAD_BYTES)), CHECKED_HEAD_BYTES)
  return bytes
}

/** It begins like a part, whatever follows. */
export function hasName(bytes: Buffer): boolean {
  return bytes.toString('latin1', 0, NAME_BYTES) === NAME
}

/** A number: the version of a later dnstap-bgp. Undefined: no head of a part, or not all of one. */
export function decodeHead(bytes: Buffer): PartHead | number | undefined {
  if (bytes.length < HEAD_BYTES || !hasName(bytes)) return undefined
  const version = bytes.readUInt32LE(16)
  if (version > VERSION) return version
  if (bytes.readUInt32LE(CHECKED_HEAD_BYTES) !== crc32(bytes.subarray(0, CHECKED_HEAD_BYTES))) return undefined
  return { number: bytes.readUInt32LE(20), store: bytes.toString('hex', 24, 32), end: bytes.readDoubleLE(32) }
}

/** Length of the whole batch that may begin here, from its head alone; undefined: none begins here. */
export function batchLength(head: Buffer, at: number): number | undefined {
  if (head.length - at < BATCH_HEAD_BYTES || head.readUInt32LE(at) !== BATCH_MAGIC) return undefined
  return BATCH_HEAD_BYTES + head.readUInt32LE(at + 8)
}

export function batchNumber(head: Buffer, at: number): number {
  return head.readUInt32LE(at + 12)
}

/** These are all octets of the batch, as they were written. */
export function isWholeBatch(bytes: Buffer): boolean {
  return bytes.readUInt32LE(4) === crc32(bytes.subarray(8))
}

/** Where the octets of a batch's head are, to look for one. */
export const BATCH_MAGIC_OCTETS = Buffer.from([0x44, 0x42, 0x41, 0x54])

/** One batch in the making. Its octets are used again after clear(). */
export class Batch {
  /** Slots that have a row in it. */
  readonly rows: number[] = []
  /** Slots that it says are empty. */
  readonly emptied: number[] = []
  #bytes = new Uint8Array(FIRST_ROOM)
  #view = new DataView(this.#bytes.buffer)
  #end = BATCH_HEAD_BYTES

  get lengthBytes(): number {
    return this.#end
  }

  /** The anchor is none. */
  get records(): number {
    return this.rows.length + this.emptied.length
  }

  clear(): void {
    this.rows.length = 0
    this.emptied.length = 0
    this.#end = BATCH_HEAD_BYTES
  }

  /** Before any row. */
  anchor(text: string): void {
    const bytes = new TextEncoder().encode(text)
    const at = this.#record(ANCHOR_SLOT, bytes.length)
    this.#bytes.set(bytes, at)
  }

  row(table: BindingTable, slot: number): void {
    const at = this.#record(slot, table.rowLength(slot))
    table.writeRow(slot, this.#bytes, this.#view, at)
    this.rows.push(slot)
  }

  ended(slot: number): void {
    this.#record(slot, 0)
    this.emptied.push(slot)
  }

  /** Its octets, ready to be written; they stand until clear(). */
  seal(number: number): Uint8Array {
    this.#view.setUint32(0, BATCH_MAGIC, true)
    this.#view.setUint32(8, this.#end - BATCH_HEAD_BYTES, true)
    this.#view.setUint32(12, number, true)
    this.#view.setUint32(4, crc32(this.#bytes.subarray(8, this.#end)), true)
    return this.#bytes.subarray(0, this.#end)
  }

  #record(slot: number, length: number): number {
    const at = this.#end + RECORD_HEAD_BYTES
    this.#end = at + length
    if (this.#end > this.#bytes.length) {
      const old = this.#bytes
      this.#bytes = new Uint8Array(Math.max(this.#end, old.length * 2))
      this.#bytes.set(old)
      this.#view = new DataView(this.#bytes.buffer)
    }
    this.#view.setUint32(at - RECORD_HEAD_BYTES, slot, true)
    this.#view.setUint32(at - RECORD_HEAD_BYTES + 4, length, true)
    return at
  }
}
