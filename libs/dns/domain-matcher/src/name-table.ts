/**
 * The table of names while it grows: name -> rule set, for MatcherBuilder.
 *
 * Names stand in chunks, so that growing copies nothing; only the slots are doubled, and the tag in each spares hashing the names again.
 * The words are those of the finished buffer (layout.ts), counted from the first entry. A name whose probe is longer than any chance
 * explains is refused: a list can make the table neither slow nor large.
 */

const CHUNK_WORDS = 1 << 18
const FIRST_SLOTS = 1 << 10
const MAX_LOAD = 0.7
export const MAX_PROBES = 1024
/** With the slots for MAX_NAMES, every index in the buffer stays below 2^29: doubled, it is a small integer (Matcher.match). */
const MAX_WORDS = 2 ** 28
export const MAX_NAMES = 40_000_000

export class NameTable {
  #slots = new Int32Array(2 * FIRST_SLOTS)
  #chunks: { words: Int32Array; octets: Uint8Array }[] = []
  #used = CHUNK_WORDS // of the last chunk
  #entries = 0

  get size(): number {
    return this.#entries
  }

  get slots(): Int32Array {
    return this.#slots
  }

  /** Words of all chunks, the unused ends included. */
  get words(): number {
    return this.#chunks.length === 0 ? 0 : (this.#chunks.length - 1) * CHUNK_WORDS + this.#used
  }

  /** The entry of this name, a new one with rule set 0 if there was none; -1 when there is no place for it. */
  entryOf(tag: number, name: Uint8Array, length: number): number {
    if (this.#entries >= MAX_LOAD * (this.#slots.length / 2)) this.#double()
    for (;;) {
      const slots = this.#slots
      const mask = slots.length / 2 - 1
      let slot = tag & mask
      for (let probes = 0; probes < MAX_PROBES; probes++) {
        const entry = slots[2 * slot + 1]
        if (entry === 0) return this.#add(slot, tag, name, length)
        if (slots[2 * slot] === tag && this.#is(entry - 1, name, length)) return entry - 1
        slot = (slot + 1) & mask
      }
      if (this.#entries < slots.length / 16) return -1
      this.#double()
    }
  }

  ruleSet(entry: number): number {
    return this.#chunkOf(entry).words[entry % CHUNK_WORDS]
  }

  setRuleSet(entry: number, ruleSet: number): void {
    this.#chunkOf(entry).words[entry % CHUNK_WORDS] = ruleSet
  }

  /** Puts slots and entries where they belong, and forgets them: the table is empty afterwards. */
  moveTo(target: Int32Array, slotsAt: number, entriesAt: number): void {
    const slots = this.#slots
    for (let i = 0; i < slots.length; i += 2) {
      const entry = slots[i + 1]
      if (entry === 0) continue
      target[slotsAt + i] = slots[i]
      target[slotsAt + i + 1] = entry - 1 + entriesAt
    }
    this.#slots = new Int32Array(2 * FIRST_SLOTS)
    const chunks = this.#chunks
    for (let i = 0; i < chunks.length; i++) {
      const { words } = chunks[i]
      target.set(i === chunks.length - 1 ? words.subarray(0, this.#used) : words, entriesAt + i * CHUNK_WORDS)
    }
    this.#chunks = []
    this.#used = CHUNK_WORDS
    this.#entries = 0
  }

  #add(slot: number, tag: number, name: Uint8Array, length: number): number {
    const words = 1 + ((length + 3) >>> 2)
    if (this.words + words > MAX_WORDS) return -1
    if (this.#used + words > CHUNK_WORDS) {
      const buffer = new ArrayBuffer(CHUNK_WORDS * 4)
      this.#chunks.push({ words: new Int32Array(buffer), octets: new Uint8Array(buffer) })
      this.#used = 0
    }
    const { octets } = this.#chunks[this.#chunks.length - 1]
    const entry = (this.#chunks.length - 1) * CHUNK_WORDS + this.#used
    for (let i = 0, at = (this.#used + 1) * 4; i < length; i++) octets[at++] = name[i]
    this.#used += words
    this.#slots[2 * slot] = tag
    this.#slots[2 * slot + 1] = entry + 1
    this.#entries++
    return entry
  }

  #is(entry: number, name: Uint8Array, length: number): boolean {
    const { octets } = this.#chunkOf(entry)
    for (let i = 0, at = ((entry % CHUNK_WORDS) + 1) * 4; i < length; i++) if (octets[at++] !== name[i]) return false
    return true
  }

  #chunkOf(entry: number): { words: Int32Array; octets: Uint8Array } {
    return this.#chunks[Math.floor(entry / CHUNK_WORDS)]
  }

  #double(): void {
    const old = this.#slots
    const slots = new Int32Array(old.length * 2)
    const mask = slots.length / 2 - 1
    for (let i = 0; i < old.length; i += 2) {
      if (old[i + 1] === 0) continue
      let slot = old[i] & mask
      while (slots[2 * slot + 1] !== 0) slot = (slot + 1) & mask
      slots[2 * slot] = old[i]
      slots[2 * slot + 1] = old[i + 1]
    }
    this.#slots = slots
  }
}
