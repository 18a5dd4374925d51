/** Which rules of a list cover most, and which of its names stand on other lists too. Fed with each rule, it keeps a few. */
import { textToName } from '@dnstap-bgp/dns-wire'
import { RuleKind } from '@dnstap-bgp/domain-list'
import { NO_MATCH, ruleText, type Matcher } from '@dnstap-bgp/domain-matcher'
import type { RuleInFile } from '@dnstap-bgp/list-loader'

const SHOWN = 10
const SAMPLES = 3

/** Of a rule: how many labels keep it from covering everything. Keywords and expressions may stand anywhere. */
function breadth({ kind, pattern }: RuleInFile): number {
  if (kind === RuleKind.keyword || kind === RuleKind.regexp) return 0
  if (kind === RuleKind.exact) return Infinity
  return pattern.split('.').filter((label) => label !== '*').length
}

export class WidestRules {
  #widest: { readonly rule: RuleInFile; readonly breadth: number }[] = []

  add(rule: RuleInFile): void {
    if (rule.exception) return
    const one = { rule, breadth: breadth(rule) }
    const last = this.#widest.at(-1)
    if (one.breadth === Infinity || (this.#widest.length === SHOWN && last !== undefined && one.breadth >= last.breadth)) return
    this.#widest = [...this.#widest, one].sort((a, b) => a.breadth - b.breadth).slice(0, SHOWN)
  }

  get lines(): string[] {
    return this.#widest.map(({ rule }) => `${textOf(rule)} (line ${rule.line})`)
  }
}

/** Names of one list on the lists of a configuration: on both, or an exception in one for a name of the other. */
export class Conflicts {
  readonly #matcher: Matcher
  readonly #found = new Map<string, { count: number; readonly samples: string[] }>()

  constructor(matcher: Matcher) {
    this.#matcher = matcher
  }

  add(rule: RuleInFile): void {
    if (rule.kind !== RuleKind.suffix && rule.kind !== RuleKind.exact && rule.kind !== RuleKind.subdomains) return
    const wire = textToName(rule.pattern)
    if (wire === undefined) return
    const verdict = this.#matcher.match(wire, 0)
    if (verdict === NO_MATCH) return
    for (const { list } of this.#matcher.verdict(verdict))
      this.#note(rule.exception ? `an exception for names of list "${list}"` : `also on list "${list}"`, textOf(rule))
  }

  get lines(): string[] {
    return [...this.#found].map(([what, { count, samples }]) => {
      const more = count > samples.length ? ` and ${count - samples.length} more` : ''
      return `${what}: ${samples.join(', ')}${more}`
    })
  }

  #note(what: string, text: string): void {
    const found = this.#found.get(what) ?? { count: 0, samples: [] }
    this.#found.set(what, found)
    found.count++
    if (found.samples.length < SAMPLES) found.samples.push(text)
  }
}

function textOf({ kind, pattern, exception, important }: RuleInFile): string {
  return ruleText(kind, pattern, exception, important)
}

/** How many of these names each rule of the list catches; the widest first. */
export function caughtBy(matcher: Matcher, names: readonly { readonly name: string }[]): string[] {
  const caught = new Map<string, string[]>()
  for (const { name } of names)
    for (const { rule } of matcher.explain(name)?.feeds ?? []) caught.set(rule, [...(caught.get(rule) ?? []), name])
  return [...caught]
    .sort(([, a], [, b]) => b.length - a.length)
    .slice(0, SHOWN)
    .map(
      ([rule, its]) => `${rule} catches ${its.length}: ${its.slice(0, SAMPLES).join(', ')}${its.length > SAMPLES ? ', ...' : ''}`,
    )
}
