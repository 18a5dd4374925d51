/**
 * Which of the rules that match a name win.
 *
 * Tiers: an important exception beats everything, an important rule everything but that. Among the rest an exception beats what is
 * less or equally specific, whichever list it stands in. Specific is who fixes more labels of the name: `www.example.org` three, `*.example.org`
 * and `example.org` two. Keywords and regular expressions fix none that could be compared: they yield to every
 * exception, and as exceptions to nobody but an important rule.
 */
import { RuleKind } from '@dnstap-bgp/domain-list'

export interface MatchingRule {
  readonly list: number
  readonly kind: RuleKind
  readonly exception: boolean
  readonly important: boolean
  /** Labels of the name that the rule fixes; see specificityOf for the kinds that fix none. */
  readonly specificity: number
}

/** Without the rules that a name which exists in their zone hides, and without the marks of such names (closest-encloser.ts). */
export function reachingRules<Rule extends MatchingRule>(rules: readonly Rule[]): Rule[] {
  const marks = rules.filter(({ kind }) => kind === RuleKind.encloser)
  if (marks.length === 0) return [...rules]
  const isHidden = (rule: Rule) => marks.some((mark) => mark.list === rule.list && mark.specificity > rule.specificity)
  return rules.filter((rule) => rule.kind !== RuleKind.encloser && !isHidden(rule))
}

export function specificityOf(kind: RuleKind, exception: boolean, labels: number): number {
  if (kind !== RuleKind.keyword && kind !== RuleKind.regexp) return labels
  return exception ? Infinity : 0
}

/** The exceptions that decide, of all that match a name. */
export interface Exceptions<Rule extends MatchingRule> {
  readonly important: Rule | undefined
  readonly plain: Rule | undefined
}

export function strongestExceptions<Rule extends MatchingRule>(rules: readonly Rule[]): Exceptions<Rule> {
  let important: Rule | undefined
  let plain: Rule | undefined
  for (const rule of rules) {
    if (!rule.exception) continue
    if (rule.important) {
      if (important === undefined || isStronger(rule, important)) important = rule
    } else if (plain === undefined || isStronger(rule, plain)) plain = rule
  }
  return { important, plain }
}

/** The exception that a rule loses to. */
export function beatenBy<Rule extends MatchingRule>(rule: Rule, exceptions: Exceptions<Rule>): Rule | undefined {
  const { important, plain } = exceptions
  if (important !== undefined) return important
  return !rule.important && plain !== undefined && plain.specificity >= rule.specificity ? plain : undefined
}

/** For each list that the name feeds, in order, the rule that says so most plainly. */
export function feedingRules<Rule extends MatchingRule>(rules: readonly Rule[]): Rule[] {
  const exceptions = strongestExceptions(rules)
  const byList = new Map<number, Rule>()
  for (const rule of rules) {
    if (rule.exception || beatenBy(rule, exceptions) !== undefined) continue
    const known = byList.get(rule.list)
    if (known === undefined || isStronger(rule, known)) byList.set(rule.list, rule)
  }
  return [...byList.values()].sort((a, b) => a.list - b.list)
}

const PLAINNESS: readonly RuleKind[] = [
  RuleKind.exact,
  RuleKind.suffix,
  RuleKind.subdomains,
  RuleKind.wildcard,
  RuleKind.keyword,
  RuleKind.regexp,
]

function isStronger(a: MatchingRule, b: MatchingRule): boolean {
  if (a.important !== b.important) return a.important
  if (a.specificity !== b.specificity) return a.specificity > b.specificity
  return PLAINNESS.indexOf(a.kind) < PLAINNESS.indexOf(b.kind)
}
