/**
 * Prefixes of one family as numbers, and a few octets about each: the memory under route-table.ts.
 *
 *   slots       [ 7 | - | 3 | 0 | - ... ]      hash table of prefix numbers, -1 for empty; half empty at least
 *   keys        [ word(s) of prefix 0 | of 1 | ... ]      1 word for IPv4, 4 for IPv6, most significant first
 *   lengths     [ 32 | 24 | ... ]              bits of the prefix
 *   attributes  [ 5 | 0 | ... ]                number of its attribute set; 0: no longer a route, but somebody still needs the number
 *   pins        [ 2 | 1 | ... ]                how many followers need it: they have it out, or still have to withdraw it
 *
 * A number is given out again when the route is gone and no follower pins it; free numbers are chained through `keys`.
 * Addresses are chosen by strangers, so the hash is seeded by whoever makes the table.
 */

export class PrefixTable {
  /** 32-bit words per prefix. */
  readonly words: 1 | 4
  keys: Uint32Array
  lengths: Uint8Array
  attributes: Uint32Array
  /** All numbers given out so far are below it. */
  highWater = 0
  /** Routes: numbers with attributes. */
  size = 0
  #pins: Uint16Array
  #slots: Int32Array
  #used = 0 // numbers in use, routes or pinned
  #firstFree = NONE
  readonly #multipliers: Uint32Array

  constructor(words: 1 | 4, seed: number) {
    this.words = words
    this.keys = new Uint32Array(FIRST_CAPACITY * words)
    this.lengths = new Uint8Array(FIRST_CAPACITY)
    this.attributes = new Uint32Array(FIRST_CAPACITY)
    this.#pins = new Uint16Array(FIRST_CAPACITY)
    this.#slots = new Int32Array(FIRST_CAPACITY * 2).fill(-1)
    this.#multipliers = oddNumbers(2 * words + 1, seed)
  }

  get capacity(): number {
    return this.lengths.length
  }

  get sizeBytes(): number {
    return [this.keys, this.lengths, this.attributes, this.#pins, this.#slots].reduce((sum, column) => sum + column.byteLength, 0)
  }

  /** The number of a prefix, or -1. */
  find(key: Uint32Array, lengthBits: number): number {
    const slots = this.#slots
    const mask = slots.length - 1
    for (let slot = this.#hash(key, 0, lengthBits) & mask; ; slot = (slot + 1) & mask) {
      const id = slots[slot]
      if (id < 0 || this.#holds(id, key, lengthBits)) return id
    }
  }

  /** The number of a prefix, a new one if need be. */
  intern(key: Uint32Array, lengthBits: number): number {
    if (2 * (this.#used + 1) > this.#slots.length) this.#rehash(this.#slots.length * 2)
    const slots = this.#slots
    const mask = slots.length - 1
    let slot = this.#hash(key, 0, lengthBits) & mask
    for (let id = slots[slot]; id >= 0; id = slots[slot]) {
      if (this.#holds(id, key, lengthBits)) return id
      slot = (slot + 1) & mask
    }
    const id = this.#newId()
    slots[slot] = id
    this.keys.set(key, id * this.words)
    this.lengths[id] = lengthBits
    this.#used++
    return id
  }

  pin(id: number): void {
    if (this.#pins[id] === MAX_PINS) throw new Error(`a prefix can be pinned by ${MAX_PINS} followers at most`)
    this.#pins[id]++
  }

  unpin(id: number): void {
    this.#pins[id]--
    this.freeIfUnused(id)
  }

  /** Takes the number back when it is no route and nobody pins it. */
  freeIfUnused(id: number): void {
    if (this.attributes[id] !== 0 || this.#pins[id] !== 0) return
    this.#removeFromSlots(id)
    this.keys[id * this.words] = this.#firstFree
    this.#firstFree = id
    this.#used--
  }

  #holds(id: number, key: Uint32Array, lengthBits: number): boolean {
    if (this.lengths[id] !== lengthBits) return false
    const keys = this.keys
    if (this.words === 1) return keys[id] === key[0]
    const at = id * 4
    return keys[at] === key[0] && keys[at + 1] === key[1] && keys[at + 2] === key[2] && keys[at + 3] === key[3]
  }

  /** Sum of half words times odd numbers of the seed (multiply-shift), its high bits folded down. */
  #hash(key: Uint32Array, at: number, lengthBits: number): number {
    const multipliers = this.#multipliers
    let sum = Math.imul(lengthBits + 1, multipliers[0])
    for (let word = 0; word < this.words; word++) {
      const value = key[at + word]
      sum += Math.imul((value >>> 16) + 1, multipliers[2 * word + 1]) + Math.imul((value & 0xffff) + 1, multipliers[2 * word + 2])
    }
    sum |= 0
    sum = Math.imul(sum ^ (sum >>> 16), 0x45d9f3b)
    return (sum ^ (sum >>> 15)) >>> 0
  }

  #newId(): number {
    const free = this.#firstFree
    if (free !== NONE) {
      this.#firstFree = this.keys[free * this.words]
      return free
    }
    if (this.highWater === this.capacity) this.#growColumns()
    return this.highWater++
  }

  #growColumns(): void {
    const capacity = this.capacity * 2
    const { keys, lengths, attributes } = this
    const pins = this.#pins
    this.keys = new Uint32Array(capacity * this.words)
    this.keys.set(keys)
    this.lengths = new Uint8Array(capacity)
    this.lengths.set(lengths)
    this.attributes = new Uint32Array(capacity)
    this.attributes.set(attributes)
    this.#pins = new Uint16Array(capacity)
    this.#pins.set(pins)
  }

  #rehash(slotCount: number): void {
    const old = this.#slots
    this.#slots = new Int32Array(slotCount).fill(-1)
    const mask = slotCount - 1
    for (const id of old) {
      if (id < 0) continue
      let slot = this.#hash(this.keys, id * this.words, this.lengths[id]) & mask
      while (this.#slots[slot] >= 0) slot = (slot + 1) & mask
      this.#slots[slot] = id
    }
  }

  /** Empties a slot and moves up whoever was pushed past it, so that no search stops short (no tombstones). */
  #removeFromSlots(id: number): void {
    const slots = this.#slots
    const mask = slots.length - 1
    let hole = this.#hash(this.keys, id * this.words, this.lengths[id]) & mask
    while (slots[hole] !== id) hole = (hole + 1) & mask
    for (let slot = (hole + 1) & mask; slots[slot] >= 0; slot = (slot + 1) & mask) {
      const other = slots[slot]
      const home = this.#hash(this.keys, other * this.words, this.lengths[other]) & mask
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue // still reached from its home without the hole
      slots[hole] = other
      hole = slot
    }
    slots[hole] = -1
  }
}

const MAX_PINS = 0xffff
const FIRST_CAPACITY = 256
const NONE = 0xffffffff

/** Numbers that look random, out of a seed (splitmix32). */
function oddNumbers(count: number, seed: number): Uint32Array {
  const numbers = new Uint32Array(count)
  let state = seed | 0
  for (let i = 0; i < count; i++) {
    state = (state + 0x9e3779b9) | 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    numbers[i] = (mixed ^ (mixed >>> 15)) | 1
  }
  return numbers
}
