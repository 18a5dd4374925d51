/**
 * How many new routes a list may still make now: a wildcard zone must not flood routers.
 *
 * It may go into debt: only the store's answer tells how many new routes a batch has made. In debt, new routes are refused until enough
 * time has passed.
 */
export class TokenBucket {
  readonly perSecond: number
  readonly burst: number
  #tokens: number
  #atMs: number

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.perSecond = perSecond
    this.burst = burst
    this.#tokens = burst
    this.#atMs = nowMs
  }

  /** Tokens available now; less than 1: wait. `nowMs` is of a clock that does not step. */
  available(nowMs: number): number {
    this.#tokens = Math.min(this.burst, this.#tokens + (Math.max(0, nowMs - this.#atMs) * this.perSecond) / 1000)
    this.#atMs = nowMs
    return this.#tokens
  }

  spend(tokens: number): void {
    this.#tokens -= tokens
  }
}
