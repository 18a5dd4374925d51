/**
 * How old an answer is. The resolver's response time counts; how far the resolver's clock is off does not.
 *
 * The resolver's clock may be minutes off ours. Answers come within a second or two when nothing holds them up, so the smallest difference
 * seen between our clock and theirs is the distance of the clocks, and an answer's difference beyond that is its age. There is one
 * SenderClock for each resolver of a connection and each of our clocks (resolver-clocks.ts):
 *
 *     our clock - response time     302 300 301 300 | 315 314 ... 300      the resolver is 300 s slow; after a stall old answers come first
 *     age                             0   0   1   0 |  15  14 ...   0
 *
 * Smallest of the last one to two minutes in which anything came, so that a corrected clock is believed soon, and a long silence
 * forgets nothing. The first answers count as of now, whatever they say: old answers look like a slow clock.
 *
 * A time far ahead of the known one (at first: of our own clock) would make all others old. The answer counts as of now, and its time is
 * doubtful: the clock is taken to be set only when the next answer agrees.
 *
 *     our clock - response time     0 1 -3000 0 1 | -3000 -3001 -3001        one frame that is wrong; a clock that was set
 *     age                           0 1     0 0 1 |     0     1     0
 */

const WINDOW_SECONDS = 60
/** No answer waits this long: the resolver's clock was set back, or ours ahead. */
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

  /** A window in which no answer was believed changes nothing. */
  #turnWindow(nowSeconds: number): void {
    if (nowSeconds - this.#windowSince < WINDOW_SECONDS) return
    this.#windowSince = nowSeconds
    if (this.#smallest === Infinity) return
    this.#smallestBefore = this.#smallest
    this.#smallest = Infinity
  }
}
