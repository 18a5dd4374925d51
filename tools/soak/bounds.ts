/**
 * What the documentation promises, in milliseconds, and what the judge adds because it looks from outside.
 *
 * Nothing here is imported from the product: when the two differ, the soak says so. Each promise names where it is written.
 */

/** libs/services/dnstap-ingest/README.md: a repeat is passed on when the fact would live longer by an eighth of its lifetime (1 s to 10 min). */
const repeatHeldBackMs = (lifetimeMs: number) => Math.min(600_000, Math.max(1000, lifetimeMs / 8))
/** libs/store/ip-store-file/README.md: after a crash a deadline may be early by 1/32 of the lifetime. */
const deadlineOnDiskMs = (lifetimeMs: number) => lifetimeMs / 32

export const BOUNDS = {
  /** By so much a route may end before its last sighting is as old as its lifetime. Ingest counts in whole seconds. */
  earlyMs: (lifetimeMs: number) => repeatHeldBackMs(lifetimeMs) + deadlineOnDiskMs(lifetimeMs) + 1000,
  repeatHeldBackMs,
  /** Issue "Under fire": with everything up no expired route stays longer. */
  lateMs: 2000,
  /** A fact that was sent so long ago, with everything up since, is a route and is stored; docs/performance.md says 15 ms and 100 ms. */
  settleMs: 3000,
  /** docs/lists.md: after a change, what no list covers any more is withdrawn within a second. One more to see that the file changed. */
  editMs: 5000,
  /** After an outage, facts of a consumer that died come back (libs/bus/bus-nats/README.md: 10 s). */
  afterOutageMs: 15_000,
  /** docs/decisions/0011-facts-before-deadlines.md: so long after what was away is back, expiry waits at most for facts. */
  expiryWaitMs: 30_000,
  /** libs/services/bgp-announcer/README.md: a change is in the announcer's file within 10 s. */
  announcedFileMs: 10_000,
  /** libs/services/dnstap-ingest/README.md: a resolver's clock that was set back is believed after up to two minutes, */
  senderClockMs: 125_000,
  /** and at once when it was set back by an hour and more. */
  longestDelayMs: 3_600_000,
  /** All has come back by itself so long after the last thing was started or let go. */
  recoveryMs: 60_000,
} as const
