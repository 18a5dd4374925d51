/**
 * Tells which lists lose names because their regular expressions would take too long (domain-matcher's regexp-rules.ts): a metric, and a
 * line in the log each minute while it goes on.
 */
import type { Matcher } from '@dnstap-bgp/domain-matcher'
import type { Clock, Log } from '@dnstap-bgp/runtime'
import { samplesOf, type Metrics } from '@dnstap-bgp/telemetry'

const PERIOD_MS = 60_000

/** `matchers`: those in use, each once. What a matcher that was replaced had counted stays in the sum. */
export function watchUntriedRegexps(
  matchers: () => readonly Matcher[],
  { clock, log, metrics }: { readonly clock: Clock; readonly log: Log; readonly metrics?: Metrics },
): { close(): void } {
  const counts = new Map<string, number>()
  const seen = new WeakMap<Matcher, number[]>()
  const count = () => {
    for (const matcher of matchers()) {
      const before = seen.get(matcher) ?? []
      const now = [...matcher.untriedRegexps]
      now.forEach((untried, index) => {
        const { name } = matcher.lists[index]
        counts.set(name, (counts.get(name) ?? 0) + untried - (before[index] ?? 0))
      })
      seen.set(matcher, now)
    }
    return counts
  }
  metrics?.counter({
    name: 'list_untried_regexps_total',
    help: 'How often a regular expression of a list was not tried on a name because that would have taken too long.',
    labels: ['list'],
    read: () => samplesOf('list', Object.fromEntries(count())),
  })
  let told = new Map(count())
  const timer = clock.every(PERIOD_MS, () => {
    for (const [list, total] of count()) {
      const more = total - (told.get(list) ?? 0)
      if (more > 0)
        log.warn(
          { list, count: more },
          'Regular expressions of a list were not tried on some names: they would have taken too long. Names that only they match are not routed.',
        )
    }
    told = new Map(counts)
  })
  return { close: () => timer.cancel() }
}
