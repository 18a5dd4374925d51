/**
 * Which rules of a list are not in use although its source has them: one sentence for each kind, for health, `lists` and `check`.
 *
 * A list that lost most of its lines must not look fresh. The share of lines understood is held against `minimumShare`, as the share of names kept is.
 */
import type { CapSkip, ListSummary } from '@dnstap-bgp/domain-list'
import type { Refusal } from '@dnstap-bgp/domain-matcher'
import { foreignText } from '@dnstap-bgp/foreign-text'

/** Refusals because of a limit, in words. Which skips of the parser are due to a limit is decided by domain-list (CAP_SKIPS). */
const OVER_LIMIT: Readonly<Record<CapSkip | CapRefusal, string>> = {
  'line-too-long': 'too long lines',
  'regexp-too-long': 'too long regular expressions',
  'regexp-too-large': 'too large regular expressions',
  'too-many-regexps': 'regular expressions over the limit',
  'too-many-keywords': 'keywords over the limit',
  'too-many-wildcard-forms': 'wildcards over the limit',
  'too-many-names': 'names over the limit',
  'too-many-addresses': 'addresses over the limit',
  'include-too-deep': 'lists included too deep',
  'include-refused': 'included lists over the limit',
}

/** Limits of the matcher, and of addresses (list-reading.ts). */
type CapRefusal = Extract<Refusal, `too-many-${string}` | 'regexp-too-large'> | 'too-many-addresses'

type FileLines = Pick<ListSummary, 'linesWithRules' | 'skippedLines' | 'lostToCaps'>

/** Counts the understood lines of a list, over all its files. */
export class UnderstoodLines {
  /** Lines with a rule or an address. A line that says nothing about names (a cosmetic rule) does not count. */
  #understood = 0
  readonly #skipped = new Map<string, number>() // by reason
  readonly #overLimit = new Map<string, number>() // by reason

  /** The parser's counts of one file. */
  addFile({ linesWithRules, skippedLines, lostToCaps }: FileLines): void {
    this.#understood += linesWithRules
    for (const [reason, count] of Object.entries(skippedLines)) add(this.#skipped, reason, count)
    for (const [reason, count] of Object.entries(lostToCaps)) add(this.#overLimit, reason, count)
  }

  /** A file that could not be read. */
  skippedFile(reason: string): void {
    add(this.#skipped, reason, 1)
  }

  /** A line that the parser understood, and whose rule or address was not taken. */
  refused(reason: string): void {
    this.#understood = Math.max(0, this.#understood - 1)
    add(this.#skipped, reason, 1)
    if (reason in OVER_LIMIT) add(this.#overLimit, reason, 1)
  }

  losses(minimumShare: number): string[] {
    const losses: string[] = []
    const skipped = [...this.#skipped].sort(([, a], [, b]) => b - a)
    const total = skipped.reduce((sum, [, count]) => sum + count, this.#understood)
    if (skipped.length > 0 && this.#understood < minimumShare * total) {
      const reasons = skipped.slice(0, 5).map(([reason, count]) => `${count} ${reason}`)
      const percent = Math.floor((this.#understood / total) * 100)
      losses.push(`only ${percent} % of its ${total} entries were understood (${reasons.join(', ')})`)
    }
    const overLimit = [...this.#overLimit].map(
      ([reason, count]) => `${count} ${(OVER_LIMIT as Record<string, string>)[reason] ?? reason}`,
    )
    if (overLimit.length > 0) losses.push(`left out: ${overLimit.join(', ')}`)
    return losses
  }
}

function add(counts: Map<string, number>, reason: string, count: number): void {
  counts.set(reason, (counts.get(reason) ?? 0) + count)
}

/** A v2fly list without some of the lists that it includes. `names`: the first of them. */
export function notWhole(names: readonly string[], count: number): string {
  const shown = names.map((name) => `include:${foreignText(name, 60)}`).join(', ')
  return `it is not whole: ${shown}${count > names.length ? ` and ${count - names.length} more` : ''} not found`
}
