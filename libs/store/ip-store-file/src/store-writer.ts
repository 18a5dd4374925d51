/**
 * Keeps the disk in step with the table: dirty rows are written 30 ms later, together, in batches of a megabyte.
 *
 *   journal ─▶ PendingRows ──30 ms──▶ Batch ─▶ PartLog: written, synced      then: rows of the oldest part move on, empty parts go
 *
 * The disk may fail at any write. Then the state is `memory-only`, told once; rows that were not written stay dirty and are tried again
 * every five seconds. A full disk is tried again only when there is room for the waiting rows and a megabyte more, so that the state does
 * not flap on a disk that is nearly full.
 *
 * Rewriting: a new set of parts is made in `path.new` with every row, and takes the place of what stands at `path` when it is whole:
 * an LMDB file of an earlier version, a copy that was put there, or parts that somebody else may have written while we had no lock.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { StoreError } from '@dnstap-bgp/ip-store'
import type { BindingTable, StoreState } from '@dnstap-bgp/ip-store'
import { nextTurn, type Clock, type Log, type Timer } from '@dnstap-bgp/runtime'
import { errorCode, inWords, roomAt } from './disk-fault.ts'
import type { FileLock } from './file-lock.ts'
import { Batch, BATCH_BYTES } from './part-format.ts'
import { PartLog, syncFolder } from './part-log.ts'
import type { LogPart } from './part-log.ts'
import { PendingRows } from './pending-rows.ts'
import type { StoreClock } from './store-clock.ts'

/** Changes are gathered this long before they are written. */
const GATHER_MS = 30
const RETRY_AFTER_MS = 5_000
/** The loop is held no longer than this for encoding. */
const SLICE_MS = 5
const ROWS_BETWEEN_LOOKS = 128
/** The anchor of store time is written with other rows, not more often than this. */
const ANCHOR_PAUSE_MS = 1_000
/** Rows of the oldest part that move on after one write. */
const MOVED_AT_ONCE = 4_096
const SPARE_BYTES = 2 ** 20
const ROW_BYTES = 160 // roughly, to know how much room is needed

export interface StoreWriterOptions {
  readonly path: string
  readonly clock: Clock
  readonly log: Log
  readonly table: BindingTable
  readonly time: StoreClock
  /** Tries again to take the lock, where it could not be made before. @throws StoreFileError, or as the system does */
  readonly takeLock: () => FileLock
}

export class StoreWriter {
  readonly pending: PendingRows
  readonly #path: string
  readonly #clock: Clock
  readonly #log: Log
  readonly #table: BindingTable
  readonly #time: StoreClock
  readonly #takeLock: () => FileLock
  readonly #batch = new Batch()
  #lock: FileLock | undefined
  #parts: PartLog | undefined // undefined: not loaded yet
  #isRewrite = false
  /** The next slot that is looked at for rows of the oldest part. */
  #cleaned = 0

  #isAnchorDue = true
  #anchoredAtMs = -Infinity
  #timer: Timer | undefined
  #writing: Promise<void> | undefined
  #isClosed = false
  #isDiskFull = false

  #state: StoreState = { kind: 'ready' }
  #stateSinceMs = 0
  readonly #stateListeners: ((state: StoreState) => void)[] = []

  constructor({ path, clock, log, table, time, takeLock }: StoreWriterOptions) {
    this.#path = path
    this.#clock = clock
    this.#log = log
    this.#table = table
    this.#time = time
    this.#takeLock = takeLock
    this.pending = new PendingRows({
      clock,
      table,
      now: () => time.now(),
      wake: () => this.wake(),
      canWrite: () => this.#state.kind === 'ready',
    })
  }

  get state(): StoreState {
    return this.#state
  }

  onState(listener: (state: StoreState) => void): void {
    this.#stateListeners.push(listener)
  }

  /** The lock is ours; without it nothing is written. */
  locked(lock: FileLock): void {
    this.#lock = lock
  }

