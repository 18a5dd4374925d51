/**
 * The bindings, the routes they own and the deadlines they have, in memory and in one thread: MemoryIpStore answers from it, and the store in
 * files keeps a copy of it on disk. ip-store.ts says what each method means; this is how.
 *
 *   names     text ─▶ id ─▶ its bindings ─┐                        ┌─ prefixes   text ─▶ id ─▶ its bindings, its owners
 *                                         ▼                        ▼                                        │
 *   bindings  slot: list name prefix rule source chain  seen first expires      (binding-columns.ts)        │
 *                                                       └─▶ deadlines (a heap of slots)                     │
 *   owners    row: list, how many bindings of that list, next owner (prefix-owners.ts) ◀─────────────────────┘
 *
 * Everything is a column of numbers and each text stands once: about 200 bytes per address with ten addresses per name (bench/),
 * where objects in Maps take five times that and make the garbage collector walk them.
 */
import type { RouteChange, RouteChanges } from '@dnstap-bgp/steering'
import { BindingColumns, cutText } from './binding-columns.ts'
import { checkRow, rowLength, BindingRowReader, writeRow } from './binding-rows.ts'
import { ChangeLog } from './change-log.ts'
import { Deadlines } from './deadlines.ts'
import type {
  Binding,
  BindingKey,
  Expired,
  NewDeadline,
  Observed,
  Outcome,
  Sighting,
  StoreCounts,
  StoreLimits,
} from './ip-store.ts'
import { PrefixOwners } from './prefix-owners.ts'
import { SlotLists } from './slot-lists.ts'
import { firstCell, nextCell, SlotTable } from './slot-table.ts'
import { NO_TEXT } from './text-table.ts'

/** Told of every slot whose content changes, so that a copy of it can be kept elsewhere. */
export interface BindingJournal {
  made(slot: number): void
  /** Deadline, time last seen, rule, source or chain. */
  moved(slot: number): void
  ended(slot: number): void
}

export interface BindingTableOptions {
  /** Names this life of the store; the opener makes it up. */
  readonly epoch: string
  /** A random number, so that strangers cannot choose names that collide. */
  readonly hashSeed?: number
  /** How many route changes are kept for announcers that were away. */
  readonly logCapacity?: number
  readonly journal?: BindingJournal
}

const DEFAULT_LOG_CAPACITY = 65_536
const SILENT: BindingJournal = { made() {}, moved() {}, ended() {} }

export class BindingTable {
  readonly #journal: BindingJournal
  readonly #log: ChangeLog
  readonly #columns: BindingColumns
  readonly #byKey: SlotTable
  readonly #byName = new SlotLists()
  readonly #byPrefix = new SlotLists()
  readonly #deadlines: Deadlines
  readonly #owners: PrefixOwners
  readonly #rows: BindingRowReader
  #bindings = 0
  /** The texts of the sighting before: guesses that are mostly right. */
  #lastRule = NO_TEXT
  #lastSource = NO_TEXT
  /** Changes of the call in progress. */
  #changes: RouteChange[] = []

