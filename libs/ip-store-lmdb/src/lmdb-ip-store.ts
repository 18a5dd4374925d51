/**
 * The embedded IP store: BindingTable answers, an LMDB file remembers.
 *
 *   observe ─▶ table ─▶ journal: slot is dirty ──30 ms──▶ row of each dirty slot ─▶ LMDB's writer thread: one commit, synced
 *
 * Answers never wait for the disk. What is new, ended or must end sooner is written within a tenth of a second (30 ms, and the
 * disk's time to sync), the net effect of everything since the last write; a process killed, or a power cut, loses no more than that.
 *
 * A deadline that moved on can wait. By less than 1/32 of the hold time: it is written at close, so a busy name costs no writes.
 * By more: a sweep in the order of slots takes it within a minute, so that a million refreshes write each page once, not forty
 * times. But while the deadline on disk has less than five minutes left, it is written at once. So after a crash a deadline may be
 * found earlier than it was, never later, and not so early that a restart within minutes would miss it by more than that 1/32.
 *
 * Routes, revisions and the change log are not written: routes follow from bindings, and each opening is a new epoch, since the
 * last 100 ms may be missing.
 *
 * Store time goes on over restarts (store-clock.ts): the row of key 2^32 - 2 says where it was. It is written with other rows, not
 * more often than once a second, every minute in any case, and when the store is opened and closed.
 *
 * Rows are keyed by slot (4 bytes): new bindings go to the end of the tree or into holes, and a page takes forty of them. The row of
 * key 2^32 - 1 says whose file this is, and which version. The file is read by lmdb-file.ts, which checks it, before LMDB maps it.
 *
 * When the disk is full or fails, answers go on and the state is `memory-only`; what was not written stays dirty and is tried again
 * every five seconds.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import {
  BindingTable,
  bindingParts,
  EXPIRE_BATCH,
  Float64Column,
  routeParts,
  StoreError,
  Uint32Column,
} from '@dnstap-bgp/ip-store'
import type {
  Binding,
  BindingKey,
  Expired,
  IpStore,
  NewDeadline,
  Observed,
  Sighting,
  StoreCounts,
  StoreLimits,
  StoreState,
} from '@dnstap-bgp/ip-store'
import type { Clock, Log, Timer } from '@dnstap-bgp/runtime'
import type { RouteChanges, RoutesChunk, StoreHead } from '@dnstap-bgp/steering'
import { open } from 'lmdb'
import type { RootDatabase } from 'lmdb'
import { lockFile } from './file-lock.ts'
import type { FileLock } from './file-lock.ts'
import { LmdbFile } from './lmdb-file.ts'
import { StoreClock, systemBoot } from './store-clock.ts'
import type { Boot } from './store-clock.ts'
import { StoreFileError } from './store-file-error.ts'

export interface LmdbStoreConfig {
  /** The file; made when it is missing, with its folder. `path-lock` (LMDB's) and `path.lock` (ours) stand beside it. */
  readonly path: string
  /** Names this life of the store; made up when not given. */
  readonly epoch?: string
  /** How many route changes are kept for who was away. */
  readonly logCapacity?: number
}

export interface LmdbStoreDependencies {
  readonly clock: Clock
  readonly log: Log
  /** Default: this machine's. */
  readonly boot?: Boot
}

/** What was found in the file when it was opened. */
export interface LoadedBindings {
  readonly bindings: number
  /** Had expired meanwhile; never announced. */
  readonly due: number
  /** Rows that made no sense, passed over. */
  readonly corrupt: number
}

/** Dirty rows wait this long for company. */
const FLUSH_AFTER_MS = 30
const RETRY_AFTER_MS = 5_000
/** The loop is held no longer than this for loading or encoding. */
const SLICE_MS = 5
const ROWS_BETWEEN_LOOKS = 128
/** LMDB uses pages again two commits after they were freed: commits of all rows at once would double the file. */
const ROWS_PER_COMMIT = 16_384
const SLAB_BYTES = 256 * 1024
/** A deadline is written again when it moved on by more than this part of the hold time. */
const KEPT_FRACTION = 1 / 32

const ANCHOR_EVERY_MS = 60_000
const ANCHOR_PAUSE_MS = 1_000

