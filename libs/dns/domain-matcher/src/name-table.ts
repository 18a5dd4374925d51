/**
 * The table of names while it grows: name -> rule set, for MatcherBuilder.
 *
 * Open addressing, with the tag beside each entry, so that doubling hashes no name again; names stand in chunks, so that growing copies
 * none. A name whose probe is longer than any chance explains is refused: a list can make the table neither slow nor large. arrange()
 * leaves all this behind, and puts the entries into the finished buffer as layout.ts wants them.
 */
import { entryRuleSet, entryWord, entryWords, filterBits } from './layout.ts'

const CHUNK_WORDS = 1 << 18
const FIRST_SLOTS = 1 << 10
const MAX_LOAD = 0.7
const MAX_PROBES = 1024
/** With the sections for MAX_NAMES, every index in the buffer stays below 2^29: doubled, it is a small integer (Matcher.match). */
const MAX_WORDS = 2 ** 28
export const MAX_NAMES = 40_000_000

export class NameTable {
  #slots = new Int32Array(2 * FIRST_SLOTS)
  #chunks: Int32Array[] = []
  #used = CHUNK_WORDS // of the last chunk
  #words = 0
  #entries = 0

  get size(): number {
    return this.#entries
  }

  /** Words of all entries together. */
  get words(): number {
    return this.#words
  }

  /** How many words the filter and the buckets want, both powers of two, the latter before the one at the end. */
  get arrangement(): { readonly filterWords: number; readonly buckets: number } {
    return {
      filterWords: Math.max(2, powerOfTwo(this.#entries / 4)),
      buckets: Math.min(Math.max(2, powerOfTwo(this.#entries / 1.5)), this.#slots.length / 2),
    }
  }

  /** The entry of this packed name, a new one with rule set 0 if there was none; -1 when there is no place for it. */
  entryOf(tag: number, name: Int32Array, end: number): number {
    if (this.#entries >= MAX_LOAD * (this.#slots.length / 2)) this.#double()
    for (;;) {
      const slots = this.#slots
      const mask = slots.length / 2 - 1
      let slot = tag & mask
      for (let probes = 0; probes < MAX_PROBES; probes++) {
        const entry = slots[2 * slot + 1]
        if (entry === 0) return this.#add(slot, tag, name, end)
        if (slots[2 * slot] === tag && this.#is(entry - 1, name, 0, end)) return entry - 1
        slot = (slot + 1) & mask
      }
      if (this.#entries < slots.length / 16) return -1
      this.#double()
    }
  }

  /** The entry of the packed name in words `from` to `end` of `name`; -1 when it is not stored. */
  find(tag: number, name: Int32Array, from: number, end: number): number {
    const slots = this.#slots
    const mask = slots.length / 2 - 1
    let slot = tag & mask
    for (let probes = 0; probes < MAX_PROBES && slots[2 * slot + 1] !== 0; probes++) {
      if (slots[2 * slot] === tag && this.#is(slots[2 * slot + 1] - 1, name, from, end)) return slots[2 * slot + 1] - 1
      slot = (slot + 1) & mask
    }
    return -1
  }

  /** Gives each entry, and where its packed name stands: words `from` to `end` of `words`. The table must not grow meanwhile. */
  visit(each: (entry: number, words: Int32Array, from: number, end: number) => void): void {
    for (let i = 1; i < this.#slots.length; i += 2) {
      const entry = this.#slots[i] - 1
      if (entry < 0) continue
      const words = this.#chunkOf(entry)
      const at = entry % CHUNK_WORDS
      each(entry, words, at + 1, at + entryWords(words[at]))
    }
  }

  ruleSet(entry: number): number {
    return entryRuleSet(this.#chunkOf(entry)[entry % CHUNK_WORDS])
  }

  setRuleSet(entry: number, ruleSet: number): void {
    const words = this.#chunkOf(entry)
    words[entry % CHUNK_WORDS] = entryWord(ruleSet, entryWords(words[entry % CHUNK_WORDS]))
  }

  /** Fills filter, buckets and entries of the finished buffer. Returns how a tag finds its bucket and its word of the filter. */
  arrange(
    target: Int32Array,
    filterAt: number,
    bucketsAt: number,
    entriesAt: number,
  ): { readonly filterShift: number; readonly bucketShift: number; readonly bucketMask: number } {
    const { filterWords, buckets } = this.arrangement
    const slots = this.#slots
    const filterShift = 32 - Math.log2(filterWords)
    // Of neighbouring slots: what lies together here will lie together there.
    const bucketShift = Math.log2(slots.length / 2 / buckets)
    const bucketMask = buckets - 1

    // First the words of each bucket, in the place after its own; then where the next entry of each bucket goes, in the same place.
    const chunks = this.#chunks
    for (let i = 0; i < slots.length; i += 2) {
      const entry = slots[i + 1] - 1
      if (entry < 0) continue
      const tag = slots[i]
      target[filterAt + (tag >>> filterShift)] |= filterBits(tag)
      const first = chunks[Math.floor(entry / CHUNK_WORDS)][entry % CHUNK_WORDS]
      target[bucketsAt + ((tag >>> bucketShift) & bucketMask) + 1] += entryWords(first)
    }
    let next = entriesAt
    target[bucketsAt] = next
    for (let bucket = 0; bucket < buckets; bucket++) {
      const words = target[bucketsAt + bucket + 1]
      target[bucketsAt + bucket + 1] = next
      next += words
    }
    for (let i = 0; i < slots.length; i += 2) {
      const entry = slots[i + 1] - 1
      if (entry < 0) continue
      const place = bucketsAt + ((slots[i] >>> bucketShift) & bucketMask) + 1
      const words = chunks[Math.floor(entry / CHUNK_WORDS)]
      const at = entry % CHUNK_WORDS
      const length = entryWords(words[at])
      let to = target[place]
      for (let j = at; j < at + length; j++) target[to++] = words[j]
      target[place] = to
    }
    return { filterShift, bucketShift, bucketMask }
  }

  #add(slot: number, tag: number, name: Int32Array, end: number): number {
    const words = 1 + end
    if (this.#words + words > MAX_WORDS) return -1
    if (this.#used + words > CHUNK_WORDS) {
      this.#chunks.push(new Int32Array(CHUNK_WORDS))
      this.#used = 0
    }
    const into = this.#chunks[this.#chunks.length - 1]
    into[this.#used] = entryWord(0, words)
    for (let i = 0; i < end; i++) into[this.#used + 1 + i] = name[i]
    const entry = (this.#chunks.length - 1) * CHUNK_WORDS + this.#used
    this.#used += words
    this.#words += words
    this.#slots[2 * slot] = tag
    this.#slots[2 * slot + 1] = entry + 1
    this.#entries++
    return entry
  }

  #is(entry: number, name: Int32Array, from: number, end: number): boolean {
    const words = this.#chunkOf(entry)
    const at = entry % CHUNK_WORDS
    if (entryWords(words[at]) !== end - from + 1) return false
    for (let i = from; i < end; i++) if (words[at + 1 + i - from] !== name[i]) return false
    return true
  }

  #chunkOf(entry: number): Int32Array {
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

/** The smallest that is not smaller. */
function powerOfTwo(atLeast: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, atLeast)))
}
