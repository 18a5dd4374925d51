/**
 * Turns the rules of several lists into the one buffer that a Matcher reads. Runs in a worker; list-loader feeds it.
 *
 * Names go through bytes only: pattern text -> wire format in a scratch buffer -> NameTable. What cannot be taken is refused with a reason,
 * never guessed. Lists are known by the order in which they were added.
 */
import { LOWER_CASE, MAX_LABEL_LENGTH, MAX_NAME_LENGTH } from '@dnstap-bgp/dns-wire'
import { RuleKind } from '@dnstap-bgp/domain-list'
import { RE2JS } from 're2js'
import { enclosersOf } from './closest-encloser.ts'
import { hashKeyOf, hashWords, tagOf } from './hash.ts'
import type { HashKey } from './hash.ts'
import { buildAutomaton, MAX_STATES } from './keyword-automaton.ts'
import { atomOf, Header, HEADER_WORDS, MAGIC, MAX_LABELS, MAX_LISTS, MAX_RULE_SETS } from './layout.ts'
import type { ListCounts, MatcherText, TextRule, WildcardShape } from './layout.ts'
import type { Matcher } from './matcher.ts'
import { DEFAULT_MATCHER_LIMITS, Refusal, type MatcherLimits } from './matcher-limits.ts'
import { MAX_NAMES, NameTable } from './name-table.ts'
import { labelWords, MAX_PACKED_WORDS, packLabel, STAR } from './packed-name.ts'
import { requiredPieces } from './regexp-literals.ts'
import { effectOf, RuleSets } from './rule-sets.ts'

export interface MatcherBuilderOptions {
  /** A 32-bit number that the authors of lists cannot know. */
  readonly seed: number
  readonly limits?: Partial<MatcherLimits>
}

/** Where the rules of one list go. Patterns are as domain-list's RuleSink says. Both return why a rule was not taken. */
export interface ListRules {
  readonly index: number
  readonly counts: ListCounts
  rule(kind: RuleKind, pattern: string, exception: boolean, important: boolean): Refusal | undefined
  ruleBytes(
    kind: RuleKind,
    bytes: Uint8Array,
    start: number,
    end: number,
    exception: boolean,
    important: boolean,
  ): Refusal | undefined
  /** Takes over all rules that this list had in an older matcher; `list` is its index there. Returns how many were not taken, and why. */
  copy(from: Matcher, list: number): ReadonlyMap<Refusal, number>
  /**
   * This list is a zone, and all its rules are in: wildcards reach only as far as in a zone (closest-encloser.ts). Returns why that could
   * not be done; then the list covers more than its zone does, and must not be used.
   */
  asZone(): Refusal | undefined
}

export class MatcherBuilder {
  readonly #limits: MatcherLimits
  readonly #seed: number
  readonly #key: HashKey
  #table = new NameTable()
  readonly #ruleSets = new RuleSets()
  readonly #lists: Counted[] = []
  readonly #shares: Share[] = [] // by list
  readonly #depths = new Uint32Array(4)
  #deepest = 0
  readonly #shapes = new Map<string, WildcardShape>()
  readonly #textRules: TextRule[] = []
  readonly #knownTextRules = new Set<string>()
  readonly #patterns = new Map<string, number[]>() // piece -> text rules
  readonly #unfiltered: number[] = []
  #patternOctets = 0

  // The name being added: in wire format, where its labels start, and packed.
  readonly #name = new Uint8Array(MAX_NAME_LENGTH + 1)
  readonly #labels = new Uint8Array(MAX_LABELS)
  readonly #packed = new Int32Array(MAX_PACKED_WORDS)
  #packedEnd = 0
  readonly #ascii = new Uint8Array(4 * MAX_NAME_LENGTH + 1)
  #labelCount = 0
  #stars = 0
  // Most names of a list take the same step from one rule set to the next.
  #lastStep = { from: -1, atom: -1, to: -1, newName: false }

  constructor(options: MatcherBuilderOptions) {
    this.#limits = { ...DEFAULT_MATCHER_LIMITS, ...options.limits }
    this.#seed = options.seed >>> 0
    this.#key = hashKeyOf(this.#seed)
  }

