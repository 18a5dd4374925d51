/**
 * Who is due next: a heap of slots ordered by their deadlines.
 *
 * Four children per node: half the levels of a binary heap, and siblings share a cache line. A deadline that moves is sifted from
 * where it stands, so the first one is always exact. Obvious twin: a sorted array.
 */
import type { Float64Column } from './columns.ts'
import { Uint32Column } from './columns.ts'

export class Deadlines {
  readonly #expiresAtMs: Float64Column
  readonly #heap = new Uint32Column()
  /** Where a slot stands in the heap, plus one; 0: not there. */
  readonly #place = new Uint32Column()
  #size = 0

  /** @param expiresAtMs the deadline of each slot; set it before begin() and before moved() */
  constructor(expiresAtMs: Float64Column) {
    this.#expiresAtMs = expiresAtMs
  }

  get size(): number {
    return this.#size
  }

  /** The slot due first; -1 when there is none. */
  first(): number {
    return this.#size === 0 ? -1 : this.#heap.get(0)
  }

  /** A slot begins; with a deadline of Infinity it is never due. */
  begin(slot: number): void {
    if (this.#expiresAtMs.get(slot) === Infinity) this.#place.set(slot, 0)
    else this.#up(this.#size++, slot)
  }

  /** The slot's deadline has changed in the column. */
  moved(slot: number): void {
    if (this.#place.get(slot) === 0) this.begin(slot)
    else if (this.#expiresAtMs.get(slot) === Infinity) this.end(slot)
    else this.#sift(slot)
  }

  /** The slot is no more. */
  end(slot: number): void {
    const at = this.#place.get(slot) - 1
    if (at < 0) return
    this.#place.set(slot, 0)
    this.#size--
    if (at === this.#size) return
    const last = this.#heap.get(this.#size)
    this.#put(at, last)
    this.#sift(last)
  }

  #sift(slot: number): void {
    const at = this.#place.get(slot) - 1
    if (at > 0 && this.#expiresAtMs.get(this.#heap.get((at - 1) >>> 2)) > this.#expiresAtMs.get(slot)) this.#up(at, slot)
    else this.#down(at, slot)
  }

  #up(from: number, slot: number): void {
    const due = this.#expiresAtMs.get(slot)
    let at = from
    while (at > 0) {
      const parentAt = (at - 1) >>> 2
      const parent = this.#heap.get(parentAt)
      if (this.#expiresAtMs.get(parent) <= due) break
      this.#put(at, parent)
      at = parentAt
    }
    this.#put(at, slot)
  }

  #down(from: number, slot: number): void {
    const due = this.#expiresAtMs.get(slot)
    let at = from
    for (;;) {
      const firstChild = at * 4 + 1
      const end = Math.min(firstChild + 4, this.#size)
      let bestAt = -1
      let best = due
      for (let child = firstChild; child < end; child++) {
        const childDue = this.#expiresAtMs.get(this.#heap.get(child))
        if (childDue < best) {
          best = childDue
          bestAt = child
        }
      }
      if (bestAt < 0) break
      this.#put(at, this.#heap.get(bestAt))
      at = bestAt
    }
    this.#put(at, slot)
  }

  #put(at: number, slot: number): void {
    this.#heap.set(at, slot)
    this.#place.set(slot, at + 1)
  }
}
