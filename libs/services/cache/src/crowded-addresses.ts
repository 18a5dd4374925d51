/**
 * Addresses that very many listed names claim.
 *
 * Names under one rule may well share an address. Names of many unrelated rules share the front end of a large hosting network, a parking
 * page, or a resolver that answers everything with its own address. Such a route catches traffic that no list means, so it is flagged: a
 * metric, a line in the log, a note in `explain`. It is not refused: the operator decides that (the never list).
 *
 * Counting all rules of all addresses would cost memory per binding. So a bounded table counts bindings that join an existing route, and
 * each time such a count has grown by STEP the store is asked.
 */
import type { Binding, IpStore } from '@dnstap-bgp/ip-store'
import type { Log } from '@dnstap-bgp/runtime'
import { RecentMap } from './recent-map.ts'

/** This many unrelated rules make an address crowded. */
export const CROWDED_RULES = 24
const STEP = 8
const MAX_COUNTED = 20_000
const MAX_FLAGGED = 1_000

export class CrowdedAddresses {
  readonly #store: Pick<IpStore, 'bindingsOf'>
  readonly #log: Log
  readonly #joined = new RecentMap<number>(MAX_COUNTED)
  /** How many rules each had at the last check. */
  readonly #flagged = new RecentMap<number>(MAX_FLAGGED)

  constructor(store: Pick<IpStore, 'bindingsOf'>, log: Log) {
    this.#store = store
    this.#log = log
  }

  get size(): number {
    return this.#flagged.size
  }

  /** A name joined others at this address. True: it is time to check(). */
  joined(prefix: string): boolean {
    const count = (this.#joined.get(prefix) ?? 0) + 1
    this.#joined.set(prefix, count)
    return count % STEP === 0
  }

  async check(prefix: string): Promise<void> {
    const rules = rulesOf(await this.#store.bindingsOf(prefix))
    if (rules < CROWDED_RULES) return
    const isNews = this.#flagged.get(prefix) === undefined
    this.#flagged.set(prefix, rules)
    if (isNews)
      this.#log.warn(
        { prefix, rules },
        'Very many unrelated listed names resolve to one address. If that is not intended, put the address on the never list.',
      )
  }

  withdrawn(prefix: string): void {
    this.#joined.delete(prefix)
    this.#flagged.delete(prefix)
  }
}

export function rulesOf(bindings: readonly Binding[]): number {
  return new Set(bindings.map((binding) => binding.rule)).size
}
