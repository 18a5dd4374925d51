/**
 * Finds where the route table and a snapshot of the cache differ, while changes go on.
 *
 * The snapshot may be older or newer than a change that is applied meanwhile, so a prefix that changes during the comparison is left out.
 * There is one bit for each prefix number of the table that the snapshot named: a million routes take 128 KiB, not a set of a million texts.
 * A number that another prefix gets meanwhile belongs to a change, so it is left out as well.
 */
import type { FamilyNumber, RouteTable } from '@dnstap-bgp/route-table'
import type { RouteChange } from '@dnstap-bgp/steering'

export class Comparison {
  readonly #table: RouteTable
  readonly #isAsWanted: (route: RouteChange) => boolean
  readonly #named: [Uint32Array, Uint32Array] = [new Uint32Array(0), new Uint32Array(0)]
  readonly #changed = new Set<string>()
  readonly #differing = new Map<string, readonly string[]>()
  /** Too much changed meanwhile: the result says nothing. */
  isVoid = false

  /** `isAsWanted`: does the table have the route with these lists, or is there a reason why it does not? */
  constructor(table: RouteTable, isAsWanted: (route: RouteChange) => boolean) {
    this.#table = table
    this.#isAsWanted = isAsWanted
  }

  /** A change is applied. */
  changed(prefix: string): void {
    this.#changed.add(prefix)
    if (this.#changed.size > MAX_CHANGED) this.isVoid = true
  }

  /** Compares one part of the snapshot. */
  *addSnapshot(routes: readonly RouteChange[]): Generator<void> {
    for (const route of routes) {
      if (this.isVoid) return
      if (!this.#isAsWanted(route)) this.#note(route.prefix, route.lists)
      const found = this.#table.find(route.prefix)
      if (found !== undefined) this.#name(found.family, found.id)
      yield
    }
  }

  /** After the last part: finds routes of the table that the snapshot did not name. */
  *findUnnamed(): Generator<void> {
    for (const family of [0, 1] as const) {
      const { attributes } = this.#table.families[family]
      for (let id = 0; id < this.#table.families[family].highWater && !this.isVoid; id++) {
        if (attributes[id] !== 0 && !this.#isNamed(family, id)) this.#note(this.#table.prefixText(family, id), [])
        yield
      }
    }
  }

  /** Routes to repair; without lists: the route is to go. */
  *differences(): Generator<RouteChange> {
    if (this.isVoid) return
    for (const [prefix, lists] of this.#differing) if (!this.#changed.has(prefix)) yield { prefix, lists }
  }

  #note(prefix: string, lists: readonly string[]): void {
    if (this.#differing.size < MAX_DIFFERING) this.#differing.set(prefix, lists) // the rest is for the next comparison
  }

  #name(family: FamilyNumber, id: number): void {
    const word = id >> 5
    if (word >= this.#named[family].length) {
      const larger = new Uint32Array(Math.max(word + 1, (this.#table.families[family].capacity + 31) >> 5))
      larger.set(this.#named[family])
      this.#named[family] = larger
    }
    this.#named[family][word] |= 1 << (id & 31)
  }

  #isNamed(family: FamilyNumber, id: number): boolean {
    return id >> 5 < this.#named[family].length && (this.#named[family][id >> 5] & (1 << (id & 31))) !== 0
  }
}

const MAX_CHANGED = 100_000
const MAX_DIFFERING = 100_000
