/**
 * How old an answer is: what its resolver says of the time is taken, where its clock stands is not.
 *
 * The resolver's clock may be minutes off ours. Answers come within a second or two when nothing holds them up, so the smallest difference
 * seen between our clock and theirs is how far the clocks are apart, and what an answer has more than that is its age. One for each
 * connection:
 *
 *     our clock - response time     302 300 301 300 | 315 314 ... 300      the resolver is 300 s slow; after a stall old answers come first
 *     age                             0   0   1   0 |  15  14 ...   0
 *
 * Smallest of the last one to two minutes in which anything came, so that a clock put right is believed soon, while a long silence makes
 * nothing forgotten. The first answers of a connection are taken to be of now, whatever they say: they cannot be told from a slow clock.
 */

const WINDOW_SECONDS = 60
/** Nothing waits so long: its clock was set back, or ours forward. */
const MAX_AGE_MS = 3_600_000

export class SenderClock {
  /** Smallest differences: of the window that runs, and of the one before it. */
  #smallest = Infinity
  #smallestBefore = Infinity
  #windowSince = 0

  /** How far the sender's clock is behind ours (negative: ahead), once it was heard for a minute. */
  get behindMs(): number | undefined {
    return this.#smallestBefore === Infinity ? undefined : Math.min(this.#smallest, this.#smallestBefore)
  }

  /** The age of an answer whose response time differs so much from our clock. `nowSeconds` only ever grows. */
  ageMs(differenceMs: number, nowSeconds: number): number {
    if (nowSeconds - this.#windowSince >= WINDOW_SECONDS) {
      this.#smallestBefore = this.#smallest
      this.#smallest = Infinity
      this.#windowSince = nowSeconds
    }
    if (differenceMs < this.#smallest) this.#smallest = differenceMs
    const ageMs = differenceMs - Math.min(this.#smallest, this.#smallestBefore)
    if (ageMs < MAX_AGE_MS) return ageMs
    this.#smallest = differenceMs
    this.#smallestBefore = Infinity
    return 0
  }
}
