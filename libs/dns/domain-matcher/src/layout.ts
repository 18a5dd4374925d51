/**
 * The one buffer a matcher lives in: a worker builds it, another thread looks things up in it.
 *
 * 32-bit words in the order of the machine (both threads share one), each section a whole number of them:
 *
 *     header        HEADER_WORDS words, see Header
 *     slots         2^n pairs (tag, entry): open addressing, linear probing; entry 0: free
 *     entries       rule set id (one word), then the name in wire format, lower case, padded to whole words
 *     rule sets     start of each in the atoms, one more at the end; then the atoms
 *     flags         two octets for each rule set: what its rules do to the name itself, and to names below it
 *     automaton     keywords and what regular expressions cannot do without, see keyword-automaton.ts
 *     text          JSON in UTF-16: list names and their counts, wildcard shapes, keywords, regular expressions
 *
 * An entry is known by its word index in the buffer. Most names carry the same few sets of rules, so these are interned; an atom
 * is one rule without its name: list, kind, exception, important.
 */
import type { RuleKind } from '@dnstap-bgp/domain-list'

export const MAGIC = 0x6d616331 // "mac1"
export const HEADER_WORDS = 24

/** Word index of each field of the header. Sections are given by their word index, and their length in words. */
export const Header = {
  magic: 0,
  seed: 1,
  slotMask: 2,
  slots: 3,
  ruleSetStarts: 4,
  ruleSets: 5,
  atoms: 6,
  flags: 7,
  automaton: 8,
  automatonWords: 9,
  text: 10,
  textLength: 11,
  names: 12,
  rules: 13,
  /** Most labels any stored name has, and any wildcard has from its rightmost star on. */
  deepest: 14,
  /** 128 bits: is there a stored name of so many labels? */
  depths: 15,
  entries: 19,
  entriesEnd: 20,
} as const

/** What a rule set does to a name. */
export const Effect = { feeds: 1, excepts: 2, feedsImportant: 4, exceptsImportant: 8 } as const

/** list * 16 + kind * 4 + exception * 2 + important; only kinds that stand in the table of names. */
export function atomOf(list: number, kind: RuleKind, exception: boolean, important: boolean): number {
  return list * 16 + kind * 4 + (exception ? 2 : 0) + (important ? 1 : 0)
}
export const atomList = (atom: number): number => atom >>> 4
export const atomKind = (atom: number): RuleKind => ((atom >>> 2) & 3) as RuleKind
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
