/**
 * The bindings, the routes they own and the deadlines they have, in memory and in one thread: what MemoryIpStore answers from and
 * what the store in files keeps a copy of on disk. ip-store.ts says what each method means; this is how.
 *
 *   names     text ─▶ id ─▶ first binding ─┐                        ┌─ prefixes   text ─▶ id ─▶ first binding, first owner
 *                                          ▼                        ▼                                            │
 *   bindings  slot: list name prefix rule source chain  seen first expires  next/previous of name, of prefix     │
 *                                                        └─▶ deadlines (a heap of slots)                         │
 *   owners    row: list, how many bindings of that list, next owner of the prefix ◀──────────────────────────────┘
 *
 * Everything is a column of numbers and each text stands once: about 200 bytes per address with ten addresses per name (bench/),
 * where objects in Maps take five times that and make the garbage collector walk them. A route is a prefix with owners; a binding
 * that comes or goes changes a count, and only a count that leaves or reaches 0 is a route change.
 */
import type { RouteChange, RouteChanges } from '@dnstap-bgp/steering'
import { ChangeLog } from './change-log.ts'
import { Float64Column, Uint32Column } from './columns.ts'
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
import { firstCell, nextCell, SlotTable } from './slot-table.ts'
import { MAX_TEXT_LENGTH, NO_TEXT, TextTable, writtenLength } from './text-table.ts'

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
  /** How many route changes are kept for who was away. */
  readonly logCapacity?: number
  readonly journal?: BindingJournal
}

const FREE = 0xffffffff
const NONE = 0xffffffff
const DEFAULT_LOG_CAPACITY = 65_536
/** Between the names of a chain: never raw in a name's presentation format. */
const CHAIN_SEPARATOR = '\n'
/** Bytes before a row's characters. */
const ROW_HEAD = 40
const JUST_THE_NAME = 0xffff
const SILENT: BindingJournal = { made() {}, moved() {}, ended() {} }

export class BindingTable {
  readonly #journal: BindingJournal
  readonly #log: ChangeLog

  readonly #lists: TextTable
  readonly #names: TextTable
  readonly #prefixes: TextTable
  /** Rules, sources and chains. */
  readonly #texts: TextTable

  // Bindings, by slot.
  readonly #list = new Uint32Column() // FREE: no binding here
  readonly #name = new Uint32Column()
  readonly #prefix = new Uint32Column()
  readonly #rule = new Uint32Column()
  readonly #source = new Uint32Column()
  readonly #chain = new Uint32Column() // NONE: just the name
  readonly #seenAtMs = new Float64Column()
  readonly #firstSeenMs = new Float64Column()
  readonly #expiresAtMs = new Float64Column()
  readonly #nextOfName = new Uint32Column()
  readonly #previousOfName = new Uint32Column()
  readonly #nextOfPrefix = new Uint32Column()
  readonly #previousOfPrefix = new Uint32Column()
  #slots = 0
  #freeSlot = NONE // the first of them; the next one stands in #nextOfName
  #bindings = 0
  readonly #byKey = new SlotTable((slot) => hashKey(this.#list.get(slot), this.#name.get(slot), this.#prefix.get(slot)))
  readonly #deadlines = new Deadlines(this.#expiresAtMs)

  readonly #firstOfName = new Uint32Column() // by name id
  readonly #firstOfPrefix = new Uint32Column() // by prefix id
  readonly #firstOwner = new Uint32Column() // by prefix id
  #routes = 0
  /** By list id. */
  readonly #routesOfList: number[] = []

  // Owners, by row.
  readonly #ownerList = new Uint32Column()
  readonly #ownerBindings = new Uint32Column()
  readonly #nextOwner = new Uint32Column()
  #ownerRows = 0
  #freeOwner = NONE // the first of them; the next one stands in #nextOwner
  /** `[name]` of each list, by list id: most routes have one owner, and share this. */
  readonly #alone: (readonly string[])[] = []

  // What the row before had: guesses that are mostly right.
  #lastList = NO_TEXT
  #lastName = NO_TEXT
  #lastRule = NO_TEXT
  #lastSource = NO_TEXT

  /** Changes of the call in progress. */
  #changes: RouteChange[] = []

