import type { Lifetime } from './config.ts'

/** How long a binding lives after a sighting whose record had this TTL. Ingest coalesces by it, the cache sets deadlines by it. */
export function lifetimeMsOf(lifetime: Lifetime, ttlSeconds: number): number {
  if (lifetime.kind === 'idle') return lifetime.ttlMs
  return Math.min(Math.max(ttlSeconds * 1000, lifetime.minMs), lifetime.maxMs) + lifetime.graceMs
}
