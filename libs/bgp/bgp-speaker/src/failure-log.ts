/** Why the last attempt or session ended: kept for operators, and logged once, not again while the next attempts fail in the same way. */
import type { State } from '@dnstap-bgp/bgp-session'
import type { Clock, Log } from '@dnstap-bgp/runtime'

export class FailureLog {
  readonly #clock: Clock
  readonly #log: Log
  #last: { readonly reason: string; readonly at: number } | undefined
  /** The last error was that of a NOTIFICATION. */
  #wasNotified = false
  #loggedReason = ''

  constructor(clock: Clock, log: Log) {
    this.#clock = clock
    this.#log = log
  }

  get last(): { readonly reason: string; readonly at: number } | undefined {
    return this.#last
  }

  /** A session is up: the next failure is logged whatever it is. */
  established(): void {
    this.#loggedReason = ''
  }

  /** `isNotified`: we sent or received a NOTIFICATION. */
  failed(from: State, reason: string, isNotified: boolean): void {
    this.#note(from, reason, isNotified)
    if (from === 'Established') this.#log.warn({}, `BGP session ended: ${reason}`)
    else if (reason !== this.#loggedReason) this.#log.warn({ state: from }, `BGP session not established: ${reason}`)
    this.#loggedReason = reason
  }

  /** The end was ours: we stopped. */
  stopped(from: State, reason: string, isNotified: boolean): void {
    this.#note(from, reason, isNotified)
    this.#log.info({}, `BGP session closed: ${reason}`)
    this.#loggedReason = reason
  }

  #note(from: State, reason: string, isNotified: boolean): void {
    // Many routers say once why they refuse a session, and later only close: that first reason stays the last error.
    if (this.#wasNotified && !isNotified && (from === 'OpenSent' || from === 'OpenConfirm')) return
    this.#last = { reason, at: this.#clock.now() }
    this.#wasNotified = isNotified
  }
}