  constructor(options: BindingTableOptions) {
    const seed = options.hashSeed ?? 0
    this.#lists = new TextTable(seed)
    this.#names = new TextTable(seed)
    this.#prefixes = new TextTable(seed)
    this.#texts = new TextTable(seed)
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
    return this.#slots
  }

  counts(): StoreCounts {
    const routesPerList = new Map<string, number>()
    for (let list = 0; list < this.#lists.limit; list++) {
      if (this.#lists.isUsed(list)) routesPerList.set(this.#lists.text(list), this.#routesOfList[list] as number)
    }
    return { bindings: this.#bindings, routes: this.#routes, routesPerList }
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
      if (slot < 0 || this.#expiresAtMs.get(slot) > nowMs) break
      this.#end(slot)
      bindings++
    }
    const next = this.#deadlines.first()
    const nextDeadlineMs = next < 0 ? undefined : this.#expiresAtMs.get(next)
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
      if (slot < 0 || this.#expiresAtMs.get(slot) === deadline.expiresAtMs) continue
      if (this.#seenAtMs.get(slot) !== deadline.seenAtMs) continue
      this.#expiresAtMs.set(slot, deadline.expiresAtMs)
      this.#deadlines.moved(slot)
      this.#journal.moved(slot)
    }
  }

  /** At most `count` bindings from this slot on, and the slot to go on from; undefined at the end. */
  bindingsFrom(slot: number, count: number): { readonly bindings: readonly Binding[]; readonly next: number | undefined } {
    const bindings: Binding[] = []
    let at = slot
    for (; at < this.#slots && bindings.length < count; at++) if (this.isBound(at)) bindings.push(this.binding(at))
    return { bindings, next: at < this.#slots ? at : undefined }
  }

  /** At most `count` routes from this number on, and the number to go on from; undefined at the end. */
  routesFrom(prefix: number, count: number): { readonly routes: readonly RouteChange[]; readonly next: number | undefined } {
    const routes: RouteChange[] = []
    let at = prefix
    for (; at < this.#prefixes.limit && routes.length < count; at++) {
      if (this.#prefixes.isUsed(at)) routes.push({ prefix: this.#prefixes.text(at), lists: this.#ownersOf(at) })
    }
    return { routes, next: at < this.#prefixes.limit ? at : undefined }
  }

  bindingsOf(prefix: string): readonly Binding[] {
    const id = this.#prefixes.find(prefix)
    return id === NO_TEXT ? [] : this.#chained(this.#firstOfPrefix.get(id), this.#nextOfPrefix)
  }

  bindingsNamed(name: string): readonly Binding[] {
    const id = this.#names.find(name)
    return id === NO_TEXT ? [] : this.#chained(this.#firstOfName.get(id), this.#nextOfName)
  }

  isBound(slot: number): boolean {
    return slot < this.#slots && this.#list.get(slot) !== FREE
  }

  /** What stands in a slot that is bound. */
  binding(slot: number): Binding {
    const name = this.#names.text(this.#name.get(slot))
    const chain = this.#chain.get(slot)
    return {
      list: this.#lists.text(this.#list.get(slot)),
      name,
      rule: this.#texts.text(this.#rule.get(slot)),
      prefix: this.#prefixes.text(this.#prefix.get(slot)),
      seenAtMs: this.#seenAtMs.get(slot),
      expiresAtMs: this.#expiresAtMs.get(slot),
      source: this.#texts.text(this.#source.get(slot)),
      chain: chain === NONE ? [name] : splitChain(this.#texts.text(chain)),
      firstSeenMs: this.#firstSeenMs.get(slot),
    }
  }

  expiresAtMs(slot: number): number {
    return this.#expiresAtMs.get(slot)
  }

  seenAtMs(slot: number): number {
    return this.#seenAtMs.get(slot)
  }

  /** How many bytes writeRow() writes for a slot that is bound. */
  rowLength(slot: number): number {
    const chain = this.#chain.get(slot)
    return (
      ROW_HEAD +
      writtenLength(this.#lists.shape(this.#list.get(slot))) +
      writtenLength(this.#names.shape(this.#name.get(slot))) +
      writtenLength(this.#texts.shape(this.#rule.get(slot))) +
      writtenLength(this.#prefixes.shape(this.#prefix.get(slot))) +
      writtenLength(this.#texts.shape(this.#source.get(slot))) +
      (chain === NONE ? 0 : writtenLength(this.#texts.shape(chain)))
    )
  }

  /**
   * Writes what stands in a slot, to be kept elsewhere; one past the last byte. Little endian:
   *
   *   0 check u32 (of all that follows)  4 expires f64  12 seen f64  20 first seen f64
   *   28 shapes u16 of list, name, rule, prefix, source, chain (0xffff: just the name)   40 their characters, in this order
   */
  writeRow(slot: number, bytes: Uint8Array, view: DataView, at: number): number {
    const list = this.#list.get(slot)
    const name = this.#name.get(slot)
    const rule = this.#rule.get(slot)
    const prefix = this.#prefix.get(slot)
    const source = this.#source.get(slot)
    const chain = this.#chain.get(slot)
    view.setFloat64(at + 4, this.#expiresAtMs.get(slot), true)
    view.setFloat64(at + 12, this.#seenAtMs.get(slot), true)
    view.setFloat64(at + 20, this.#firstSeenMs.get(slot), true)
    view.setUint16(at + 28, this.#lists.shape(list), true)
    view.setUint16(at + 30, this.#names.shape(name), true)
    view.setUint16(at + 32, this.#texts.shape(rule), true)
    view.setUint16(at + 34, this.#prefixes.shape(prefix), true)
    view.setUint16(at + 36, this.#texts.shape(source), true)
    view.setUint16(at + 38, chain === NONE ? JUST_THE_NAME : this.#texts.shape(chain), true)
    let end = this.#lists.write(list, bytes, at + ROW_HEAD)
    end = this.#names.write(name, bytes, end)
    end = this.#texts.write(rule, bytes, end)
    end = this.#prefixes.write(prefix, bytes, end)
    end = this.#texts.write(source, bytes, end)
    if (chain !== NONE) end = this.#texts.write(chain, bytes, end)
    view.setUint32(at, rowCheck(bytes, at, end), true)
    return end
  }

  /**
   * Puts a binding of an earlier life back in its slot, from what writeRow() wrote, unless it is due by `nowMs`. No route change is
   * logged and the journal is not told. Slots come in any order, before anything else is asked; restored() ends it.
   * `isChecked`: somebody else has seen that these are the octets that were written.
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
    if (end - at < ROW_HEAD) return 'corrupt'
    if (!isChecked && view.getUint32(at, true) !== rowCheck(bytes, at, end)) return 'corrupt'
    const expiresAtMs = view.getFloat64(at + 4, true)
    if (expiresAtMs <= nowMs) return 'due'
    const chainShape = view.getUint16(at + 38, true)
    let length = ROW_HEAD
    for (let text = 0; text < 5; text++) length += writtenLength(view.getUint16(at + 28 + text * 2, true))
    if (chainShape !== JUST_THE_NAME) length += writtenLength(chainShape)
    if (at + length !== end || Number.isNaN(expiresAtMs) || this.isBound(slot)) return 'corrupt'

    const listAt = at + ROW_HEAD
    const nameAt = listAt + writtenLength(view.getUint16(at + 28, true))
    const ruleAt = nameAt + writtenLength(view.getUint16(at + 30, true))
    const prefixAt = ruleAt + writtenLength(view.getUint16(at + 32, true))
    const sourceAt = prefixAt + writtenLength(view.getUint16(at + 34, true))
    const chainAt = sourceAt + writtenLength(view.getUint16(at + 36, true))
    const list = this.#lists.internWritten(bytes, listAt, view.getUint16(at + 28, true), this.#lastList)
    const name = this.#names.internWritten(bytes, nameAt, view.getUint16(at + 30, true), this.#lastName)
    const prefix = this.#prefixes.internWritten(bytes, prefixAt, view.getUint16(at + 34, true))
    if (this.#slotOfIds(list, name, prefix) >= 0) {
      this.#lists.release(list)
      this.#names.release(name)
      this.#prefixes.release(prefix)
      return 'corrupt' // the same binding twice
    }
    this.#lastList = list
    this.#lastName = name
    this.#lastRule = this.#texts.internWritten(bytes, ruleAt, view.getUint16(at + 32, true), this.#lastRule)
    this.#lastSource = this.#texts.internWritten(bytes, sourceAt, view.getUint16(at + 36, true), this.#lastSource)
    while (this.#slots <= slot) this.#list.set(this.#slots++, FREE)
    this.#rule.set(slot, this.#lastRule)
    this.#source.set(slot, this.#lastSource)
    this.#chain.set(slot, chainShape === JUST_THE_NAME ? NONE : this.#texts.internWritten(bytes, chainAt, chainShape))
    this.#seenAtMs.set(slot, view.getFloat64(at + 12, true))
    this.#firstSeenMs.set(slot, view.getFloat64(at + 20, true))
    this.#expiresAtMs.set(slot, expiresAtMs)
    this.#bind(slot, list, name, prefix, undefined)
    return 'restored'
  }

  /** Every row is back: slots that were left out are free, the lowest is taken first. */
  restored(): void {
    this.#freeSlot = NONE
    if (this.#bindings === this.#slots) return
    for (let slot = this.#slots - 1; slot >= 0; slot--) if (!this.isBound(slot)) this.#free(slot)
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
    const nameHash = this.#names.hash(sighting.name)
    const prefixHash = this.#prefixes.hash(sighting.prefix)
    const list = this.#lists.find(sighting.list)
    const name = this.#names.find(sighting.name, nameHash)
    const prefix = this.#prefixes.find(sighting.prefix, prefixHash)
    if (list !== NO_TEXT && name !== NO_TEXT && prefix !== NO_TEXT) {
      const slot = this.#slotOfIds(list, name, prefix)
      if (slot >= 0) return this.#refresh(slot, sighting)
    }
    if (this.#prefixes.uses(prefix) >= limits.namesPerPrefix) return 'full-names-per-prefix'
    if (sighting.name !== '' && this.#names.uses(name) >= limits.prefixesPerName) return 'full-prefixes-per-name'
    const listLimit = limits.routesPerList.get(sighting.list)
    if (listLimit !== undefined && this.#routesOwnedBy(list) >= listLimit && !this.#owns(list, prefix))
      return 'full-routes-per-list'
    if (prefix === NO_TEXT && this.#routes >= limits.routes) return 'full-routes'
    if (sighting.noNewRoute === true && !this.#owns(list, prefix)) return 'no-new-route'

    const slot = this.#takeSlot()
    this.#lastRule = this.#texts.internLike(this.#lastRule, cut(sighting.rule))
    this.#lastSource = this.#texts.internLike(this.#lastSource, cut(sighting.source))
    this.#rule.set(slot, this.#lastRule)
    this.#source.set(slot, this.#lastSource)
    this.#chain.set(slot, this.#internChain(sighting))
    this.#seenAtMs.set(slot, sighting.seenAtMs)
    this.#firstSeenMs.set(slot, sighting.seenAtMs)
    this.#expiresAtMs.set(slot, sighting.expiresAtMs)
    const usedList = list === NO_TEXT ? this.#lists.intern(sighting.list) : this.#lists.share(list)
    const usedName = name === NO_TEXT ? this.#names.intern(sighting.name, nameHash) : this.#names.share(name)
    const usedPrefix = prefix === NO_TEXT ? this.#prefixes.intern(sighting.prefix, prefixHash) : this.#prefixes.share(prefix)
    this.#bind(slot, usedList, usedName, usedPrefix, sighting.prefix)
    this.#journal.made(slot)
    return 'new'
  }

  #refresh(slot: number, sighting: Sighting): Outcome {
    const later = sighting.expiresAtMs > this.#expiresAtMs.get(slot)
    const newer = sighting.seenAtMs > this.#seenAtMs.get(slot)
    if (!later && !newer) return 'stale'
    if (later) {
      this.#expiresAtMs.set(slot, sighting.expiresAtMs)
      this.#deadlines.moved(slot)
    }
    if (newer) {
      this.#seenAtMs.set(slot, sighting.seenAtMs)
      this.#swapText(this.#rule, slot, sighting.rule)
      this.#swapText(this.#source, slot, sighting.source)
      const chain = this.#chain.get(slot)
      this.#chain.set(slot, this.#internChain(sighting))
      if (chain !== NONE) this.#texts.release(chain)
    }
    this.#journal.moved(slot)
    return 'refreshed'
  }

  /** What the slot says of itself is set; now it is found, due and owning. The three ids are in use for it already. */
  #bind(slot: number, list: number, name: number, prefix: number, changed: string | undefined): void {
    this.#list.set(slot, list)
    this.#name.set(slot, name)
    this.#prefix.set(slot, prefix)
    this.#link(slot, name, this.#names.uses(name) === 1, this.#firstOfName, this.#nextOfName, this.#previousOfName)
    this.#link(slot, prefix, this.#prefixes.uses(prefix) === 1, this.#firstOfPrefix, this.#nextOfPrefix, this.#previousOfPrefix)
    this.#byKey.add(hashKey(list, name, prefix), slot)
    this.#deadlines.begin(slot)
    this.#bindings++
    this.#own(list, prefix, changed)
  }

  #end(slot: number): void {
    const list = this.#list.get(slot)
    const name = this.#name.get(slot)
    const prefix = this.#prefix.get(slot)
    const chain = this.#chain.get(slot)
    this.#deadlines.end(slot)
    this.#byKey.remove(hashKey(list, name, prefix), slot)
    this.#unlink(slot, name, this.#firstOfName, this.#nextOfName, this.#previousOfName)
    this.#unlink(slot, prefix, this.#firstOfPrefix, this.#nextOfPrefix, this.#previousOfPrefix)
    this.#disown(list, prefix)
    this.#texts.release(this.#rule.get(slot))
    this.#texts.release(this.#source.get(slot))
    if (chain !== NONE) this.#texts.release(chain)
    this.#prefixes.release(prefix)
    this.#names.release(name)
    this.#lists.release(list)
    this.#free(slot)
    this.#bindings--
    this.#journal.ended(slot)
  }

  #takeSlot(): number {
    const slot = this.#freeSlot
    if (slot === NONE) return this.#slots++
    this.#freeSlot = this.#nextOfName.get(slot)
    return slot
  }

  #free(slot: number): void {
    this.#list.set(slot, FREE)
    this.#nextOfName.set(slot, this.#freeSlot)
    this.#freeSlot = slot
  }

  #takeOwner(): number {
    const row = this.#freeOwner
    if (row === NONE) return this.#ownerRows++
    this.#freeOwner = this.#nextOwner.get(row)
    return row
  }

  #slotOf(key: BindingKey): number {
    const list = this.#lists.find(key.list)
    if (list === NO_TEXT) return -1
    const name = this.#names.find(key.name)
    if (name === NO_TEXT) return -1
    const prefix = this.#prefixes.find(key.prefix)
    if (prefix === NO_TEXT) return -1
    return this.#slotOfIds(list, name, prefix)
  }

  #slotOfIds(list: number, name: number, prefix: number): number {
    const hash = hashKey(list, name, prefix)
    const cells = this.#byKey.cells(hash)
    for (let at = firstCell(cells, hash); ; at = nextCell(cells, at)) {
      const slot = (cells[at] as number) - 1
      if (slot < 0) return -1
      if (this.#prefix.get(slot) === prefix && this.#name.get(slot) === name && this.#list.get(slot) === list) return slot
    }
  }

  #chained(first: number, next: Uint32Column): Binding[] {
    const bindings: Binding[] = []
    for (let slot = first; slot !== NONE; slot = next.get(slot)) bindings.push(this.binding(slot))
    return bindings
  }

  #link(slot: number, id: number, only: boolean, first: Uint32Column, next: Uint32Column, previous: Uint32Column): void {
    const head = only ? NONE : first.get(id)
    next.set(slot, head)
    previous.set(slot, NONE)
    if (head !== NONE) previous.set(head, slot)
    first.set(id, slot)
  }

  #unlink(slot: number, id: number, first: Uint32Column, next: Uint32Column, previous: Uint32Column): void {
    const before = previous.get(slot)
    const after = next.get(slot)
    if (before === NONE) first.set(id, after)
    else next.set(before, after)
    if (after !== NONE) previous.set(after, before)
  }

  #swapText(column: Uint32Column, slot: number, text: string): void {
    const old = column.get(slot)
    if (this.#texts.is(old, text)) return
    column.set(slot, this.#texts.intern(cut(text)))
    this.#texts.release(old)
  }

  #internChain(sighting: Sighting): number {
    const { chain, name } = sighting
    if (chain.length === 1 && chain[0] === name) return NONE
    return this.#texts.intern(cut(chain.join(CHAIN_SEPARATOR)))
  }

  // Routes and their owners.

  /** `changed`: the prefix's text, when a change of owners is to be told. */
  #own(list: number, prefix: number, changed: string | undefined): void {
    const isNew = this.#prefixes.uses(prefix) === 1
    if (isNew) {
      this.#firstOwner.set(prefix, NONE)
      this.#routes++
    }
    const known = this.#ownerRow(list, prefix)
    if (known !== NONE) {
      this.#ownerBindings.set(known, this.#ownerBindings.get(known) + 1)
      return
    }
    const row = this.#takeOwner()
    this.#ownerList.set(row, list)
    this.#ownerBindings.set(row, 1)
    this.#nextOwner.set(row, this.#firstOwner.get(prefix))
    this.#firstOwner.set(prefix, row)
    if (this.#lists.uses(list) === 1) {
      this.#routesOfList[list] = 0
      this.#alone[list] = [this.#lists.text(list)]
    }
    this.#routesOfList[list] = (this.#routesOfList[list] as number) + 1
    if (changed !== undefined) this.#change(changed, prefix)
  }

  #disown(list: number, prefix: number): void {
    let before = NONE
    let row = this.#firstOwner.get(prefix)
    while (this.#ownerList.get(row) !== list) {
      before = row
      row = this.#nextOwner.get(row)
    }
    const left = this.#ownerBindings.get(row) - 1
    this.#ownerBindings.set(row, left)
    if (left > 0) return
    const after = this.#nextOwner.get(row)
    if (before === NONE) this.#firstOwner.set(prefix, after)
    else this.#nextOwner.set(before, after)
    this.#nextOwner.set(row, this.#freeOwner)
    this.#freeOwner = row
    this.#routesOfList[list] = (this.#routesOfList[list] as number) - 1
    if (this.#firstOwner.get(prefix) === NONE) this.#routes--
    this.#change(this.#prefixes.text(prefix), prefix)
  }

  #ownerRow(list: number, prefix: number): number {
    let row = this.#firstOwner.get(prefix)
    while (row !== NONE && this.#ownerList.get(row) !== list) row = this.#nextOwner.get(row)
    return row
  }

  #owns(list: number, prefix: number): boolean {
    return list !== NO_TEXT && prefix !== NO_TEXT && this.#ownerRow(list, prefix) !== NONE
  }

  #routesOwnedBy(list: number): number {
    return list === NO_TEXT ? 0 : (this.#routesOfList[list] as number)
  }

  #change(text: string, prefix: number): void {
    const change = { prefix: text, lists: this.#ownersOf(prefix) }
    this.#changes.push(change)
    this.#log.append(change)
  }

  #ownersOf(prefix: number): readonly string[] {
    const row = this.#firstOwner.get(prefix)
    if (row === NONE) return NO_LISTS
    if (this.#nextOwner.get(row) === NONE) return this.#alone[this.#ownerList.get(row)] as readonly string[]
    const lists: string[] = []
    for (let at = row; at !== NONE; at = this.#nextOwner.get(at)) lists.push(this.#lists.text(this.#ownerList.get(at)))
    return lists.sort()
  }
}

const NO_LISTS: readonly string[] = []

/** Explains only; a stranger's identity or chain shall not fill us. */
function cut(text: string): string {
  return text.length <= MAX_TEXT_LENGTH ? text : text.slice(0, MAX_TEXT_LENGTH)
}

function splitChain(text: string): readonly string[] {
  return text === '' ? [] : text.split(CHAIN_SEPARATOR)
}

function hashKey(list: number, name: number, prefix: number): number {
  let hash = Math.imul(prefix, 0x9e3779b1) ^ Math.imul(name, 0x85ebca6b) ^ Math.imul(list, 0xc2b2ae35)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39)
  return (hash ^ (hash >>> 15)) >>> 0
}

/** FNV-1a over a row after its check. */
function rowCheck(bytes: Uint8Array, at: number, end: number): number {
  let check = 0x811c9dc5
  for (let byte = at + 4; byte < end; byte++) check = Math.imul(check ^ (bytes[byte] as number), 0x01000193)
  return check >>> 0
}
