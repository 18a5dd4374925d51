/** Sightings to store, and readers of what a store answers: for the suite and for tests of single stores. */
import type { RouteChanges } from '@dnstap-bgp/steering'
import type { Binding, IpStore, Sighting, StoreLimits } from '../src/ip-store.ts'
import { keyOf } from './obvious-store.ts'

export const NO_LIMITS: StoreLimits = {
  namesPerPrefix: Infinity,
  prefixesPerName: Infinity,
  routesPerList: new Map(),
  routes: Infinity,
}

export const T0 = 1_790_000_000_000

/** example.org on the list `vpn` resolved to 192.0.2.1, unless said otherwise. */
export function sighting(differences: Partial<Sighting> = {}): Sighting {
  const name = differences.name ?? 'example.org'
  return {
    list: 'vpn',
    name,
    rule: 'example.org',
    prefix: '192.0.2.1/32',
    seenAtMs: T0,
    expiresAtMs: T0 + 1_000,
    source: 'resolver-1',
    chain: [name],
    ...differences,
  }
}

/** Opens an empty store, and closes it after the body. */
export type WithStore = (body: (store: IpStore) => Promise<void>) => Promise<void>

/** Applies changes to a table of routes, as an announcer does. */
export function follow(routes: Map<string, readonly string[]>, changes: RouteChanges): void {
  for (const { prefix, lists } of changes.changes) {
    if (lists.length === 0) routes.delete(prefix)
    else routes.set(prefix, lists)
  }
}

export async function allBindings(store: IpStore): Promise<Binding[]> {
  return (await chunks(store.bindings())).flat()
}

export async function chunks<T>(iterable: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const chunk of iterable) all.push(chunk)
  return all
}

export function ordered(bindings: readonly Binding[]): Binding[] {
  return [...bindings].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
}

export function sorted<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1))
}

export const routesTold = (changes: RouteChanges | undefined) => changes?.changes.map((change) => change.lists)
export const prefixesTold = (changes: RouteChanges | undefined) => changes?.changes.map((change) => change.prefix)
