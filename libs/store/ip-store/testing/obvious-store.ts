/**
 * The IP store's obvious twin, for tests: bindings in one Map, everything else worked out anew from them whenever it is asked.
 * Slow on purpose; what it says is what ip-store.ts says.
 */
import type { Binding, BindingKey, NewDeadline, Outcome, Sighting, StoreLimits } from '../src/ip-store.ts'

export class ObviousStore {
  readonly bindings = new Map<string, Binding>()

  observe({ noNewRoute, ...sighting }: Sighting, limits: StoreLimits): Outcome {
    const key = keyOf(sighting)
    const known = this.bindings.get(key)
    if (known !== undefined) {
      const later = sighting.expiresAtMs > known.expiresAtMs
      const newer = sighting.seenAtMs > known.seenAtMs
      if (!later && !newer) return 'stale'
      const base = newer ? { ...sighting, firstSeenMs: known.firstSeenMs } : known
      this.bindings.set(key, { ...base, expiresAtMs: Math.max(sighting.expiresAtMs, known.expiresAtMs) })
      return 'refreshed'
    }
    const all = [...this.bindings.values()]
    const routes = this.routes()
    const listLimit = limits.routesPerList.get(sighting.list) ?? Infinity
    const owned = [...routes.values()].filter((lists) => lists.includes(sighting.list)).length
    const owners = routes.get(sighting.prefix)
    if (all.filter((binding) => binding.prefix === sighting.prefix).length >= limits.namesPerPrefix)
      return 'full-names-per-prefix'
    const ofName = all.filter((binding) => binding.name === sighting.name)
    if (sighting.name !== '' && ofName.length >= limits.prefixesPerName) return 'full-prefixes-per-name'
    if (owned >= listLimit && !owners?.includes(sighting.list)) return 'full-routes-per-list'
    if (routes.size >= limits.routes && owners === undefined) return 'full-routes'
    if (noNewRoute === true && !owners?.includes(sighting.list)) return 'no-new-route'
    this.bindings.set(key, { ...sighting, firstSeenMs: sighting.seenAtMs })
    return 'new'
  }

  due(nowMs: number): Binding[] {
    return [...this.bindings.values()].filter((binding) => binding.expiresAtMs <= nowMs)
  }

  forget(key: BindingKey): void {
    this.bindings.delete(keyOf(key))
  }

  reschedule(deadline: NewDeadline): void {
    const known = this.bindings.get(keyOf(deadline))
    if (known?.seenAtMs === deadline.seenAtMs) this.bindings.set(keyOf(deadline), { ...known, expiresAtMs: deadline.expiresAtMs })
  }

  /** Prefix to the names of its owning lists, in order. */
  routes(): Map<string, readonly string[]> {
    const owners = new Map<string, Set<string>>()
    for (const { prefix, list } of this.bindings.values()) owners.set(prefix, (owners.get(prefix) ?? new Set()).add(list))
    return new Map([...owners].map(([prefix, lists]) => [prefix, [...lists].sort()]))
  }
}

export function keyOf(key: BindingKey): string {
  return [key.list, key.name, key.prefix].join(' ')
}
