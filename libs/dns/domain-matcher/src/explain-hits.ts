/** Says in words which rules match a name and which of them decide. For operators. */
import { RuleKind } from '@dnstap-bgp/domain-list'
import { beatenBy, feedingRules, reachingRules, strongestExceptions, type MatchingRule } from './decide.ts'
import type { ListCounts } from './layout.ts'

/** A list that a name feeds, and the rule that says so. */
export interface Feed {
  readonly list: string
  readonly rule: string
}

/** One rule that matches the name, and what became of it. */
export interface ExplainedRule extends Feed {
  readonly exception: boolean
  readonly outcome: 'feeds' | 'excepts' | 'excepted' | 'no effect'
  /** Of an `excepted` rule: the exception. */
  readonly by?: Feed
}

export interface MatchExplanation {
  /** As it is matched: A-labels, lower case. */
  readonly name: string
  readonly feeds: readonly Feed[]
  readonly rules: readonly ExplainedRule[]
  /** One sentence for each list or exception that decides. */
  readonly why: readonly string[]
}

/** A rule that matches the name. */
export interface Hit extends MatchingRule {
  /** The rule as its list writes it. */
  readonly text: () => string
}

export function feedOf(rule: Hit, lists: readonly ListCounts[]): Feed {
  return { list: lists[rule.list].name, rule: rule.text() }
}

/** `isExceptionUntried`: an exception that is a regular expression would have taken too long, so the name is not listed. */
export function explainHits(
  name: string,
  hits: readonly Hit[],
  isExceptionUntried: boolean,
  lists: readonly ListCounts[],
): MatchExplanation {
  const rules = isExceptionUntried ? [] : reachingRules(hits)
  const exceptions = strongestExceptions(rules)
  const feeding = feedingRules(rules)
  const feeds = feeding.map((rule) => feedOf(rule, lists))
  const nameOf = (rule: Hit) => lists[rule.list].name
  const why = feeding.map((rule) => {
    const overruled = exceptions.plain
    const although =
      overruled === undefined
        ? ''
        : `; the exception ${overruled.text()} of list ${nameOf(overruled)} is ${rule.important ? 'not important' : 'less specific'}`
    return `${name} feeds list ${nameOf(rule)} by ${rule.text()}${although}`
  })
  const explained = rules.map((rule): ExplainedRule => {
    const self = feedOf(rule, lists)
    if (rule.exception) {
      const beats = rules.some((other) => !other.exception && beatenBy(other, exceptions) === rule)
      return { ...self, exception: true, outcome: beats ? 'excepts' : 'no effect' }
    }
    const by = beatenBy(rule, exceptions)
    if (by === undefined) return { ...self, exception: false, outcome: 'feeds' }
    return { ...self, exception: false, outcome: 'excepted', by: feedOf(by, lists) }
  })
  for (const { outcome, list, rule, by } of explained)
    if (outcome === 'excepted' && by !== undefined && !feeds.some((feed) => feed.list === list))
      why.push(`${rule} of list ${list} would match, but the exception ${by.rule} of list ${by.list} wins`)
  for (const rule of isExceptionUntried ? [] : hits)
    if (rule.kind !== RuleKind.encloser && !rules.includes(rule))
      why.push(`${rule.text()} of list ${nameOf(rule)} does not reach ${name}: a name on the way down exists in that zone`)
  if (isExceptionUntried) {
    why.length = 0
    why.push(`${name} is not listed: exceptions that are regular expressions would take too long to try on it`)
  }
  if (why.length === 0) {
    const named = explained.map(({ rule, list }) => `the exception ${rule} of list ${list}`).join(' and ')
    why.push(rules.length === 0 ? `no rule of any list matches ${name}` : `only ${named} matches ${name}`)
  }
  return { name, feeds, rules: explained, why }
}
