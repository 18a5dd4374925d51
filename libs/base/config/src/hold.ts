import type { Hold } from './config.ts'

/** How long a binding lives after a sighting whose record had this TTL. Ingest coalesces by it, the cache sets deadlines by it. */
export function holdMsOf(hold: Hold, ttlSeconds: number): number {
  if (hold.kind === 'idle') return hold.ttlMs
  return Math.min(Math.max(ttlSeconds * 1000, hold.minMs), hold.maxMs) + hold.graceMs
}