  /** These parts stand at the path and have what the table has. */
  goOnWith(parts: readonly LogPart[], store: string): void {
    this.#parts = new PartLog(this.#path, store, parts)
    if (this.#lock === undefined) this.#isRewrite = true
  }

  /** Nothing stands at the path, or, `isInTheWay`, something that is not ours to write into. */
  beginAnew(isInTheWay: boolean): void {
    this.#parts = new PartLog(this.#path, newName(), [])
    this.#isRewrite = isInTheWay || this.#lock === undefined
  }

  /** One write now, though nothing may be dirty: is the path any good? @throws as the system does */
  async probe(): Promise<void> {
    try {
      await this.#commit([])
    } catch (error) {
      this.#failed(error, [])
      throw error
    }
  }

  anchorIsDue(): void {
    this.#isAnchorDue = true
    this.wake()
  }

  wake(): void {
    const hasToWrite = this.pending.length > 0 || this.#isAnchorDue
    if (this.#timer !== undefined || this.#writing !== undefined || !hasToWrite || this.#parts === undefined || this.#isClosed)
      return
    const waitedMs = this.pending.length === 0 ? 0 : this.#clock.monotonic() - this.pending.sinceMs
    const delayMs = this.#state.kind === 'ready' ? Math.max(0, GATHER_MS - waitedMs) : RETRY_AFTER_MS
    this.#timer = this.#clock.after(delayMs, () => {
      this.#timer = undefined
      void this.#write()
    })
  }

  /** @throws StoreError when it cannot be written now */
  async flush(): Promise<void> {
    await this.#writing // may have begun before what is asked for
    if (this.pending.length > 0 || this.#isAnchorDue || this.#writing !== undefined) await (this.#writing ?? this.#write())
    const isBehind = this.pending.length > 0 || this.#isRewrite
    if (this.#state.kind === 'memory-only' && isBehind) throw new StoreError(this.#state.why)
  }

  /** Writes the rest, as far as that works, and lets go of files and lock. */
  async close(): Promise<void> {
    this.pending.close()
    this.pending.changeAllThatDiffer()
    this.#isAnchorDue = true
    this.#isDiskFull = false // one more try, whatever room there seems to be
    try {
      await this.flush()
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.#log.error(
        { path: this.#path, rows: this.pending.length },
        `closing the store without what was not written: ${error.message}`,
      )
    } finally {
      this.#isClosed = true
      this.#timer?.cancel()
      await this.#parts?.close()
      this.#lock?.release()
    }
  }

  /** Nothing was loaded; the lock is its opener's. */
  dispose(): void {
    this.#isClosed = true
    this.#timer?.cancel()
    this.pending.close()
  }

  /** Never rejects: what went wrong is the state. */
  #write(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    const slots = this.pending.take()
    this.#writing = this.#commit(slots)
      .then(
        () => this.#setState({ kind: 'ready' }),
        (error: unknown) => this.#failed(error, slots),
      )
      .then(() => {
        this.#writing = undefined
        this.wake()
      })
    return this.#writing
  }

  #failed(error: unknown, slots: readonly number[]): void {
    this.pending.giveBack(slots)
    this.#isAnchorDue = true
    this.#isDiskFull = errorCode(error) === 'ENOSPC'
    if (errorCode(error) === 'ENOENT') this.#isRewrite = true // the folder was removed under us
    const why = errorCode(error) === '' ? inWords(error) : `the store ${this.#path} cannot be written: ${inWords(error)}`
    this.#setState({ kind: 'memory-only', why })
  }

