/**
 * One part of a store, read and checked (part-format.ts has its layout).
 *
 * Its end is known from the part after it, or from the head of a copy: then every octet up to there must be right. The newest part has
 * no known end, because whoever wrote it may have been killed in a batch: it ends before the first batch that is not whole. But a whole
 * batch after that one is no torn end (a batch is on disk before the next one begins), it is damage.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { errorCode, inWords } from './disk-fault.ts'
import {
  ANCHOR_SLOT,
  BATCH_HEAD_BYTES,
  BATCH_MAGIC_OCTETS,
  batchLength,
  batchNumber,
  decodeHead,
  HEAD_BYTES,
  isWholeBatch,
  RECORD_HEAD_BYTES,
  VERSION,
} from './part-format.ts'
import type { PartHead } from './part-format.ts'
import { damaged, StoreFileError } from './store-file-error.ts'

const FIRST_ROOM = 2 ** 20

export interface CheckedPart {
  /** Where each whole batch begins, in order. */
  readonly batches: readonly number[]
  readonly end: number
  /** The newest anchor of store time in it. */
  readonly anchor: string | undefined
}

export class PartReader {
  readonly head: PartHead
  readonly #descriptor: number
  readonly #sizeBytes: number
  readonly #store: string
  readonly #name: string
  #room = Buffer.alloc(0)

  /**
   * @param store the path that the operator knows, for errors
   * @returns undefined when it is the torn beginning of a part: no head, and nothing behind it
   * @throws StoreFileError
   */
  static open(path: string, store: string, name: string): PartReader | undefined {
    const descriptor = openSync(path, 'r')
    try {
      const bytes = Buffer.alloc(HEAD_BYTES)
      const length = readSync(descriptor, bytes, 0, HEAD_BYTES, 0)
      const head = decodeHead(bytes.subarray(0, length))
      if (typeof head === 'number')
        throw new StoreFileError(
          'newer',
          `the store ${store} is of version ${head}; this version of dnstap-bgp reads ${VERSION} and older`,
        )
      const sizeBytes = fstatSync(descriptor).size
      if (head !== undefined) return new PartReader(descriptor, sizeBytes, head, store, name)
      const torn = new PartReader(descriptor, sizeBytes, { number: 0, store: '', end: 0 }, store, name)
      if (torn.#hasBatchAfter(0, 0)) throw damaged(store, `${name} has no head`)
      closeSync(descriptor)
      return undefined
    } catch (error) {
      closeSync(descriptor)
      if (errorCode(error) === 'EIO') throw damaged(store, `${name} cannot be read, ${inWords(error)}`)
      throw error
    }
  }

  private constructor(descriptor: number, sizeBytes: number, head: PartHead, store: string, name: string) {
    this.#descriptor = descriptor
    this.#sizeBytes = sizeBytes
    this.head = head
    this.#store = store
    this.#name = name
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** Reads everything once. @param end where its last batch ends, as far as that is known @throws StoreFileError */
  check(end: number | undefined): CheckedPart {
    if (end !== undefined && end > this.#sizeBytes) throw damaged(this.#store, `${this.#name} is cut short`)
    const limit = end ?? this.#sizeBytes
    const batches: number[] = []
    let anchor: string | undefined
    let at = HEAD_BYTES
    while (at < limit) {
      const bytes = this.#wholeBatch(at, limit, batches.length)
      if (bytes === undefined) break
      anchor = anchorIn(bytes) ?? anchor
      batches.push(at)
      at += bytes.length
    }
    if (at !== limit && (end !== undefined || this.#hasBatchAfter(at, batches.length)))
      throw damaged(this.#store, `${this.#name} is not as it was written, at octet ${at}`)
    return { batches, end: at, anchor }
  }

  /** The octets of a batch that check() found; they stand until the next call. */
  batch(at: number, end: number): Buffer {
    return this.#read(at, end - at)
  }

  /** Lets go of the room that reading took. */
  rest(): void {
    this.#room = Buffer.alloc(0)
  }

  close(): void {
    closeSync(this.#descriptor)
  }

  #wholeBatch(at: number, limit: number, number: number): Buffer | undefined {
    const head = this.#read(at, BATCH_HEAD_BYTES)
    const length = batchLength(head, 0)
    if (length === undefined || at + length > limit || batchNumber(head, 0) !== number) return undefined
    const bytes = this.#read(at, length)
    return isWholeBatch(bytes) ? bytes : undefined
  }

  /** Is there a whole batch of this number or a later one behind this place? */
  #hasBatchAfter(from: number, number: number): boolean {
    const rest = Buffer.from(this.#read(from, this.#sizeBytes - from))
    for (let at = rest.indexOf(BATCH_MAGIC_OCTETS); at >= 0; at = rest.indexOf(BATCH_MAGIC_OCTETS, at + 1)) {
      const length = batchLength(rest, at)
      if (length === undefined || at + length > rest.length || batchNumber(rest, at) < number) continue
      if (isWholeBatch(rest.subarray(at, at + length))) return true
    }
    return false
  }

  #read(at: number, length: number): Buffer {
    if (this.#room.length < length) this.#room = Buffer.alloc(Math.max(length, FIRST_ROOM))
    let done = 0
    while (done < length) {
      const read = readSync(this.#descriptor, this.#room, done, length - done, at + done)
      if (read === 0) break
      done += read
    }
    return this.#room.subarray(0, done)
  }
}

function anchorIn(batch: Buffer): string | undefined {
  const at = BATCH_HEAD_BYTES + RECORD_HEAD_BYTES
  if (batch.length < at || batch.readUInt32LE(BATCH_HEAD_BYTES) !== ANCHOR_SLOT) return undefined
  return batch.toString('utf8', at, at + batch.readUInt32LE(BATCH_HEAD_BYTES + 4))
}
