/**
 * The three clocks of the cache.
 *
 * Deadlines and times of sightings are store time: it grows with time that really passes and goes on where it was after a restart, and
 * no wall clock moves it (docs/decisions/0009-store-time.md). What other machines say, and what people read, is Unix time of this
 * machine. Everything that is not stored is kept by the monotonic clock.
 *
 * How far the first two are apart is measured, and taken for what it was until it is clearly something else: what we tell another
 * instance and hear again from it has to be the very time that we have, or it would be news, and be written, a millisecond at a time.
 */
import type { IpStore } from '@dnstap-bgp/ip-store'
import type { Clock } from '@dnstap-bgp/runtime'

/** One instant by each of the three clocks, in ms. */
export interface Instant {
  readonly storeMs: number
  /** Unix time is store time and this. */
  readonly unixOffsetMs: number
  readonly monotonicMs: number
}

/** What reading two clocks one after the other, or one of them over the network, may make of it. */
const JITTER_MS = 100

export class Clocks {
  readonly #store: Pick<IpStore, 'now'>
  readonly #clock: Clock
  #unixOffsetMs = -Infinity

  constructor(store: Pick<IpStore, 'now'>, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  now(): Instant {
    const storeMs = this.#store.now()
    const offsetMs = Math.round(this.#clock.now() - storeMs)
    if (Math.abs(offsetMs - this.#unixOffsetMs) > JITTER_MS) this.#unixOffsetMs = offsetMs
    return { storeMs, unixOffsetMs: this.#unixOffsetMs, monotonicMs: this.#clock.monotonic() }
  }
}

/** Unix time of this machine at a store time. */
export function unixTimeOf(storeMs: number, now: Instant): number {
  return storeMs + now.unixOffsetMs
}

/** Store time at which somebody saw something. Of what is said to be later than now, now. */
export function storeTimeOf(unixMs: number, now: Instant): number {
  const storeMs = unixMs - now.unixOffsetMs
  return storeMs > now.storeMs + JITTER_MS ? Math.floor(now.storeMs) : storeMs
}
