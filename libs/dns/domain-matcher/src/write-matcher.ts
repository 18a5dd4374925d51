/** Writes the finished buffer of a matcher, section by section, as layout.ts draws it. For MatcherBuilder. */
import type { CollectedNames } from './collected-names.ts'
import { Header, HEADER_WORDS, MAGIC } from './layout.ts'
import type { ListCounts, MatcherText, WildcardShape } from './layout.ts'
import { effectOf, type RuleSets } from './rule-sets.ts'
import type { TextRuleBuilder } from './text-rule-builder.ts'

export interface MatcherParts {
  readonly seed: number
  readonly lists: readonly ListCounts[]
  /** Settled. They are gone afterwards. */
  readonly names: CollectedNames
  readonly ruleSets: RuleSets
  readonly shapes: readonly WildcardShape[]
  readonly texts: TextRuleBuilder
  readonly depths: Uint32Array
  readonly deepest: number
}

export function writeMatcher(parts: MatcherParts, allocate: (lengthBytes: number) => ArrayBufferLike): ArrayBufferLike {
  const { names, ruleSets, lists } = parts
  const automaton = parts.texts.automaton()
  const text = JSON.stringify({ lists, shapes: parts.shapes, ...parts.texts.text } satisfies MatcherText)
  const sets = ruleSets.size
  const nameCount = names.size
  let atomCount = 0
  for (let set = 0; set < sets; set++) atomCount += ruleSets.atoms(set).length

  let words = HEADER_WORDS
  const section = (length: number) => {
    words += length
    return words - length
  }
  const { filterWords, buckets } = names.arrangement
  const filterAt = section(filterWords)
  const bucketsAt = section(buckets + 1)
  const entriesAt = section(names.words)
  const ruleSetStartsAt = section(sets + 1)
  const atomsAt = section(atomCount)
  const flagsAt = section((2 * sets + 3) >>> 2)
  const automatonAt = section(automaton.length)
  const textAt = section((text.length + 1) >>> 1)

  const buffer = allocate(words * 4)
  const all = new Int32Array(buffer)
  const { filterShift, bucketShift, bucketMask } = names.arrange(all, filterAt, bucketsAt, entriesAt)
  const flags = new Uint8Array(buffer, flagsAt * 4, 2 * sets)
  let atom = 0
  for (let set = 0; set < sets; set++) {
    const atoms = ruleSets.atoms(set)
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
  all[Header.seed] = parts.seed
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
  all[Header.names] = nameCount
  all[Header.rules] = lists.reduce((sum, list) => sum + list.rules, 0)
  all[Header.deepest] = parts.deepest
  all.set(parts.depths, Header.depths)
  all[Header.entries] = entriesAt
  all[Header.entriesEnd] = ruleSetStartsAt
  return buffer
}
