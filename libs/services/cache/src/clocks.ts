/**
 * The three clocks of the cache.
 *
 * Deadlines and times of sightings are store time: it grows with time that really passes, goes on after a restart where it was, and no
 * wall clock moves it (docs/decisions/0009-store-time.md). Times that other machines send, and that people read, are Unix time of this
 * machine. Times that are not stored are kept by the monotonic clock.
 *
 * The distance between the first two is measured, and kept until it has clearly changed. A time that we send to another instance and get
 * back must be exactly the time we have. Otherwise each exchange would move the time by a millisecond and cause a write.
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

/** Store time of a sighting. A sighting from the future counts as of now. */
export function storeTimeOf(unixMs: number, now: Instant): number {
  const storeMs = unixMs - now.unixOffsetMs
  return storeMs > now.storeMs + JITTER_MS ? Math.floor(now.storeMs) : storeMs
}
