/**
 * The one buffer a matcher lives in: a worker builds it, another thread looks names up in it.
 *
 * 32-bit words in the order of the machine (both threads share one), each section a whole number of them:
 *
 *     header        HEADER_WORDS words, see Header
 *     filter        two bits in one word for each name; small enough for a near cache, and most names asked for end here
 *     buckets       where the entries of each bucket begin; one more at the end
 *     entries       bucket by bucket: a word of rule set and size, then the name, packed (packed-name.ts)
 *     rule sets     start of each in the atoms, one more at the end; then the atoms
 *     flags         two octets for each rule set: what its rules do to the name itself, and to names below it
 *     automaton     keywords and what regular expressions cannot do without, see keyword-automaton.ts
 *     text          JSON in UTF-16: list names and their counts, wildcard shapes, keywords, regular expressions
 *
 * One or two names share a bucket, next to each other, so a name that is there costs one line of far memory, and nothing has to be kept
 * beside it to find it: 31 octets a name in all, at a million. An entry is known by its word index in the buffer. Most names carry
 * the same few sets of rules, so these are interned; an atom is one rule without its name: list, kind, exception, important.
 */
import type { RuleKind } from '@dnstap-bgp/domain-list'

export const MAGIC = 0x6d616331 // "mac1"
export const HEADER_WORDS = 24

/** Word index of each field of the header. Sections are given by their word index. */
export const Header = {
  magic: 0,
  seed: 1,
  filter: 2,
  /** A tag shifted right by this is the place of its word in the filter. */
  filterShift: 3,
  buckets: 4,
  bucketShift: 5,
  bucketMask: 6,
  entries: 7,
  entriesEnd: 8,
  ruleSetStarts: 9,
  ruleSets: 10,
  atoms: 11,
  flags: 12,
  automaton: 13,
  automatonWords: 14,
  text: 15,
  textLength: 16,
  names: 17,
  rules: 18,
  /** Most labels any stored name has, and any wildcard has from its rightmost star on. */
  deepest: 19,
  /** 128 bits: is there a stored name of so many labels? */
  depths: 20,
} as const

/** First word of an entry: rule set, and how many words it takes. */
export const MAX_RULE_SETS = 2 ** 23
export const entryWord = (ruleSet: number, words: number): number => (ruleSet << 8) | words
export const entryRuleSet = (word: number): number => word >>> 8
export const entryWords = (word: number): number => word & 0xff

/** The bits of a tag in its word of the filter. */
export const filterBits = (tag: number): number => (1 << (tag & 31)) | (1 << ((tag >>> 5) & 31))

/** What a rule set does to a name. */
export const Effect = { feeds: 1, excepts: 2, feedsImportant: 4, exceptsImportant: 8, encloses: 16 } as const

/** list * 32 + kind * 4 + exception * 2 + important; only kinds that stand in the table of names. */
export function atomOf(list: number, kind: RuleKind, exception: boolean, important: boolean): number {
  return list * 32 + kind * 4 + (exception ? 2 : 0) + (important ? 1 : 0)
}
export const atomList = (atom: number): number => atom >>> 5
/** The atom without its list. */
export const atomRule = (atom: number): number => atom & 31
export const atomKind = (atom: number): RuleKind => ((atom >>> 2) & 7) as RuleKind
export const atomIsException = (atom: number): boolean => (atom & 2) !== 0
export const atomIsImportant = (atom: number): boolean => (atom & 1) !== 0

export const MAX_LISTS = 0x10000
/** A name of 255 octets has no more. */
export const MAX_LABELS = 127

/** A keyword or a regular expression of one list. */
export interface TextRule {
  readonly list: number
  readonly kind: RuleKind
  readonly text: string
  readonly exception: boolean
  readonly important: boolean
  /** Instructions of the compiled expression; 0 of a keyword. */
  readonly size: number
}

/** Wildcards of one form: so many labels, stars at these places counted from the root's side. */
export interface WildcardShape {
  readonly labels: number
  readonly stars: readonly number[]
}

export interface ListCounts {
  readonly name: string
  /** Distinct names; a keyword or regular expression is none. */
  readonly names: number
  /** Distinct rules. */
  readonly rules: number
  /** Rules that the list has said before. */
  readonly duplicates: number
}

/** The JSON at the end. */
export interface MatcherText {
  readonly lists: readonly ListCounts[]
  readonly shapes: readonly WildcardShape[]
  readonly textRules: readonly TextRule[]
  /** For each pattern of the automaton, the text rules it stands for. */
  readonly patterns: readonly (readonly number[])[]
  /** Regular expressions that no pattern can rule out. */
  readonly unfiltered: readonly number[]
}
