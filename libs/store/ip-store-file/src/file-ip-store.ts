/**
 * The embedded IP store: BindingTable answers, files remember.
 *
 *   observe ─▶ table ─▶ journal ─▶ StoreWriter: changed rows are on disk within a tenth of a second
 *
 * Answers never wait for the disk, and go on without it: while it cannot be written the state is `memory-only`. README.md#what-may-be-lost
 * says what a kill or a power cut loses.
 *
 * Routes, revisions and the change log are not written: routes follow from bindings, and each opening is a new epoch, since the
 * last 100 ms may be missing. Store time goes on over restarts (store-clock.ts).
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { BindingTable, bindingParts, EXPIRE_BATCH, routeParts, StoreError } from '@dnstap-bgp/ip-store'
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
import { inWords, isPassing } from './disk-fault.ts'
import type { FileLock } from './file-lock.ts'
import { readLmdbStore } from './lmdb-store.ts'
import { RestoredRows } from './restored-rows.ts'
import type { LoadedBindings } from './restored-rows.ts'
import type { StoreAt } from './store-at.ts'
import { StoreClock, systemBoot } from './store-clock.ts'
import type { Boot } from './store-clock.ts'
import { StoreCopy } from './store-copy.ts'
import { StoreWriter } from './store-writer.ts'

export interface FileStoreConfig {
  /** The folder of the store; made when it is missing, with those above it. `path.lock` stands beside it. */
  readonly path: string
  /** Names this life of the store; made up when not given. */
  readonly epoch?: string
  /** How many route changes are kept for who was away. */
  readonly logCapacity?: number
}

export interface FileStoreDependencies {
  readonly clock: Clock
  readonly log: Log
  /** Default: this machine's. */
  readonly boot?: Boot
}

const ANCHOR_EVERY_MS = 60_000

export class FileIpStore implements IpStore {
  readonly expireBatch = EXPIRE_BATCH
  readonly #path: string
  readonly #clock: Clock
  readonly #log: Log
  readonly #table: BindingTable
  readonly #time: StoreClock
  readonly #writer: StoreWriter
  readonly #anchorTimer: Timer
  #copy: StoreCopy | undefined
  #loaded: LoadedBindings = { bindings: 0, due: 0, corrupt: 0 }
  #isClosed = false

  constructor(config: FileStoreConfig, { clock, log, boot }: FileStoreDependencies, takeLock: () => FileLock) {
    this.#path = config.path
    this.#clock = clock
    this.#log = log
    this.#time = new StoreClock(clock, boot ?? systemBoot)
    this.#table = new BindingTable({
      epoch: config.epoch ?? randomUUID(),
      hashSeed: randomBytes(4).readInt32LE(),
      ...(config.logCapacity === undefined ? {} : { logCapacity: config.logCapacity }),
      journal: {
        made: (slot) => this.#changed(slot),
        moved: (slot) => {
          this.#copy?.changed(slot)
          this.#writer.pending.moved(slot)
        },
        ended: (slot) => this.#changed(slot),
      },
    })
    this.#writer = new StoreWriter({ path: config.path, clock, log, table: this.#table, time: this.#time, takeLock })
    this.#anchorTimer = clock.every(ANCHOR_EVERY_MS, () => {
      this.#time.noteSleep()
      this.#writer.anchorIsDue()
    })
  }

  /** Takes what stands at the path. Called once, by openFileStore(). @throws StoreFileError, or as the system does */
  async load(found: StoreAt, lock: FileLock | undefined): Promise<void> {
    if (lock !== undefined) this.#writer.locked(lock)
    const rows = new RestoredRows(this.#table, this.#writer.pending, this.#time, () => this.#clock.monotonic())
    if (found.kind === 'lmdb') await readLmdbStore(this.#path, found.file, rows)
    const parts = found.kind === 'parts' ? await found.parts.read(rows) : []
    this.#loaded = rows.end()
    const { corrupt } = this.#loaded
    if (corrupt > 0) this.#log.warn({ path: this.#path, corrupt }, 'Some rows of the store are invalid; they were skipped.')
    if (found.kind === 'parts' && !found.isInTheWay) this.#writer.goOnWith(parts, found.parts.store)
    else this.#writer.beginAnew(found.isInTheWay)
    try {
      if (!found.isInTheWay) await this.#writer.probe()
    } catch (error) {
      const isNew = found.kind === 'nothing'
      if (isNew && !(isPassing(error) && (error as NodeJS.ErrnoException).code !== 'EROFS')) throw error
    }
    this.#writer.wake()
  }

  now(): number {
    return this.#time.now()
  }

  get loaded(): LoadedBindings {
    return this.#loaded
  }

  /** Rows waiting to be written. */
  get pendingRows(): number {
    return this.#writer.pending.length
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
    return this.#writer.state
  }

  onState(listener: (state: StoreState) => void): void {
    this.#writer.onState(listener)
  }

  /** This store gives no hints: the caller of expire() keeps the time. */
  onDeadline(): void {}

  /** @throws StoreError when it cannot be written now */
  flush(): Promise<void> {
    return this.#writer.flush()
  }

  /**
   * Everything in one file, `path.backup`, in place of the last backup; made while the store goes on. To restore it, copy it to `path`.
   * @throws StoreError when it cannot be written; the last backup is there as it was
   */
  async backup(): Promise<{ readonly path: string; readonly bytes: number }> {
    const table = this.#open()
    if (this.#copy !== undefined) throw new StoreError('a backup is under way')
    const path = `${this.#path}.backup`
    this.#copy = new StoreCopy(table)
    try {
      return { path, bytes: await this.#copy.writeTo(path, () => this.#time.anchor()) }
    } catch (error) {
      throw new StoreError(
        `the backup ${path} cannot be written: ${inWords(error)}; the last backup, if there is one, is as it was`,
      )
    } finally {
      this.#copy = undefined
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#anchorTimer.cancel()
    await this.#writer.close()
  }

  /** It could not be loaded. */
  dispose(): void {
    this.#isClosed = true
    this.#anchorTimer.cancel()
    this.#writer.dispose()
  }

  #changed(slot: number): void {
    this.#copy?.changed(slot)
    this.#writer.pending.change(slot)
  }

  #open(): BindingTable {
    if (this.#isClosed) throw new StoreError('the store is closed')
    return this.#table
  }
}
