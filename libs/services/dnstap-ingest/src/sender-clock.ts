/**
 * How old an answer is: what its resolver says of the time is taken, where its clock stands is not.
 *
 * The resolver's clock may be minutes off ours. Answers come within a second or two when nothing holds them up, so the smallest difference
 * seen between our clock and theirs is how far the clocks are apart, and what an answer has more than that is its age. One for each
 * resolver that a connection carries, and for each of our clocks (resolver-clocks.ts):
 *
 *     our clock - response time     302 300 301 300 | 315 314 ... 300      the resolver is 300 s slow; after a stall old answers come first
 *     age                             0   0   1   0 |  15  14 ...   0
 *
 * Smallest of the last one to two minutes in which anything came, so that a clock put right is believed soon, while a long silence makes
 * nothing forgotten. The first answers are taken to be of now, whatever they say: they cannot be told from a slow clock.
 *
 * A time far ahead of what is known (of our own clock, when nothing is) would make all others old. It is of now, and doubtful: only when
 * the next answer says the same was the clock set.
 *
 *     our clock - response time     0 1 -3000 0 1 | -3000 -3001 -3001        one frame that is wrong; a clock that was set
 *     age                           0 1     0 0 1 |     0     1     0
 */

const WINDOW_SECONDS = 60
/** Nothing waits so long: its clock was set back, or ours forward. */
const MAX_AGE_MS = 3_600_000
/** Answers of one clock that nothing holds up differ by less. */
const SPREAD_MS = 2000

export class SenderClock {
  /** Smallest differences: of the window that runs, and of the one before it. */
  #smallest = Infinity
  #smallestBefore = Infinity
  #windowSince = 0
  /** The last answer's difference, if it was not believed. */
  #doubtful = Infinity

  /** How far the sender's clock is behind ours (negative: ahead), once it was heard for a minute. */
  get behindMs(): number | undefined {
    return this.#smallestBefore === Infinity ? undefined : this.#known
  }

  /** The age of an answer whose response time differs so much from our clock. Once for each answer; `nowSeconds` only ever grows. */
  ageMs(differenceMs: number, nowSeconds: number): number {
    this.#turnWindow(nowSeconds)
    const known = this.#known
    const isDoubtful = differenceMs < (known === Infinity ? 0 : known) - SPREAD_MS
    if (isDoubtful && Math.abs(differenceMs - this.#doubtful) > SPREAD_MS) {
      this.#doubtful = differenceMs
      return 0
    }
    // Of two that agree the first counts too: both are learnt.
    this.#smallest = Math.min(this.#smallest, differenceMs, isDoubtful ? this.#doubtful : Infinity)
    this.#doubtful = Infinity
    const ageMs = differenceMs - this.#known
    if (ageMs < MAX_AGE_MS) return ageMs
    this.#smallest = differenceMs
    this.#smallestBefore = Infinity
    return 0
  }

  get #known(): number {
    return Math.min(this.#smallest, this.#smallestBefore)
  }

  /** A window in which nothing was believed leaves what is known. */
  #turnWindow(nowSeconds: number): void {
    if (nowSeconds - this.#windowSince < WINDOW_SECONDS) return
    this.#windowSince = nowSeconds
    if (this.#smallest === Infinity) return
    this.#smallestBefore = this.#smallest
    this.#smallest = Infinity
  }
}
