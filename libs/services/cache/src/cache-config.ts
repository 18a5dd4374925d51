/** What the cache takes of the configuration, and what follows from it. */
import type { Config } from '@dnstap-bgp/config'
import type { Sighting, StoreLimits } from '@dnstap-bgp/ip-store'
import type { Clock } from '@dnstap-bgp/runtime'
import { sourceText } from '@dnstap-bgp/steering'
import type { Admission } from './admission.ts'
import type { Clocks, Instant } from './clocks.ts'
import { yieldLoop } from './yield-loop.ts'

export type CacheConfig = Config

/** The source of a route whose address stands in a list, as stores keep it. */
export const LIST_SOURCE = sourceText({ kind: 'list' })

/** Addresses made into sightings before the event loop may do something else. */
const BATCH = 250

export function limitsOf(config: CacheConfig): StoreLimits {
  return {
    namesPerPrefix: config.limits.namesPerAddress,
    prefixesPerName: config.limits.addressesPerName,
    routes: config.limits.routes,
    routesPerList: new Map(config.lists.filter((list) => list.maxRoutes !== Infinity).map((list) => [list.name, list.maxRoutes])),
  }
}

/** The routes that lists ask for by address, by staticKey(). There may be hundreds of thousands: the loop is yielded in between. */
export async function wantedAddresses(
  config: CacheConfig,
  admission: Admission,
  addresses: ReadonlyMap<string, readonly string[]>,
  clocks: Clocks,
  clock: Clock,
): Promise<Map<string, Sighting>> {
  const wanted = new Map<string, Sighting>()
  let count = 0
  for (const sighting of staticSightings(config, admission, addresses, clocks.now())) {
    wanted.set(staticKey(sighting.list, sighting.prefix), sighting)
    if (++count % BATCH === 0) await yieldLoop(clock)
  }
  return wanted
}

/** The routes that lists ask for by address, as sightings that never expire. */
function* staticSightings(
  config: CacheConfig,
  admission: Admission,
  addresses: ReadonlyMap<string, readonly string[]>,
  now: Instant,
): Generator<Sighting> {
  for (const list of config.lists) {
    if (!list.addresses) continue
    for (const prefix of addresses.get(list.name) ?? []) {
      if (admission.policy.whyNot(prefix, '', now.monotonicMs) !== undefined) continue
      yield {
        list: list.name,
        name: '',
        rule: prefix,
        prefix,
        seenAtMs: now.storeMs,
        expiresAtMs: Infinity,
        source: LIST_SOURCE,
        chain: [],
      }
    }
  }
}

export function staticKey(list: string, prefix: string): string {
  return `${list} ${prefix}`
}
