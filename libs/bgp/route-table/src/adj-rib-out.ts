/**
 * Adj-RIB-Out (RFC 4271 §3.2) of one peer: what it has heard from us, and from that what it still has to hear.
 *
 * It follows the route table. A change only notes that a prefix differs; what to say about it is found when the socket wants octets.
 * So announce and withdraw cancel each other, a flapping prefix costs one queue entry, and a peer that sleeps costs memory by the
 * size of the table, never by the number of changes. Two sources of work, per family:
 *
 *   queue   prefixes that changed, in order of their first unsent change; `dirty` has a bit for each that waits
 *   sweep   a cursor over all prefixes: the whole table for a new session, again for a route refresh, away for a farewell
 *
 * A prefix's number is pinned in the table while it is out here or waits (prefix-table.ts). Per route and peer that is 4 octets in
 * `out` and a bit in `dirty`, 4 more while it waits, and a bit once some are suppressed because of maxRoutes.
 *
 * Work is taken a batch at a time and grouped by attributes, so that UPDATEs are full; a rest that would make a short message waits
 * for the next batch when that is sure to come.
 */
import { type AttributeBlock, MAX_MESSAGE_LENGTH, type PathAttributes } from '@dnstap-bgp/bgp-wire'
import { type ExportProfile, NOT_EXPORTED } from './export-profile.ts'
import type { PrefixTable } from './prefix-table.ts'
import { Family, type RouteFollower, type RouteTable } from './route-table.ts'
import { GrowingUpdateWriter } from './update-writer.ts'

export interface AdjRibOutSession {
  readonly profile: ExportProfile
  /** Families both sides agreed on. */
  readonly families: readonly [ipv4: boolean, ipv6: boolean]
  /** Above 4096 only when agreed (RFC 8654). Of what the profile exports, every block must leave room for a prefix. */
  readonly maxMessageLength: number
  /** Routes of both families that may be out at once; more wait until others are withdrawn. */
  readonly maxRoutes: number
}

export class AdjRibOut implements RouteFollower {
  readonly #table: RouteTable
  readonly #onWork: () => void
  readonly #outs: readonly [FamilyOut, FamilyOut]
  readonly #unfollow: () => void
  #writer = new GrowingUpdateWriter(MAX_MESSAGE_LENGTH)
  #session: AdjRibOutSession | undefined
  #farewell = false
  /** Since the session was opened; what an operator is shown. */
  announced = 0
  withdrawn = 0

  /** `onWork` is called, while a change is made, whenever there may be something to send: note it, call next() later. */
  constructor(table: RouteTable, onWork: () => void) {
    this.#table = table
    this.#onWork = onWork
    this.#outs = [new FamilyOut(table.families[0]), new FamilyOut(table.families[1])]
    this.#unfollow = table.follow(this)
  }

  /** A session is Established: its peer has nothing, and gets the table, then End-of-RIB for each family. */
  open(session: AdjRibOutSession): void {
    this.close()
    this.#session = session
    this.announced = 0
    this.withdrawn = 0
    this.#writer = new GrowingUpdateWriter(session.maxMessageLength)
    for (const family of BOTH)
      if (session.families[family]) {
        this.#outs[family].active = true
        this.#outs[family].sweepAt = 0
        this.#outs[family].owesEndOfRib = true
      }
    this.#onWork()
  }

