/** What the cache takes of the configuration, and what follows from it. */
import type { Config } from '@dnstap-bgp/config'
import type { Sighting } from '@dnstap-bgp/ip-store'
import type { Admission } from './admission.ts'
import type { Instant } from './clocks.ts'

export type CacheConfig = Config

/** Where a route comes from that stands in a list as an address. */
export const LIST_SOURCE = 'list'

/** The routes that lists ask for by address, as sightings that never expire. */
export function* staticSightings(
  config: CacheConfig,
  admission: Admission,
  addresses: ReadonlyMap<string, readonly string[]>,
  now: Instant,
): Generator<Sighting> {
  for (const list of config.lists) {
    if (!list.addresses) continue
    for (const prefix of addresses.get(list.name) ?? []) {
      if (admission.config.never.refuses(prefix) !== undefined || (!config.ipv6 && prefix.includes(':'))) continue
      if (admission.heldDown.has('', prefix, now.monotonicMs)) continue
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
