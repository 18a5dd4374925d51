/** What the cache takes of the configuration, and what follows from it. */
import { neverListOptions, type Config } from '@dnstap-bgp/config'
import { NeverList } from '@dnstap-bgp/ip'
import type { Sighting } from '@dnstap-bgp/ip-store'

export type CacheConfig = Config

/** Where a route comes from that stands in a list as an address. */
export const LIST_SOURCE = 'list'

/** The routes that lists ask for by address, as sightings that never expire, by `list prefix`. */
export function staticSightings(
  config: CacheConfig,
  addresses: ReadonlyMap<string, readonly string[]>,
  nowMs: number,
): Map<string, Sighting> {
  const never = new NeverList(neverListOptions(config))
  const sightings = new Map<string, Sighting>()
  for (const list of config.lists) {
    if (!list.addresses) continue
    for (const prefix of addresses.get(list.name) ?? []) {
      if (never.refuses(prefix) !== undefined || (!config.ipv6 && prefix.includes(':'))) continue
      sightings.set(staticKey(list.name, prefix), {
        list: list.name,
        name: '',
        rule: prefix,
        prefix,
        seenAtMs: nowMs,
        expiresAtMs: Infinity,
        source: LIST_SOURCE,
        chain: [],
      })
    }
  }
  return sightings
}

export function staticKey(list: string, prefix: string): string {
  return `${list} ${prefix}`
}
