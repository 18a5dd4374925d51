/**
 * A constant database (https://cr.yp.to/cdb/cdb.txt) of keys without values: the file that dnsdist looks names up in.
 *
 *     header    256 times: where a hash table begins, and how many slots it has
 *     records   length of the key, 0, key
 *     tables    slot: hash of the key, where its record begins; 0 0: free
 *
 * All numbers are 32 bits, little-endian. A key's table is the lowest octet of its hash; the search begins at slot (hash >> 8) modulo the number of
 * slots. Records are written as they come; only 8 octets a key are kept until the end.
 */

export const CDB_HEADER_BYTES = 2048
const TABLES = 256
const FIRST_ENTRIES = 16
/** Positions have 32 bits. */
const MAX_BYTES = 2 ** 32 - 1

export class CdbIndex {
  /** Hash and position, hash and position, ...; by table. */
  readonly #entries = Array.from({ length: TABLES }, () => new Uint32Array(2 * FIRST_ENTRIES))
  readonly #counts = new Uint32Array(TABLES)
  #at = CDB_HEADER_BYTES

  /** Puts the record of a key into `into` at `offset`; returns its length. The records must follow each other in the file, after the header. */
  add(key: Uint8Array, into: Uint8Array, offset: number): number {
    const length = 8 + key.length
    if (this.#at + length > MAX_BYTES) throw new RangeError('a CDB file holds no more than 4 GiB')
    putU32(into, offset, key.length)
    putU32(into, offset + 4, 0)
    into.set(key, offset + 8)
    const hash = cdbHash(key)
    const table = hash & 255
    const count = this.#counts[table]++
    let entries = this.#entries[table]
    if (2 * count === entries.length) {
      const grown = new Uint32Array(2 * entries.length)
      grown.set(entries)
      this.#entries[table] = entries = grown
    }
    entries[2 * count] = hash
    entries[2 * count + 1] = this.#at
    this.#at += length
    return length
  }

  /** The tables, to follow the last record, and the header that then belongs to the beginning. */
  *tables(): Generator<Uint8Array, Uint8Array> {
    const header = new Uint8Array(CDB_HEADER_BYTES)
    for (let table = 0; table < TABLES; table++) {
      const count = this.#counts[table]
      const slots = 2 * count
      putU32(header, 8 * table, this.#at)
      putU32(header, 8 * table + 4, slots)
      const bytes = new Uint8Array(8 * slots)
      const entries = this.#entries[table]
      for (let i = 0; i < count; i++) {
        let slot = (entries[2 * i] >>> 8) % slots
        while (readU32(bytes, 8 * slot + 4) !== 0) slot = (slot + 1) % slots
        putU32(bytes, 8 * slot, entries[2 * i])
        putU32(bytes, 8 * slot + 4, entries[2 * i + 1])
      }
      this.#at += bytes.length
      if (this.#at > MAX_BYTES) throw new RangeError('a CDB file holds no more than 4 GiB')
      if (slots > 0) yield bytes
    }
    return header
  }
}

export function cdbHash(key: Uint8Array): number {
  let hash = 5381
  for (let i = 0; i < key.length; i++) hash = (((hash << 5) + hash) ^ key[i]) >>> 0
  return hash
}

function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
  bytes[at + 2] = value >>> 16
  bytes[at + 3] = value >>> 24
}

function readU32(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0
}
