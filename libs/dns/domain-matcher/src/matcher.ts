/**
 * Is this name, or a name above it, listed? And which lists does it feed?
 *
 * Ingest asks match() for every name on every chain; everything else here is for names that matched, and for operators. It reads the
 * buffer that MatcherBuilder made (layout.ts draws it) and copies nothing, so that taking over a million names costs the event loop microseconds.
 *
 * match() goes through a name once, from the root, packing its labels (packed-name.ts) and carrying the hash along; at each depth at which
 * names are stored it looks up the labels packed so far. For each hit, two bits per rule set say what its rules do to the name. The deepest
 * hit fixes the rules of all hits above it. So the verdict's number is made of its entry and of "is the name deeper?", and only verdict() makes
 * objects of it. Wildcards, keywords and regular expressions (text-rules.ts) are tried where there are any; names that they match take the
 * slow way through decide.ts. explain-hits.ts says in words why a name is listed.
 *
 * The obvious twin is in matcher.test.ts, the gain in bench/matcher.bench.ts.
 */
import { textToName } from '@dnstap-bgp/dns-wire'
import { normalizeName, RuleKind } from '@dnstap-bgp/domain-list'
import { feedingRules, reachingRules, specificityOf } from './decide.ts'
import { explainHits, feedOf, type MatchExplanation, type Feed, type Hit } from './explain-hits.ts'
import { hashKeyOf, hashWords, tagOf } from './hash.ts'
import type { HashKey } from './hash.ts'
import { KeywordAutomaton } from './keyword-automaton.ts'
import {
  atomIsException,
  atomIsImportant,
  atomKind,
  atomList,
  Effect,
  entryRuleSet,
  entryWords,
  filterBits,
  Header,
  HEADER_WORDS,
  MAGIC,
  MAX_LABELS,
} from './layout.ts'
import type { ListCounts, TextRule, WildcardShape } from './layout.ts'
import { labelWords, MAX_PACKED_WORDS, packedToText, packLabel, STAR } from './packed-name.ts'
import { appliesTo } from './rule-sets.ts'
import { ruleText } from './rule-text.ts'
import { readText, TextRules } from './text-rules.ts'

export const NO_MATCH = -1

/** Numbers from here on are verdicts of names that more than plain rules matched. */
const FIRST_COMBINATION = 2 ** 30
const MAX_KEPT_VERDICTS = 65_536
/** A few milliseconds of work. */
const NAMES_A_TURN = 4096

/** Of a plain hit with wildcards, keywords and regular expressions. */
interface Combination {
  readonly id: number
  readonly feeds: readonly Feed[]
}

export class Matcher {
  readonly lists: readonly ListCounts[]
  /** Distinct stored names, all lists together. */
  readonly names: number
  readonly rules: number
  readonly sizeBytes: number
  /** What the matcher lives in; another thread may build a Matcher of it too. */
  readonly buffer: ArrayBufferLike
  readonly #words: Int32Array
  readonly #flags: Uint8Array
  readonly #filter: number
  readonly #filterShift: number
  readonly #buckets: number
  readonly #bucketShift: number
  readonly #bucketMask: number
  readonly #key: HashKey
  readonly #deepest: number
  readonly #storedAt: Uint8Array // by number of labels: are there names?
  readonly #shapes: readonly (readonly WildcardShape[])[] // by number of labels
  readonly #text: TextRules
  readonly #hasMore: boolean // wildcards, keywords or regular expressions

  // Scratch of the match going on.
  readonly #labels = new Int32Array(MAX_LABELS)
  readonly #packed = new Int32Array(MAX_PACKED_WORDS)
  // Of the name's last labels, by how many: their hash, and where their words end.
  readonly #hashes = new Int32Array(MAX_LABELS + 1)
  readonly #ends = new Uint8Array(MAX_LABELS + 1)
  readonly #packedWildcard = new Int32Array(MAX_PACKED_WORDS)
  readonly #wildcards: number[] = []
  readonly #textHits: number[] = []

