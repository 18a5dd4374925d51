/**
 * Interned texts: each distinct text is kept once, under a small number, as long as somebody holds it.
 *
 * Bindings repeat their list, rule, source and name; columns of numbers hold them in four bytes each. Numbers of texts nobody
 * holds any more are given out again. Names come from strangers, so the hash is seeded: the opener passes a random seed and
 * nobody outside can aim at one cell.
 */
import { Uint32Column } from './columns.ts'
import { firstCell, nextCell, SlotTable } from './slot-table.ts'

export const NO_TEXT = -1

export class TextTable {
  readonly #seed: number
  readonly #texts: (string | undefined)[] = []
  readonly #hashes = new Uint32Column()
  readonly #holders = new Uint32Column()
  readonly #free: number[] = []
  readonly #table = new SlotTable((id) => this.#hashes.get(id))

  constructor(seed: number) {
    this.#seed = seed
  }

  /** How many texts are held. */
  get size(): number {
    return this.#texts.length - this.#free.length
  }

  /** One past the largest number given out so far. */
  get limit(): number {
    return this.#texts.length
  }

  hash(text: string): number {
    return hashText(text, this.#seed)
  }

  /** The number of a text somebody holds, or NO_TEXT. */
  find(text: string, hash = hashText(text, this.#seed)): number {
    const cells = this.#table.cells(hash)
    for (let at = firstCell(cells, hash); ; at = nextCell(cells, at)) {
      const id = (cells[at] as number) - 1
      if (id < 0) return NO_TEXT
      if (this.#hashes.get(id) === hash && this.#texts[id] === text) return id
    }
  }

  /** The text's number; its holders are one more. */
  hold(text: string, hash = hashText(text, this.#seed)): number {
    const known = this.find(text, hash)
    if (known !== NO_TEXT) {
      this.#holders.set(known, this.#holders.get(known) + 1)
      return known
    }
    const id = this.#free.pop() ?? this.#texts.length
    this.#texts[id] = text
    this.#hashes.set(id, hash)
    this.#holders.set(id, 1)
    this.#table.add(hash, id)
    return id
  }

  /** One holder less; true when it was the last and the number is free again. */
  release(id: number): boolean {
    const holders = this.#holders.get(id) - 1
    this.#holders.set(id, holders)
    if (holders > 0) return false
    this.#table.remove(this.#hashes.get(id), id)
    this.#texts[id] = undefined
    this.#free.push(id)
    return true
  }

  /** How often a text is held; of NO_TEXT: never. */
  holders(id: number): number {
    return id === NO_TEXT ? 0 : this.#holders.get(id)
  }

  /** The text of a number somebody holds. */
  text(id: number): string {
    return this.#texts[id] as string
  }

  isHeld(id: number): boolean {
    return this.#texts[id] !== undefined
  }
}

/** Every step multiplies and folds, so that which texts collide depends on the seed. */
function hashText(text: string, seed: number): number {
  let hash = seed ^ text.length
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x5bd1e995)
    hash ^= hash >>> 15
  }
  hash = Math.imul(hash, 0x2c1b3c6d)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0x297a2d39)
  return (hash ^ (hash >>> 16)) >>> 0
}
