/**
 * Names and lists by chance, the same for the same seed.
 *
 * A round is a small list below a top-level name of its own (`r7`), made of few labels, so that its rules meet: names that are listed, that
 * stand above or below one another, that exist only because something below them does. One engine holds the rules of all rounds at once.
 */

export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** A whole number from 0 to `below` - 1. (Marsaglia's xorshift over a Weyl sequence.) */
  number(below: number): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0
    let x = this.#state
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
    return ((x ^ (x >>> 16)) >>> 0) % below
  }

  pick<Item>(items: readonly [Item, ...Item[]]): Item {
    return items[this.number(items.length)] ?? items[0]
  }

  isOneOf(many: number): boolean {
    return this.number(many) === 0
  }
}

/** A few lines, and names that they may concern. */
export interface Round {
  readonly lines: readonly string[]
  readonly names: readonly string[]
}

/** How lines are made for one round. */
export type LinesOf = (dice: Dice, top: string) => readonly string[]

/** Up to `deepest` labels below the round's own. */
export function nameBelow(dice: Dice, top: string, deepest: number): string {
  let name = top
  for (let labels = dice.number(deepest + 1); labels > 0; labels--) name = `${dice.pick(LABELS)}.${name}`
  return name
}

/** Each round asks for its top, the names in its lines, some below those, and others by chance. */
export function rounds(seed: number, count: number, linesOf: LinesOf): Round[] {
  return Array.from({ length: count }, (_, i) => {
    const dice = new Dice(seed * 1000 + i)
    const top = `r${i}`
    const lines = linesOf(dice, top)
    const names = new Set([top])
    for (const line of lines) for (const [name] of line.matchAll(NAMES)) if (name.endsWith(`.${top}`)) names.add(name)
    for (const name of [...names]) names.add(`${dice.pick(LABELS)}.${name}`)
    while (names.size < NAMES_OF_A_ROUND) names.add(nameBelow(dice, top, 5))
    return { lines, names: [...names] }
  })
}

const NAMES_OF_A_ROUND = 100
const NAMES = /[a-z0-9]+(?:\.[a-z0-9]+)+/g
/** Some end as others do: `ab` and `b`. */
const LABELS = ['a', 'b', 'c', 'ab', 'ba', 'x1'] as const
