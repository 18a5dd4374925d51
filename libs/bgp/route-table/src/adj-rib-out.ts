/**
 * Adj-RIB-Out (RFC 4271 §3.2) of one peer: the routes that the peer has from us, and the UPDATEs that it still must get.
 *
 * It follows the route table. A change only notes that a prefix differs; the UPDATE is made when the socket has room. So announce and
 * withdraw cancel each other, a flapping prefix costs one queue entry, and a peer that does not read costs memory by the size of the table,
 * never by the number of changes. Per family there are two sources of work (family-out.ts):
 *
 *   queue   prefixes that changed, in order of their first unsent change
 *   sweep   a cursor over all prefixes: sends the whole table to a new session, sends it again for a route refresh, withdraws it at the end
 *
 * Work is taken a batch at a time and grouped by attributes (update-batch.ts), so that UPDATEs are full. A remainder that would make a short message
 * waits for the next batch if there is one.
 */
import { type AttributeBlock, MAX_MESSAGE_LENGTH, type PathAttributes } from '@dnstap-bgp/bgp-wire'
import { UpdateBatch, BATCH_SIZE } from './update-batch.ts'
import { type ExportProfile, NOT_EXPORTED } from './export-profile.ts'
import { FamilyOut } from './family-out.ts'
import { FamilyNumber, type TableFollower, type RouteTable } from './route-table.ts'
import { GrowingUpdateWriter } from './growing-update-writer.ts'

export interface AdjRibOutSession {
  readonly profile: ExportProfile
  /** Families both sides agreed on. */
  readonly families: readonly [ipv4: boolean, ipv6: boolean]
  /** Above 4096 only if agreed (RFC 8654). Every block that the profile exports must leave room for a prefix. */
  readonly maxMessageLength: number
  /** Routes of both families that the peer may have; further ones are suppressed until others are withdrawn. */
  readonly maxRoutes: number
}

/** Of a prefix, towards one peer. */
export type RouteStanding = 'told' | 'due' | 'not for it'

export class AdjRibOut implements TableFollower {
  readonly #table: RouteTable
  readonly #onWork: () => void
  readonly #outs: readonly [FamilyOut, FamilyOut]
  readonly #unfollow: () => void
  #writer = new GrowingUpdateWriter(MAX_MESSAGE_LENGTH)
  #session: AdjRibOutSession | undefined
  /** Everything is being withdrawn. */
  #withdrawing = false
  /** Since the session was opened, for operators. */
  announced = 0
  withdrawn = 0

  /** `onWork` is called during a change if there may be something to send: note it, and call next() later. */
  constructor(table: RouteTable, onWork: () => void) {
    this.#table = table
    this.#onWork = onWork
    this.#outs = [new FamilyOut(table.families[0]), new FamilyOut(table.families[1])]
    this.#unfollow = table.follow(this)
  }

  /** A session is Established: the peer has nothing, and gets the table, then End-of-RIB for each family. */
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