  addList(name: string): ListRules {
    if (this.#lists.length >= MAX_LISTS)
      throw new RangeError(`${this.#lists.length} lists, and no more than ${MAX_LISTS} are possible`)
    const counts: Counted = { name, names: 0, rules: 0, duplicates: 0 }
    const index = this.#lists.push(counts) - 1
    this.#shares.push({ keywords: 0, regexps: 0, regexpsSize: 0, unfiltered: 0, unfilteredSize: 0, shapes: new Map() })
    return {
      index,
      counts,
      rule: (kind, pattern, exception, important) => {
        if (kind === RuleKind.keyword) return this.#keyword(index, pattern, exception, important)
        if (kind === RuleKind.regexp) return this.#regexp(index, pattern, exception, important)
        if (pattern.length > this.#ascii.length) return Refusal.badName
        for (let i = 0; i < pattern.length; i++) this.#ascii[i] = Math.min(pattern.charCodeAt(i), 0xff)
        return this.#addName(index, kind, this.#ascii, 0, pattern.length, exception, important)
      },
      ruleBytes: (kind, bytes, start, end, exception, important) => {
        if (kind !== RuleKind.keyword && kind !== RuleKind.regexp)
          return this.#addName(index, kind, bytes, start, end, exception, important)
        let text = ''
        for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i])
        return kind === RuleKind.keyword
          ? this.#keyword(index, text, exception, important)
          : this.#regexp(index, text, exception, important)
      },
      copy: (from, list) => {
        const refused = new Map<Refusal, number>()
        const note = (refusal: Refusal | undefined) => {
          if (refusal !== undefined) refused.set(refusal, (refused.get(refusal) ?? 0) + 1)
        }
        from.visitRules(
          list,
          (kind, words, start, end, exception, important) => {
            this.#takeName(words, start, end)
            note(this.#storeName(index, kind, exception, important))
          },
          (kind, text, exception, important) => {
            if (kind === RuleKind.keyword) note(this.#keyword(index, text, exception, important))
            else note(this.#regexp(index, text, exception, important))
          },
        )
        return refused
      },
      asZone: () => this.#markEnclosers(index),
    }
  }

  /** The finished buffer; `allocate` may give a SharedArrayBuffer. The builder is empty afterwards, and of no further use. */
  build(): ArrayBuffer
  build<Buffer extends ArrayBufferLike>(allocate: (lengthBytes: number) => Buffer): Buffer
  build(allocate: (lengthBytes: number) => ArrayBufferLike = (lengthBytes) => new ArrayBuffer(lengthBytes)): ArrayBufferLike {
    const patterns = [...this.#patterns.keys()]
    const automaton = patterns.length === 0 ? new Uint32Array(0) : buildAutomaton(patterns)
    const text = JSON.stringify({
      lists: this.#lists,
      shapes: [...this.#shapes.values()],
      textRules: this.#textRules,
      patterns: [...this.#patterns.values()],
      unfiltered: this.#unfiltered,
    } satisfies MatcherText)
    const sets = this.#ruleSets.size
    const names = this.#table.size
    let atomCount = 0
    for (let set = 0; set < sets; set++) atomCount += this.#ruleSets.atoms(set).length

    let words = HEADER_WORDS
    const section = (length: number) => {
      words += length
      return words - length
    }
    const { filterWords, buckets } = this.#table.arrangement
    const filterAt = section(filterWords)
    const bucketsAt = section(buckets + 1)
    const entriesAt = section(this.#table.words)
    const ruleSetStartsAt = section(sets + 1)
    const atomsAt = section(atomCount)
    const flagsAt = section((2 * sets + 3) >>> 2)
    const automatonAt = section(automaton.length)
    const textAt = section((text.length + 1) >>> 1)

    const buffer = allocate(words * 4)
    const all = new Int32Array(buffer)
    const { filterShift, bucketShift, bucketMask } = this.#table.arrange(all, filterAt, bucketsAt, entriesAt)
    this.#table = new NameTable()
    const flags = new Uint8Array(buffer, flagsAt * 4, 2 * sets)
    let atom = 0
    for (let set = 0; set < sets; set++) {
      const atoms = this.#ruleSets.atoms(set)
      all[ruleSetStartsAt + set] = atom
      for (const each of atoms) all[atomsAt + atom++] = each
      flags[2 * set] = effectOf(atoms, false)
      flags[2 * set + 1] = effectOf(atoms, true)
    }
    all[ruleSetStartsAt + sets] = atom
    all.set(automaton, automatonAt)
    const characters = new Uint16Array(buffer, textAt * 4, text.length)
    for (let i = 0; i < text.length; i++) characters[i] = text.charCodeAt(i)

    all[Header.magic] = MAGIC
    all[Header.seed] = this.#seed
    all[Header.filter] = filterAt
    all[Header.filterShift] = filterShift
    all[Header.buckets] = bucketsAt
    all[Header.bucketShift] = bucketShift
    all[Header.bucketMask] = bucketMask
    all[Header.ruleSetStarts] = ruleSetStartsAt
    all[Header.ruleSets] = sets
    all[Header.atoms] = atomsAt
    all[Header.flags] = flagsAt
    all[Header.automaton] = automatonAt
    all[Header.automatonWords] = automaton.length
    all[Header.text] = textAt
    all[Header.textLength] = text.length
    all[Header.names] = names
    all[Header.rules] = this.#lists.reduce((sum, list) => sum + list.rules, 0)
    all[Header.deepest] = this.#deepest
    all.set(this.#depths, Header.depths)
    all[Header.entries] = entriesAt
    all[Header.entriesEnd] = ruleSetStartsAt
    return buffer
  }

  #addName(
    list: number,
    kind: RuleKind,
    bytes: Uint8Array,
    start: number,
    end: number,
    exception: boolean,
    important: boolean,
  ): Refusal | undefined {
    if (!this.#readName(bytes, start, end, kind === RuleKind.wildcard)) return Refusal.badName
    if ((kind === RuleKind.wildcard) !== this.#stars > 0) return Refusal.badName
    this.#packName()
    return this.#storeName(list, kind, exception, important)
  }

  /** The name stands in #packed, #packedEnd, #labelCount and #stars. */
  #storeName(list: number, kind: RuleKind, exception: boolean, important: boolean): Refusal | undefined {
    if (this.#ruleSets.size >= MAX_RULE_SETS) return Refusal.tooManyNames
    if (this.#table.size >= Math.min(this.#limits.names, MAX_NAMES)) return Refusal.tooManyNames
    if (this.#stars > 0 && !this.#noteShape(list)) return Refusal.tooManyWildcardForms

    const tag = tagOf(hashWords(this.#key.root, this.#key, this.#packed, 0, this.#packedEnd))
    const entry = this.#table.entryOf(tag, this.#packed, this.#packedEnd)
    if (entry < 0) return Refusal.tooManyNames
    if (this.#stars === 0) this.#depths[this.#labelCount >>> 5] |= 1 << (this.#labelCount & 31)
    if (this.#labelCount > this.#deepest) this.#deepest = this.#labelCount

    const counts = this.#lists[list]
    const from = this.#table.ruleSet(entry)
    const atom = atomOf(list, kind, exception, important)
    let step = this.#lastStep
    if (step.from !== from || step.atom !== atom) {
      step = { from, atom, to: this.#ruleSets.with(from, atom), newName: !this.#ruleSets.hasList(from, list) }
      this.#lastStep = step
    }
    if (kind === RuleKind.encloser) this.#table.setRuleSet(entry, step.to)
    else if (step.to === from) counts.duplicates++
    else {
      counts.rules++
      if (step.newName) counts.names++
      this.#table.setRuleSet(entry, step.to)
    }
    return undefined
  }

  #markEnclosers(list: number): Refusal | undefined {
    for (const name of enclosersOf(list, this.#table, this.#ruleSets, this.#key)) {
      this.#takeName(name, 0, name.length)
      const refusal = this.#storeName(list, RuleKind.encloser, false, false)
      if (refusal !== undefined) return refusal
    }
    return undefined
  }

  /** Presentation format to lower-case wire format; a label that is just `*` becomes STAR in a wildcard. */
  #readName(bytes: Uint8Array, start: number, end: number, wildcard: boolean): boolean {
    const name = this.#name
    this.#stars = 0
    this.#labelCount = 0
    if (end - start === 1 && bytes[start] === DOT) {
      return true
    }
    let at = 0 // where the length octet of the label stands
    let i = start
    for (;;) {
      if (this.#labelCount === MAX_LABELS) return false
      if (wildcard && i < end && bytes[i] === ASTERISK && (i + 1 === end || bytes[i + 1] === DOT)) {
        name[at] = STAR
        i++
        this.#labels[this.#labelCount++] = at++
        this.#stars++
      } else {
        let to = at + 1
        for (; i < end && bytes[i] !== DOT; i++) {
          let octet = bytes[i]
          if (octet === BACKSLASH) {
            const digit = isDigit(bytes[++i])
            if (i >= end || (digit && i + 2 >= end)) return false
            octet = digit ? decimal(bytes, i) : bytes[i]
            if (octet >= NO_OCTET) return false
            if (digit) i += 2
          } else if (octet > 0x7e || octet <= 0x20) return false
          if (to >= MAX_NAME_LENGTH) return false
          name[to++] = LOWER_CASE[octet]
        }
        const length = to - at - 1
        if (length === 0 || length > MAX_LABEL_LENGTH) return false
        name[at] = length
        this.#labels[this.#labelCount++] = at
        at = to
      }
      if (at >= MAX_NAME_LENGTH) return false
      if (i >= end) break
      i++ // the dot
    }
    return true
  }

  /** From what #readName left. */
  #packName(): void {
    let end = 0
    for (let i = this.#labelCount - 1; i >= 0; i--) {
      const at = this.#labels[i]
      if (this.#name[at] === STAR) this.#packed[end++] = STAR
      else end = packLabel(this.#packed, end, this.#name, at)
    }
    this.#packedEnd = end
  }

  /** A name as another matcher stores it. */
  #takeName(words: Int32Array, start: number, end: number): void {
    this.#packedEnd = end - start
    for (let i = 0; i < this.#packedEnd; i++) this.#packed[i] = words[start + i]
    this.#labelCount = 0
    this.#stars = 0
    for (let at = start; at < end; at += labelWords(words[at])) {
      this.#labelCount++
      if (words[at] === STAR) this.#stars++
    }
  }

  #noteShape(list: number): boolean {
    const labels = this.#labelCount
    const stars: number[] = []
    for (let at = 0, depth = 0; at < this.#packedEnd; at += labelWords(this.#packed[at]), depth++)
      if (this.#packed[at] === STAR) stars.push(depth)
    const key = `${labels}:${stars.join()}`
    const { shapes } = this.#shares[list]
    const ofLabels = shapes.get(labels) ?? new Set()
    if (ofLabels.has(key)) return true
    if (ofLabels.size >= this.#limits.wildcardForms) return false
    shapes.set(labels, ofLabels.add(key))
    this.#shapes.set(key, { labels, stars })
    return true
  }

  #keyword(list: number, text: string, exception: boolean, important: boolean): Refusal | undefined {
    const keyword = text.toLowerCase()
    if (keyword.length === 1) return Refusal.tooBroad
    if (keyword === '' || keyword.length > MAX_NAME_LENGTH || !/^[\x21-\x7e]+$/.test(keyword)) return Refusal.badKeyword
    if (this.#isKnown(list, RuleKind.keyword, keyword, exception, important)) return undefined
    const share = this.#shares[list]
    if (share.keywords >= this.#limits.keywords || !this.#takePatterns([keyword])) return Refusal.tooManyKeywords
    share.keywords++
    this.#addTextRule({ list, kind: RuleKind.keyword, text: keyword, exception, important, size: 0 }, [keyword])
    return undefined
  }

  #regexp(list: number, source: string, exception: boolean, important: boolean): Refusal | undefined {
    if (source.length > this.#limits.regexpLength) return Refusal.regexpTooLarge
    if (this.#isKnown(list, RuleKind.regexp, source, exception, important)) return undefined
    const share = this.#shares[list]
    const { unfilteredRegexps, unfilteredSize } = this.#limits
    if (share.regexps >= this.#limits.regexps) return Refusal.tooManyRegexps
    share.regexps++
    const compiled = compile(source)
    if (compiled === undefined) return Refusal.badRegexp
    const size = compiled.programSize()
    if (size > this.#limits.regexpSize) return Refusal.regexpTooLarge
    if (share.regexpsSize + size > this.#limits.regexpsSize) return Refusal.tooManyRegexps
    if (UNRELATED_NAMES.every((name) => compiled.test(name))) return Refusal.tooBroad
    let pieces = requiredPieces(source)
    if (pieces !== undefined && !this.#takePatterns(pieces)) pieces = undefined
    if (pieces === undefined) {
      if (share.unfiltered >= unfilteredRegexps || share.unfilteredSize + size > unfilteredSize) return Refusal.tooManyRegexps
      share.unfiltered++
      share.unfilteredSize += size
    }
    share.regexpsSize += size
    this.#addTextRule({ list, kind: RuleKind.regexp, text: source, exception, important, size }, pieces)
    return undefined
  }

  #isKnown(list: number, kind: RuleKind, text: string, exception: boolean, important: boolean): boolean {
    if (!this.#knownTextRules.has(`${atomOf(list, 0, exception, important)} ${kind} ${text}`)) return false
    this.#lists[list].duplicates++
    return true
  }

  #addTextRule(rule: TextRule, pieces: readonly string[] | undefined): void {
    const { list, kind, text, exception, important } = rule
    this.#knownTextRules.add(`${atomOf(list, 0, exception, important)} ${kind} ${text}`)
    const index = this.#textRules.push(rule) - 1
    this.#lists[list].rules++
    if (pieces === undefined) this.#unfiltered.push(index)
    else for (const piece of pieces) this.#patterns.get(piece)?.push(index)
  }

  /** Notes the pieces, unless they are more than the automaton has states for. */
  #takePatterns(pieces: readonly string[]): boolean {
    const fresh = pieces.filter((piece) => !this.#patterns.has(piece))
    const octets = fresh.reduce((sum, piece) => sum + piece.length, 0)
    if (this.#patternOctets + octets >= MAX_STATES) return false
    this.#patternOctets += octets
    for (const piece of fresh) this.#patterns.set(piece, [])
    return true
  }
}

/** What a list has taken of its limits. */
interface Share {
  keywords: number
  regexps: number
  regexpsSize: number
  unfiltered: number
  unfilteredSize: number
  /** By number of labels, the wildcard forms. */
  readonly shapes: Map<number, Set<string>>
}

/** Whatever matches all of these says nothing about a name. */
const UNRELATED_NAMES = ['q.z', 'www.example.org', '7.x-y.co.uk', '_k._j.w', 'xn--p1ai.0.4.3.2.1.in-addr.arpa']

/** Undefined also for classes of Unicode: they take tens of milliseconds to compile, and a name has nothing but octets. */
function compile(source: string): RE2JS | undefined {
  if (/\\[pP]/.test(source)) return undefined
  try {
    return RE2JS.compile(source, RE2JS.CASE_INSENSITIVE)
  } catch {
    return undefined
  }
}

type Counted = { -readonly [Key in keyof ListCounts]: ListCounts[Key] }

const DOT = 0x2e
const ASTERISK = 0x2a
const BACKSLASH = 0x5c
const NO_OCTET = 0x100

function isDigit(octet: number): boolean {
  return octet >= 0x30 && octet <= 0x39
}

/** Of three digits; NO_OCTET when they are none, or too large. */
function decimal(bytes: Uint8Array, at: number): number {
  if (!isDigit(bytes[at + 1]) || !isDigit(bytes[at + 2])) return NO_OCTET
  return (bytes[at] - 0x30) * 100 + (bytes[at + 1] - 0x30) * 10 + bytes[at + 2] - 0x30
}
