/** Slots in doubly linked lists, one list for each id: the bindings of a name, or of a prefix. */
import { NONE } from './binding-columns.ts'
import { Uint32Column } from './columns.ts'

export class SlotLists {
  /** By id. */
  readonly #first = new Uint32Column()
  readonly #next = new Uint32Column()
  readonly #previous = new Uint32Column()

  /** `isFirst`: the id has no list yet; what stands there is of an earlier use of the number. */
  add(slot: number, id: number, isFirst: boolean): void {
    const head = isFirst ? NONE : this.#first.get(id)
    this.#next.set(slot, head)
    this.#previous.set(slot, NONE)
    if (head !== NONE) this.#previous.set(head, slot)
    this.#first.set(id, slot)
  }

  remove(slot: number, id: number): void {
    const before = this.#previous.get(slot)
    const after = this.#next.get(slot)
    if (before === NONE) this.#first.set(id, after)
    else this.#next.set(before, after)
    if (after !== NONE) this.#previous.set(after, before)
  }

  slotsOf(id: number): number[] {
    const slots: number[] = []
    for (let slot = this.#first.get(id); slot !== NONE; slot = this.#next.get(slot)) slots.push(slot)
    return slots
  }
}
