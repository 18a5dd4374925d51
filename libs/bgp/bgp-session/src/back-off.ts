/**
 * The pause between attempts to reach a peer (RFC 4271 §8.1.1, DampPeerOscillations): its length, and whether the peer may connect to us
 * meanwhile. IdleHoldTimer, which the driver runs, measures it.
 *
 * The pause doubles with each attempt that fails, up to a limit. A session that lasted a keepalive interval starts the count anew. A peer
 * that refused our number of prefixes is damped: the pause is long, and start() alone ends it early.
 *
 * It is not runtime's GrowingPause: the RFC has its own jitter (§10), and damping and refused capabilities change the length.
 */
import { jittered } from './config.ts'
import type { Settings } from './config.ts'

/** After this many failed connections in a row, the peer may not connect to us during the pause either. */
const MAX_BROKEN_CONNECTIONS = 3

export class BackOff {
  readonly #settings: Settings
  /** Attempts that failed, in a row: the exponent of the pause. */
  #failures = 0
  /** Those of them on which TCP came up. */
  #brokenConnections = 0
  #isWaiting = false
  #isDamped = false
  /** The peer refused our capabilities: the next attempt, without them, comes soon. */
  #isRetrySoon = false

  constructor(settings: Settings) {
    this.#settings = settings
  }

  get isWaiting(): boolean {
    return this.#isWaiting
  }

  get isDamped(): boolean {
    return this.#isDamped
  }

  /** Has the peer connected too often for nothing? */
  get isExhausted(): boolean {
    return this.#brokenConnections > MAX_BROKEN_CONNECTIONS
  }

  /** May the peer connect to us now? */
  get admits(): boolean {
    return !this.#isDamped && !(this.#isWaiting && this.isExhausted)
  }

  /** An attempt or a session failed; `wasUp`: TCP had come up. */
  failed(wasUp: boolean): void {
    this.#failures++
    if (wasUp) this.#brokenConnections++
  }

  /** Failures so far no longer count: an operator starts the peer, or a session has lasted. */
  resetFailures(): void {
    this.#failures = 0
    this.#brokenConnections = 0
  }

  damp(): void {
    this.#isDamped = true
  }

  undamp(): void {
    this.#isDamped = false
  }

  retrySoon(): void {
    this.#isRetrySoon = true
  }

  /** Begins a pause; answers with its length. */
  begin(): number {
    const { firstSeconds, maxSeconds } = this.#settings.backOff
    const doubled = Math.min(maxSeconds, firstSeconds * 2 ** Math.min(this.#failures - 1, 30))
    const seconds = this.#isDamped
      ? this.#settings.prefixLimitBackOffSeconds
      : this.#isRetrySoon
        ? firstSeconds
        : Math.max(doubled, firstSeconds)
    this.#isRetrySoon = false
    this.#isWaiting = true
    return jittered(seconds, this.#settings)
  }

  /** Ends the pause; false if there was none. */
  end(): boolean {
    if (!this.#isWaiting) return false
    this.#isWaiting = false
    this.#isDamped = false
    return true
  }
}
