/**
 * Prefixes of one family as numbers, and a few octets about each: the memory under route-table.ts.
 *
 *   slots       [ 8 | 0 | 4 | 1 | 0 ... ]      hash table of prefix numbers plus one, 0 for empty; at least half is empty
 *   old slots   [ 8 | x | x | 1 | 0 ... ]      while the hash table grows: the smaller one, emptied a few slots at a change; x: moved or gone
 *   keys        [ word(s) of prefix 0 | of 1 | ... ]      1 word for IPv4, 4 for IPv6, most significant first
 *   lengths     [ 32 | 24 | ... ]              bits of the prefix
 *   attributes  [ 5 | 0 | ... ]                number of its attribute set; 0: no route any more, but a follower needs the number
 *   pins        [ 2 | 1 | ... ]                how many followers need it: their peer has it, or must still get the withdrawal
 *
 * With a million routes, growing in one go would take tens of milliseconds. So slots move a few at a time, and the columns grow one after
 * another before they are full.
 *
 * A number is used again when the route is gone and no follower pins it; free numbers are chained through `keys`. The hash has a seed, because
 * strangers choose the addresses.
 */

export class PrefixTable {
  /** 32-bit words per prefix. */
  readonly words: 1 | 4
  keys: Uint32Array
  /** While the keys grow: the larger array. It is copied a piece at a time, and written together with the present one. */
  #nextKeys: Uint32Array | undefined
  #keysCopied = 0 // words of them
  lengths: Uint8Array
  attributes: Uint32Array
  /** All numbers ever used are below it. */
  highWater = 0
  /** Routes: numbers with attributes. */
  size = 0
  #pins: Uint16Array
  #slots: Int32Array<ArrayBuffer>
  #oldSlots: Int32Array<ArrayBuffer> = NO_SLOTS
  #oldMovedTo = 0 // old slots below it are moved
  #used = 0 // numbers in use, routes or pinned
  #firstFree = NONE
  #growStep = 0
  #growAt = (FIRST_CAPACITY / 128) * 124
  readonly #multipliers: Uint32Array

  constructor(words: 1 | 4, seed: number) {
    this.words = words
    this.keys = new Uint32Array(FIRST_CAPACITY * words)
    this.lengths = new Uint8Array(FIRST_CAPACITY)
    this.attributes = new Uint32Array(FIRST_CAPACITY)
    this.#pins = new Uint16Array(FIRST_CAPACITY)
    this.#slots = new Int32Array(FIRST_CAPACITY * 2)
    this.#multipliers = oddNumbers(2 * words + 1, seed)
  }

  /** How many numbers all columns have room for. */
  get capacity(): number {
    return this.lengths.length
  }

  get sizeBytes(): number {
    return [this.keys, this.#nextKeys ?? NO_SLOTS, this.lengths, this.attributes, this.#pins, this.#slots, this.#oldSlots].reduce(
      (sum, column) => sum + column.byteLength,
      0,
    )
  }

  /** The number of a prefix, or -1. */
  find(key: Uint32Array, lengthBits: number): number {
    return this.#find(this.#hash(key, 0, lengthBits), key, lengthBits)
  }

