/**
 * Stops repeats: remembers for each (list, name, address) until when the cache was told that it lives, in a table of fixed size.
 *
 * Hot: asked for each address of each matching reply. A sighting is worth passing on when the fact would live noticeably longer by it
 * than was told: with an idle time that is a share of it after the last one; with `ttl = "dns"`, where resolvers count TTLs down, it is
 * when a fresh TTL arrives. Whatever was told is told again after a silence, short at first: the cache may have refused it (a rate, a
 * limit) and not now. A set-associative cache, four ways a set, in five columns:
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
/** A refresh that did not get through comes again after so long: while nothing gets through, sightings cost no more than one a second. */
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
  /** Where the fact judged last stands, or would. */
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

  /** By this sighting the fact would live until `untilSeconds`. Is that worth telling? Nothing is remembered yet. */
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

  /** The fact judged just now is passed on, as what it was judged to be. */
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

  /** The fact did not get through after all. News are news again; a refresh stays one, so that it does not stand in the way of news. */
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
