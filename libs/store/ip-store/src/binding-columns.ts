/**
 * Bindings as columns of numbers, by slot: the memory that BindingTable works on. Each text stands once, in a table of texts, and has a
 * number. Nothing here knows routes, deadlines or keys.
 */
import { Float64Column, Uint32Column } from './columns.ts'
import type { Binding } from './ip-store.ts'
import { MAX_TEXT_LENGTH, TextTable } from './text-table.ts'

/** No slot, no row, no chain. */
export const NONE = 0xffffffff
/** In the column of lists: no binding stands in the slot. */
const FREE = 0xffffffff
/** Between the names of a chain: never raw in a name's presentation format. */
const CHAIN_SEPARATOR = '\n'

export class BindingColumns {
  readonly lists: TextTable
  readonly names: TextTable
  readonly prefixes: TextTable
  /** Rules, sources and chains. */
  readonly texts: TextTable

  readonly list = new Uint32Column()
  readonly name = new Uint32Column()
  readonly prefix = new Uint32Column()
  readonly rule = new Uint32Column()
  readonly source = new Uint32Column()
  /** NONE: the chain is just the name. */
  readonly chain = new Uint32Column()
  readonly seenAtMs = new Float64Column()
  readonly firstSeenMs = new Float64Column()
  readonly expiresAtMs = new Float64Column()

  /** The next one stands in the column of names. */
  #firstFree = NONE
  #slots = 0

  /** `hashSeed`: a random number, so that strangers cannot choose texts that collide. */
  constructor(hashSeed: number) {
    this.lists = new TextTable(hashSeed)
    this.names = new TextTable(hashSeed)
    this.prefixes = new TextTable(hashSeed)
    this.texts = new TextTable(hashSeed)
  }

  /** One past the highest slot in use so far. */
  get slots(): number {
    return this.#slots
  }

  isBound(slot: number): boolean {
    return slot < this.#slots && this.list.get(slot) !== FREE
  }

  /** A slot for a new binding. */
  takeSlot(): number {
    const slot = this.#firstFree
    if (slot === NONE) return this.#slots++
    this.#firstFree = this.name.get(slot)
    return slot
  }

  freeSlot(slot: number): void {
    this.list.set(slot, FREE)
    this.name.set(slot, this.#firstFree)
    this.#firstFree = slot
  }

  /** Makes a slot of an earlier life exist; slots before it that are not filled count as not bound. */
  reachSlot(slot: number): void {
    while (this.#slots <= slot) this.list.set(this.#slots++, FREE)
  }

  /** Frees every slot that is not bound; the lowest is taken first. */
  freeUnbound(): void {
    this.#firstFree = NONE
    for (let slot = this.#slots - 1; slot >= 0; slot--) if (!this.isBound(slot)) this.freeSlot(slot)
  }

  /** The binding in a slot that is bound. */
  binding(slot: number): Binding {
    const name = this.names.text(this.name.get(slot))
    const chain = this.chain.get(slot)
    return {
      list: this.lists.text(this.list.get(slot)),
      name,
      rule: this.texts.text(this.rule.get(slot)),
      prefix: this.prefixes.text(this.prefix.get(slot)),
      seenAtMs: this.seenAtMs.get(slot),
      expiresAtMs: this.expiresAtMs.get(slot),
      source: this.texts.text(this.source.get(slot)),
      chain: chain === NONE ? [name] : splitChain(this.texts.text(chain)),
      firstSeenMs: this.firstSeenMs.get(slot),
    }
  }

  internChain(chain: readonly string[], name: string): number {
    if (chain.length === 1 && chain[0] === name) return NONE
    return this.texts.intern(cutText(chain.join(CHAIN_SEPARATOR)))
  }

  swapChain(slot: number, chain: readonly string[], name: string): void {
    const old = this.chain.get(slot)
    this.chain.set(slot, this.internChain(chain, name))
    if (old !== NONE) this.texts.release(old)
  }

  /** Gives a column of rules or sources another text. */
  swapText(column: Uint32Column, slot: number, text: string): void {
    const old = column.get(slot)
    if (this.texts.is(old, text)) return
    column.set(slot, this.texts.intern(cutText(text)))
    this.texts.release(old)
  }

  /** The binding in this slot ends: its texts are not used by it any more. */
  releaseTexts(slot: number): void {
    const chain = this.chain.get(slot)
    this.texts.release(this.rule.get(slot))
    this.texts.release(this.source.get(slot))
    if (chain !== NONE) this.texts.release(chain)
    this.prefixes.release(this.prefix.get(slot))
    this.names.release(this.name.get(slot))
    this.lists.release(this.list.get(slot))
  }
}

/** Rules, sources and chains only explain: a stranger's long identity or chain must not fill the memory. */
export function cutText(text: string): string {
  return text.length <= MAX_TEXT_LENGTH ? text : text.slice(0, MAX_TEXT_LENGTH)
}

function splitChain(text: string): readonly string[] {
  return text === '' ? [] : text.split(CHAIN_SEPARATOR)
}
