/**
 * Turns the rules of several lists into the one buffer that a Matcher reads. Runs in a worker; list-loader feeds it.
 *
 * Names go through octets and words only: pattern text -> packed words (name-reader.ts) -> CollectedNames. What cannot be taken is refused with a
 * reason, never guessed. Lists are known by the order in which they were added.
 */
import { MAX_NAME_LENGTH } from '@dnstap-bgp/dns-wire'
import { RuleKind } from '@dnstap-bgp/domain-list'
import { enclosersOf } from './closest-encloser.ts'
import { CollectedNames } from './collected-names.ts'
import { hashKeyOf, hashWords, tagOf } from './hash.ts'
import type { HashKey } from './hash.ts'
import { atomList, atomOf, atomKind, MAX_LISTS, MAX_RULE_SETS } from './layout.ts'
import type { ListCounts } from './layout.ts'
import type { Matcher } from './matcher.ts'
import { DEFAULT_MATCHER_LIMITS, Refusal, type MatcherLimits } from './matcher-limits.ts'
import { NameReader } from './name-reader.ts'
import { RuleSets } from './rule-sets.ts'
import { TextRuleBuilder } from './text-rule-builder.ts'
import { WildcardShapes } from './wildcard-shapes.ts'
import { writeMatcher } from './write-matcher.ts'

export interface MatcherBuilderOptions {
  /** A 32-bit number that the authors of lists cannot know. */
  readonly seed: number
  readonly limits?: Partial<MatcherLimits>
}

/** Where the rules of one list go. Patterns are as domain-list's RuleSink says. Both return why a rule was not taken. */
export interface ListRules {
  readonly index: number
  /** Exact after build(); before it, the list has said nothing. */
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
  /** This list is a zone: wildcards reach only as far as in a zone (closest-encloser.ts). */
  asZone(): void
  /** Known after build(): why the list could not be made a zone. Then it covers more than its zone does, and must not be used. */
  zoneRefusal(): Refusal | undefined
}

export class MatcherBuilder {
  readonly #limits: MatcherLimits
  readonly #seed: number
  readonly #key: HashKey
  readonly #lists: Counted[] = []
  readonly #zones = new Map<number, Refusal | undefined>()
  readonly #ruleSets = new RuleSets()
  readonly #names: CollectedNames
  readonly #reader = new NameReader()
  readonly #pattern = new Uint8Array(MAX_PATTERN)
  readonly #shapes: WildcardShapes
  readonly #texts: TextRuleBuilder
  /** 128 bits: is there a stored name of so many labels? */
  readonly #depths = new Uint32Array(4)
  #deepest = 0
  // Most names of a list carry the same rule, and take the same step from one rule set to the next.
  #lastSingle = { atom: -1, set: -1 }
  #lastMerge = { before: -1, added: -1, merged: -1, isNewName: false }

  constructor(options: MatcherBuilderOptions) {
    this.#limits = { ...DEFAULT_MATCHER_LIMITS, ...options.limits }
    this.#seed = options.seed >>> 0
    this.#key = hashKeyOf(this.#seed)
    this.#names = new CollectedNames(this.#limits.names, (before, added) => this.#merge(before, added))
    this.#shapes = new WildcardShapes(this.#limits.wildcardForms)
    this.#texts = new TextRuleBuilder(this.#limits)
  }