const ANCHOR_KEY = 0xffff_fffe
const SCHEMA_KEY = 0xffff_ffff
const SCHEMA = 1
const SCHEMA_TEXT = 'dnstap-bgp ip-store '
/** A row's key is a slot, and slots are given out densely: a larger one is no slot of ours. */
const MAX_SLOT = 2 ** 27
/** Address space, not memory; LMDB grows it when it must. */
const MAP_BYTES = 2 ** 30

/** A deadline on disk with less left than this is never left to the sweep. */
const SWEPT_ABOVE_MS = 300_000
const SWEEP_EVERY_MS = 1_000
const SWEEPS_PER_ROUND = 60

/** A file larger than this and less than a quarter full is packed when it is opened. */
const PACK_ABOVE_BYTES = 64 * 2 ** 20
const PROBE_BYTES = 64 * 2 ** 10
const FULL_BELOW_BYTES = 2 ** 20

const CLEAN = 0
const DIRTY = 1
/** Newer than on disk, but not by enough to be written before close(). */
const LAGGING = 2
/** Newer than on disk; the sweep will write it. */
const MOVED = 3

/** @throws StoreFileError when the file cannot be used; it stands as it was then */
export async function openLmdbStore(config: LmdbStoreConfig, dependencies: LmdbStoreDependencies): Promise<LmdbIpStore> {
  const { path } = config
  let lock: FileLock
  try {
    mkdirSync(dirname(path), { recursive: true })
    LmdbFile.open(path)?.close() // says first that it is no store of ours, before a lock file appears beside it
    lock = lockFile(`${path}.lock`, path)
  } catch (error) {
    throw unusable(path, error)
  }
  try {
    const store = new LmdbIpStore(config, dependencies, lock)
    await store.load()
    return store
  } catch (error) {
    lock.release()
    throw unusable(path, error)
  }
}

function unusable(path: string, error: unknown): unknown {
  if (error instanceof StoreFileError || (error as NodeJS.ErrnoException).code === undefined) return error
  return new StoreFileError('unusable', `the store ${path} cannot be opened: ${(error as Error).message}`, { cause: error })
}

export class LmdbIpStore implements IpStore {
  readonly #path: string
  readonly #clock: Clock
  readonly #log: Log
  readonly #lock: FileLock
  readonly #table: BindingTable
  readonly expireBatch = EXPIRE_BATCH
  readonly #time: StoreClock
  readonly #anchorTimer: Timer
  #isAnchorDue = true
  #anchoredAt = -Infinity
  #database: RootDatabase<Uint8Array, number> | undefined
  /** Keys found that are no slots. */
  readonly #strayKeys: number[] = []
  #isOurs = false // our name stands in the file
  #isMostlyHoles = false
  #loaded: LoadedBindings = { bindings: 0, due: 0, corrupt: 0 }

  /** CLEAN, DIRTY, LAGGING or MOVED, by slot. */
  readonly #marks = new Uint32Column()
  /** The deadline on disk, by slot; NaN when unknown. */
  readonly #writtenExpiresAtMs = new Float64Column()
  #movedRows = 0
  #swept = 0 // the next slot of the sweep
  #sweepTimer: Timer | undefined
  #dirty: number[] = []
  #dirtySince = 0
  #timer: Timer | undefined
  #writing: Promise<void> | undefined
  #slab = new Slab()

  #state: StoreState = { kind: 'ready' }
  #stateSince = 0
  readonly #stateListeners: ((state: StoreState) => void)[] = []
  #isClosed = false
  #backingUp = false

