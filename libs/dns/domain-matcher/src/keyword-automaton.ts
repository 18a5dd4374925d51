/**
 * Finds all keywords in a name in one pass over its octets (Aho and Corasick, 1975), whatever their number.
 *
 * The builder writes it into the matcher's buffer; the matcher runs it over the wire format in place, reading the length octet
 * between two labels as the dot it stands for. Words of the section:
 *
 *     states, classes of octets        two words
 *     class of each octet              256 octets
 *     pattern of each state            1 + its number, 0: no keyword ends here; one word each
 *     next state with a pattern        for a state with one: the longest proper suffix that is a keyword too; 16 bits each
 *     nearest state with a pattern     the state itself, or its longest suffix that has one; 16 bits each
 *     next state                       for each state and class; 16 bits each
 */
import { LOWER_CASE } from '@dnstap-bgp/dns-wire'

/** States are 16-bit numbers. */
export const MAX_STATES = 0xffff
const DOT = 0x2e

/** Words of the automaton for these patterns, which are distinct, lower case, not empty, and of MAX_STATES octets at most together. */
export function buildAutomaton(patterns: readonly string[]): Uint32Array {
  const classOf = new Uint8Array(256)
  let classes = 1 // class 0: octets in no pattern
  for (const pattern of patterns)
    for (let i = 0; i < pattern.length; i++) {
      const octet = pattern.charCodeAt(i)
      if (classOf[octet] === 0) classOf[octet] = classes++
    }
  for (let octet = 0; octet < 256; octet++) classOf[octet] = classOf[LOWER_CASE[octet]]

  const most = 1 + patterns.reduce((sum, pattern) => sum + pattern.length, 0)
  const next = new Uint16Array(most * classes)
  const own = new Uint32Array(most)
  let states = 1
  patterns.forEach((pattern, index) => {
    let state = 0
    for (let i = 0; i < pattern.length; i++) {
      const at = state * classes + classOf[pattern.charCodeAt(i)]
      if (next[at] === 0) next[at] = states++
      state = next[at]
    }
    own[state] = index + 1
  })

  // Breadth first: a state's suffix is shorter than the state, so its row is complete by then.
  const suffix = new Uint16Array(states)
  const nearest = new Uint16Array(states)
  const following = new Uint16Array(states)
  const queue = new Uint16Array(states)
  let queued = 1
  for (let i = 0; i < queued; i++) {
    const state = queue[i]
    following[state] = nearest[suffix[state]]
    nearest[state] = own[state] === 0 ? following[state] : state
    for (let c = 0; c < classes; c++) {
      const child = next[state * classes + c]
      const bySuffix = state === 0 ? 0 : next[suffix[state] * classes + c]
      if (child === 0) next[state * classes + c] = bySuffix
      else {
        suffix[child] = bySuffix
        queue[queued++] = child
      }
    }
  }

  const parts = sections(states, classes)
  const words = new Uint32Array(parts.words)
  words[0] = states
  words[1] = classes
  new Uint8Array(words.buffer, parts.classOf * 4, 256).set(classOf)
  words.set(own.subarray(0, states), parts.own)
  new Uint16Array(words.buffer, parts.following * 4, states).set(following)
  new Uint16Array(words.buffer, parts.nearest * 4, states).set(nearest)
  new Uint16Array(words.buffer, parts.next * 4, states * classes).set(next.subarray(0, states * classes))
  return words
}

export class KeywordAutomaton {
  readonly #classes: number
  readonly #classOf: Uint8Array
  readonly #own: Uint32Array
  readonly #following: Uint16Array
  readonly #nearest: Uint16Array
  readonly #next: Uint16Array
  readonly #lastSeen: Int32Array // for each state, the search that came past it last
  #searches = 0

  constructor(buffer: ArrayBufferLike, word: number) {
    const [states, classes] = new Uint32Array(buffer, word * 4, 2)
    const parts = sections(states, classes)
    this.#classes = classes
    this.#classOf = new Uint8Array(buffer, (word + parts.classOf) * 4, 256)
    this.#own = new Uint32Array(buffer, (word + parts.own) * 4, states)
    this.#following = new Uint16Array(buffer, (word + parts.following) * 4, states)
    this.#nearest = new Uint16Array(buffer, (word + parts.nearest) * 4, states)
    this.#next = new Uint16Array(buffer, (word + parts.next) * 4, states * classes)
    this.#lastSeen = new Int32Array(states)
  }

  /** Puts the numbers of the patterns in the name, each once, into `found`, which has room for all; returns how many. */
  search(bytes: Uint8Array, offset: number, found: Int32Array): number {
    const next = this.#next
    const classOf = this.#classOf
    const classes = this.#classes
    const nearest = this.#nearest
    const dot = classOf[DOT]
    this.#searches = (this.#searches + 1) | 0
    let count = 0
    let state = 0
    let at = offset
    for (let length = bytes[at]; length > 0; length = bytes[at]) {
      if (at > offset) {
        state = next[state * classes + dot]
        if (nearest[state] !== 0) count = this.#collect(nearest[state], found, count)
      }
      for (const end = at++ + length; at <= end; at++) {
        state = next[state * classes + classOf[bytes[at]]]
        if (nearest[state] !== 0) count = this.#collect(nearest[state], found, count)
      }
    }
    return count
  }

  #collect(first: number, found: Int32Array, count: number): number {
    for (let state = first; state !== 0; state = this.#following[state]) {
      if (this.#lastSeen[state] === this.#searches) break // seen, and with it all its suffixes
      this.#lastSeen[state] = this.#searches
      found[count++] = this.#own[state] - 1
    }
    return count
  }
}

function sections(states: number, classes: number) {
  const classOf = 2
  const own = classOf + 64
  const following = own + states
  const nearest = following + ((states + 1) >>> 1)
  const next = nearest + ((states + 1) >>> 1)
  return { classOf, own, following, nearest, next, words: next + ((states * classes + 1) >>> 1) }
}