  /** The session is over: the peer has nothing of ours. Call releasePins() in later turns until it answers true. */
  close(): void {
    this.#session = undefined
    this.#withdrawing = false
    this.#writer.take()
    for (const out of this.#outs) out.forgetAll()
  }

  /** Releases some of the pins of the last session; true when none are left. next() does so, too. */
  releasePins(): boolean {
    for (const out of this.#outs) out.releasePins()
    return this.#outs[0].isReleased && this.#outs[1].isReleased
  }

  /** Stops following the table, for good. */
  detach(): void {
    this.close()
    for (const out of this.#outs) out.releasePins(Infinity)
    this.#unfollow()
  }

  /** From now on the peer shall have no route: withdraws those that it has. */
  withdrawAll(): void {
    if (this.#session === undefined) return
    this.#withdrawing = true
    for (const out of this.#outs) if (out.active) out.sweepAt = 0
    this.#onWork()
  }

  /**
   * The peer asks for a family again (RFC 2918). `marks`: [BoRR, EoRR] as whole messages (RFC 7313), sent before and after the answer.
   * However often the peer asks before the answer is sent, it is answered once more; false if that was noted already.
   */
  refresh(family: FamilyNumber, marks?: readonly [Uint8Array, Uint8Array]): boolean {
    const out = this.#outs[family]
    if (!out.active || out.refreshWanted) return false
    out.refreshWanted = true
    out.refreshMarks = marks
    this.#onWork()
    return true
  }

  changed(family: FamilyNumber, id: number): void {
    const out = this.#outs[family]
    if (!out.active) return
    out.cover(id)
    if (out.sweepAt >= 0 && id >= out.sweepAt && out.out[id] === 0) return // the sweep will get there
    if (out.enqueue(id)) this.#onWork()
  }

  /** Is there something to send, or to look for? */
  get pending(): boolean {
    return this.#outs[0].pending || this.#outs[1].pending
  }

  /** Prefixes that wait: those that changed, and those that the sweeps have not reached. */
  get queued(): number {
    return this.#outs[0].queued + this.#outs[1].queued
  }

  get updates(): number {
    return this.#writer.messages
  }

  routesOut(family: FamilyNumber): number {
    return this.#outs[family].count
  }

  /** Routes that are not sent because of `maxRoutes`. */
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

  /** Was the peer told this prefix, will it be, or does it not get it (its families, its lists, `maxRoutes`)? */
  standing(prefix: string): RouteStanding {
    const session = this.#session
    const family = prefix.includes(':') ? FamilyNumber.ipv6 : FamilyNumber.ipv4
    const out = this.#outs[family]
    if (session === undefined || this.#withdrawing || !out.active) return 'not for it'
    const id = this.#table.find(prefix)?.id
    const attributes = id === undefined ? 0 : out.table.attributes[id]
    if (id === undefined || attributes === 0) return 'due' // once it is in the table
    if (session.profile.idFor(family, attributes) === NOT_EXPORTED || out.isSuppressed(id)) return 'not for it'
    return id < out.out.length && out.out[id] !== NOT_EXPORTED ? 'told' : 'due'
  }

  /** The routes that the peer has, with the attributes that it was sent (undefined: no route has those any more, and an UPDATE is on its way). */
  *routes(): IterableIterator<[string, PathAttributes | undefined]> {
    for (const family of BOTH) {
      const { out } = this.#outs[family]
      for (let id = 0; id < out.length; id++)
        if (out[id] !== NOT_EXPORTED)
          yield [this.#table.prefixText(family, id), this.#session?.profile.get(family, out[id])?.attributes]
    }
  }

  /**
   * Whole messages to send now, about `budgetBytes` (the last batch may exceed it by a message or two). Undefined: none. If `pending` is
   * still true, a long part of the table needed no UPDATE, and the caller calls again in its next turn.
   */
  next(budgetBytes: number): Uint8Array | undefined {
    const session = this.#session
    if (session === undefined) return undefined
    this.releasePins()
    const enough = budgetBytes >> 1 // a small batch would send routes in short messages that waited to fill one
    for (let turn = 0; turn < BATCHES_PER_TURN && this.pending && this.#writer.lengthBytes <= enough; turn++)
      for (const family of BOTH)
        if (this.#outs[family].pending && this.#writer.lengthBytes <= enough) this.#batch(session, family, budgetBytes)
    return this.#writer.lengthBytes === 0 ? undefined : this.#writer.take()
  }

  #batch(session: AdjRibOutSession, family: FamilyNumber, budgetBytes: number): void {
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

  #writeMarks(family: FamilyNumber, out: FamilyOut): void {
    if (out.owesEndOfRib) this.#writer.endOfRib(family)
    if (out.marksOwed !== undefined) this.#writer.message(out.marksOwed[1])
    out.owesEndOfRib = false
    out.marksOwed = undefined
  }

  get #routesOut(): number {
    return this.#outs[0].count + this.#outs[1].count
  }

  /** Fills the batch from the queue and the sweep, up to about `budgetBytes`. */
  #collect(session: AdjRibOutSession, family: FamilyNumber, out: FamilyOut, budgetBytes: number): void {
    const { table } = out
    const { attributes } = table
    const { profile } = session
    const withdrawing = this.#withdrawing
    const prefixBytes = table.words * 4 + 1
    let estimate = 0
    batch.clear()
    out.cover(table.highWater)

    const sweeping = out.sweepAt >= 0
    const fromQueue = sweeping ? BATCH_SIZE >> 1 : BATCH_SIZE // the sweep goes on even if changes keep coming
    for (let taken = 0; out.waiting > 0 && taken < fromQueue && estimate < budgetBytes; taken++) {
      const id = out.dequeue()
      const before = out.out[id]
      let now = attributes[id] === 0 || withdrawing ? NOT_EXPORTED : profile.idFor(family, attributes[id])
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
      let now = attributes[id] === 0 || withdrawing ? NOT_EXPORTED : profile.idFor(family, attributes[id])
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

  #writeWithdrawals(family: FamilyNumber, out: FamilyOut): void {
    if (batch.withdrawals === 0) return
    const { table } = out
    this.#writer.withdraw(family)
    for (let i = 0; i < batch.withdrawals; i++) {
      this.#writer.put(table, batch.withdrawn[i])
      table.unpin(batch.withdrawn[i])
    }
    this.withdrawn += batch.withdrawals
  }

  #writeAnnouncements(session: AdjRibOutSession, family: FamilyNumber, out: FamilyOut): void {
    const { table } = out
    const writer = this.#writer
    const remainderWaits = out.sweepAt >= 0 && out.sweepAt < table.highWater && !out.resending
    for (let bucket = 0; bucket < batch.buckets; bucket++) {
      const exportId = batch.exportIds[bucket]
      const block = session.profile.get(family, exportId)
      if (block === undefined) throw new Error('an export number without attributes')
      let sending = batch.counts[bucket]
      if (remainderWaits)
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

const BOTH = [FamilyNumber.ipv4, FamilyNumber.ipv6] as const
const BATCHES_PER_TURN = 8
/** Prefix numbers a batch looks at when few of them have anything to say: a millisecond. */
const LONGEST_SCAN = 131_072
/** Octets of a message that are not prefixes, for the estimate. */
const ATTRIBUTES_GUESS = 96

/** One is enough: nothing in here waits. */
const batch = new UpdateBatch()
