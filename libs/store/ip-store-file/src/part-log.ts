/**
 * The parts of a store on disk, as they are written: batches go to the end of the newest part, whole parts go away at the other end.
 *
 *   3.part  4.part  5.part  6.part          each batch is written and synced before the next one begins
 *   oldest ───────────────▶ newest
 *
 * A part that is long enough is done, and is never written again. A part whose rows all stand in newer parts as well is removed,
 * the oldest first: so nothing that a removed part said (this slot is empty) is needed any more.
 *
 * After a write or a sync that failed, nobody knows what of it is on disk. So that part is done, too: the next batch begins a new
 * part, whose head says where the part before ends. What stands behind that end does not count.
 *
 * The caller says which slots a part still has the newest row of: gained() and lost().
 */
import { mkdir, open, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errorCode } from './disk-fault.ts'
import type { Batch } from './part-format.ts'
import { encodeHead } from './part-format.ts'

const MIN_PART_BYTES = 2 ** 20
/** A part is a sixteenth of everything, so that giving room back takes little room. */
const PARTS = 16
/** Nothing is rewritten below this. */
const SMALL_BYTES = 2 * 2 ** 20
/** Each start begins a part: a program that starts again and again shall not fill a folder. */
const MAX_PARTS = 64

export interface LogPart {
  readonly number: number
  /** Where its last whole batch ends. */
  end: number
  records: number
  /** Slots whose newest row stands here. */
  live: number
}

interface Head {
  readonly part: LogPart
  readonly file: FileHandle
  batches: number
}

export function partName(number: number): string {
  return `${number}.part`
}

export class PartLog {
  readonly #store: string
  readonly #parts: LogPart[]
  readonly #byNumber = new Map<number, LogPart>()
  #folder: string
  #head: Head | undefined
  #isFolderThere: boolean

  /** @param store names the store in the heads of its parts; @param parts what is there already, the oldest first */
  constructor(folder: string, store: string, parts: readonly LogPart[]) {
    this.#folder = folder
    this.#store = store
    this.#parts = [...parts]
    for (const part of parts) this.#byNumber.set(part.number, part)
    this.#isFolderThere = parts.length > 0
  }

  /** The next batch begins a part. */
  get isAtStartOfPart(): boolean {
    return this.#head === undefined
  }

  get bytes(): number {
    return this.#parts.reduce((sum, part) => sum + part.end, 0)
  }

  /** The folder was renamed. */
  renamed(folder: string): void {
    this.#folder = folder
  }

  /** On disk, for good, when this returns: the number of the part. @throws as the system does; nothing was written then */
  async append(batch: Batch): Promise<number> {
    const head = this.#head ?? (await this.#begin())
    const { part, file } = head
    try {
      const bytes = batch.seal(head.batches)
      await writeAll(file, bytes, part.end)
      if (head.batches > 0) await file.datasync()
      else {
        await file.sync()
        await syncFolder(this.#folder)
        this.#parts.push(part)
        this.#byNumber.set(part.number, part)
      }
      part.end += bytes.length
      part.records += batch.records
      head.batches++
    } catch (error) {
      await this.#abandon(head)
      throw error
    }
    if (part.end >= Math.max(MIN_PART_BYTES, this.bytes / PARTS)) await this.close()
    return part.number
  }

  gained(number: number): void {
    const part = this.#byNumber.get(number)
    if (part !== undefined) part.live++
  }

  lost(number: number): void {
    const part = this.#byNumber.get(number)
    if (part !== undefined) part.live--
  }

  /** The part whose rows should move to the end, so that it can go: less than half of all records are still needed. */
  partToClean(): number | undefined {
    const [oldest] = this.#parts
    if (oldest === undefined || oldest === this.#head?.part) return undefined
    let records = 0
    let live = 0
    for (const part of this.#parts) {
      records += part.records
      live += part.live
    }
    const isHalfEmpty = this.bytes > SMALL_BYTES && records > 2 * live
    return isHalfEmpty || this.#parts.length > MAX_PARTS ? oldest.number : undefined
  }

  /** Removes the oldest parts that nobody needs. One that cannot be removed waits. */
  async removeEmpty(): Promise<void> {
    for (;;) {
      const [oldest] = this.#parts
      if (oldest === undefined || oldest.live > 0 || oldest === this.#head?.part) return
      try {
        await rm(join(this.#folder, partName(oldest.number)), { force: true })
        await syncFolder(this.#folder) // in this order on disk, too: never one from the middle
      } catch {
        return
      }
      this.#parts.shift()
      this.#byNumber.delete(oldest.number)
    }
  }

  async close(): Promise<void> {
    const head = this.#head
    this.#head = undefined
    await head?.file.close()
  }

  async #begin(): Promise<Head> {
    if (!this.#isFolderThere) {
      // Not `recursive`: that tells of a full disk as of a folder that is missing.
      await mkdir(this.#folder).catch((error: unknown) => {
        if (errorCode(error) !== 'EEXIST') throw error
      })
      await syncFolder(dirname(this.#folder))
      this.#isFolderThere = true
    }
    const before = this.#parts.at(-1)
    const part: LogPart = { number: (before?.number ?? 0) + 1, end: 0, records: 0, live: 0 }
    const file = await open(join(this.#folder, partName(part.number)), 'w')
    const head: Head = { part, file, batches: 0 }
    this.#head = head
    try {
      const bytes = encodeHead({ number: part.number, store: this.#store, end: before?.end ?? 0 })
      await writeAll(file, bytes, 0)
      part.end = bytes.length
    } catch (error) {
      await this.#abandon(head)
      throw error
    }
    return head
  }

  /** Gives room back as far as the disk lets us; what cannot be cut off does not count. */
  async #abandon({ part, file, batches }: Head): Promise<void> {
    this.#head = undefined
    if (batches > 0) await file.truncate(part.end).catch(() => {})
    await file.close().catch(() => {})
    if (batches === 0) await rm(join(this.#folder, partName(part.number)), { force: true }).catch(() => {})
  }
}

export async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}

/** What was made, renamed or removed in a folder is on disk. Some file systems have no such thing. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP', 'EBADF'].includes(errorCode(error))) throw error
  } finally {
    await folder.close()
  }
}
