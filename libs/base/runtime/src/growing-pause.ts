/**
 * The pause before the next attempt to do what failed: it doubles with each failure in a row, up to a limit, and a success starts the count anew.
 *
 * Everything that tries again for ever uses it, but for BGP sessions, whose pauses RFC 4271 describes (bgp-session/src/back-off.ts), and the
 * library's own reconnecting to NATS, which counts no attempts (bus-nats/src/server-connection.ts).
 */
export interface PauseLimits {
  readonly firstMs: number
  readonly longestMs: number
  /** From 0 to 1. The pause is between a half and the whole, so that those who failed together do not try again together. Absent: the whole. */
  readonly random?: (() => number) | undefined
}

/** After this many failures in a row, from 1. */
export function growingPauseMs(failures: number, { firstMs, longestMs, random = () => 1 }: PauseLimits): number {
  // 2 ** 30 firsts are above any limit, and the product is still exact.
  const wholeMs = Math.min(longestMs, firstMs * 2 ** Math.min(failures - 1, 30))
  return wholeMs * (0.5 + random() / 2)
}

/** Counts the failures as well. */
export class GrowingPause {
  readonly #limits: PauseLimits
  #failures = 0

  constructor(limits: PauseLimits) {
    this.#limits = limits
  }

  /** One more failure: how long to wait. */
  nextMs(): number {
    this.#failures++
    return growingPauseMs(this.#failures, this.#limits)
  }

  /** It worked. */
  reset(): void {
    this.#failures = 0
  }
}