  /** The number of a prefix: its own, or a new one. */
  intern(key: Uint32Array, lengthBits: number): number {
    const hash = this.#hash(key, 0, lengthBits)
    const known = this.#find(hash, key, lengthBits)
    if (known >= 0) return known
    if (2 * (this.#used + 1) > this.#slots.length) this.#growSlots()
    if (this.#oldSlots.length > 0) this.#moveOn(SLOTS_PER_STEP)
    const id = this.#newId()
    for (let word = 0; word < this.words; word++) this.#writeKey(id * this.words + word, key[word])
    this.lengths[id] = lengthBits
    this.#put(id, hash)
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

  /** Frees the number if it is no route and no follower pins it. */
  freeIfUnused(id: number): void {
    if (this.attributes[id] !== 0 || this.#pins[id] !== 0) return
    this.#removeFromSlots(id)
    this.#writeKey(id * this.words, this.#firstFree)
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

  /** Sum of half words times odd numbers from the seed (multiply-shift), with the high bits folded down. */
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
    if (this.highWater >= this.#growAt) this.#growColumns()
    return this.highWater++
  }

  /** One step of growing: each column at a time of its own, the last one when all room is used. */
  #growColumns(): void {
    const room = this.capacity
    const part = room / 128
    switch (this.#growStep) {
      case 0:
        this.#nextKeys = new Uint32Array(2 * room * this.words)
        this.#growAt = Math.min(126 * part, this.highWater + KEYS_PERIOD)
        break
      case 1:
        this.#growAt = Math.min(126 * part, this.highWater + KEYS_PERIOD)
        if (this.highWater < 126 * part) return this.#copyKeys(64 * KEYS_PERIOD * this.words)
        this.#finishKeys()
        this.#growAt = 127 * part
        break
      case 2:
        this.attributes = grown(this.attributes, new Uint32Array(2 * room))
        this.#growAt = 127.5 * part
        break
      case 3:
        this.#pins = grown(this.#pins, new Uint16Array(2 * room))
        this.#growAt = room
        break
      case 4:
        this.lengths = grown(this.lengths, new Uint8Array(2 * room))
        this.#growAt = 2 * 124 * part
    }
    this.#growStep = (this.#growStep + 1) % 5
  }

  #writeKey(at: number, word: number): void {
    this.keys[at] = word
    if (this.#nextKeys !== undefined) this.#nextKeys[at] = word
  }

  #copyKeys(words: number): void {
    const end = Math.min(this.keys.length, this.#keysCopied + words)
    this.#nextKeys?.set(this.keys.subarray(this.#keysCopied, end), this.#keysCopied)
    this.#keysCopied = end
  }

  #finishKeys(): void {
    this.#copyKeys(Infinity)
    this.keys = this.#nextKeys ?? this.keys
    this.#nextKeys = undefined
    this.#keysCopied = 0
  }

  #find(hash: number, key: Uint32Array, lengthBits: number): number {
    const id = this.#findIn(this.#slots, hash, key, lengthBits)
    return id < 0 && this.#oldSlots.length > 0 ? this.#findIn(this.#oldSlots, hash, key, lengthBits) : id
  }

  #findIn(slots: Int32Array, hash: number, key: Uint32Array, lengthBits: number): number {
    const mask = slots.length - 1
    for (let slot = hash & mask; slots[slot] !== EMPTY; slot = (slot + 1) & mask) {
      const id = slots[slot] - 1
      if (id >= 0 && this.#holds(id, key, lengthBits)) return id
    }
    return -1
  }

  #put(id: number, hash: number): void {
    const slots = this.#slots
    const mask = slots.length - 1
    let slot = hash & mask
    while (slots[slot] !== EMPTY) slot = (slot + 1) & mask
    slots[slot] = id + 1
  }

  /** Doubles the slots. Later changes move the old slots, long before the new ones are full. */
  #growSlots(): void {
    this.#moveOn(this.#oldSlots.length)
    this.#oldSlots = this.#slots
    this.#oldMovedTo = 0
    this.#slots = new Int32Array(this.#oldSlots.length * 2)
  }

  #moveOn(count: number): void {
    const old = this.#oldSlots
    const end = Math.min(old.length, this.#oldMovedTo + count)
    for (let slot = this.#oldMovedTo; slot < end; slot++) {
      const id = old[slot] - 1
      if (id < 0) continue
      this.#put(id, this.#hash(this.keys, id * this.words, this.lengths[id]))
      old[slot] = GONE // not empty: searches for entries behind it continue here
    }
    this.#oldMovedTo = end
    if (end === old.length) this.#oldSlots = NO_SLOTS
  }

  #removeFromSlots(id: number): void {
    const hash = this.#hash(this.keys, id * this.words, this.lengths[id])
    const old = this.#oldSlots
    if (old.length > 0) {
      const mask = old.length - 1
      for (let slot = hash & mask; old[slot] !== EMPTY; slot = (slot + 1) & mask)
        if (old[slot] === id + 1) {
          old[slot] = GONE
          return
        }
    }
    this.#close(hash, id)
  }

  /** Empties a slot and moves up the entries that were pushed past it, so that no search ends too early (no tombstones). */
  #close(hash: number, id: number): void {
    const slots = this.#slots
    const mask = slots.length - 1
    let hole = hash & mask
    while (slots[hole] !== id + 1) hole = (hole + 1) & mask
    for (let slot = (hole + 1) & mask; slots[slot] !== EMPTY; slot = (slot + 1) & mask) {
      const other = slots[slot] - 1
      const home = this.#hash(this.keys, other * this.words, this.lengths[other]) & mask
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue // still reached from its home without the hole
      slots[hole] = slots[slot]
      hole = slot
    }
    slots[hole] = EMPTY
  }
}

const MAX_PINS = 0xffff
const FIRST_CAPACITY = 256
const NONE = 0xffffffff
const EMPTY = 0
const GONE = -1
const NO_SLOTS = new Int32Array(0)
/** New numbers between two pieces of copied keys; all pieces are copied while a 64th of the room is used. */
const KEYS_PERIOD = 256
/** Old slots moved for each new prefix: all are moved when the table is a sixteenth fuller. */
const SLOTS_PER_STEP = 16

function grown<Column extends Uint32Array | Uint16Array | Uint8Array>(column: Column, larger: Column): Column {
  larger.set(column)
  return larger
}

/** Odd pseudo-random numbers from a seed (splitmix32). */
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
