/**
 * The hash of a packed name (packed-name.ts): word by word from the root, so that the hash of a parent is carried on to its children.
 *
 * Used by the builder and the matcher, which must agree. The two multipliers and the start come from a seed that the author of a list
 * does not know, so nobody can prepare names that collide. Both multipliers are needed: a difference in the highest bit of a word stays in that bit after
 * any multiplication, and the next word could cancel it. The shift brings it down to where the second multiplier spreads it over unknown bits.
 * Collisions by chance change no answer, because every hit is compared.
 */

export interface HashKey {
  /** The hash of the root. */
  readonly root: number
  /** What a word is multiplied with, and the state; odd, or low bits would be lost. */
  readonly word: number
  readonly state: number
}

export function hashKeyOf(seed: number): HashKey {
  return {
    root: mix(Math.imul(seed ^ 0x5bd1e995, 0x9e3779b1)),
    word: mix(Math.imul(seed + 0x3c6ef372, 0xc2b2ae35)) | 1,
    state: mix(Math.imul(seed + 0x7f4a7c15, 0x85ebca6b)) | 1,
  }
}

/** Goes on from the hash of the first `from` words to that of the first `end`. */
export function hashWords(hash: number, key: HashKey, words: Int32Array, from: number, end: number): number {
  for (; from < end; from++) {
    const word = words[from]
    hash = Math.imul(hash ^ Math.imul(word, key.word) ^ (word >>> 16), key.state)
    hash ^= hash >>> 15
  }
  return hash
}

/** The hash as tables use it. A signed number: V8 stores small ones without memory of their own. */
export function tagOf(hash: number): number {
  return mix(hash)
}

function mix(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d)
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b)
  return hash ^ (hash >>> 16)
}
