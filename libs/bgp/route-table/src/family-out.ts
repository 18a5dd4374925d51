/**
 * The routes of one family that a peer has, and those that wait: the memory under adj-rib-out.ts.
 *
 *   out         [ 3 | 0 | 7 | ... ]   by prefix number: the export number that the peer was sent, 0 for none
 *   dirty       [ 0 | 1 | 0 | ... ]   a bit by prefix number: it waits in the ring
 *   ring        prefix numbers that changed, in order of their first unsent change
 *   suppressed  a bit by prefix number: maxRoutes keeps it from the peer
 *
 * A prefix number is pinned in the table (prefix-table.ts) while the peer has it or it waits. Per route and peer that is 4 octets and a bit,
 * 4 more octets while it waits, and a bit if any route is suppressed.
 */
import { NOT_EXPORTED } from './export-profile.ts'
import type { PrefixTable } from './prefix-table.ts'

export class FamilyOut {
  readonly table: PrefixTable
  active = false
  /** The export number that the peer was sent, by prefix number. */
  out = new Uint32Array(0)
  /** Prefixes that the peer has. */
  count = 0
  /** Prefixes that maxRoutes keeps from the peer; a bit for each in `#suppressedBits`. */
  suppressed = 0
  /** The next prefix number of the sweep; -1: no sweep. */
  sweepAt = -1
  /** The sweep also sends routes that the peer has. */
  resending = false
  owesEndOfRib = false
  refreshWanted = false
  refreshMarks: readonly [Uint8Array, Uint8Array] | undefined
  /** Marks of the refresh that is under way: the second one is still to be sent. */
  marksOwed: readonly [Uint8Array, Uint8Array] | undefined
  /** Queue entries that must be sent before the marks. */
  debt = 0
  waiting = 0
  #dirty = new Uint32Array(0)
  #suppressedBits = new Uint32Array(0)
  #ring = new Uint32Array(FIRST_RING)
  #head = 0
  /** Of the last session: the pins of prefix numbers from `at` on are not released yet. */
  #left: { readonly out: Uint32Array; readonly dirty: Uint32Array; at: number } | undefined

  constructor(table: PrefixTable) {
    this.table = table
  }

  get sizeBytes(): number {
    const left = this.#left === undefined ? 0 : this.#left.out.byteLength + this.#left.dirty.byteLength
    return this.out.byteLength + this.#dirty.byteLength + this.#suppressedBits.byteLength + this.#ring.byteLength + left
  }

  /** Is an answer under way that ends with a mark? */
  get busy(): boolean {
    return this.sweepAt >= 0 || this.owesEndOfRib || this.marksOwed !== undefined
  }

  get pending(): boolean {
    return this.waiting > 0 || this.busy || this.refreshWanted
  }

  get queued(): number {
    return this.waiting + (this.sweepAt < 0 ? 0 : Math.max(0, this.table.highWater - this.sweepAt))
  }

  /** Makes room for a prefix number. */
  cover(id: number): void {
    if (id < this.out.length) return
    const capacity = Math.max(this.table.capacity, id + 1)
    const { out } = this
    this.out = new Uint32Array(capacity)
    this.out.set(out)
    const dirty = this.#dirty
    this.#dirty = new Uint32Array((capacity + 31) >> 5)
    this.#dirty.set(dirty)
  }

  /** Notes whether maxRoutes keeps a prefix from the peer. */
  noteSuppressed(id: number, isSuppressed: boolean): void {
    const bit = 1 << (id & 31)
    if (((this.#suppressedBits[id >> 5] & bit) !== 0) === isSuppressed) return
    if (id >> 5 >= this.#suppressedBits.length) {
      const before = this.#suppressedBits
      this.#suppressedBits = new Uint32Array((this.out.length + 31) >> 5)
      this.#suppressedBits.set(before)
    }
    this.#suppressedBits[id >> 5] ^= bit
    this.suppressed += isSuppressed ? 1 : -1
  }

  isSuppressed(id: number): boolean {
    return id >> 5 < this.#suppressedBits.length && (this.#suppressedBits[id >> 5] & (1 << (id & 31))) !== 0
  }

  isDirty(id: number): boolean {
    return (this.#dirty[id >> 5] & (1 << (id & 31))) !== 0
  }

  /** Notes that a prefix changed. False if that was noted already. */
  enqueue(id: number): boolean {
    if (this.isDirty(id)) return false
    if (this.out[id] === NOT_EXPORTED) this.table.pin(id)
    this.#dirty[id >> 5] |= 1 << (id & 31)
    if (this.waiting === this.#ring.length) this.#growRing()
    this.#ring[(this.#head + this.waiting++) & (this.#ring.length - 1)] = id
    return true
  }

  /** The next prefix that changed. Its pin is the caller's now, unless the peer has the prefix. */
  dequeue(): number {
    const id = this.#ring[this.#head]
    this.#head = (this.#head + 1) & (this.#ring.length - 1)
    this.waiting--
    if (this.debt > 0) this.debt--
    this.#dirty[id >> 5] &= ~(1 << (id & 31))
    if (this.waiting === 0 && this.#ring.length > KEPT_RING) this.#ring = new Uint32Array(FIRST_RING)
    if (this.waiting === 0) this.#head = 0
    return id
  }

  sentBySweep(id: number, exportId: number): void {
    if (this.out[id] === NOT_EXPORTED) {
      this.count++
      if (!this.isDirty(id)) this.table.pin(id)
    }
    this.out[id] = exportId
  }

  endSweep(): void {
    this.sweepAt = -1
    this.resending = false
    this.debt = this.waiting // routes that the sweep left for fuller messages wait there
  }

  /** The peer has nothing any more. The pins of a large table are released bit by bit. */
  forgetAll(): void {
    if (this.count > 0 || this.waiting > 0) {
      this.releasePins(Infinity) // of the session before the last one; seldom are any left
      this.#left = { out: this.out, dirty: this.#dirty, at: 0 }
      this.out = new Uint32Array(0)
      this.#dirty = new Uint32Array(0)
      this.releasePins()
    }
    this.#ring = new Uint32Array(FIRST_RING)
    this.#head = 0
    this.waiting = 0
    this.debt = 0
    this.count = 0
    this.suppressed = 0
    this.#suppressedBits = new Uint32Array(0)
    this.sweepAt = -1
    this.active = false
    this.resending = false
    this.owesEndOfRib = false
    this.refreshWanted = false
    this.refreshMarks = undefined
    this.marksOwed = undefined
  }

  /** Are all pins of earlier sessions released? */
  get isReleased(): boolean {
    return this.#left === undefined
  }

  /** Releases the pins of the last session for so many prefix numbers. */
  releasePins(count = RELEASED_PER_TURN): void {
    const left = this.#left
    if (left === undefined) return
    const { out, dirty } = left
    const end = Math.min(out.length, left.at + count)
    for (let id = left.at; id < end; id++)
      if (out[id] !== NOT_EXPORTED || (dirty[id >> 5] & (1 << (id & 31))) !== 0) this.table.unpin(id)
    left.at = end
    if (end === out.length) this.#left = undefined
  }

  #growRing(): void {
    const larger = new Uint32Array(this.#ring.length * 2)
    const first = this.#ring.length - this.#head
    larger.set(this.#ring.subarray(this.#head), 0)
    larger.set(this.#ring.subarray(0, this.#head), first)
    this.#ring = larger
    this.#head = 0
  }
}

/** Prefix numbers looked at in one turn, so that a million of them do not block the event loop. */
const RELEASED_PER_TURN = 16_384
const FIRST_RING = 64
const KEPT_RING = 65_536
