/**
 * All parts of a store, read from the newest row to the oldest: the first row of a slot counts, the older ones are skipped.
 *
 * The parts follow one another without a gap, and each says where the one before ends. A newest part without a whole batch was only
 * just begun when its writer died; it is skipped, and overwritten later.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ANCHOR_SLOT, BATCH_HEAD_BYTES, COPY, MAX_SLOT, RECORD_HEAD_BYTES } from './part-format.ts'
import type { LogPart } from './part-log.ts'
import { partName } from './part-log.ts'
import { PartReader } from './part-reader.ts'
import { damaged, StoreFileError } from './store-file-error.ts'

const PART_NAME = /^[1-9]\d{0,9}\.part$/
const ROWS_BETWEEN_PAUSES = 256

export interface RowReader {
  /** Store time as it was when the newest part was written to last; told before any row. */
  anchor(text: string): void
  /** The newest row of a slot; views into octets that are read over later. */
  row(slot: number, part: number, bytes: Uint8Array, view: DataView, at: number, end: number): void
  /** Called every few hundred rows; reading waits for what it returns. */
  pause(): Promise<void> | undefined
}

interface PartFile {
  readonly reader: PartReader
  /** Where its last batch must end; undefined in the newest. */
  end: number | undefined
}

export class StoredParts {
  readonly #path: string
  /** The oldest first. */
  readonly #files: readonly PartFile[]

  /** @returns undefined when the folder holds nothing yet @throws StoreFileError */
  static inFolder(path: string): StoredParts | undefined {
    const numbers = partNumbers(path)
    const files: PartFile[] = []
    try {
      for (const [index, number] of numbers.entries()) {
        const isNewest = index === numbers.length - 1
        const reader = PartReader.open(join(path, partName(number)), path, partName(number))
        if (reader === undefined && !isNewest) throw damaged(path, `${partName(number)} has no head`)
        if (reader === undefined) continue
        const before = files.at(-1)
        files.push({ reader, end: undefined })
        follow(path, before, reader, number)
      }
    } catch (error) {
      for (const { reader } of files) reader.close()
      throw error
    }
    return files.length === 0 ? undefined : new StoredParts(path, files)
  }

  /** A copy, alone in its file. @throws StoreFileError */
  static copy(path: string): StoredParts {
    const reader = PartReader.open(path, path, path)
    if (reader?.head.number !== COPY) {
      reader?.close()
      throw damaged(path, reader === undefined ? 'it has no head' : `it is a part of a store and no copy of one`)
    }
    return new StoredParts(path, [{ reader, end: reader.head.end }])
  }

  private constructor(path: string, files: readonly PartFile[]) {
    this.#path = path
    this.#files = files
  }

  /** Names the store in the heads of its parts. */
  get store(): string {
    return (this.#files[0] as PartFile).reader.head.store
  }

  /** Tells every row that counts. @returns the parts, all rows that were told counted as `live` @throws StoreFileError */
  async read(to: RowReader): Promise<LogPart[]> {
    const parts: LogPart[] = []
    const seen = new SeenSlots()
    let isAnchorTold = false
    for (const { reader, end } of [...this.#files].reverse()) {
      const checked = reader.check(end)
      if (checked.batches.length === 0 && parts.length === 0) continue
      if (!isAnchorTold && checked.anchor !== undefined) to.anchor(checked.anchor)
      isAnchorTold = true
      const part: LogPart = { number: reader.head.number, end: checked.end, records: 0, live: 0 }
      parts.unshift(part)
      let batchEnd = checked.end
      for (const at of [...checked.batches].reverse()) {
        await this.#restore(reader.batch(at, batchEnd), part, seen, to)
        batchEnd = at
      }
      reader.rest()
    }
    return parts
  }

  close(): void {
    for (const { reader } of this.#files) reader.close()
  }

  async #restore(batch: Buffer, part: LogPart, seen: SeenSlots, to: RowReader): Promise<void> {
    const view = new DataView(batch.buffer, batch.byteOffset, batch.length)
    for (let at = BATCH_HEAD_BYTES; at < batch.length;) {
      const start = at + RECORD_HEAD_BYTES
      const slot = start <= batch.length ? view.getUint32(at, true) : MAX_SLOT
      const end = start <= batch.length ? start + view.getUint32(at + 4, true) : Infinity
      if (end > batch.length || (slot >= MAX_SLOT && slot !== ANCHOR_SLOT))
        throw damaged(this.#path, `${partName(part.number)} has a batch that makes no sense`)
      at = end
      if (slot === ANCHOR_SLOT) continue
      part.records++
      if (seen.isFirst(slot) && end > start) {
        part.live++
        to.row(slot, part.number, batch, view, start, end)
      }
      if (part.records % ROWS_BETWEEN_PAUSES === 0) await to.pause()
    }
  }
}

/** @throws StoreFileError when anything else lies in the folder */
function partNumbers(path: string): number[] {
  const names = existsSync(path) ? readdirSync(path) : []
  const stray = names.find((name) => !PART_NAME.test(name))
  if (stray !== undefined)
    throw new StoreFileError(
      'foreign',
      `${path} is not a dnstap-bgp store: it holds ${stray}; move it away or set \`cache\` to another path (a backup is copied to ${path} itself, not into it)`,
    )
  return names.map((name) => Number.parseInt(name, 10)).sort((a, b) => a - b)
}

function follow(path: string, before: PartFile | undefined, { head }: PartReader, number: number): void {
  if (head.number !== number) throw damaged(path, `${partName(number)} says that it is part ${head.number}`)
  if (before === undefined) return
  const { head: previous } = before.reader
  if (number !== previous.number + 1) throw damaged(path, `${partName(previous.number + 1)} is missing`)
  if (head.store !== previous.store) throw damaged(path, `${partName(number)} is of another store`)
  before.end = head.end
}

/** Slots met so far, one bit each. */
class SeenSlots {
  #bits = new Uint8Array(2 ** 13)

  isFirst(slot: number): boolean {
    const at = slot >>> 3
    if (at >= this.#bits.length) {
      const old = this.#bits
      this.#bits = new Uint8Array(Math.max(at + 1, old.length * 2))
      this.#bits.set(old)
    }
    const bit = 1 << (slot & 7)
    if (((this.#bits[at] as number) & bit) !== 0) return false
    this.#bits[at] = (this.#bits[at] as number) | bit
    return true
  }
}
