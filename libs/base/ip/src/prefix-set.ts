/**
 * A set of prefixes, each with a reason, that answers "is this address in, and why?" by the longest match.
 *
 * Small sets (never lists, allowed peers: tens of entries), asked twice for each new route, so asking makes nothing: a binary trie per
 * family in one array, walked from the first bit until no branch goes on. Most addresses leave it after a few bits.
 *
 *     children   [ - - | 0 5 | 0 0 | ... ]      node n: where bit 0 and bit 1 lead, 0 nowhere
 *     reasons    [ -   | -   | r   | ... ]      node n: the reason of the prefix that ends here
 */
import type { Prefix } from './prefix.ts'

const ROOT_IPV4 = 1
const ROOT_IPV6 = 2

export class PrefixSet<Reason extends NonNullable<unknown> = string> {
  readonly #children: number[] = [0, 0, 0, 0, 0, 0]
  readonly #reasons: (Reason | undefined)[] = [undefined, undefined, undefined]
  #size = 0

  get size(): number {
    return this.#size
  }

  /** A prefix added twice keeps its first reason. */
  add(prefix: Prefix, reason: Reason): this {
    let node = rootOf(prefix)
    for (let bit = 0; bit < prefix.lengthBits; bit++) {
      const branch = 2 * node + bitOf(prefix.bytes, bit)
      if (this.#children[branch] === 0) {
        this.#children[branch] = this.#reasons.push(undefined) - 1
        this.#children.push(0, 0)
      }
      node = this.#children[branch]
    }
    if (this.#reasons[node] === undefined) {
      this.#reasons[node] = reason
      this.#size++
    }
    return this
  }

  /** The reason of the longest prefix that covers all of `prefix`; undefined when none does. */
  covering(prefix: Prefix): Reason | undefined {
    let node = rootOf(prefix)
    let reason = this.#reasons[node]
    for (let bit = 0; bit < prefix.lengthBits; bit++) {
      node = this.#children[2 * node + bitOf(prefix.bytes, bit)]
      if (node === 0) break
      reason = this.#reasons[node] ?? reason
    }
    return reason
  }

  /** The reason of some longer prefix inside `prefix` whose reason passes `wanted`. */
  inside(prefix: Prefix, wanted: (reason: Reason) => boolean): Reason | undefined {
    let node = rootOf(prefix)
    for (let bit = 0; bit < prefix.lengthBits; bit++) {
      node = this.#children[2 * node + bitOf(prefix.bytes, bit)]
      if (node === 0) return undefined
    }
    const below = [this.#children[2 * node], this.#children[2 * node + 1]]
    for (let next = below.pop(); next !== undefined; next = below.pop()) {
      if (next === 0) continue
      const reason = this.#reasons[next]
      if (reason !== undefined && wanted(reason)) return reason
      below.push(this.#children[2 * next], this.#children[2 * next + 1])
    }
    return undefined
  }
}

function rootOf(prefix: Prefix): number {
  return prefix.bytes.length === 4 ? ROOT_IPV4 : ROOT_IPV6
}

function bitOf(bytes: Uint8Array, bit: number): number {
  return (bytes[bit >> 3] >> (7 - (bit & 7))) & 1
}
