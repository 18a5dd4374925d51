/**
 * When to ask a warm name again, from what the resolver answered. Pure.
 *
 *     usual ──▶ near-end (where the resolver prefetches) ──0.3 s──▶ follow-up ──▶ usual
 *       └─────▶ after-end (elsewhere) ──0.3 s, if it looks stale──▶ follow-up ──▶ usual
 *
 * A question near the end of the TTL gets the old answer, and makes a resolver that prefetches ask behind it; 0.3 s later the new answer is
 * there. So a client never meets a new address before we do. The window counts from the full TTL, which we may not know: the share of
 * what is left is never more than that share of the full TTL, so it is inside the window in any case. A resolver that does not prefetch
 * is asked as soon as the TTL has run out. An answer of 30 s or less may be a stale one (RFC 8767 §4 gives those 30 s).
 */
import type { ProbedKind } from './probed-kind.ts'

export type RefreshPhase = 'usual' | 'near-end' | 'after-end' | 'follow-up'

export interface RefreshState {
  phase: RefreshPhase
  /** Seconds before the end at which it was asked near the end. */
  marginSeconds: number
  /** What that answer said was left. */
  leftSeconds: number
}

/** Answers with shorter TTLs are not asked more often than this. */
export const SHORTEST_CYCLE_MS = 5000
const FOLLOW_UP_MS = 300
/** A resolver counts TTLs in whole seconds. */
const AFTER_END_MS = 100
const STALE_TTL_SECONDS = 30
/** Below, a tenth of the TTL is less than the second in which resolvers count. */
const SHORTEST_PREFETCHED_SECONDS = 10
/** Unbound prefetches in the last tenth of the TTL. */
const UNBOUND_SHARE = 0.05
/**
 * TTLs are cut to whole seconds, so the end is up to a second earlier than an answer says: this long before, the answer is still there, and
 * 0.3 s later too. It is inside BIND's window (prefetch 2 9: two seconds, of a TTL of nine or more), and Unbound's from a TTL of 20 on.
 */
const SHORT_MARGIN_SECONDS = 1.5
const LONGEST_MARGIN_SECONDS = 120

/** Seconds before the end at which a question makes the resolver ask anew; 0: none does. */
export function marginSeconds(kind: ProbedKind, ttlSeconds: number): number {
  if (ttlSeconds < SHORTEST_PREFETCHED_SECONDS) return 0
  if (kind === 'bind') return SHORT_MARGIN_SECONDS
  if (kind !== 'unbound') return 0
  if (ttlSeconds < 2 * SHORTEST_PREFETCHED_SECONDS) return 1
  return Math.min(LONGEST_MARGIN_SECONDS, Math.max(SHORT_MARGIN_SECONDS, UNBOUND_SHARE * ttlSeconds))
}

/** The delay until the next question. `margin`: marginSeconds() of the TTL, 0 where prefetching does not happen. */
export function planRefresh(state: RefreshState, ttlSeconds: number, margin: number): number {
  const looksOld =
    state.phase === 'near-end'
      ? ttlSeconds <= 2 * state.marginSeconds + 1
      : state.phase === 'after-end' && ttlSeconds <= STALE_TTL_SECONDS
  if (looksOld) {
    state.phase = 'follow-up'
    state.leftSeconds = ttlSeconds
    return FOLLOW_UP_MS
  }
  const wasMissed = state.phase === 'follow-up' && isMissed(state, ttlSeconds)
  const isNearEnd = margin > 0 && !wasMissed
  state.phase = isNearEnd ? 'near-end' : 'after-end'
  state.marginSeconds = isNearEnd ? margin : 0
  const delayMs = isNearEnd ? (ttlSeconds - margin) * 1000 : ttlSeconds * 1000 + AFTER_END_MS
  // What is left of an old answer is waited for, however short it is.
  return wasMissed ? delayMs : Math.max(SHORTEST_CYCLE_MS, delayMs)
}

/** Does the answer to the follow-up tell whether the resolver prefetches? If little was left, the TTL may have ended meanwhile. */
export function tellsOfPrefetch({ phase, marginSeconds: margin, leftSeconds }: RefreshState): boolean {
  return phase === 'follow-up' && margin > 0 && leftSeconds >= 2
}

/** The follow-up of a question near the end still got the old answer: the resolver did not prefetch. */
export function isMissed(state: RefreshState, ttlSeconds: number): boolean {
  return state.phase === 'follow-up' && state.marginSeconds > 0 && ttlSeconds <= 2 * state.marginSeconds + 1
}
