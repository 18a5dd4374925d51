/**
 * The names of a matcher that is being built, each with the set of its rules. For MatcherBuilder.
 *
 * A name is put at the end of one of 256 parts, chosen by the highest bits of its tag; nothing is looked up. settle() then sorts
 * each part by tag and makes one record of those with the same name. A part of a million names fits the processor's near cache, where
 * one table of all names misses it with every name. arrange() copies part by part into the finished buffer, whose buckets are in the order of tags too,
 * and gives the memory of each part back when it is copied: the names stand in memory once, not twice.
 *
 *     record        rule set and size of the entry (layout.ts), tag, packed name
 *     part          settled records, by tag, each name once; then new ones, in the order in which they came
 */
import { entryRuleSet, entryWord, entryWords, filterBits } from './layout.ts'
import { ReleasableWords } from './releasable-words.ts'
import { TagSorter } from './sort-by-tag.ts'

/** The rule set of a name that has `before` and now also `added`, the set of one rule; 0: the name is new. */
export type MergeRuleSets = (before: number, added: number) => number

export class CollectedNames {
  readonly #parts = Array.from({ length: PARTS }, () => new ReleasableWords())
  /** Of each part: how many words are settled, and how many records there are. */
  readonly #settledWords = new Uint32Array(PARTS)
  readonly #records = new Uint32Array(PARTS)
  // New records wait here, and go to their part in larger pieces.
  readonly #waiting = new Int32Array(PARTS * WAITING_WORDS)
  readonly #waitingEnd = new Uint16Array(PARTS)
  #total = 0
  #words = 0
  #isFull = false
  // The part that is being worked on, and the same part sorted.
  #scratch = new Int32Array(0)
  #sorted = new Int32Array(0)
  readonly #sorter = new TagSorter()
  /** Of parts that find() looked into: where their records begin. */
  readonly #places = new Map<number, Int32Array>()
  readonly #merge: MergeRuleSets
  readonly #maxNames: number

  constructor(maxNames: number, merge: MergeRuleSets) {
    this.#maxNames = Math.min(maxNames, MAX_NAMES)
    this.#merge = merge
  }

  /** Names after settle(); before it, a name counts as often as it was added. */
  get size(): number {
    return this.#total
  }

  /** Words of all entries, as they will stand in the buffer. */
  get words(): number {
    return this.#words
  }

