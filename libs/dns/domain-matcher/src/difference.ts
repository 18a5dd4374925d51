/**
 * What became of each list between two matchers. For previews and for the log; runs where the newer one was built.
 *
 * Exact: names are looked up, not compared by hash. A pair of rule sets is compared once, whatever the number of names that carry it.
 */
import { atomList, atomRule } from './layout.ts'
import type { Matcher } from './matcher.ts'

export interface MatcherDifference {
  readonly list: string
  /** Names, keywords and regular expressions of this list. */
  readonly added: number
  readonly removed: number
  /** Names whose rules in this list are others now. */
  readonly changed: number
}

/** For each list of `after`, in its order, then those that only `before` has. Lists are the same if their names are. */
export function compareMatchers(before: Matcher, after: Matcher): MatcherDifference[] {
  const names = [...new Set([...after.lists, ...before.lists].map(({ name }) => name))]
  const counts = names.map((list) => ({ list, added: 0, removed: 0, changed: 0 }))
  const indexes = new Map(names.map((name, index) => [name, index]))
  const indexOf = (matcher: Matcher) => matcher.lists.map(({ name }) => indexes.get(name) ?? 0)
  const beforeIndex = indexOf(before)
  const afterIndex = indexOf(after)

  const rulesBefore = rulesByList(before, beforeIndex)
  const rulesAfter = rulesByList(after, afterIndex)
  const steps = new Map<number, Step>()
  const stepOf = (from: number, to: number): Step => {
    const key = from * 2 ** 26 + to
    let step = steps.get(key)
    if (step === undefined) {
      step = stepBetween(from < 0 ? NOTHING : rulesBefore(from), to < 0 ? NOTHING : rulesAfter(to))
      steps.set(key, step)
    }
    return step
  }
  const note = (step: Step) => {
    for (const index of step.added) counts[index].added++
    for (const index of step.removed) counts[index].removed++
    for (const index of step.changed) counts[index].changed++
  }

  for (const entry of after.entries()) note(stepOf(before.ruleSetOfSame(after, entry), after.ruleSetOf(entry)))
  for (const entry of before.entries()) if (after.ruleSetOfSame(before, entry) < 0) note(stepOf(before.ruleSetOf(entry), -1))

  const textsBefore = textsOf(before, beforeIndex)
  const textsAfter = textsOf(after, afterIndex)
  for (const [text, index] of textsAfter) if (!textsBefore.has(text)) counts[index].added++
  for (const [text, index] of textsBefore) if (!textsAfter.has(text)) counts[index].removed++
  return counts
}

interface Step {
  readonly added: readonly number[]
  readonly removed: readonly number[]
  readonly changed: readonly number[]
}

/** Rules at a name: for each list, by its common index, its atoms without the list. */
type RulesByList = ReadonlyMap<number, string>
const NOTHING: RulesByList = new Map()

function rulesByList(matcher: Matcher, indexes: readonly number[]): (ruleSet: number) => RulesByList {
  return (ruleSet) => {
    const rules = new Map<number, string>()
    for (const atom of matcher.atomsOf(ruleSet)) {
      const index = indexes[atomList(atom)]
      rules.set(index, `${rules.get(index) ?? ''} ${atomRule(atom)}`)
    }
    return rules
  }
}

function stepBetween(before: RulesByList, after: RulesByList): Step {
  const lists = [...new Set([...before.keys(), ...after.keys()])]
  return {
    added: lists.filter((list) => !before.has(list)),
    removed: lists.filter((list) => !after.has(list)),
    changed: lists.filter((list) => before.has(list) && after.has(list) && before.get(list) !== after.get(list)),
  }
}

function textsOf(matcher: Matcher, indexes: readonly number[]): Map<string, number> {
  return new Map(
    matcher.textRules.map(({ list, kind, text, exception, important }) => [
      JSON.stringify([indexes[list], kind, text, exception, important]),
      indexes[list],
    ]),
  )
}