  constructor(config: LmdbStoreConfig, { clock, log, boot }: LmdbStoreDependencies, lock: FileLock) {
    this.#path = config.path
    this.#clock = clock
    this.#log = log
    this.#lock = lock
    this.#time = new StoreClock(clock, boot ?? systemBoot)
    this.#anchorTimer = clock.every(ANCHOR_EVERY_MS, () => {
      this.#time.noteSleep()
      this.#isAnchorDue = true
      this.#wake()
    })
    this.#table = new BindingTable({
      epoch: config.epoch ?? randomUUID(),
      hashSeed: randomBytes(4).readInt32LE(),
      ...(config.logCapacity === undefined ? {} : { logCapacity: config.logCapacity }),
      journal: {
        made: (slot) => this.#change(slot),
        moved: (slot) => this.#moved(slot),
        ended: (slot) => this.#change(slot),
      },
    })
  }

  /** Reads what is there, then opens it for writing. Called once, by openLmdbStore(). */
  async load(): Promise<void> {
    const file = LmdbFile.open(this.#path)
    if (file !== undefined) {
      try {
        this.#isOurs = await this.#read(file)
        this.#isMostlyHoles = file.sizeBytes > PACK_ABOVE_BYTES && file.usedBytes < file.sizeBytes / 4
      } finally {
        file.close()
      }
    }
    try {
      this.#database = await this.#openForWriting()
    } catch (error) {
      if (file === undefined) throw error
      this.#setState({ kind: 'memory-only', why: whyUnwritten(this.#path, error) })
    }
    this.#wake()
  }

  async #openForWriting(): Promise<RootDatabase<Uint8Array, number>> {
    probe(`${this.#path}.probe`)
    if (this.#isMostlyHoles) await this.#pack()
    this.#isMostlyHoles = false
    const isNew = !existsSync(this.#path)
    const database = openDatabase(this.#path)
    try {
      if (!this.#isOurs) await settled(database.put(SCHEMA_KEY, new TextEncoder().encode(`${SCHEMA_TEXT}${SCHEMA}`)))
      this.#isOurs = true
      for (const key of this.#strayKeys.splice(0)) await settled(database.remove(key))
      return database
    } catch (error) {
      await database.close()
      if (isNew) rmSync(this.#path, { force: true }) // half a file with nothing in it would only be in the way
      throw error
    }
  }

  /** A file that once held many more gives their room back. When it cannot be packed it is used as it is. */
  async #pack(): Promise<void> {
    const packed = `${this.#path}.packed`
    rmSync(packed, { force: true })
    const database = openDatabase(this.#path)
    try {
      await database.backup(packed, true)
    } catch (error) {
      rmSync(packed, { force: true })
      this.#log.warn({ path: this.#path }, `the store is mostly holes and could not be packed: ${messageOf(error)}`)
    } finally {
      await database.close()
    }
    if (existsSync(packed)) renameSync(packed, this.#path)
  }

  now(): number {
    return this.#time.now()
  }

  get loaded(): LoadedBindings {
    return this.#loaded
  }

  /** Dirty rows waiting to be written. */
  get pendingRows(): number {
    return this.#dirty.length
  }

  async head(): Promise<StoreHead> {
    return this.#open().log.head
  }

  async counts(): Promise<StoreCounts> {
    return this.#open().counts()
  }

  async observe(sightings: readonly Sighting[], limits: StoreLimits): Promise<Observed> {
    return this.#open().observe(sightings, limits)
  }

  async expire(nowMs: number, limit: number): Promise<Expired> {
    return this.#open().expire(nowMs, limit)
  }

  async forget(keys: readonly BindingKey[]): Promise<RouteChanges | undefined> {
    return this.#open().forget(keys)
  }

  async reschedule(deadlines: readonly NewDeadline[]): Promise<void> {
    this.#open().reschedule(deadlines)
  }

  bindings(): AsyncIterable<readonly Binding[]> {
    return bindingParts(this.#open())
  }

  async bindingsOf(prefix: string): Promise<readonly Binding[]> {
    return this.#open().bindingsOf(prefix)
  }

  async bindingsNamed(name: string): Promise<readonly Binding[]> {
    return this.#open().bindingsNamed(name)
  }

  snapshot(): AsyncIterable<RoutesChunk> {
    return routeParts(this.#open())
  }

  async changesSince(head: StoreHead, limit: number): Promise<RouteChanges | 'up-to-date' | 'gap'> {
    return this.#open().log.since(head, limit)
  }

  get state(): StoreState {
    return this.#state
  }

  onState(listener: (state: StoreState) => void): void {
    this.#stateListeners.push(listener)
  }

  /** Nothing here notices deadlines; whoever expires keeps the time. */
  onDeadline(): void {}

  /** @throws StoreError when it cannot be written now */
  async flush(): Promise<void> {
    await this.#writing // may have begun before what is asked for
    if (this.#hasToWrite || this.#writing !== undefined) await (this.#writing ?? this.#write())
    if (this.#state.kind === 'memory-only' && this.#dirty.length > 0) throw new StoreError(this.#state.why)
  }

  /**
   * A copy of the file as of now, packed, in place of the last one: `path.backup`. Taken while the store goes on; it is a store file
   * itself. @throws StoreError when it cannot be written now
   */
  async backup(): Promise<{ readonly path: string; readonly bytes: number }> {
    this.#open()
    if (this.#backingUp) throw new StoreError('a backup is under way')
    this.#backingUp = true
    const path = `${this.#path}.backup`
    const part = `${path}-part`
    try {
      rmSync(part, { force: true })
      await this.#copyTo(part)
      const { size } = statSync(part)
      renameSync(part, path)
      return { path, bytes: size }
    } catch (error) {
      rmSync(part, { force: true })
      if (error instanceof StoreError) throw error
      throw new StoreError(`${path} cannot be written: ${messageOf(error)}`)
    } finally {
      this.#backingUp = false
    }
  }

  async #copyTo(path: string): Promise<void> {
    this.#isAnchorDue = true
    await this.flush()
    const database = this.#database
    if (database === undefined) throw new StoreError(`the store ${this.#path} cannot be written`)
    await database.backup(path, true)
    const file = openSync(path, 'r')
    fsyncSync(file)
    closeSync(file)
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    for (let slot = 0; slot < this.#table.slots; slot++) if (this.#marks.get(slot) >= LAGGING) this.#queue(slot)
    this.#sweepTimer?.cancel()
    this.#anchorTimer.cancel()
    this.#isAnchorDue = true
    try {
      await this.flush()
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.#log.error(
        { path: this.#path, rows: this.#dirty.length },
        `closing the store without what was not written: ${error.message}`,
      )
    } finally {
      this.#timer?.cancel()
      await this.#database?.close()
      this.#lock.release()
    }
  }

  #open(): BindingTable {
    if (this.#isClosed) throw new StoreError('the store is closed')
    return this.#table
  }

  // What changed, and must be written.

  #change(slot: number): void {
    this.#marks.reach(slot)
    if (this.#marks.get(slot) !== DIRTY) this.#queue(slot)
  }

  #moved(slot: number): void {
    const mark = this.#marks.get(slot)
    if (mark === DIRTY) return
    const written = this.#writtenExpiresAtMs.get(slot)
    const expiresAtMs = this.#table.expiresAtMs(slot)
    const gainMs = expiresAtMs === written ? 0 : expiresAtMs - written // not finite: to or from Infinity, or not known
    if (gainMs < 0 || !Number.isFinite(gainMs)) this.#queue(slot)
    else if (gainMs <= (expiresAtMs - this.#table.seenAtMs(slot)) * KEPT_FRACTION || gainMs === 0) {
      if (mark === CLEAN) this.#marks.set(slot, LAGGING)
    } else if (written - this.now() < SWEPT_ABOVE_MS) this.#queue(slot)
    else if (mark !== MOVED) {
      this.#marks.set(slot, MOVED)
      this.#movedRows++
      this.#sweepTimer ??= this.#clock.every(SWEEP_EVERY_MS, () => this.#sweep())
    }
  }

  /** One part in sixty of the slots, in their order: rows that moved share pages, and pages are written once. */
  #sweep(): void {
    if (this.#state.kind !== 'ready' || this.#movedRows === 0) return
    const { slots } = this.#table
    const end = Math.min(slots, this.#swept + Math.ceil(slots / SWEEPS_PER_ROUND))
    for (let slot = this.#swept; slot < end; slot++) if (this.#marks.get(slot) === MOVED) this.#queue(slot)
    this.#swept = end === slots ? 0 : end
  }

  #queue(slot: number): void {
    this.#marks.reach(slot)
    if (this.#marks.get(slot) === MOVED) this.#movedRows--
    this.#marks.set(slot, DIRTY)
    if (this.#dirty.length === 0) this.#dirtySince = this.#clock.monotonic()
    this.#dirty.push(slot)
    this.#wake()
  }

  get #hasToWrite(): boolean {
    return this.#dirty.length > 0 || this.#isAnchorDue
  }

  #wake(): void {
    const isLoading = this.#database === undefined && this.#state.kind === 'ready'
    if (this.#timer !== undefined || this.#writing !== undefined || !this.#hasToWrite || isLoading) return
    const waited = this.#dirty.length === 0 ? 0 : this.#clock.monotonic() - this.#dirtySince
    const delay = this.#state.kind === 'ready' ? Math.max(0, FLUSH_AFTER_MS - waited) : RETRY_AFTER_MS
    this.#timer = this.#clock.after(delay, () => {
      this.#timer = undefined
      void this.#write()
    })
  }

  /** Writes what is dirty. Never rejects: what went wrong is the state. */
  #write(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    const slots = this.#dirty
    this.#dirty = []
    this.#writing = this.#commit(slots)
      .then(
        () => this.#setState({ kind: 'ready' }),
        (error: unknown) => {
          this.#dirtyAgain(slots)
          this.#isAnchorDue = true
          this.#setState({ kind: 'memory-only', why: whyUnwritten(this.#path, error) })
        },
      )
      .then(() => {
        this.#writing = undefined
        if (!this.#isClosed) this.#wake()
      })
    return this.#writing
  }

  #dirtyAgain(slots: readonly number[]): void {
    for (const slot of slots) {
      if (this.#marks.get(slot) === MOVED) this.#movedRows--
      this.#marks.set(slot, DIRTY)
      this.#writtenExpiresAtMs.set(slot, NaN)
    }
    this.#dirty = [...new Set([...slots, ...this.#dirty])]
    this.#dirtySince = this.#clock.monotonic()
  }

  async #commit(slots: readonly number[]): Promise<void> {
    const database = (this.#database ??= await this.#openForWriting())
    let commits = new Map<Promise<unknown>, Promise<unknown>>()
    if (this.#isAnchorDue || this.#clock.monotonic() - this.#anchoredAt >= ANCHOR_PAUSE_MS) {
      this.#isAnchorDue = false
      this.#anchoredAt = this.#clock.monotonic()
      const commit = database.put(ANCHOR_KEY, new TextEncoder().encode(this.#time.anchor()))
      commits.set(commit, settled(commit))
    }
    let sliceStart = this.#clock.monotonic()
    for (const [index, slot] of slots.entries()) {
      this.#marks.set(slot, CLEAN)
      let commit: Promise<unknown>
      if (this.#table.isBound(slot)) {
        this.#writtenExpiresAtMs.set(slot, this.#table.expiresAtMs(slot))
        commit = database.put(slot, this.#slab.row(this.#table, slot))
      } else commit = database.remove(slot)
      if (!commits.has(commit)) commits.set(commit, settled(commit))
      if (index % ROWS_PER_COMMIT === ROWS_PER_COMMIT - 1) {
        for (const one of commits.values()) await one
        commits = new Map()
        sliceStart = this.#clock.monotonic()
      } else if (index % ROWS_BETWEEN_LOOKS === ROWS_BETWEEN_LOOKS - 1 && this.#clock.monotonic() - sliceStart > SLICE_MS) {
        await nextTurn()
        sliceStart = this.#clock.monotonic()
      }
    }
    for (const one of commits.values()) await one
  }

  #setState(state: StoreState): void {
    const before = this.#state
    if (before.kind === state.kind) return
    const now = this.#clock.monotonic()
    if (state.kind === 'ready') {
      this.#log.info({ path: this.#path, seconds: Math.round((now - this.#stateSince) / 1000) }, 'the store is written again')
    } else if (state.kind === 'memory-only') {
      this.#log.error({ path: this.#path }, `${state.why}; what is learnt now would not survive a restart`)
    }
    this.#state = state
    this.#stateSince = now
    for (const listener of this.#stateListeners) listener(state)
  }

  // Loading.

  /** False: there is nothing in it at all, not even our name. */
  async #read(file: LmdbFile): Promise<boolean> {
    const anchor = file.lastRows().find(({ key }) => key === ANCHOR_KEY)
    const isSure =
      anchor !== undefined && this.#time.goOnFrom(new TextDecoder().decode(anchor.bytes.subarray(anchor.at, anchor.end)))
    const now = this.now()
    let lastSeenMs = 0
    let due = 0
    let corrupt = 0
    let schema: string | undefined
    let rest = 0
    const removed: number[] = []
    let sliceStart = this.#clock.monotonic()
    for (const rows of file.rows()) {
      for (const { key, bytes, view, at, end } of rows) {
        if (key === SCHEMA_KEY) {
          schema = new TextDecoder().decode(bytes.subarray(at, end))
          continue
        }
        if (key === ANCHOR_KEY) continue
        rest++
        const outcome = key < MAX_SLOT ? this.#table.restoreRow(key, bytes, view, at, end, now) : 'corrupt'
        if (outcome === 'restored') {
          this.#writtenExpiresAtMs.set(key, this.#table.expiresAtMs(key))
          lastSeenMs = Math.max(lastSeenMs, this.#table.seenAtMs(key))
          continue
        }
        if (outcome === 'due') due++
        else corrupt++
        removed.push(key)
      }
      if (this.#clock.monotonic() - sliceStart > SLICE_MS) {
        await nextTurn()
        sliceStart = this.#clock.monotonic()
      }
    }
    this.#checkSchema(schema, rest)
    if (!isSure) this.#time.atLeast(lastSeenMs)
    this.#loaded = { bindings: this.#table.size, due, corrupt }
    if (this.#table.slots > 0) this.#marks.reach(this.#table.slots - 1)
    for (const key of removed) {
      if (key < MAX_SLOT) this.#queue(key)
      else this.#strayKeys.push(key)
    }
    if (corrupt > 0) this.#log.warn({ path: this.#path, corrupt }, 'some rows of the store made no sense and were passed over')
    return schema !== undefined
  }

  #checkSchema(schema: string | undefined, rows: number): void {
    if (schema === undefined && rows === 0) return // killed before its first row
    if (schema === undefined || !schema.startsWith(SCHEMA_TEXT)) {
      throw new StoreFileError(
        'foreign',
        `${this.#path} is not a dnstap-bgp store; move it away or set \`cache\` to another path`,
      )
    }
    const version = Number(schema.slice(SCHEMA_TEXT.length))
    if (version === SCHEMA) return
    throw new StoreFileError(
      'newer',
      `the store ${this.#path} is of version ${schema.slice(SCHEMA_TEXT.length)}; this version of dnstap-bgp reads ${SCHEMA}`,
    )
  }
}

function openDatabase(path: string): RootDatabase<Uint8Array, number> {
  return open<Uint8Array, number>({
    path,
    noSubdir: true,
    encoding: 'binary',
    keyEncoding: 'uint32',
    mapSize: MAP_BYTES,
    // A commit is done when it is on disk; LMDB's way of committing first and syncing later takes a third meta to recover by.
    overlappingSync: false,
    cache: false,
  })
}

/** LMDB ends the process when there is no room for its first pages or its lock; better to know before. */
function probe(path: string): void {
  try {
    writeFileSync(path, new Uint8Array(PROBE_BYTES), { flush: true })
  } finally {
    rmSync(path, { force: true })
  }
}

/** Why a write failed, for the operator: LMDB calls a full disk an input/output error when a part could be written. */
function whyUnwritten(path: string, error: unknown): string {
  const { bavail, bsize } = statfsSync(dirname(path))
  const full = bavail * bsize < FULL_BELOW_BYTES ? '; its disk is full' : ''
  return `the store ${path} cannot be written: ${messageOf(error)}${full}`
}

/** Bytes for rows. LMDB's thread reads them until the commit, so room is never used twice; a full slab is let go. */
class Slab {
  #bytes = new Uint8Array(0)
  #view = new DataView(this.#bytes.buffer)
  #end = 0

  row(table: BindingTable, slot: number): Uint8Array {
    const length = table.rowLength(slot)
    if (this.#end + length > this.#bytes.length) {
      this.#bytes = new Uint8Array(Math.max(SLAB_BYTES, length))
      this.#view = new DataView(this.#bytes.buffer)
      this.#end = 0
    }
    const start = this.#end
    this.#end = table.writeRow(slot, this.#bytes, this.#view, start)
    return this.#bytes.subarray(start, this.#end)
  }
}

/** LMDB's rejection carries its cause as a promise of its own, which nobody else would catch. */
function settled(commit: Promise<unknown>): Promise<unknown> {
  const caught = commit.catch(async (error: unknown) => {
    const cause = (error as { commitError?: Promise<unknown> }).commitError
    throw cause === undefined ? error : await cause.catch((reason: unknown) => reason)
  })
  caught.catch(() => {}) // awaited later, with the others
  return caught
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
