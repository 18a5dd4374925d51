/**
 * Do two configurations route the same answers? Ingest forgets what it told the cache, and the cache checks every binding again, only when
 * they do not.
 */
import type { Config } from './config.ts'
import { LIST } from './list-section.ts'
import { neverListOptions } from './never-list-options.ts'
import { namedSettings } from './setting.ts'

export function sameRouting(a: Config, b: Config): boolean {
  return a === b || comparable(a) === comparable(b)
}

const OF_LISTS: ReadonlySet<string> = new Set([
  'lifetime',
  ...namedSettings(LIST)
    .filter(({ setting }) => setting.isRouting)
    .map(({ property }) => property),
])

/** What decides about a binding. What its route carries, as communities, is not in it; rules of lists are compared as rules. */
function comparable(config: Config): string {
  const { ipv6, lists, limits } = config
  const ofLists = lists.map((list) => Object.entries(list).filter(([property]) => OF_LISTS.has(property)))
  return JSON.stringify([ipv6, ofLists, limits, neverListOptions(config)], (_key, value: unknown) =>
    value === Infinity ? 'Infinity' : value,
  )
}