  addList(name: string): ListRules {
    if (this.#lists.length >= MAX_LISTS)
      throw new RangeError(`${this.#lists.length} lists, and no more than ${MAX_LISTS} are possible`)
    const counts: Counted = { name, names: 0, rules: 0, duplicates: 0 }
    const index = this.#lists.push(counts) - 1
    this.#texts.addList()
    this.#shapes.addList()
    return {
      index,
      counts,
      rule: (kind, pattern, exception, important) =>
        isText(kind)
          ? this.#addText(index, kind, pattern, exception, important)
          : this.#addName(index, kind, this.#pattern, 0, this.#readPattern(pattern), exception, important),
      ruleBytes: (kind, bytes, start, end, exception, important) =>
        isText(kind)
          ? this.#addText(index, kind, textOf(bytes, start, end), exception, important)
          : this.#addName(index, kind, bytes, start, end, exception, important),
      copy: (from, list) => this.#copy(index, from, list),
      asZone: () => void this.#zones.set(index, undefined),
      zoneRefusal: () => this.#zones.get(index),
    }
  }

  /** The finished buffer; `allocate` may give a SharedArrayBuffer. The builder is empty afterwards, and of no further use. */
  build(): ArrayBuffer
  build<Buffer extends ArrayBufferLike>(allocate: (lengthBytes: number) => Buffer): Buffer
  build(allocate: (lengthBytes: number) => ArrayBufferLike = (lengthBytes) => new ArrayBuffer(lengthBytes)): ArrayBufferLike {
    this.#names.settle()
    for (const list of this.#zones.keys()) this.#zones.set(list, this.#markEnclosers(list))
    this.#names.settle()
    return writeMatcher(
      {
        seed: this.#seed,
        lists: this.#lists,
        names: this.#names,
        ruleSets: this.#ruleSets,
        shapes: this.#shapes.all,
        texts: this.#texts,
        depths: this.#depths,
        deepest: this.#deepest,
      },
      allocate,
    )
  }

  #copy(index: number, from: Matcher, list: number): ReadonlyMap<Refusal, number> {
    const refused = new Map<Refusal, number>()
    const note = (refusal: Refusal | undefined) => {
      if (refusal !== undefined) refused.set(refusal, (refused.get(refusal) ?? 0) + 1)
    }
    from.visitRules(
      list,
      (kind, words, start, end, exception, important) => {
        this.#reader.take(words, start, end)
        note(this.#storeName(index, kind, exception, important))
      },
      (kind, text, exception, important) => note(this.#addText(index, kind, text, exception, important)),
    )
    return refused
  }

  /** Puts a pattern into #pattern, and returns its length. 0, which is no name: it is too long. A character that is no octet becomes 0xff, which no name has. */
  #readPattern(text: string): number {
    if (text.length > MAX_PATTERN) return 0
    for (let i = 0; i < text.length; i++) this.#pattern[i] = Math.min(text.charCodeAt(i), 0xff)
    return text.length
  }

  #addText(list: number, kind: RuleKind, text: string, exception: boolean, important: boolean): Refusal | undefined {
    const outcome = this.#texts.add(list, kind, text, exception, important)
    if (outcome === undefined) this.#lists[list].rules++
    if (outcome !== 'duplicate') return outcome
    this.#lists[list].duplicates++
    return undefined
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
    const isWildcard = kind === RuleKind.wildcard
    if (!this.#reader.read(bytes, start, end, isWildcard) || isWildcard !== this.#reader.stars > 0) return Refusal.badName
    return this.#storeName(list, kind, exception, important)
  }

  /** The name that #reader has read. */
  #storeName(list: number, kind: RuleKind, exception: boolean, important: boolean): Refusal | undefined {
    if (this.#ruleSets.size >= MAX_RULE_SETS) return Refusal.tooManyNames
    const { packed, end, labels, stars } = this.#reader
    if (stars > 0 && !this.#shapes.note(list, packed, end, labels)) return Refusal.tooManyWildcardForms
    const atom = atomOf(list, kind, exception, important)
    if (this.#lastSingle.atom !== atom) this.#lastSingle = { atom, set: this.#ruleSets.with(0, atom) }
    const tag = tagOf(hashWords(this.#key.root, this.#key, packed, 0, end))
    if (!this.#names.add(tag, this.#lastSingle.set, packed, end)) return Refusal.tooManyNames
    if (stars === 0) this.#depths[labels >>> 5] |= 1 << (labels & 31)
    if (labels > this.#deepest) this.#deepest = labels
    return undefined
  }

  /** A name that has the rules `before` gets the one rule of `added`: the set of both. */
  #merge(before: number, added: number): number {
    const [atom] = this.#ruleSets.atoms(added)
    const list = atomList(atom)
    let last = this.#lastMerge
    if (last.before !== before || last.added !== added) {
      last = { before, added, merged: this.#ruleSets.with(before, atom), isNewName: !this.#ruleSets.hasList(before, list) }
      if (this.#ruleSets.size > MAX_RULE_SETS) throw new RangeError(`the lists have more than ${MAX_RULE_SETS} sets of rules`)
      this.#lastMerge = last
    }
    if (atomKind(atom) === RuleKind.encloser) return last.merged
    const counts = this.#lists[list]
    if (last.merged === before) counts.duplicates++
    else {
      counts.rules++
      if (last.isNewName) counts.names++
    }
    return last.merged
  }

  #markEnclosers(list: number): Refusal | undefined {
    for (const name of enclosersOf(list, this.#names, this.#ruleSets, this.#key)) {
      this.#reader.take(name, 0, name.length)
      const refusal = this.#storeName(list, RuleKind.encloser, false, false)
      if (refusal !== undefined) return refusal
    }
    return undefined
  }
}

/** A name of 255 octets, each written \\DDD, is shorter. */
const MAX_PATTERN = 4 * MAX_NAME_LENGTH + 1

function isText(kind: RuleKind): boolean {
  return kind === RuleKind.keyword || kind === RuleKind.regexp
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  let text = ''
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i])
  return text
}

type Counted = { -readonly [Key in keyof ListCounts]: ListCounts[Key] }