  readonly #verdicts = new Map<number, readonly Feed[]>()
  readonly #combinations = new Map<string, Combination>()
  #nextCombination = FIRST_COMBINATION

  /** `now`, if given, limits the time that regular expressions may take (regexp-budget.ts): milliseconds that only grow, with fractions. */
  constructor(buffer: ArrayBufferLike, options: { readonly now?: () => number } = {}) {
    const words = new Int32Array(buffer)
    if (words.length < HEADER_WORDS || words[Header.magic] !== MAGIC) throw new TypeError('these bytes are no matcher')
    this.buffer = buffer
    this.sizeBytes = buffer.byteLength
    this.#words = words
    this.#flags = new Uint8Array(buffer, words[Header.flags] * 4, 2 * words[Header.ruleSets])
    this.#filter = words[Header.filter]
    this.#filterShift = words[Header.filterShift]
    this.#buckets = words[Header.buckets]
    this.#bucketShift = words[Header.bucketShift]
    this.#bucketMask = words[Header.bucketMask]
    this.#key = hashKeyOf(words[Header.seed])
    this.#deepest = words[Header.deepest]
    this.#storedAt = new Uint8Array(MAX_LABELS + 1)
    for (let labels = 0; labels <= MAX_LABELS; labels++)
      this.#storedAt[labels] = (words[Header.depths + (labels >>> 5)] >>> (labels & 31)) & 1
    this.names = words[Header.names]
    this.rules = words[Header.rules]
    const text = readText(buffer, words[Header.text], words[Header.textLength])
    this.lists = text.lists
    const shapes: WildcardShape[][] = Array.from({ length: MAX_LABELS + 1 }, () => [])
    for (const shape of text.shapes) shapes[shape.labels].push(shape)
    this.#shapes = shapes
    const automaton = words[Header.automatonWords] > 0 ? new KeywordAutomaton(buffer, words[Header.automaton]) : undefined
    this.#text = new TextRules(text, automaton, options.now)
    this.#hasMore = text.shapes.length > 0 || text.textRules.length > 0
  }

