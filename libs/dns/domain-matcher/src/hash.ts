/**
 * The hash of a name: label by label from the root, so that each step gives the hash of one more parent.
 *
 * Used by the builder and the matcher, which must agree. The multiplier and the start come from a seed that whoever writes a list does
 * not know: names that collide on purpose cannot be prepared. Collisions by chance change no answer, for every hit is compared octet
 * by octet.
 */
import { LOWER_CASE } from '@dnstap-bgp/dns-wire'

/** Stands for a `*` label in the stored names of wildcards; no length octet of a label is as large. */
export const STAR = 0x80

/** The start state. */
export function hashOfRoot(seed: number): number {
  return mix(Math.imul(seed ^ 0x5bd1e995, 0x9e3779b1))
}

/** What every octet is multiplied with; odd, or low bits would be lost. */
export function hashMultiplier(seed: number): number {
  return mix(Math.imul(seed + 0x7f4a7c15, 0x85ebca6b)) | 1
}

/** One label further from the root. `at` is where its length octet stands. */
export function hashLabel(state: number, multiplier: number, bytes: Uint8Array, at: number): number {
  const lower = LOWER_CASE
  let hash = state
  for (const end = at + 1 + bytes[at]; at < end; at++) {
    hash = Math.imul(hash ^ lower[bytes[at]], multiplier)
    hash ^= hash >>> 15
  }
  return hash
}

export function hashStar(state: number, multiplier: number): number {
  const hash = Math.imul(state ^ STAR, multiplier)
  return hash ^ (hash >>> 15)
}

/** The hash as it is stored in the table; its low bits choose the slot. A signed number, for these need no memory of their own. */
export function tagOf(hash: number): number {
  return mix(hash)
}

function mix(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d)
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b)
  return hash ^ (hash >>> 16)
}
