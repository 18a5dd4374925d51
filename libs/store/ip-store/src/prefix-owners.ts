/**
 * Routes: prefixes with their owning lists, and how many bindings of each list own one.
 *
 *   prefix id ─▶ first owner ─▶ row: list, how many bindings of that list, next owner of the prefix
 *
 * A binding that comes or goes changes a count. Only a count that leaves or reaches 0 changes the route.
 */
import { NONE } from './binding-columns.ts'
import { Uint32Column } from './columns.ts'
import { NO_TEXT, type TextTable } from './text-table.ts'

const NO_LISTS: readonly string[] = []

export class PrefixOwners {
  readonly #lists: TextTable
  /** By prefix id. */
  readonly #firstOwner = new Uint32Column()
  readonly #list = new Uint32Column()
  readonly #bindings = new Uint32Column()
  readonly #next = new Uint32Column()
  #rows = 0
  /** The next free row stands in #next. */
  #firstFree = NONE
  #routes = 0
  /** By list id. */
  readonly #routesOfList: number[] = []
  /** `[name]` of each list, by list id: most routes have one owner, and share this. */
  readonly #alone: (readonly string[])[] = []

  constructor(lists: TextTable) {
    this.#lists = lists
  }

  /** How many there are. */
  get routes(): number {
    return this.#routes
  }

  /** One more binding of the list to the prefix; both ids are in use already. Returns whether the list is a new owner. */
  add(list: number, prefix: number, isNewPrefix: boolean): boolean {
    if (isNewPrefix) {
      this.#firstOwner.set(prefix, NONE)
      this.#routes++
    }
    const known = this.#rowOf(list, prefix)
    if (known !== NONE) {
      this.#bindings.set(known, this.#bindings.get(known) + 1)
      return false
    }
    const row = this.#takeRow()
    this.#list.set(row, list)
    this.#bindings.set(row, 1)
    this.#next.set(row, this.#firstOwner.get(prefix))
    this.#firstOwner.set(prefix, row)
    if (this.#lists.uses(list) === 1) {
      this.#routesOfList[list] = 0
      this.#alone[list] = [this.#lists.text(list)]
    }
    this.#routesOfList[list] = this.routesOf(list) + 1
    return true
  }

  /** One binding of the list to the prefix less. Returns whether the list is no owner any more. */
  remove(list: number, prefix: number): boolean {
    let before = NONE
    let row = this.#firstOwner.get(prefix)
    while (this.#list.get(row) !== list) {
      before = row
      row = this.#next.get(row)
    }
    const left = this.#bindings.get(row) - 1
    this.#bindings.set(row, left)
    if (left > 0) return false
    const after = this.#next.get(row)
    if (before === NONE) this.#firstOwner.set(prefix, after)
    else this.#next.set(before, after)
    this.#next.set(row, this.#firstFree)
    this.#firstFree = row
    this.#routesOfList[list] = this.routesOf(list) - 1
    if (this.#firstOwner.get(prefix) === NONE) this.#routes--
    return true
  }

  owns(list: number, prefix: number): boolean {
    return list !== NO_TEXT && prefix !== NO_TEXT && this.#rowOf(list, prefix) !== NONE
  }

  routesOf(list: number): number {
    return list === NO_TEXT ? 0 : (this.#routesOfList[list] as number)
  }

  /** Names of the owning lists, in their order. */
  ownersOf(prefix: number): readonly string[] {
    const row = this.#firstOwner.get(prefix)
    if (row === NONE) return NO_LISTS
    if (this.#next.get(row) === NONE) return this.#alone[this.#list.get(row)] as readonly string[]
    const lists: string[] = []
    for (let at = row; at !== NONE; at = this.#next.get(at)) lists.push(this.#lists.text(this.#list.get(at)))
    return lists.sort()
  }

  #rowOf(list: number, prefix: number): number {
    let row = this.#firstOwner.get(prefix)
    while (row !== NONE && this.#list.get(row) !== list) row = this.#next.get(row)
    return row
  }

  #takeRow(): number {
    const row = this.#firstFree
    if (row === NONE) return this.#rows++
    this.#firstFree = this.#next.get(row)
    return row
  }
}
