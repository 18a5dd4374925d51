/**
 * Do two configurations route the same answers? Ingest forgets what it told the cache, and the cache checks every binding again, only when
 * they do not.
 */
import type { Config } from './config.ts'
import { neverListOptions } from './never-list-options.ts'

export function sameRouting(a: Config, b: Config): boolean {
  return a === b || comparable(a) === comparable(b)
}

/** What decides about a binding. What its route carries, as communities, is not in it; rules of lists are compared as rules. */
function comparable(config: Config): string {
  const { ipv6, lists, limits } = config
  const ofLists = lists.map(({ name, lifetime, addresses, maxRoutes }) => ({ name, lifetime, addresses, maxRoutes }))
  return JSON.stringify([ipv6, ofLists, limits, neverListOptions(config)], (_key, value: unknown) =>
    value === Infinity ? 'Infinity' : value,
  )
}
