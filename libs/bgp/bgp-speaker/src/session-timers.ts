/**
 * The timers of one peer's sessions, by side and name.
 *
 * A timer expires only after the sockets have been read once more. After a pause of ours (a stopped process, a frozen machine), KEEPALIVEs of
 * that time are still unread in the kernel, and one of them must restart the hold timer before it expires.
 */
import type { PeerFsm } from '@dnstap-bgp/bgp-session'
import type { Clock, Timer } from '@dnstap-bgp/runtime'

type Side = Parameters<PeerFsm['expired']>[0]
type Name = Parameters<PeerFsm['expired']>[1]

export class SessionTimers {
  readonly #clock: Clock
  readonly #expired: (side: Side, name: Name) => void
  readonly #timers = new Map<string, Timer>()

  constructor(clock: Clock, expired: (side: Side, name: Name) => void) {
    this.#clock = clock
    this.#expired = expired
  }

  /** If the timer runs, restarts it. */
  start(side: Side, name: Name, seconds: number): void {
    const key = `${side} ${name}`
    this.#timers.get(key)?.cancel()
    const expire = () => {
      this.#timers.delete(key)
      this.#expired(side, name)
    }
    const isOver = () => {
      const turn = setImmediate(expire)
      this.#timers.set(key, { cancel: () => clearImmediate(turn) })
    }
    this.#timers.set(key, this.#clock.after(seconds * 1000, isOver))
  }

  stop(side: Side, name: Name): void {
    const key = `${side} ${name}`
    this.#timers.get(key)?.cancel()
    this.#timers.delete(key)
  }

  stopAll(): void {
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
  }
}
