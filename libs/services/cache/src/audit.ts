/** Holds bindings against the lists and the configuration as they are now. */
import type { Binding, BindingKey, Sighting } from '@dnstap-bgp/ip-store'
import type { Admission } from './admission.ts'
import { LIST_SOURCE, staticKey } from './cache-config.ts'

/** A deadline may be off by this much before it is moved: refreshes are stored coarsely. */
const TOLERANCE_MS = 1000

export interface Audited {
  readonly gone: BindingKey[]
  readonly moved: (BindingKey & { readonly expiresAtMs: number })[]
}

/**
 * Which of these bindings may no longer be, and whose deadline changed with its list's hold time.
 *
 * `wanted` holds the lists' own addresses; those that are bound already are taken out of it.
 */
export function audit(bindings: readonly Binding[], admission: Admission, wanted: Map<string, Sighting>): Audited {
  const gone: BindingKey[] = []
  const moved: (BindingKey & { readonly expiresAtMs: number })[] = []
  for (const binding of bindings) {
    if (binding.source === LIST_SOURCE && binding.name === '') {
      if (!wanted.delete(staticKey(binding.list, binding.prefix))) gone.push(binding)
      continue
    }
    const hold = admission.config.holds.get(binding.list)
    const stays =
      hold !== undefined &&
      (admission.config.ipv6 || !binding.prefix.includes(':')) &&
      admission.config.never.refuses(binding.prefix) === undefined &&
      admission.coverage.ruleFor(binding.list, binding.name) !== undefined
    if (!stays) {
      gone.push(binding)
      continue
    }
    // The TTL of the record is not kept, so with `ttl = "dns"` only the ceiling is known.
    const latestMs = binding.seenAtMs + (hold.kind === 'idle' ? hold.ttlMs : hold.maxMs + hold.graceMs)
    const isLate = binding.expiresAtMs > latestMs + TOLERANCE_MS
    const isEarly = hold.kind === 'idle' && binding.expiresAtMs < latestMs - TOLERANCE_MS
    if (isLate || isEarly) moved.push({ list: binding.list, name: binding.name, prefix: binding.prefix, expiresAtMs: latestMs })
  }
  return { gone, moved }
}