  /** The session is over: the peer has nothing of ours. Call settle() in later turns until it says that all is tidied up. */
  close(): void {
    this.#session = undefined
    this.#farewell = false
    this.#writer.take()
    for (const out of this.#outs) out.forgetAll()
  }

  /** Gives back some of what the last session held in the table; true when that was all. next() does so, too. */
  settle(): boolean {
    for (const out of this.#outs) out.settle(SETTLED_PER_TURN)
    return this.#outs[0].settled && this.#outs[1].settled
  }

  /** For good: follows the table no longer. */
  detach(): void {
    this.close()
    for (const out of this.#outs) out.settle(Infinity)
    this.#unfollow()
  }

  /** From now on nothing should be out: what is gets withdrawn. */
  withdrawAll(): void {
    if (this.#session === undefined) return
    this.#farewell = true
    for (const out of this.#outs) if (out.active) out.sweepAt = 0
    this.#onWork()
  }

  /**
   * The peer asked for a family again (RFC 2918). With `marks`, [BoRR, EoRR] as whole messages (RFC 7313), the answer stands between
   * them. Asked again before the answer is out, it is answered once more, however often; false when that was known.
   */
  refresh(family: Family, marks?: readonly [Uint8Array, Uint8Array]): boolean {
    const out = this.#outs[family]
    if (!out.active || out.refreshWanted) return false
    out.refreshWanted = true
    out.refreshMarks = marks
    this.#onWork()
    return true
  }

  changed(family: Family, id: number): void {
    const out = this.#outs[family]
    if (!out.active) return
    out.cover(id)
    if (out.sweepAt >= 0 && id >= out.sweepAt && out.out[id] === 0) return // the sweep will come by
    if (out.enqueue(id)) this.#onWork()
  }

  /** Is there something to say? */
  get pending(): boolean {
    return this.#outs[0].pending || this.#outs[1].pending
  }

  /** Prefixes that wait: changed ones, and what the sweeps have still to look at. */
  get queued(): number {
    return this.#outs[0].queued + this.#outs[1].queued
  }

  get updates(): number {
    return this.#writer.messages
  }

  routesOut(family: Family): number {
    return this.#outs[family].count
  }

  /** Routes that `maxRoutes` keeps from going out. */
  get suppressed(): number {
    return this.#outs[0].suppressed + this.#outs[1].suppressed
  }

  /** Is End-of-RIB out for each family? */
  get tableSent(): boolean {
    return this.#session !== undefined && !this.#outs[0].owesEndOfRib && !this.#outs[1].owesEndOfRib
  }

  get sizeBytes(): number {
    return this.#outs[0].sizeBytes + this.#outs[1].sizeBytes
  }

  /** Does the peer have this prefix from us? */
  has(prefix: string): boolean {
    const found = this.#table.find(prefix)
    if (found === undefined) return false
    const { out } = this.#outs[found.family]
    return found.id < out.length && out[found.id] !== NOT_EXPORTED
  }

  /** What the peer has from us: prefixes as text, and what it was told of each (undefined: of late nobody is told that any more). */
  *routes(): IterableIterator<[string, PathAttributes | undefined]> {
    for (const family of BOTH) {
      const { out } = this.#outs[family]
      for (let id = 0; id < out.length; id++)
        if (out[id] !== NOT_EXPORTED)
          yield [this.#table.prefixText(family, id), this.#session?.profile.get(family, out[id])?.attributes]
    }
  }

  /**
   * Whole messages to send now, about `budgetBytes` of them (the last batch may pass it by a message or two). Undefined: nothing yet;
   * when `pending` still holds, a long stretch of the table had nothing to say, and the caller should ask again in its next turn.
   */
  next(budgetBytes: number): Uint8Array | undefined {
    const session = this.#session
    if (session === undefined) return undefined
    this.settle()
    const enough = budgetBytes >> 1 // a small batch would make short messages of what waited to fill one
    for (let turn = 0; turn < BATCHES_PER_TURN && this.pending && this.#writer.lengthBytes <= enough; turn++)
      for (const family of BOTH)
        if (this.#outs[family].pending && this.#writer.lengthBytes <= enough) this.#batch(session, family, budgetBytes)
    return this.#writer.lengthBytes === 0 ? undefined : this.#writer.take()
  }

  #batch(session: AdjRibOutSession, family: Family, budgetBytes: number): void {
    const out = this.#outs[family]
    if (out.refreshWanted && !out.busy) this.#beginRefresh(out)
    this.#collect(session, family, out, budgetBytes - this.#writer.lengthBytes)
    this.#writeWithdrawals(family, out)
    this.#writeAnnouncements(session, family, out)
    if (out.sweepAt >= out.table.highWater) out.endSweep()
    if (out.sweepAt < 0 && out.debt === 0) this.#writeMarks(family, out)
    if (session.maxRoutes - this.#routesOut > session.maxRoutes >> 7)
      for (const each of this.#outs) if (each.suppressed > 0 && each.sweepAt < 0) each.sweepAt = 0
  }

  #beginRefresh(out: FamilyOut): void {
    out.refreshWanted = false
    out.resending = true
    out.sweepAt = 0
    if (out.refreshMarks !== undefined) this.#writer.message(out.refreshMarks[0])
    out.marksOwed = out.refreshMarks
  }

  #writeMarks(family: Family, out: FamilyOut): void {
    if (out.owesEndOfRib) this.#writer.endOfRib(family)
    if (out.marksOwed !== undefined) this.#writer.message(out.marksOwed[1])
    out.owesEndOfRib = false
    out.marksOwed = undefined
  }

  get #routesOut(): number {
    return this.#outs[0].count + this.#outs[1].count
  }

  /** Fills the batch from the queue and the sweep, up to about `budgetBytes`. */
  #collect(session: AdjRibOutSession, family: Family, out: FamilyOut, budgetBytes: number): void {
    const { table } = out
    const { attributes } = table
    const { profile } = session
    const farewell = this.#farewell
    const prefixBytes = table.words * 4 + 1
    let estimate = 0
    batch.clear()
    out.cover(table.highWater)

    const sweeping = out.sweepAt >= 0
    const fromQueue = sweeping ? BATCH >> 1 : BATCH // the sweep goes on while changes keep coming
    for (let taken = 0; out.waiting > 0 && taken < fromQueue && estimate < budgetBytes; taken++) {
      const id = out.dequeue()
      const before = out.out[id]
      let now = attributes[id] === 0 || farewell ? NOT_EXPORTED : profile.idFor(family, attributes[id])
      const hasRoom = before !== NOT_EXPORTED || this.#routesOut < session.maxRoutes
      out.noteSuppressed(id, now !== NOT_EXPORTED && !hasRoom)
      if (!hasRoom) now = NOT_EXPORTED
      if (now === before) {
        if (now === NOT_EXPORTED) table.unpin(id)
        continue
      }
      out.out[id] = now
      estimate += prefixBytes
      if (now === NOT_EXPORTED) {
        out.count--
        batch.withdraw(id)
      } else {
        if (before === NOT_EXPORTED) out.count++
        if (batch.announce(id, now, false)) estimate += ATTRIBUTES_GUESS
      }
    }

    if (!sweeping) return
    const { resending } = out
    const end = Math.min(table.highWater, out.sweepAt + LONGEST_SCAN)
    let id = out.sweepAt
    for (; id < end && estimate < budgetBytes && !batch.full; id++) {
      const before = out.out[id]
      if (attributes[id] === 0 && before === NOT_EXPORTED) {
        out.noteSuppressed(id, false)
        continue
      }
      let now = attributes[id] === 0 || farewell ? NOT_EXPORTED : profile.idFor(family, attributes[id])
      const hasRoom = before !== NOT_EXPORTED || this.#routesOut + batch.fresh < session.maxRoutes
      out.noteSuppressed(id, now !== NOT_EXPORTED && !hasRoom)
      if (!hasRoom) now = NOT_EXPORTED
      if (now === before && !(resending && now !== NOT_EXPORTED)) continue
      estimate += prefixBytes
      if (now === NOT_EXPORTED) {
        out.out[id] = NOT_EXPORTED
        out.count--
        if (out.isDirty(id)) table.pin(id) // the queue's pin; writing the withdrawal takes one back
        batch.withdraw(id)
      } else {
        if (before === NOT_EXPORTED) batch.fresh++
        if (batch.announce(id, now, true)) estimate += ATTRIBUTES_GUESS
      }
    }
    out.sweepAt = id
  }

  #writeWithdrawals(family: Family, out: FamilyOut): void {
    if (batch.withdrawals === 0) return
    const { table } = out
    this.#writer.withdraw(family)
    for (let i = 0; i < batch.withdrawals; i++) {
      this.#writer.put(table, batch.withdrawn[i])
      table.unpin(batch.withdrawn[i])
    }
    this.withdrawn += batch.withdrawals
  }

  #writeAnnouncements(session: AdjRibOutSession, family: Family, out: FamilyOut): void {
    const { table } = out
    const writer = this.#writer
    const restWaits = out.sweepAt >= 0 && out.sweepAt < table.highWater && !out.resending
    for (let bucket = 0; bucket < batch.buckets; bucket++) {
      const exportId = batch.exportIds[bucket]
      const block = session.profile.get(family, exportId)
      if (block === undefined) throw new Error('an export number without attributes')
      let sending = batch.counts[bucket]
      if (restWaits)
        sending = Math.max(batch.queued[bucket], sending - (sending % hostRoutesPerMessage(block, session.maxMessageLength)))
      let at = batch.heads[bucket]
      if (sending > 0) writer.advertise(block)
      this.announced += sending
      for (; sending > 0; sending--, at = batch.nexts[at]) {
        writer.put(table, batch.ids[at])
        if (batch.swept[at] !== 0) out.sentBySweep(batch.ids[at], exportId)
      }
      for (; at >= 0; at = batch.nexts[at]) out.enqueue(batch.ids[at])
    }
  }
}

function hostRoutesPerMessage(block: AttributeBlock, maxMessageLength: number): number {
  const overhead = 23 + block.bytes.length + (block.mpNextHop.length > 0 ? 9 + block.mpNextHop.length : 0)
  return Math.max(1, Math.floor((maxMessageLength - overhead) / (block.family === 'ipv4' ? 5 : 17)))
}

/** What one peer has of one family. */
class FamilyOut {
  readonly table: PrefixTable
  active = false
  /** Export number that is out, by prefix number. */
  out = new Uint32Array(0)
  /** Prefixes with something out. */
  count = 0
  /** Prefixes that would be out if there were room; a bit for each in `#suppressedBits`. */
  suppressed = 0
  /** The next prefix number to look at; -1: no sweep. */
  sweepAt = -1
  /** The sweep sends what is out already, too. */
  resending = false
  owesEndOfRib = false
  refreshWanted = false
  refreshMarks: readonly [Uint8Array, Uint8Array] | undefined
  /** Marks of the refresh under way: the second one is still to be sent. */
  marksOwed: readonly [Uint8Array, Uint8Array] | undefined
  /** Queue entries that must go out before the marks. */
  debt = 0
  waiting = 0
  #dirty = new Uint32Array(0)
  #suppressedBits = new Uint32Array(0)
  #ring = new Uint32Array(FIRST_RING)
  #head = 0
  /** Of the last session: pins for numbers from `at` on are still held. */
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

  /** Notes whether a prefix is kept back for want of room. */
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

  isDirty(id: number): boolean {
    return (this.#dirty[id >> 5] & (1 << (id & 31))) !== 0
  }

  /** Notes that a prefix differs. False when that was known. */
  enqueue(id: number): boolean {
    if (this.isDirty(id)) return false
    if (this.out[id] === NOT_EXPORTED) this.table.pin(id)
    this.#dirty[id >> 5] |= 1 << (id & 31)
    if (this.waiting === this.#ring.length) this.#growRing()
    this.#ring[(this.#head + this.waiting++) & (this.#ring.length - 1)] = id
    return true
  }

  /** The next that differs; its pin is now the caller's, unless it is out. */
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
    this.debt = this.waiting // what the sweep left for fuller messages waits there
  }

  /** Nothing is out any more. The pins of a large table are given back bit by bit. */
  forgetAll(): void {
    if (this.count > 0 || this.waiting > 0) {
      this.settle(Infinity) // of the session before; seldom is anything left of it
      this.#left = { out: this.out, dirty: this.#dirty, at: 0 }
      this.out = new Uint32Array(0)
      this.#dirty = new Uint32Array(0)
      this.settle(SETTLED_PER_TURN)
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

  /** Are all pins of former sessions given back? */
  get settled(): boolean {
    return this.#left === undefined
  }

  /** Gives back pins of the last session for so many prefix numbers. */
  settle(count: number): void {
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

/** Prefixes about to be written, announcements linked into a bucket per export number. One is enough: nothing here waits. */
class Batch {
  readonly withdrawn = new Uint32Array(BATCH)
  withdrawals = 0
  readonly ids = new Uint32Array(BATCH)
  /** Was it found by the sweep (1) or taken from the queue (0)? */
  readonly swept = new Uint8Array(BATCH)
  readonly nexts = new Int32Array(BATCH)
  announcements = 0
  readonly exportIds: number[] = []
  readonly heads: number[] = []
  readonly tails: number[] = []
  readonly counts: number[] = []
  /** Of a bucket, those from the queue; they stand in front. */
  readonly queued: number[] = []
  buckets = 0
  /** Of the announcements, those of the sweep that are not out at all yet. */
  fresh = 0
  readonly #bucketOf = new Map<number, number>()
  #lastId = NOT_EXPORTED
  #lastBucket = -1

  get full(): boolean {
    return this.withdrawals + this.announcements >= BATCH
  }

  clear(): void {
    this.withdrawals = 0
    this.announcements = 0
    this.buckets = 0
    this.fresh = 0
    this.#bucketOf.clear()
    this.#lastId = NOT_EXPORTED
  }

  withdraw(id: number): void {
    this.withdrawn[this.withdrawals++] = id
  }

  /** True when it opened a bucket. */
  announce(id: number, exportId: number, swept: boolean): boolean {
    let opened = false
    if (exportId !== this.#lastId) {
      const known = this.#bucketOf.get(exportId)
      opened = known === undefined
      this.#lastBucket = known ?? this.buckets++
      this.#lastId = exportId
      if (known === undefined) {
        this.#bucketOf.set(exportId, this.#lastBucket)
        this.exportIds[this.#lastBucket] = exportId
        this.heads[this.#lastBucket] = -1
        this.counts[this.#lastBucket] = 0
        this.queued[this.#lastBucket] = 0
      }
    }
    const bucket = this.#lastBucket
    const at = this.announcements++
    this.ids[at] = id
    this.swept[at] = swept ? 1 : 0
    this.nexts[at] = -1
    if (this.heads[bucket] < 0) this.heads[bucket] = at
    else this.nexts[this.tails[bucket]] = at
    this.tails[bucket] = at
    this.counts[bucket]++
    if (!swept) this.queued[bucket]++
    return opened
  }
}

const BOTH = [Family.ipv4, Family.ipv6] as const
/** Prefixes taken at once: twenty full messages of IPv4. */
const BATCH = 16_384
const BATCHES_PER_TURN = 8
/** Prefix numbers a batch looks at when few of them have anything to say: a millisecond. */
const LONGEST_SCAN = 131_072
/** Octets of a message that are not prefixes, for the estimate. */
const ATTRIBUTES_GUESS = 96
/** Prefix numbers of a former session looked at, so that a million of them are no long turn. */
const SETTLED_PER_TURN = 16_384
const FIRST_RING = 64
const KEPT_RING = 65_536

const batch = new Batch()