  /** The verdict on an uncompressed wire-format name in any letter case: its number, or NO_MATCH when it feeds no list. */
  match(bytes: Uint8Array, offset: number): number {
    const labels = this.#labels
    const count = this.#findLabels(bytes, offset)
    if (count < 0) return NO_MATCH
    const storedAt = this.#storedAt
    const packed = this.#packed
    const hashes = this.#hashes
    const ends = this.#ends
    const key = this.#key
    const deepest = count < this.#deepest ? count : this.#deepest
    let end = 0
    let hash = key.root
    let hit = 0 // the deepest entry that says anything about this name
    let isBelow = 0
    let feedsAt = -1
    let exceptsAt = -1
    let effects = 0
    for (let depth = 0; ; depth++) {
      hashes[depth] = hash
      ends[depth] = end
      if (storedAt[depth] === 1) {
        const entry = this.#find(tagOf(hash), packed, end)
        if (entry !== 0) {
          const below = depth < count ? 1 : 0
          const effect = this.#flags[2 * entryRuleSet(this.#words[entry]) + below]
          if (effect !== 0) {
            hit = entry
            isBelow = below
            effects |= effect
            if ((effect & Effect.feeds) !== 0) feedsAt = depth
            if ((effect & Effect.excepts) !== 0) exceptsAt = depth
          }
        }
      }
      if (depth === deepest) break
      const from = end
      end = packLabel(packed, from, bytes, labels[count - 1 - depth])
      hash = hashWords(hash, key, packed, from, end)
    }
    if ((effects & Effect.exceptsImportant) !== 0) return NO_MATCH
    const hasMoreHits = this.#hasMore && this.#matchMore(bytes, offset, count)
    if (this.#text.isExceptionUntried) return NO_MATCH
    if (hasMoreHits || (effects & Effect.encloses) !== 0) return this.#combine(2 * hit + isBelow)
    if ((effects & Effect.feedsImportant) !== 0 || feedsAt > exceptsAt) return 2 * hit + isBelow
    return NO_MATCH
  }

  /**
   * The lists that feed, in the order they were added, each with the rule that decides. Ask at once: a number
   * stays good only until tens of thousands of other verdicts were given. The same number gives the same object.
   */
  verdict(id: number): readonly Feed[] {
    let verdict = this.#verdicts.get(id)
    if (verdict === undefined) {
      if (!(id >= 0 && id < FIRST_COMBINATION)) throw new RangeError(`${id} is no verdict, or one of long ago`)
      verdict = this.#keep(id, this.#feeds(feedingRules(this.#plainHits(id))))
    }
    return verdict
  }

  /**
   * Compiles the regular expressions, one for each step. Otherwise each is compiled when a name first needs it, and thousands of them would
   * hold the event loop for long. Call it before this matcher takes the place of another.
   */
  prepare(): Generator<void> {
    return this.#text.prepare()
  }

  /** By list, in the order of `lists`: how often a regular expression was not tried because the name would have taken too long. */
  get untriedRegexps(): readonly number[] {
    return this.#text.untried
  }

  /** Which rules match this name, and which of them decide. Undefined when it is no DNS name; U-labels are accepted. */
  explain(nameText: string): MatchExplanation | undefined {
    const text = nameText === '.' ? nameText : normalizeName(nameText).name
    const name = text === undefined ? undefined : textToName(text)
    if (text === undefined || name === undefined) return undefined
    const hits = this.#allHits(name)
    return explainHits(text, hits, this.#text.isExceptionUntried, this.lists)
  }

  /** All rules of one list: those at a stored name, packed, then keywords and regular expressions. */
  visitRules(
    list: number,
    name: (kind: RuleKind, words: Int32Array, from: number, end: number, exception: boolean, important: boolean) => void,
    text: (kind: RuleKind, text: string, exception: boolean, important: boolean) => void,
  ): void {
    for (const entry of this.entries())
      for (const atom of this.atomsOf(this.ruleSetOf(entry)))
        if (atomList(atom) === list)
          name(atomKind(atom), this.#words, entry + 1, this.#endOf(entry), atomIsException(atom), atomIsImportant(atom))
    for (const rule of this.textRules) if (rule.list === list) text(rule.kind, rule.text, rule.exception, rule.important)
  }

  /** The names that a list has exactly, and not with their subdomains alone; undefined now and then, so that the caller can give others a turn. */
  *exactNames(): Generator<string | undefined> {
    const isExact = new Map<number, boolean>()
    let seen = 0
    for (const entry of this.entries()) {
      if (++seen % NAMES_A_TURN === 0) yield undefined
      const ruleSet = this.ruleSetOf(entry)
      let wanted = isExact.get(ruleSet)
      if (wanted === undefined) {
        wanted = this.atomsOf(ruleSet).some((atom) => atomKind(atom) === RuleKind.exact && !atomIsException(atom))
        isExact.set(ruleSet, wanted)
      }
      if (!wanted) continue
      const name = packedToText(this.#words, entry + 1, this.#endOf(entry))
      const wire = textToName(name)
      if (wire !== undefined && this.match(wire, 0) !== NO_MATCH) yield name
    }
  }

  // For compareMatchers.

  *entries(): Generator<number> {
    const end = this.#words[Header.entriesEnd]
    for (let entry = this.#words[Header.entries]; entry < end; entry += entryWords(this.#words[entry])) yield entry
  }

  get textRules(): readonly TextRule[] {
    return this.#text.rules
  }

  ruleSetOf(entry: number): number {
    return entryRuleSet(this.#words[entry])
  }

  atomsOf(ruleSet: number): Int32Array {
    const start = this.#words[Header.ruleSetStarts] + ruleSet
    const atoms = this.#words[Header.atoms]
    return this.#words.subarray(atoms + this.#words[start], atoms + this.#words[start + 1])
  }

  /** Of the name that another matcher has as this entry; -1 when it is not stored here. */
  ruleSetOfSame(other: Matcher, entry: number): number {
    const end = other.#endOf(entry) - entry - 1
    for (let i = 0; i < end; i++) this.#packed[i] = other.#words[entry + 1 + i]
    const found = this.#find(tagOf(hashWords(this.#key.root, this.#key, this.#packed, 0, end)), this.#packed, end)
    return found === 0 ? -1 : this.ruleSetOf(found)
  }

  /** Where the labels of a name in wire format begin, into #labels; returns how many, -1 when it is no name. */
  #findLabels(bytes: Uint8Array, offset: number): number {
    const labels = this.#labels
    let count = 0
    let at = offset
    for (let length = bytes[at]; length !== 0; length = bytes[at]) {
      if (!(length <= 63) || count === MAX_LABELS) return -1 // a pointer, or the bytes end
      labels[count++] = at
      at += length + 1
    }
    return count
  }

  /** Packs all of a name in wire format, as match() does on its way; returns how many labels it has, -1 when it is no name. */
  #pack(bytes: Uint8Array, offset: number): number {
    const count = this.#findLabels(bytes, offset)
    let end = 0
    for (let i = count - 1; i >= 0; i--) end = packLabel(this.#packed, end, bytes, this.#labels[i])
    return count < 0 ? count : this.#noteLabels(end)
  }

  /** The same for the name of an entry without stars. */
  #packEntry(entry: number): number {
    const end = this.#endOf(entry) - entry - 1
    for (let at = 0; at < end; at++) this.#packed[at] = this.#words[entry + 1 + at]
    return this.#noteLabels(end)
  }

  /** Of the packed name that takes so many words, each label's hash and end; returns how many labels there are. */
  #noteLabels(end: number): number {
    let count = 0
    let hash = this.#key.root
    this.#hashes[0] = hash
    this.#ends[0] = 0
    for (let from = 0; from < end;) {
      const behind = from + labelWords(this.#packed[from])
      hash = hashWords(hash, this.#key, this.#packed, from, behind)
      from = behind
      this.#hashes[++count] = hash
      this.#ends[count] = from
    }
    return count
  }

  #endOf(entry: number): number {
    return entry + entryWords(this.#words[entry])
  }

  /** The entry of this packed name, or 0. */
  #find(tag: number, packed: Int32Array, end: number): number {
    const words = this.#words
    const bits = filterBits(tag)
    if ((words[this.#filter + (tag >>> this.#filterShift)] & bits) !== bits) return 0
    const bucket = this.#buckets + ((tag >>> this.#bucketShift) & this.#bucketMask)
    const behind = words[bucket + 1]
    for (let entry = words[bucket]; entry < behind; entry += entryWords(words[entry])) {
      if (entryWords(words[entry]) !== end + 1) continue
      let at = end // from the last word: the first ones are those of com, in half of all names
      while (at > 0 && words[entry + at] === packed[at - 1]) at--
      if (at === 0) return entry
    }
    return 0
  }

  /** Do wildcards, keywords or regular expressions match the name that was packed last? Leaves them in #wildcards and #textHits. */
  #matchMore(bytes: Uint8Array, offset: number, count: number): boolean {
    const wildcards = this.#wildcards
    const textHits = this.#textHits
    wildcards.length = 0
    textHits.length = 0
    for (const shape of this.#shapes[count]) {
      const entry = this.#findWildcard(shape)
      if (entry !== 0) wildcards.push(entry)
    }
    this.#text.match(bytes, offset, textHits)
    return wildcards.length > 0 || textHits.length > 0
  }

  /** With stars for some labels of the name that was packed last. */
  #findWildcard({ labels, stars }: WildcardShape): number {
    const key = this.#key
    const name = this.#packed
    const wildcard = this.#packedWildcard
    let end = 0
    let star = 0
    for (let depth = 0; depth < labels; depth++) {
      if (stars[star] === depth) {
        wildcard[end++] = STAR
        star++
      } else for (let at = this.#ends[depth]; at < this.#ends[depth + 1]; at++) wildcard[end++] = name[at]
    }
    const same = this.#ends[stars[0]]
    return this.#find(tagOf(hashWords(this.#hashes[stars[0]], key, wildcard, same, end)), wildcard, end)
  }

  /** The verdict of what #matchMore found together with the plain hit. */
  #combine(plain: number): number {
    const key = `${plain},${this.#wildcards.join()};${this.#textHits.join()}`
    let known = this.#combinations.get(key)
    if (known === undefined) {
      const feeds = this.#feeds(feedingRules(reachingRules([...this.#plainHits(plain), ...this.#moreHits()])))
      known = { id: feeds.length === 0 ? NO_MATCH : this.#nextCombination, feeds }
      if (known.id !== NO_MATCH) this.#nextCombination = known.id === 2 ** 31 - 1 ? FIRST_COMBINATION : known.id + 1
      if (this.#combinations.size >= MAX_KEPT_VERDICTS) forgetOldest(this.#combinations)
      this.#combinations.set(key, known)
    }
    // Other verdicts may have pushed it out.
    if (known.id !== NO_MATCH && !this.#verdicts.has(known.id)) this.#keep(known.id, known.feeds)
    return known.id
  }

  #keep(id: number, feeds: readonly Feed[]): readonly Feed[] {
    if (this.#verdicts.size >= MAX_KEPT_VERDICTS) forgetOldest(this.#verdicts)
    this.#verdicts.set(id, feeds)
    return feeds
  }

  /** The rules behind a number: those of its entry, and of the names above that. */
  #plainHits(id: number): Hit[] {
    const entry = id >>> 1
    if (entry === 0) return []
    return this.#hitsOf(this.#packEntry(entry), (id & 1) === 1)
  }

  /** Rules of the table of names that match the name of so many labels that was packed last, or whatever name is below it. */
  #hitsOf(count: number, isBelow: boolean): Hit[] {
    const hits: Hit[] = []
    for (let depth = 0; depth <= Math.min(count, this.#deepest); depth++) {
      const entry = this.#find(tagOf(this.#hashes[depth]), this.#packed, this.#ends[depth])
      if (entry !== 0) this.#addHits(hits, entry, isBelow || depth < count, depth)
    }
    return hits
  }

  #addHits(hits: Hit[], entry: number, below: boolean, specificity: number): void {
    for (const atom of this.atomsOf(this.ruleSetOf(entry))) {
      const kind = atomKind(atom)
      if (!appliesTo(kind, below)) continue
      const exception = atomIsException(atom)
      const important = atomIsImportant(atom)
      const text = () => ruleText(kind, packedToText(this.#words, entry + 1, this.#endOf(entry)), exception, important)
      hits.push({ list: atomList(atom), kind, exception, important, specificity, text })
    }
  }

  #moreHits(): Hit[] {
    const hits: Hit[] = []
    for (const entry of this.#wildcards) {
      let fixed = 0
      for (let at = entry + 1; at < this.#endOf(entry); at += labelWords(this.#words[at])) if (this.#words[at] !== STAR) fixed++
      this.#addHits(hits, entry, false, fixed)
    }
    for (const index of this.#textHits) {
      const { list, kind, text, exception, important } = this.#text.rules[index]
      const specificity = specificityOf(kind, exception, 0)
      hits.push({ list, kind, exception, important, specificity, text: () => ruleText(kind, text, exception, important) })
    }
    return hits
  }

  #allHits(name: Uint8Array): Hit[] {
    const count = this.#pack(name, 0)
    const hits = this.#hitsOf(count, false)
    return this.#hasMore && this.#matchMore(name, 0, count) ? [...hits, ...this.#moreHits()] : hits
  }

  #feeds(rules: readonly Hit[]): readonly Feed[] {
    return rules.map((rule) => this.#feed(rule))
  }

  #feed(rule: Hit): Feed {
    return feedOf(rule, this.lists)
  }
}

function forgetOldest<Key, Value>(map: Map<Key, Value>): void {
  for (const key of map.keys()) {
    map.delete(key)
    if (map.size <= MAX_KEPT_VERDICTS / 2) return
  }
}
