/**
 * What of a list's rules is not in use although its source has them: one sentence for each kind, for health, `lists` and `check`.
 *
 * A list that lost most of its lines must not look fresh. The share of entries understood counts as the share of names kept does (`minimumShare`).
 */
import { HARMLESS_SKIPS } from '@dnstap-bgp/domain-list'
import { foreignText } from '@dnstap-bgp/foreign-text'

/** Reasons come from the readers of formats and from the matcher, so they are plain strings here. */
const HARMLESS: ReadonlySet<string> = HARMLESS_SKIPS

/** Skips because there is more than we take. They are told however few they are. */
const CAPS: Readonly<Record<string, string>> = {
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

export interface Understood {
  /** Rules and addresses that were read, repeats included. */
  readonly entries: number
  readonly skipped: Readonly<Record<string, number>>
  readonly minimumShare: number
}

/** Lost to skips and to limits. */
export function lossesBySkips({ entries, skipped, minimumShare }: Understood): string[] {
  const losses: string[] = []
  const lost = Object.entries(skipped).filter(([reason]) => !HARMLESS.has(reason))
  const lostCount = lost.reduce((sum, [, count]) => sum + count, 0)
  const share = entries / (entries + lostCount)
  if (lostCount > 0 && share < minimumShare) {
    const reasons = lost
      .sort(([, a], [, b]) => b - a)
      .slice(0, 5)
      .map(([reason, count]) => `${count} ${reason}`)
    losses.push(`only ${Math.floor(share * 100)} % of its ${entries + lostCount} entries were understood (${reasons.join(', ')})`)
  }
  const caps = lost.flatMap(([reason, count]) => (reason in CAPS ? [`${count} ${CAPS[reason] ?? reason}`] : []))
  if (caps.length > 0) losses.push(`left out: ${caps.join(', ')}`)
  return losses
}

/** A v2fly list without some of what it includes. `names`: the first of them. */
export function notWhole(names: readonly string[], count: number): string {
  const shown = names.map((name) => `include:${foreignText(name, 60)}`).join(', ')
  return `it is not whole: ${shown}${count > names.length ? ` and ${count - names.length} more` : ''} not found`
}
