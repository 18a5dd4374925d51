/** Holds bindings against the lists and the configuration as they are now. */
import { lifetimeMsOf } from '@dnstap-bgp/config'
import type { Binding, BindingKey, NewDeadline, Sighting } from '@dnstap-bgp/ip-store'
import type { Admission } from './admission.ts'
import { LIST_SOURCE, staticKey } from './cache-config.ts'
import type { Instant } from './clocks.ts'

/** A deadline may be off by this much before it is moved: refreshes are stored coarsely. */
const TOLERANCE_MS = 1000

export interface Audited {
  readonly gone: BindingKey[]
  readonly moved: NewDeadline[]
  /** Bindings in lists that cover the name, or have the address, now. Store them before `gone` ends, so that the route stays. */
  readonly passedOn: Sighting[]
}

/**
 * Finds bindings that may no longer be, and bindings whose deadline changed with their list's lifetime.
 *
 * `wanted` has the lists' own addresses; those that are bound already are taken out of it.
 */
export function audit(bindings: readonly Binding[], admission: Admission, wanted: Map<string, Sighting>, now: Instant): Audited {
  const { config, coverage } = admission
  const gone: BindingKey[] = []
  const moved: NewDeadline[] = []
  const passedOn: Sighting[] = []
  for (const binding of bindings) {
    const lifetime = config.lifetimes.get(binding.list)
    const mayBe = admission.policy.whyNot(binding.prefix, binding.name, now.monotonicMs) === undefined
    // A list that is gone may have been renamed, or moved to a URL that has not answered yet: then another list takes over its routes.
    const isUnloaded = lifetime === undefined ? coverage.isWaiting : coverage.unloaded.has(binding.list)
    if (binding.source === LIST_SOURCE && binding.name === '') {
      if (wanted.delete(staticKey(binding.list, binding.prefix)) || (mayBe && isUnloaded)) continue
      gone.push(binding)
      // Left in `wanted`: these are not bound before `passedOn` is stored.
      for (const list of config.lifetimes.keys()) {
        const sighting = wanted.get(staticKey(list, binding.prefix))
        if (sighting !== undefined && mayBe) passedOn.push(sighting)
      }
      continue
    }
    if (!mayBe) {
      gone.push(binding)
      continue
    }
    if (isUnloaded) continue
    if (lifetime === undefined || coverage.ruleFor(binding.list, binding.name) === undefined) {
      gone.push(binding)
      passedOn.push(...inOtherLists(binding, admission, now.storeMs))
      continue
    }
    // The TTL of the record is not kept, so with `ttl = "dns"` only the ceiling is known.
    const latestMs = binding.seenAtMs + lifetimeMsOf(lifetime, Infinity)
    const isLate = binding.expiresAtMs > latestMs + TOLERANCE_MS
    const isEarly = lifetime.kind === 'idle' && binding.expiresAtMs < latestMs - TOLERANCE_MS
    if (isLate || isEarly) moved.push({ ...binding, expiresAtMs: latestMs })
  }
  return { gone, moved, passedOn }
}

function inOtherLists(binding: Binding, { config, coverage }: Admission, nowMs: number): Sighting[] {
  const sightings: Sighting[] = []
  for (const [list, lifetime] of config.lifetimes) {
    if (list === binding.list) continue
    const rule = coverage.ruleFor(list, binding.name)
    if (rule === undefined) continue
    // The TTL of the record is not kept: with `ttl = "dns"` it lives no longer than it would have, nor than the ceiling.
    const latestMs = binding.seenAtMs + lifetimeMsOf(lifetime, Infinity)
    const expiresAtMs = lifetime.kind === 'idle' ? latestMs : Math.min(latestMs, binding.expiresAtMs)
    if (expiresAtMs <= nowMs) continue
    const { name, prefix, seenAtMs, source, chain } = binding
    sightings.push({ list, name, rule, prefix, seenAtMs, expiresAtMs, source, chain })
  }
  return sightings
}
