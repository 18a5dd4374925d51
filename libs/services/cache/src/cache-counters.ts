/** What the cache counts for its metrics. */
import type { Outcome } from '@dnstap-bgp/ip-store'
import type { RefusalReason } from './admission.ts'

/** A route over its list's rate counts in `refused`, with the refusals of admission. */
type CountedOutcome = Exclude<Outcome, 'no-new-route'>

export interface CacheCounters {
  readonly outcomes: Record<CountedOutcome, number>
  readonly refused: Record<RefusalReason, number>
  /** Resolutions seen later than now: the clock of the machine that saw them is ahead of ours. */
  fromTheFuture: number
  expiredBindings: number
  announced: number
  withdrawn: number
}

export function newCacheCounters(): CacheCounters {
  return {
    outcomes: {
      new: 0,
      refreshed: 0,
      stale: 0,
      'full-names-per-prefix': 0,
      'full-prefixes-per-name': 0,
      'full-routes-per-list': 0,
      'full-routes': 0,
    },
    refused: {
      'bad-address': 0,
      'bad-name': 0,
      'unknown-list': 0,
      'not-listed': 0,
      'ipv6-off': 0,
      never: 0,
      'too-old': 0,
      'held-down': 0,
      rate: 0,
    },
    fromTheFuture: 0,
    expiredBindings: 0,
    announced: 0,
    withdrawn: 0,
  }
}
