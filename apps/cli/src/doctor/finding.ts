/** What doctor says of one thing that it looked at. */
export interface Finding {
  /** `problem`: routes are missing, late or wrong because of it. `advice`: it works, and could be better. */
  readonly kind: 'ok' | 'advice' | 'problem'
  /** What was looked at: `senders`, `bgp`, ... */
  readonly about: string
  /** What was seen and what follows, in a sentence or two. */
  readonly says: string
  /** Lines to paste, with where they belong; empty: there is nothing to paste. */
  readonly paste: readonly string[]
}

export const ok = (about: string, says: string): Finding => ({ kind: 'ok', about, says, paste: [] })
export const advice = (about: string, says: string, ...paste: string[]): Finding => ({ kind: 'advice', about, says, paste })
export const problem = (about: string, says: string, ...paste: string[]): Finding => ({ kind: 'problem', about, says, paste })
