/**
 * Which ceilings refuse new routes now: for health and the log.
 *
 * A full list loses routes and takes new ones all the time, so a ceiling counts as reached until nothing was refused for a while.
 */
import type { StoreCounts, StoreLimits } from '@dnstap-bgp/ip-store'
import { ONCE_A_MINUTE, RateLimitedLog, type Clock, type Log } from '@dnstap-bgp/runtime'

const QUIET_MS = 30_000

interface Note {
  readonly sentence: string
  refusedAtMs: number
}

export class LimitNotes {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #log: Log
  readonly #reached = new Map<string, Note>()
  /** For the ceilings of single names and addresses: strangers may reach them all the time. */
  readonly #limitedLog: RateLimitedLog

  constructor(clock: Pick<Clock, 'monotonic'>, log: Log) {
    this.#clock = clock
    this.#log = log
    this.#limitedLog = new RateLimitedLog(log, clock, ONCE_A_MINUTE)
  }

  /** By list, or `all`: one sentence each. */
  get reached(): ReadonlyMap<string, string> {
    return new Map([...this.#reached].map(([where, { sentence }]) => [where, sentence]))
  }

  get any(): boolean {
    return this.#reached.size > 0
  }

  /** The ceiling of a list, or of all lists together, refused a route. */
  refusedRoute(where: string, limit: number): void {
    const note = this.#reached.get(where)
    if (note !== undefined) {
      note.refusedAtMs = this.#clock.monotonic()
      return
    }
    const owner = where === ALL ? 'all lists together have their' : `list "${where}" has its`
    const sentence = `Limit reached: ${owner} ${limit} routes; new addresses are not routed.`
    this.#reached.set(where, { sentence, refusedAtMs: this.#clock.monotonic() })
    this.#log.warn({ list: where }, sentence)
  }

  /** The ceiling of one name or one address refused a binding. */
  refusedBinding(kind: 'full-names-per-prefix' | 'full-prefixes-per-name', name: string, address: string): void {
    const what = kind === 'full-names-per-prefix' ? 'an address has as many names' : 'a name has as many addresses'
    this.#limitedLog.warn({ name, address }, `Limit reached: ${what} as it may have. This is logged once a minute.`, kind)
  }

  clear(counts: StoreCounts, limits: StoreLimits): void {
    const nowMs = this.#clock.monotonic()
    for (const [where, { refusedAtMs }] of this.#reached) {
      const limit = where === ALL ? limits.routes : (limits.routesPerList.get(where) ?? Infinity)
      const routes = where === ALL ? counts.routes : (counts.routesPerList.get(where) ?? 0)
      if (routes >= limit || nowMs - refusedAtMs < QUIET_MS) continue
      this.#reached.delete(where)
      this.#log.info({ list: where }, 'There is room for new routes again.')
    }
  }
}

export const ALL = 'all'
