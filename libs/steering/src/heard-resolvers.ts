/**
 * The addresses of the resolvers that any ingest hears from: no answer may steer the way to them.
 *
 * Each cache and announcer keeps one and adds its addresses to the never list. Every ingest reports all its addresses every minute (RESOLVERS), so a
 * process that starts knows them soon. An address that no ingest has reported for a day is removed.
 */

/** A resolver or an ingest may be down for a while and be needed again. */
const KEPT_MS = 24 * 3_600_000
const MAX_ADDRESSES = 10_000

export class HeardResolvers {
  /** When each was said last; the oldest first. */
  readonly #saidAtMs = new Map<string, number>()

  get addresses(): readonly string[] {
    return [...this.#saidAtMs.keys()]
  }

  /** An ingest said these. True: `addresses` is another set now. `nowMs` is a clock that does not step. */
  hear(addresses: readonly string[], nowMs: number): boolean {
    let changed = false
    for (const address of addresses) {
      if (!this.#saidAtMs.delete(address)) changed = true
      this.#saidAtMs.set(address, nowMs)
    }
    for (const [address, saidAtMs] of this.#saidAtMs) {
      if (nowMs - saidAtMs < KEPT_MS && this.#saidAtMs.size <= MAX_ADDRESSES) break
      this.#saidAtMs.delete(address)
      changed = true
    }
    return changed
  }
}