  async #commit(slots: readonly number[]): Promise<void> {
    if (this.#isDiskFull) this.#checkRoom(slots)
    this.#lock ??= this.#takeLock()
    if (this.#isRewrite) await this.#rewrite()
    else {
      const parts = this.#parts as PartLog
      await this.#append(parts, slots)
      await parts.removeEmpty()
      this.#clean(parts)
    }
  }

  #checkRoom(slots: readonly number[]): void {
    const rows = this.#isRewrite ? this.#table.size : slots.length
    if (roomAt(this.#path) < SPARE_BYTES + rows * ROW_BYTES)
      throw Object.assign(new Error('there is still no room'), { code: 'ENOSPC' })
  }

  /** In whole batches, each on disk before the next one begins. */
  async #append(parts: PartLog, slots: Iterable<number>): Promise<void> {
    const batch = this.#batch
    this.#startBatch(parts)
    let sliceStartMs = this.#clock.monotonic()
    let rows = 0
    for (const slot of slots) {
      this.pending.encoded(slot)
      if (this.#table.isBound(slot)) batch.row(this.#table, slot)
      else if (this.pending.partOf(slot) !== 0) batch.ended(slot)
      if (batch.lengthBytes >= BATCH_BYTES) {
        await this.#appendBatch(parts)
        this.#startBatch(parts)
        sliceStartMs = this.#clock.monotonic()
      } else if (++rows % ROWS_BETWEEN_LOOKS === 0 && this.#clock.monotonic() - sliceStartMs > SLICE_MS) {
        await nextTurn()
        sliceStartMs = this.#clock.monotonic()
      }
    }
    if (batch.records > 0 || this.#isAnchorDue) await this.#appendBatch(parts)
  }

  #startBatch(parts: PartLog): void {
    this.#batch.clear()
    const now = this.#clock.monotonic()
    if (!this.#isAnchorDue && !parts.isAtStartOfPart && now - this.#anchoredAtMs < ANCHOR_PAUSE_MS) return
    this.#anchoredAtMs = now
    this.#batch.anchor(this.#time.anchor())
  }

  async #appendBatch(parts: PartLog): Promise<void> {
    const part = await parts.append(this.#batch)
    this.#isAnchorDue = false
    for (const slot of this.#batch.rows) this.#place(parts, slot, part)
    for (const slot of this.#batch.emptied) this.#place(parts, slot, 0)
  }

  #place(parts: PartLog, slot: number, part: number): void {
    const before = this.pending.partOf(slot)
    if (before !== 0) parts.lost(before)
    if (part !== 0) parts.gained(part)
    this.pending.placed(slot, part)
  }

  /** Makes rows of the oldest part dirty, when it is time: they are written at the end, and that part can go. */
  #clean(parts: PartLog): void {
    const oldest = parts.partToClean()
    if (oldest === undefined) return
    let left = MOVED_AT_ONCE
    const slots = this.pending.limit
    for (let looked = 0; looked < slots && left > 0; looked++) {
      if (this.#cleaned >= slots) this.#cleaned = 0
      const slot = this.#cleaned++
      if (this.pending.partOf(slot) !== oldest) continue
      this.pending.change(slot)
      left--
    }
  }

  async #rewrite(): Promise<void> {
    const fresh = `${this.#path}.new`
    await this.#parts?.close()
    rmSync(fresh, { recursive: true, force: true })
    const parts = new PartLog(fresh, newName(), [])
    this.#parts = parts
    for (const slot of this.pending.slots()) this.pending.placed(slot, 0)
    try {
      await this.#append(parts, this.pending.slots())
      await this.#takePlace(fresh)
      parts.renamed(this.#path)
    } catch (error) {
      await parts.close()
      rmSync(fresh, { recursive: true, force: true })
      throw error
    }
    this.#isRewrite = false
    this.#log.info({ path: this.#path, rows: this.#table.size }, 'The store was written anew, in place of the files at its path.')
  }

  async #takePlace(fresh: string): Promise<void> {
    const old = `${this.#path}.old`
    rmSync(old, { recursive: true, force: true })
    if (existsSync(this.#path)) renameSync(this.#path, old)
    renameSync(fresh, this.#path)
    await syncFolder(dirname(this.#path))
    rmSync(old, { recursive: true, force: true })
    rmSync(`${this.#path}-lock`, { force: true }) // LMDB's
  }

  #setState(state: StoreState): void {
    const before = this.#state
    if (state.kind === 'ready') this.#isDiskFull = false
    if (before.kind === state.kind) return
    const now = this.#clock.monotonic()
    if (state.kind === 'ready') {
      const seconds = Math.round((now - this.#stateSinceMs) / 1000)
      this.#log.info({ path: this.#path, seconds }, 'The store is written again.')
    } else if (state.kind === 'memory-only') {
      this.#log.error({ path: this.#path }, `${state.why}; changes are kept in memory only and would not survive a restart.`)
    }
    this.#state = state
    this.#stateSinceMs = now
    for (const listener of this.#stateListeners) listener(state)
  }
}

function newName(): string {
  return randomBytes(8).toString('hex')
}
