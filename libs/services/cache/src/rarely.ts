/** Says when something may be told again: each kind of it once a minute at most, however often it happens. */
import type { Clock } from '@dnstap-bgp/runtime'

const TELL_EVERY_MS = 60_000

export class Rarely {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #toldAtMs = new Map<string, number>()

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** True: tell it now. */
  isTime(kind: string): boolean {
    const nowMs = this.#clock.monotonic()
    if (nowMs - (this.#toldAtMs.get(kind) ?? -Infinity) < TELL_EVERY_MS) return false
    this.#toldAtMs.set(kind, nowMs)
    return true
  }
}
