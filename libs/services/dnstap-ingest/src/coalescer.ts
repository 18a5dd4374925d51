/**
 * Stops repeats: remembers which (list, name, address) was passed on and when, in a table of fixed size.
 *
 * Hot: asked for each address of each matching reply. A set-associative cache, four ways a set, in three columns:
 *
 *     set s     [ way 0 | way 1 | way 2 | way 3 ]      keyLow, keyHigh: 64 bits of hash      passedAt: seconds, 0 empty
 *
 * A full set forgets the fact passed on longest ago; forgetting costs one needless refresh. Two facts with the same 64 bits would hide
 * one another for an interval: with a million facts and a secret seed that is a chance of one in tens of millions, ever.
 *
 * The obvious twin is a Map of strings (coalescer.test.ts).
 */
export const Verdict = { repeat: 0, refresh: 1, news: 2 } as const
export type Verdict = (typeof Verdict)[keyof typeof Verdict]

const WAYS = 4

export class Coalescer {
  readonly #mask: number
  readonly #keyLow: Uint32Array
  readonly #keyHigh: Uint32Array
  readonly #passedAt: Uint32Array

  /** `capacity`: a power of two, 4 at least. */
  constructor(capacity: number) {
    if (capacity < WAYS || (capacity & (capacity - 1)) !== 0)
      throw new RangeError(`capacity is ${capacity}, a power of two of at least ${WAYS} expected`)
    this.#mask = capacity / WAYS - 1
    this.#keyLow = new Uint32Array(capacity)
    this.#keyHigh = new Uint32Array(capacity)
    this.#passedAt = new Uint32Array(capacity)
  }

  /** May the fact pass at `nowSeconds` (1 or more)? If so it is remembered as passed. */
  pass(keyLow: number, keyHigh: number, nowSeconds: number, intervalSeconds: number): Verdict {
    const first = (keyLow & this.#mask) * WAYS
    let oldest = first
    for (let way = first; way < first + WAYS; way++) {
      const passedAt = this.#passedAt[way]
      if (passedAt !== 0 && this.#keyLow[way] === keyLow && this.#keyHigh[way] === keyHigh) {
        if (nowSeconds - passedAt < intervalSeconds) return Verdict.repeat
        this.#passedAt[way] = nowSeconds
        return Verdict.refresh
      }
      if (passedAt < this.#passedAt[oldest]) oldest = way
    }
    this.#keyLow[oldest] = keyLow
    this.#keyHigh[oldest] = keyHigh
    this.#passedAt[oldest] = nowSeconds
    return Verdict.news
  }

  /** The fact did not get through after all: the next sighting is news again. */
  forget(keyLow: number, keyHigh: number): void {
    const first = (keyLow & this.#mask) * WAYS
    for (let way = first; way < first + WAYS; way++) {
      if (this.#keyLow[way] === keyLow && this.#keyHigh[way] === keyHigh) this.#passedAt[way] = 0
    }
  }

  clear(): void {
    this.#passedAt.fill(0)
  }
}
