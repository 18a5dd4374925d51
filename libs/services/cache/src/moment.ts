/**
 * The three clocks of the cache.
 *
 * Deadlines and times of sightings are store time: it grows with time that really passes and goes on where it was after a restart, and
 * no wall clock moves it (docs/decisions/0009-store-time.md). What other machines say, and what people read, is Unix time: it is turned
 * into an age where it comes in, and back where it goes out. Everything that is not stored is kept by the monotonic clock.
 */
import type { IpStore } from '@dnstap-bgp/ip-store'
import type { Clock } from '@dnstap-bgp/runtime'

/** One moment on each of them, in ms. */
export interface Moment {
  readonly storeMs: number
  readonly wallMs: number
  readonly monotonicMs: number
}

export function momentOf(store: Pick<IpStore, 'now'>, clock: Clock): Moment {
  return { storeMs: store.now(), wallMs: clock.now(), monotonicMs: clock.monotonic() }
}

/** Unix time of this machine at a store time. */
export function wallTimeOf(storeMs: number, now: Moment): number {
  return now.wallMs + (storeMs - now.storeMs)
}
