/**
 * Stops repeats: remembers for each (list, name, address) how long the cache believes that it lives, in a table of fixed size.
 *
 * Hot: asked for each address of each matching reply. A sighting is passed on when the fact would live noticeably longer by it: with an
 * idle lifetime, after a share of that lifetime; with `ttl = "dns"`, where resolvers count TTLs down, when a fresh TTL arrives. Every fact
 * is passed on again after a silence, short at first, because the cache may have refused it (a rate, a limit) and may accept it now. A
 * set-associative cache, four ways a set, in five columns:
 *
 *     set s     [ way 0 | way 1 | way 2 | way 3 ]      keyLow, keyHigh     64 bits of hash
 *                                                      until, silentUntil  seconds; until 0: empty
 *                                                      told                how often since it was news, up to SILENCES
 *
 * A full set forgets the fact that expires first; forgetting costs one needless message. Two facts with the same 64 bits would hide
 * one another for an interval: with a million facts and a secret seed that is a chance of one in tens of millions, ever.
 *
 * The obvious twin is a Map of strings (coalescer.test.ts).
 */
export const Novelty = { repeat: 0, refresh: 1, news: 2 } as const
export type Novelty = (typeof Novelty)[keyof typeof Novelty]

const WAYS = 4
/** After news, and after each refresh that follows. */
export const SILENCES_SECONDS = [5, 30, 600] as const
/** A dropped refresh is let through again after this time: while the bus takes nothing, each fact costs one refresh a second at most. */
const RETRY_SECONDS = 1

export class Coalescer {
  /** Facts forgotten before they expired, for lack of room. */
  evicted = 0
  readonly #mask: number
  readonly #keyLow: Uint32Array
  readonly #keyHigh: Uint32Array
  readonly #until: Uint32Array
  readonly #silentUntil: Uint32Array
  readonly #told: Uint8Array
  /** The slot of the fact judged last, or the slot that it would take. */
  #slot = 0

  /** `capacity`: a power of two, 4 at least. */
  constructor(capacity: number) {
    if (capacity < WAYS || (capacity & (capacity - 1)) !== 0)
      throw new RangeError(`capacity is ${capacity}, a power of two of at least ${WAYS} expected`)
    this.#mask = capacity / WAYS - 1
    this.#keyLow = new Uint32Array(capacity)
    this.#keyHigh = new Uint32Array(capacity)
    this.#until = new Uint32Array(capacity)
    this.#silentUntil = new Uint32Array(capacity)
    this.#told = new Uint8Array(capacity)
  }

  /** By this sighting the fact would live until `untilSeconds`. Is that worth telling? Changes nothing: passed() does. */
  judge(keyLow: number, keyHigh: number, nowSeconds: number, untilSeconds: number, worthSeconds: number): Novelty {
    const first = (keyLow & this.#mask) * WAYS
    let soonest = first
    for (let way = first; way < first + WAYS; way++) {
      const until = this.#until[way]
      if (this.#keyLow[way] === keyLow && this.#keyHigh[way] === keyHigh && until !== 0) {
        this.#slot = way
        if (until <= nowSeconds && untilSeconds > until) return Novelty.news
        if (untilSeconds - until >= worthSeconds) return Novelty.refresh
        return nowSeconds >= this.#silentUntil[way] ? Novelty.refresh : Novelty.repeat
      }
      if (until < this.#until[soonest]) soonest = way
    }
    this.#slot = soonest
    return Novelty.news
  }

  /** The fact judged a moment ago is passed on, with that novelty. */
  passed(keyLow: number, keyHigh: number, novelty: Novelty, nowSeconds: number, untilSeconds: number): void {
    const slot = this.#slot
    const isSame = this.#keyLow[slot] === keyLow && this.#keyHigh[slot] === keyHigh
    if (!isSame && this.#until[slot] > nowSeconds) this.evicted++
    this.#keyLow[slot] = keyLow
    this.#keyHigh[slot] = keyHigh
    this.#until[slot] = isSame ? Math.max(this.#until[slot], untilSeconds) : untilSeconds
    const told = novelty === Novelty.news ? 0 : Math.min(this.#told[slot] + 1, SILENCES_SECONDS.length - 1)
    this.#told[slot] = told
    this.#silentUntil[slot] = nowSeconds + SILENCES_SECONDS[told]
  }

  /** The fact was dropped. News count as news again; a refresh stays a refresh and is tried again later. */
  dropped(keyLow: number, keyHigh: number, isNews: boolean, nowSeconds: number): void {
    const first = (keyLow & this.#mask) * WAYS
    for (let way = first; way < first + WAYS; way++) {
      if (this.#keyLow[way] !== keyLow || this.#keyHigh[way] !== keyHigh) continue
      if (isNews) this.#until[way] = 0
      else this.#silentUntil[way] = nowSeconds + RETRY_SECONDS
    }
  }

  clear(): void {
    this.#until.fill(0)
  }
}
