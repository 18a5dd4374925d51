/**
 * The addresses of the resolvers that any ingest hears from: no answer may steer the way to them.
 *
 * Caches and announcers keep one each and add what it has to their never list. Every ingest says all of its addresses every minute
 * (RESOLVERS), so one that starts knows them soon, and an address that nobody has said for a day is let go.
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
