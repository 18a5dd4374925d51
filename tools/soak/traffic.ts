/**
 * Which names are looked up when: a pure function of the universe's seed.
 *
 * Time is counted from the start of the run. Each name has dice of its own, so a change to one does not move the others.
 */
import { Dice } from './random.ts'
import type { Name, Universe } from './universe.ts'

export interface Lookup {
  readonly atMs: number
  readonly name: Name
  /** What is left of the record's TTL. */
  readonly ttlSeconds: number
  /** Which resolver answers, a number below the count of resolvers. */
  readonly resolver: number
}

/** Lookups in the order of their time, for ever. */
export class Traffic {
  readonly #calendar = new Calendar()

  constructor(universe: Universe, resolvers: number) {
    for (const name of universe.names) {
      if (name.list === 'peer') continue
      this.#calendar.add(new NameTraffic(name, new Dice(universe.seed, name.name), resolvers))
    }
  }

  /** All that are due by then. */
  until(atMs: number): Lookup[] {
    const due: Lookup[] = []
    for (let first = this.#calendar.first(); first !== undefined && first.nextMs <= atMs; first = this.#calendar.first()) {
      due.push(first.take())
      this.#calendar.moved()
    }
    return due
  }
}

class NameTraffic {
  nextMs: number
  readonly #name: Name
  readonly #dice: Dice
  readonly #resolvers: number
  /** Where the record's TTL ends that is counted down. */
  #recordEndsMs = 0

  constructor(name: Name, dice: Dice, resolvers: number) {
    this.#name = name
    this.#dice = dice
    this.#resolvers = resolvers
    this.nextMs = this.#afterSilence(dice.next() * name.everyMs)
  }

  take(): Lookup {
    const atMs = this.nextMs
    if (this.#recordEndsMs <= atMs) this.#recordEndsMs = atMs + this.#name.ttlSeconds * 1000
    const lookup = {
      atMs,
      name: this.#name,
      ttlSeconds: Math.floor((this.#recordEndsMs - atMs) / 1000),
      resolver: this.#dice.between(0, this.#resolvers - 1),
    }
    // Between half and one and a half of the mean: never silent for long by bad luck.
    this.nextMs = this.#afterSilence(atMs + this.#name.everyMs * (0.5 + this.#dice.next()))
    return lookup
  }

  /** The same moment, or the end of the silence that it falls into. */
  #afterSilence(atMs: number): number {
    const spell = this.#name.spell
    if (spell === undefined) return atMs
    const round = spell.busyMs + spell.silentMs
    return atMs % round < spell.busyMs ? atMs : atMs - (atMs % round) + round
  }
}

/** A binary heap: the name that is due first is on top. */
class Calendar {
  readonly #heap: NameTraffic[] = []

  first(): NameTraffic | undefined {
    return this.#heap.at(0)
  }

  add(one: NameTraffic): void {
    const heap = this.#heap
    let at = heap.push(one) - 1
    for (let above = (at - 1) >> 1; at > 0 && heap[above].nextMs > one.nextMs; above = (at - 1) >> 1) {
      heap[at] = heap[above]
      heap[above] = one
      at = above
    }
  }

  /** The first one has another time now. */
  moved(): void {
    const heap = this.#heap
    const one = heap[0]
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && heap[below + 1].nextMs < heap[below].nextMs) below++
      if (heap[below].nextMs >= one.nextMs) break
      heap[at] = heap[below]
      at = below
    }
    heap[at] = one
  }
}
