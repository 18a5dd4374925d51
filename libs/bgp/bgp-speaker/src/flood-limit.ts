/**
 * How many messages that carry nothing (KEEPALIVEs, ROUTE-REFRESHes, UPDATEs without a prefix) a peer may send.
 *
 * An ordinary peer sends a few of them a minute; after a long pause of ours some dozens arrive at once. 10 a second, and 1000 at once, are
 * ordinary; more are excess. With 10,000 in excess, the session ends.
 */
export class FloodLimit {
  #level = 0
  #countedAtMs: number
  /** Messages beyond the ordinary rate. */
  excess = 0

  constructor(nowMs: number) {
    this.#countedAtMs = nowMs
  }

  /** Counts messages that have arrived. */
  count(messages: number, nowMs: number): 'ordinary' | 'excess' | 'too many' {
    this.#level = Math.max(0, this.#level - ((nowMs - this.#countedAtMs) / 1000) * IDLE_MESSAGES_PER_SECOND) + messages
    this.#countedAtMs = nowMs
    const beyond = this.#level - IDLE_MESSAGES_AT_ONCE
    if (beyond <= 0) return 'ordinary'
    this.#level = IDLE_MESSAGES_AT_ONCE
    this.excess += Math.ceil(beyond)
    return this.excess > MAX_EXCESS_MESSAGES ? 'too many' : 'excess'
  }
}

const IDLE_MESSAGES_PER_SECOND = 10
const IDLE_MESSAGES_AT_ONCE = 1000
const MAX_EXCESS_MESSAGES = 10_000
