/** Whether Redis can be used: told to listeners and to the log when it changes. */
import type { StoreState } from '@dnstap-bgp/ip-store'
import type { Clock, Log } from '@dnstap-bgp/runtime'

export class RedisState {
  readonly #clock: Clock
  readonly #log: Log
  readonly #listeners: ((state: StoreState) => void)[] = []
  #current: StoreState = { kind: 'unavailable', why: 'Redis has not been reached yet' }
  #unavailableSinceMs: number
  #closed = false

  constructor(clock: Clock, log: Log) {
    this.#clock = clock
    this.#log = log
    this.#unavailableSinceMs = clock.monotonic()
  }

  get current(): StoreState {
    return this.#current
  }

  onChange(listener: (state: StoreState) => void): void {
    this.#listeners.push(listener)
  }

  /** @param why undefined: Redis can be used */
  set(why: string | undefined): void {
    if (this.#closed) return
    const before = this.#current
    const state: StoreState = why === undefined ? { kind: 'ready' } : { kind: 'unavailable', why }
    this.#current = state
    if (state.kind === before.kind) return
    const nowMs = this.#clock.monotonic()
    if (why === undefined) this.#log.info({ awayMs: Math.round(nowMs - this.#unavailableSinceMs) }, 'Redis can be used.')
    else {
      this.#unavailableSinceMs = nowMs
      this.#log.warn({ why }, 'Redis cannot be used; retrying.')
    }
    for (const listener of this.#listeners) listener(state)
  }

  /** From now on nothing is told. */
  close(): void {
    this.#closed = true
  }
}
