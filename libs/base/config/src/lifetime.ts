/** How long a binding lives after a sighting: the keys ttl, ttlMin, ttlMax, ttlGrace, and what follows from them. */
import { duration } from './duration.ts'
import { Wrong } from './read.ts'
import type { Read } from './read.ts'
import type { Section } from './section.ts'
import { string } from './values.ts'

export type Lifetime =
  | { readonly kind: 'idle'; readonly ttlMs: number }
  /** The record's TTL, not under min, not over max, plus grace. */
  | { readonly kind: 'dns'; readonly minMs: number; readonly maxMs: number; readonly graceMs: number }

/** How long a binding lives after a sighting whose record had this TTL. Ingest coalesces by it, the cache sets deadlines by it. */
export function lifetimeMsOf(lifetime: Lifetime, ttlSeconds: number): number {
  if (lifetime.kind === 'idle') return lifetime.ttlMs
  return Math.min(Math.max(ttlSeconds * 1000, lifetime.minMs), lifetime.maxMs) + lifetime.graceMs
}

/** As a section has them. */
export interface LifetimeKeys {
  readonly ttl: number | 'dns' | undefined
  readonly ttlMinMs: number
  readonly ttlMaxMs: number
  readonly ttlGraceMs: number
}

/** The lifetime that a section gives; `inherited` where it has no ttl. */
export function resolveLifetime(section: Section, keys: LifetimeKeys, inherited: Lifetime): Lifetime {
  const { ttl, ttlMinMs, ttlMaxMs, ttlGraceMs } = keys
  const bounds = ['ttlMin', 'ttlMax', 'ttlGrace'].filter((key) => section.has(key))
  const isDns = ttl === 'dns' || (!section.has('ttl') && inherited.kind === 'dns')
  if (!isDns) {
    for (const key of bounds) section.mistaken(key, 'applies only with `ttl = "dns"`: remove it, or set that', '')
    return typeof ttl === 'number' ? { kind: 'idle', ttlMs: ttl } : inherited
  }
  if (ttlMinMs > ttlMaxMs) section.mistaken(section.has('ttlMin') ? 'ttlMin' : 'ttlMax', '`ttlMin` is greater than `ttlMax`', '')
  const isOwn = ttl === 'dns' || bounds.length > 0
  return isOwn ? { kind: 'dns', minMs: ttlMinMs, maxMs: ttlMaxMs, graceMs: ttlGraceMs } : inherited
}

export const lifetimeBound = duration({ minimumMs: 1000 })

export const ttlOrDns: Read<number | 'dns'> = (value, folder) => {
  const written = string(value, folder)
  if (!(written instanceof Wrong) && written.toLowerCase() === 'dns') return 'dns'
  const ms = lifetimeBound(value, folder)
  return ms instanceof Wrong ? new Wrong(`${ms.expected}, or "dns"`, ms) : ms
}