  /** How many words the filter and the buckets want, both powers of two, the latter before the one at the end. */
  get arrangement(): { readonly filterWords: number; readonly buckets: number } {
    return {
      filterWords: Math.max(2, powerOfTwo(this.#total / 4)),
      buckets: Math.max(2, powerOfTwo(this.#total / 1.5)),
    }
  }

  /** False: there is no room. `ruleSet` is the set of one rule. */
  add(tag: number, ruleSet: number, name: Int32Array, end: number): boolean {
    if ((this.#total >= this.#maxNames || this.#words >= MAX_WORDS) && !this.#makeRoom()) return false
    const part = tag >>> PART_SHIFT
    const waiting = this.#waiting
    let at = this.#waitingEnd[part]
    if (at + end + 2 > WAITING_WORDS) {
      this.#flush(part)
      at = 0
    }
    this.#waitingEnd[part] = at + end + 2
    at += part * WAITING_WORDS
    waiting[at] = entryWord(ruleSet, end + 1)
    waiting[at + 1] = tag
    for (let i = 0; i < end; i++) waiting[at + 2 + i] = name[i]
    this.#records[part]++
    this.#total++
    this.#words += end + 1
    return true
  }

  /** Makes one record of those with the same name. The rule sets of a name are merged in the order in which they were added. */
  settle(): void {
    for (let part = 0; part < PARTS; part++) {
      this.#flush(part)
      if (this.#parts[part].length > this.#settledWords[part]) this.#settlePart(part)
    }
  }

  /** Gives each settled name: words `from` to `end` of `words`, which are valid until the next. */
  visit(each: (ruleSet: number, words: Int32Array, from: number, end: number) => void): void {
    for (let part = 0; part < PARTS; part++) {
      const length = this.#load(part)
      const words = this.#scratch
      for (let at = 0; at < length; at += recordWords(words[at]))
        each(entryRuleSet(words[at]), words, at + 2, at + recordWords(words[at]))
    }
  }

  /** The rule set of a settled name that stands in words `from` to `end` of `name`; -1: there is none. For a few names: this is slow. */
  find(tag: number, name: Int32Array, from: number, end: number): number {
    const part = tag >>> PART_SHIFT
    const words = this.#parts[part]
    const places = this.#placesOf(part)
    let low = 0
    for (let high = places.length; low < high;) {
      const middle = (low + high) >>> 1
      if (words.at(places[middle] + 1) >>> 0 < tag >>> 0) low = middle + 1
      else high = middle
    }
    for (; low < places.length && words.at(places[low] + 1) === tag; low++) {
      const at = places[low]
      if (entryWords(words.at(at)) !== end - from + 1) continue
      let i = from
      while (i < end && words.at(at + 2 + i - from) === name[i]) i++
      if (i === end) return entryRuleSet(words.at(at))
    }
    return -1
  }

  /** Fills filter, buckets and entries of the finished buffer. Returns how a tag finds its bucket and its word of the filter. Nothing is left here. */
  arrange(
    target: Int32Array,
    filterAt: number,
    bucketsAt: number,
    entriesAt: number,
  ): { readonly filterShift: number; readonly bucketShift: number; readonly bucketMask: number } {
    const { filterWords, buckets } = this.arrangement
    const filterShift = 32 - Math.log2(filterWords)
    const bucketShift = 32 - Math.log2(buckets)
    let to = entriesAt
    let bucket = 0 // the first whose entries begin at `to` or later
    for (let part = 0; part < PARTS; part++) {
      const length = this.#load(part)
      this.#parts[part].release()
      const words = this.#scratch
      for (let at = 0; at < length;) {
        const tag = words[at + 1]
        target[filterAt + (tag >>> filterShift)] |= filterBits(tag)
        for (const own = tag >>> bucketShift; bucket <= own; bucket++) target[bucketsAt + bucket] = to
        const end = at + recordWords(words[at])
        target[to++] = words[at]
        for (at += 2; at < end; at++) target[to++] = words[at]
      }
    }
    for (; bucket <= buckets; bucket++) target[bucketsAt + bucket] = to
    return { filterShift, bucketShift, bucketMask: buckets - 1 }
  }

  /** Repeated names may be what fills the limit. Only where they were many does it pay to go on, and to look again later. */
  #makeRoom(): boolean {
    if (this.#isFull) return false
    this.settle()
    this.#isFull = this.#total > FULL * this.#maxNames || this.#words > FULL * MAX_WORDS
    return !this.#isFull
  }

  #flush(part: number): void {
    const from = part * WAITING_WORDS
    if (this.#waitingEnd[part] > 0) this.#parts[part].append(this.#waiting.subarray(from, from + this.#waitingEnd[part]))
    this.#waitingEnd[part] = 0
  }

  /** Copies a part to #scratch; returns how many words it has. */
  #load(part: number): number {
    const { length } = this.#parts[part]
    if (this.#scratch.length < length) this.#scratch = new Int32Array(Math.ceil(length * ROOM_TO_SPARE))
    this.#parts[part].copyTo(this.#scratch)
    return length
  }

  #placesOf(part: number): Int32Array {
    let places = this.#places.get(part)
    if (places === undefined) {
      places = new Int32Array(this.#records[part])
      const words = this.#parts[part]
      for (let at = 0, record = 0; at < words.length; at += recordWords(words.at(at)), record++) places[record] = at
      this.#places.set(part, places)
    }
    return places
  }

  #settlePart(part: number): void {
    this.#places.delete(part)
    const length = this.#load(part)
    const words = this.#scratch
    const settledEnd = this.#settledWords[part]
    const count = this.#records[part]
    this.#sorter.makeRoom(count)
    const { places, tags } = this.#sorter
    for (let at = 0, record = 0; at < length; at += recordWords(words[at]), record++) {
      places[record] = at
      tags[record] = words[at + 1]
    }
    const order = this.#sorter.sort(count)

    if (this.#sorted.length < length) this.#sorted = new Int32Array(this.#scratch.length)
    const sorted = this.#sorted
    let end = 0
    let names = 0
    let same = 0 // where in `sorted` the names with the tag of this record begin
    for (let i = 0; i < count; i++) {
      const at = places[order[i]]
      const isSettled = at < settledEnd
      if (end > 0 && sorted[same + 1] !== words[at + 1]) same = end
      const known = isSettled ? -1 : placeOfSame(words, at, sorted, same, end)
      if (known >= 0) {
        const merged = this.#merge(entryRuleSet(sorted[known]), entryRuleSet(words[at]))
        sorted[known] = entryWord(merged, entryWords(sorted[known]))
        continue
      }
      names++
      const size = recordWords(words[at])
      sorted[end] = isSettled ? words[at] : entryWord(this.#merge(0, entryRuleSet(words[at])), entryWords(words[at]))
      for (let j = 1; j < size; j++) sorted[end + j] = words[at + j]
      end += size
    }
    this.#total -= count - names
    this.#words -= length - end - (count - names)
    this.#records[part] = names
    this.#settledWords[part] = end
    this.#parts[part].replace(sorted.subarray(0, end))
  }
}

function recordWords(first: number): number {
  return entryWords(first) + 1
}

/** Where between `from` and `end` of `sorted`, whose records have one tag, the name of the record at `at` stands; -1: nowhere. */
function placeOfSame(words: Int32Array, at: number, sorted: Int32Array, from: number, end: number): number {
  const size = entryWords(words[at])
  for (let place = from; place < end; place += recordWords(sorted[place])) {
    if (entryWords(sorted[place]) !== size) continue
    let i = 1
    while (i <= size && sorted[place + i] === words[at + i]) i++
    if (i > size) return place
  }
  return -1
}

/** The smallest that is not smaller. */
function powerOfTwo(atLeast: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, atLeast)))
}

const PARTS = 256
const PART_SHIFT = 24
/** More than the longest record. */
const WAITING_WORDS = 256
const FULL = 7 / 8
const ROOM_TO_SPARE = 1.25
/** With the sections for MAX_NAMES, every index in the buffer stays below 2^29: doubled, it is a small integer (Matcher.match). */
const MAX_WORDS = 2 ** 28
export const MAX_NAMES = 40_000_000
