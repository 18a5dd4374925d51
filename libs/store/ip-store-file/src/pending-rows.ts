/**
 * Which rows wait for the disk, and where on it each row is.
 *
 *   CLEAN ──change()──▶ DIRTY ──▶ in the next batch        new, ended, or must end sooner: at once
 *     │ moved()
 *     ├────▶ LAGGING   a deadline later by less than 1/32 of the lifetime: written at close, so a busy name costs no writes
 *     └────▶ MOVED     later by more: a sweep in the order of slots takes it within a minute, so that a million refreshes are
 *                      written once, not forty times. While the deadline on disk has less than five minutes left it is DIRTY
 *
 * So after a crash a deadline may be earlier than it was, by LAGGING_SHARE of the lifetime or by the moves of the last minute; never later.
 */
import { Float64Column, Uint32Column } from '@dnstap-bgp/ip-store'
import type { BindingTable } from '@dnstap-bgp/ip-store'
import type { Clock, Timer } from '@dnstap-bgp/runtime'

/** A deadline that moved on by less than this share of the lifetime is written at close. */
const LAGGING_SHARE = 1 / 32
/** While the deadline on disk has less left than this, a later one is written at once. */
const URGENT_BELOW_MS = 300_000
const SWEEP_EVERY_MS = 1_000
const SWEEPS_PER_ROUND = 60

const CLEAN = 0
const DIRTY = 1
const LAGGING = 2
const MOVED = 3
const MARK_BITS = 2
const MARK = 3

export interface PendingRowsOptions {
  readonly clock: Clock
  readonly table: BindingTable
  /** Store time. */
  readonly now: () => number
  /** Something is dirty now. */
  readonly wake: () => void
  /** The sweep leaves rows alone while this is false: they could not be written. */
  readonly canWrite: () => boolean
}

export class PendingRows {
  readonly #clock: Clock
  readonly #table: BindingTable
  readonly #now: () => number
  readonly #wake: () => void
  readonly #canWrite: () => boolean
  /** By slot: the number of the part that has its newest row, 0 for none, and a mark in the two lowest bits. */
  readonly #places = new Uint32Column()
  /** The deadline on disk, by slot; NaN when unknown. */
  readonly #writtenExpiresAtMs = new Float64Column()
  #slots = 0 // what #places reaches
  #dirty: number[] = []
  #dirtySinceMs = 0
  #movedRows = 0
  #swept = 0 // the next slot of the sweep
  #sweepTimer: Timer | undefined

  constructor({ clock, table, now, wake, canWrite }: PendingRowsOptions) {
    this.#clock = clock
    this.#table = table
    this.#now = now
    this.#wake = wake
    this.#canWrite = canWrite
  }

  /** How many wait. */
  get length(): number {
    return this.#dirty.length
  }

  /** Since when the first of them waits, by the monotonic clock. */
  get sinceMs(): number {
    return this.#dirtySinceMs
  }

  /** One past the highest slot known here. */
  get limit(): number {
    return this.#slots
  }

  /** All slots known here, with those that come while they are gone through. */
  *slots(): Generator<number> {
    for (let slot = 0; slot < this.#slots; slot++) yield slot
  }

  /** The number of the part that has a slot's newest row; 0: none has. */
  partOf(slot: number): number {
    return slot < this.#slots ? this.#places.get(slot) >>> MARK_BITS : 0
  }

  /** Its newest row is on disk, in this part. */
  placed(slot: number, part: number): void {
    this.#reach(slot)
    this.#places.set(slot, ((part << MARK_BITS) | this.#mark(slot)) >>> 0)
  }

  /** A row came from disk as it is in the table. */
  restored(slot: number, part: number): void {
    this.placed(slot, part)
    this.#writtenExpiresAtMs.set(slot, this.#table.expiresAtMs(slot))
  }

  /** The row must be on disk as soon as possible. */
  change(slot: number): void {
    this.#reach(slot)
    const mark = this.#mark(slot)
    if (mark === DIRTY) return
    if (mark === MOVED) this.#movedRows--
    this.#setMark(slot, DIRTY)
    if (this.#dirty.length === 0) this.#dirtySinceMs = this.#clock.monotonic()
    this.#dirty.push(slot)
    this.#wake()
  }

  /** The row's deadline has moved, or its rule, source or chain has changed. */
  moved(slot: number): void {
    this.#reach(slot)
    const mark = this.#mark(slot)
    if (mark === DIRTY) return
    const written = this.#writtenExpiresAtMs.get(slot)
    const expiresAtMs = this.#table.expiresAtMs(slot)
    const gainMs = expiresAtMs === written ? 0 : expiresAtMs - written // not finite: to or from Infinity, or not known
    if (gainMs < 0 || !Number.isFinite(gainMs)) this.change(slot)
    else if (gainMs <= (expiresAtMs - this.#table.seenAtMs(slot)) * LAGGING_SHARE || gainMs === 0) {
      if (mark === CLEAN) this.#setMark(slot, LAGGING)
    } else if (written - this.#now() < URGENT_BELOW_MS) this.change(slot)
    else if (mark !== MOVED) {
      this.#setMark(slot, MOVED)
      this.#movedRows++
      this.#sweepTimer ??= this.#clock.every(SWEEP_EVERY_MS, () => this.#sweep())
    }
  }

  /** Everything that waits, to be written now. */
  take(): readonly number[] {
    const slots = this.#dirty
    this.#dirty = []
    return slots
  }

  /** A row is in a batch as it is now; what changes from here on is for the next one. */
  encoded(slot: number): void {
    this.#setMark(slot, CLEAN)
    this.#writtenExpiresAtMs.set(slot, this.#table.isBound(slot) ? this.#table.expiresAtMs(slot) : NaN)
  }

  /** The rows that were taken could not be written. */
  giveBack(slots: readonly number[]): void {
    for (const slot of slots) {
      if (this.#mark(slot) === MOVED) this.#movedRows--
      this.#setMark(slot, DIRTY)
      this.#writtenExpiresAtMs.set(slot, NaN)
    }
    this.#dirty = [...new Set([...slots, ...this.#dirty])]
    this.#dirtySinceMs = this.#clock.monotonic()
  }

  /** At close: every row that differs from the disk is dirty now. */
  changeAllThatDiffer(): void {
    for (let slot = 0; slot < this.#slots; slot++) if (this.#mark(slot) >= LAGGING) this.change(slot)
  }

  close(): void {
    this.#sweepTimer?.cancel()
  }

  /** One part in sixty of the slots, in their order. */
  #sweep(): void {
    if (this.#movedRows === 0 || !this.#canWrite()) return
    const end = Math.min(this.#slots, this.#swept + Math.ceil(this.#slots / SWEEPS_PER_ROUND))
    for (let slot = this.#swept; slot < end; slot++) if (this.#mark(slot) === MOVED) this.change(slot)
    this.#swept = end === this.#slots ? 0 : end
  }

  #reach(slot: number): void {
    if (slot < this.#slots) return
    this.#places.reach(slot)
    this.#slots = slot + 1
  }

  #mark(slot: number): number {
    return this.#places.get(slot) & MARK
  }

  #setMark(slot: number, mark: number): void {
    this.#places.set(slot, ((this.#places.get(slot) & ~MARK) | mark) >>> 0)
  }
}
