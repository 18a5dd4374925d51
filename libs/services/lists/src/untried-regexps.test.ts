import { textToName } from '@dnstap-bgp/dns-wire'
import { RuleKind } from '@dnstap-bgp/domain-list'
import { Matcher, MatcherBuilder } from '@dnstap-bgp/domain-matcher'
import { silentLog } from '@dnstap-bgp/runtime'
import { Metrics } from '@dnstap-bgp/telemetry'
import { FakeClock } from '@dnstap-bgp/testkit'
import { expect, test, vi } from 'vitest'
import { watchUntriedRegexps } from './untried-regexps.ts'

function costlyMatcher(): Matcher {
  const builder = new MatcherBuilder({ seed: 1 })
  builder.addList('costly').rule(RuleKind.regexp, 'abc(a|b){120}$', false, false)
  return new Matcher(builder.build())
}
const longName = textToName(`abc${'ab'.repeat(25)}.${'ab'.repeat(30)}.${'ab'.repeat(30)}.${'ab'.repeat(30)}`) ?? new Uint8Array(1)

test('a list that loses names to costly regular expressions is told once a minute, and counted over new versions of it', async () => {
  const clock = new FakeClock()
  const metrics = new Metrics()
  const warn = vi.fn()
  let matcher = costlyMatcher()
  const watch = watchUntriedRegexps(() => [matcher], { clock, log: { ...silentLog, warn }, metrics })
  matcher.match(longName, 0)
  matcher.match(longName, 0)
  expect(await metrics.text()).toContain('list_untried_regexps_total{list="costly"} 2')
  clock.advance(60_000)
  expect(warn.mock.calls).toEqual([[{ list: 'costly', count: 2 }, expect.stringContaining('were not tried')]])
  clock.advance(60_000)
  expect(warn).toHaveBeenCalledTimes(1)

  matcher = costlyMatcher()
  matcher.match(longName, 0)
  expect(await metrics.text()).toContain('list_untried_regexps_total{list="costly"} 3')
  watch.close()
})