  constructor(options: BindingTableOptions) {
    const columns = (this.#columns = new BindingColumns(options.hashSeed ?? 0))
    this.#byKey = new SlotTable((slot) => hashKey(columns.list.get(slot), columns.name.get(slot), columns.prefix.get(slot)))
    this.#deadlines = new Deadlines(columns.expiresAtMs)
    this.#owners = new PrefixOwners(columns.lists)
    this.#rows = new BindingRowReader(columns)
    this.#log = new ChangeLog(options.epoch, options.logCapacity ?? DEFAULT_LOG_CAPACITY)
    this.#journal = options.journal ?? SILENT
  }

  get log(): ChangeLog {
    return this.#log
  }

  get size(): number {
    return this.#bindings
  }

  /** One past the highest slot in use so far. */
  get slots(): number {
    return this.#columns.slots
  }

  counts(): StoreCounts {
    const { lists } = this.#columns
    const routesPerList = new Map<string, number>()
    for (let list = 0; list < lists.limit; list++)
      if (lists.isUsed(list)) routesPerList.set(lists.text(list), this.#owners.routesOf(list))
    return { bindings: this.#bindings, routes: this.#owners.routes, routesPerList }
  }

  observe(sightings: readonly Sighting[], limits: StoreLimits): Observed {
    const before = this.#begin()
    const outcomes: Outcome[] = []
    for (const sighting of sightings) outcomes.push(this.#observe(sighting, limits))
    return { outcomes, changes: this.#changesAfter(before) }
  }

  expire(nowMs: number, limit: number): Expired {
    const before = this.#begin()
    let bindings = 0
    while (bindings < limit) {
      const slot = this.#deadlines.first()
      if (slot < 0 || this.expiresAtMs(slot) > nowMs) break
      this.#end(slot)
      bindings++
    }
    const next = this.#deadlines.first()
    const nextDeadlineMs = next < 0 ? undefined : this.expiresAtMs(next)
    return { changes: this.#changesAfter(before), bindings, nextDeadlineMs }
  }

  forget(keys: readonly BindingKey[]): RouteChanges | undefined {
    const before = this.#begin()
    for (const key of keys) {
      const slot = this.#slotOf(key)
      if (slot >= 0) this.#end(slot)
    }
    return this.#changesAfter(before)
  }

  reschedule(deadlines: readonly NewDeadline[]): void {
    for (const deadline of deadlines) {
      const slot = this.#slotOf(deadline)
      if (slot < 0 || this.expiresAtMs(slot) === deadline.expiresAtMs || this.seenAtMs(slot) !== deadline.seenAtMs) continue
      this.#columns.expiresAtMs.set(slot, deadline.expiresAtMs)
      this.#deadlines.moved(slot)
      this.#journal.moved(slot)
    }
  }

  /** At most `count` bindings from this slot on, and the slot to go on from; undefined at the end. */
  bindingsFrom(slot: number, count: number): { readonly bindings: readonly Binding[]; readonly next: number | undefined } {
    const bindings: Binding[] = []
    let at = slot
    for (; at < this.slots && bindings.length < count; at++) if (this.isBound(at)) bindings.push(this.binding(at))
    return { bindings, next: at < this.slots ? at : undefined }
  }

  /** At most `count` routes from this number on, and the number to go on from; undefined at the end. */
  routesFrom(prefix: number, count: number): { readonly routes: readonly RouteChange[]; readonly next: number | undefined } {
    const { prefixes } = this.#columns
    const routes: RouteChange[] = []
    let at = prefix
    for (; at < prefixes.limit && routes.length < count; at++)
      if (prefixes.isUsed(at)) routes.push({ prefix: prefixes.text(at), lists: this.#owners.ownersOf(at) })
    return { routes, next: at < prefixes.limit ? at : undefined }
  }

  bindingsOf(prefix: string): readonly Binding[] {
    const id = this.#columns.prefixes.find(prefix)
    return id === NO_TEXT ? [] : this.#byPrefix.slotsOf(id).map((slot) => this.binding(slot))
  }

  bindingsNamed(name: string): readonly Binding[] {
    const id = this.#columns.names.find(name)
    return id === NO_TEXT ? [] : this.#byName.slotsOf(id).map((slot) => this.binding(slot))
  }

  isBound(slot: number): boolean {
    return this.#columns.isBound(slot)
  }

  /** The binding in a slot that is bound. */
  binding(slot: number): Binding {
    return this.#columns.binding(slot)
  }

  expiresAtMs(slot: number): number {
    return this.#columns.expiresAtMs.get(slot)
  }

  seenAtMs(slot: number): number {
    return this.#columns.seenAtMs.get(slot)
  }

  /** How many bytes writeRow() writes for a slot that is bound. */
  rowLength(slot: number): number {
    return rowLength(this.#columns, slot)
  }

  /** Writes the binding in a slot, to be kept elsewhere (binding-rows.ts). Returns one past the last byte. */
  writeRow(slot: number, bytes: Uint8Array, view: DataView, at: number): number {
    return writeRow(this.#columns, slot, bytes, view, at)
  }

  /**
   * Puts a binding of an earlier life back in its slot, from what writeRow() wrote, unless it is due by `nowMs`. No route change is
   * logged and the journal is not told. Slots come in any order, before anything else is asked; restored() ends it.
   * `isChecked`: the row's bytes were checked elsewhere.
   */
  restoreRow(
    slot: number,
    bytes: Uint8Array,
    view: DataView,
    at: number,
    end: number,
    nowMs: number,
    isChecked = false,
  ): 'restored' | 'due' | 'corrupt' {
    const state = checkRow(bytes, view, at, end, nowMs, isChecked)
    if (state !== 'whole') return state
    if (this.isBound(slot)) return 'corrupt'
    const rows = this.#rows
    rows.readKey(bytes, view, at)
    const { list, name, prefix } = rows
    if (this.#slotOfIds(list, name, prefix) >= 0) {
      rows.releaseKey()
      return 'corrupt' // the same binding twice
    }
    this.#columns.reachSlot(slot)
    rows.readRest(slot, bytes, view, at)
    this.#bind(slot, list, name, prefix, undefined)
    return 'restored'
  }

  /** Every row is back: slots that were left out are free, the lowest is taken first. */
  restored(): void {
    if (this.#bindings < this.slots) this.#columns.freeUnbound()
  }

  #begin(): number {
    this.#changes = []
    return this.#log.revision
  }

  #changesAfter(revision: number): RouteChanges | undefined {
    const changes = this.#changes
    return changes.length === 0 ? undefined : { epoch: this.#log.epoch, firstRevision: revision + 1, changes }
  }

  #observe(sighting: Sighting, limits: StoreLimits): Outcome {
    const { lists, names, prefixes } = this.#columns
    const nameHash = names.hash(sighting.name)
    const prefixHash = prefixes.hash(sighting.prefix)
    const list = lists.find(sighting.list)
    const name = names.find(sighting.name, nameHash)
    const prefix = prefixes.find(sighting.prefix, prefixHash)
    if (list !== NO_TEXT && name !== NO_TEXT && prefix !== NO_TEXT) {
      const slot = this.#slotOfIds(list, name, prefix)
      if (slot >= 0) return this.#refresh(slot, sighting)
    }
    if (prefixes.uses(prefix) >= limits.namesPerPrefix) return 'full-names-per-prefix'
    if (sighting.name !== '' && names.uses(name) >= limits.prefixesPerName) return 'full-prefixes-per-name'
    const listLimit = limits.routesPerList.get(sighting.list)
    if (listLimit !== undefined && this.#owners.routesOf(list) >= listLimit && !this.#owners.owns(list, prefix))
      return 'full-routes-per-list'
    if (prefix === NO_TEXT && this.#owners.routes >= limits.routes) return 'full-routes'
    if (sighting.noNewRoute === true && !this.#owners.owns(list, prefix)) return 'no-new-route'

    const slot = this.#columns.takeSlot()
    this.#fill(slot, sighting)
    const usedList = list === NO_TEXT ? lists.intern(sighting.list) : lists.share(list)
    const usedName = name === NO_TEXT ? names.intern(sighting.name, nameHash) : names.share(name)
    const usedPrefix = prefix === NO_TEXT ? prefixes.intern(sighting.prefix, prefixHash) : prefixes.share(prefix)
    this.#bind(slot, usedList, usedName, usedPrefix, sighting.prefix)
    this.#journal.made(slot)
    return 'new'
  }

  /** Everything but list, name and prefix. */
  #fill(slot: number, sighting: Sighting): void {
    const columns = this.#columns
    this.#lastRule = columns.texts.internLike(this.#lastRule, cutText(sighting.rule))
    this.#lastSource = columns.texts.internLike(this.#lastSource, cutText(sighting.source))
    columns.rule.set(slot, this.#lastRule)
    columns.source.set(slot, this.#lastSource)
    columns.chain.set(slot, columns.internChain(sighting.chain, sighting.name))
    columns.seenAtMs.set(slot, sighting.seenAtMs)
    columns.firstSeenMs.set(slot, sighting.seenAtMs)
    columns.expiresAtMs.set(slot, sighting.expiresAtMs)
  }

  #refresh(slot: number, sighting: Sighting): Outcome {
    const columns = this.#columns
    const later = sighting.expiresAtMs > columns.expiresAtMs.get(slot)
    const newer = sighting.seenAtMs > columns.seenAtMs.get(slot)
    if (!later && !newer) return 'stale'
    if (later) {
      columns.expiresAtMs.set(slot, sighting.expiresAtMs)
      this.#deadlines.moved(slot)
    }
    if (newer) {
      columns.seenAtMs.set(slot, sighting.seenAtMs)
      columns.swapText(columns.rule, slot, sighting.rule)
      columns.swapText(columns.source, slot, sighting.source)
      columns.swapChain(slot, sighting.chain, sighting.name)
    }
    this.#journal.moved(slot)
    return 'refreshed'
  }

  /** The rest of the slot is filled. `changed`: the prefix's text, when a change of owners is to be told. */
  #bind(slot: number, list: number, name: number, prefix: number, changed: string | undefined): void {
    const columns = this.#columns
    columns.list.set(slot, list)
    columns.name.set(slot, name)
    columns.prefix.set(slot, prefix)
    const isNewPrefix = columns.prefixes.uses(prefix) === 1
    this.#byName.add(slot, name, columns.names.uses(name) === 1)
    this.#byPrefix.add(slot, prefix, isNewPrefix)
    this.#byKey.add(hashKey(list, name, prefix), slot)
    this.#deadlines.begin(slot)
    this.#bindings++
    const isNewOwner = this.#owners.add(list, prefix, isNewPrefix)
    if (isNewOwner && changed !== undefined) this.#change(changed, prefix)
  }

  #end(slot: number): void {
    const columns = this.#columns
    const list = columns.list.get(slot)
    const name = columns.name.get(slot)
    const prefix = columns.prefix.get(slot)
    this.#deadlines.end(slot)
    this.#byKey.remove(hashKey(list, name, prefix), slot)
    this.#byName.remove(slot, name)
    this.#byPrefix.remove(slot, prefix)
    if (this.#owners.remove(list, prefix)) this.#change(columns.prefixes.text(prefix), prefix)
    columns.releaseTexts(slot)
    columns.freeSlot(slot)
    this.#bindings--
    this.#journal.ended(slot)
  }

  #slotOf(key: BindingKey): number {
    const { lists, names, prefixes } = this.#columns
    const list = lists.find(key.list)
    if (list === NO_TEXT) return -1
    const name = names.find(key.name)
    if (name === NO_TEXT) return -1
    const prefix = prefixes.find(key.prefix)
    if (prefix === NO_TEXT) return -1
    return this.#slotOfIds(list, name, prefix)
  }

  #slotOfIds(list: number, name: number, prefix: number): number {
    const columns = this.#columns
    const hash = hashKey(list, name, prefix)
    const cells = this.#byKey.cells(hash)
    for (let at = firstCell(cells, hash); ; at = nextCell(cells, at)) {
      const slot = (cells[at] as number) - 1
      if (slot < 0) return -1
      if (columns.prefix.get(slot) === prefix && columns.name.get(slot) === name && columns.list.get(slot) === list) return slot
    }
  }

  #change(text: string, prefix: number): void {
    const change = { prefix: text, lists: this.#owners.ownersOf(prefix) }
    this.#changes.push(change)
    this.#log.append(change)
  }
}

function hashKey(list: number, name: number, prefix: number): number {
  let hash = Math.imul(prefix, 0x9e3779b1) ^ Math.imul(name, 0x85ebca6b) ^ Math.imul(list, 0xc2b2ae35)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39)
  return (hash ^ (hash >>> 15)) >>> 0
}
