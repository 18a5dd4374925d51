import { silentLog } from '@dnstap-bgp/runtime'
import { Health } from '@dnstap-bgp/telemetry'
import { FakeClock } from '@dnstap-bgp/testkit'
import { expect, test } from 'vitest'
import type { Outbox } from './outbox.ts'
import { watchOutbox } from './watch-outbox.ts'

test('facts that were lost are degraded health for a minute, and one line in the log a minute says how many', () => {
  const clock = new FakeClock()
  const health = new Health({ clock, log: silentLog })
  const lines: object[] = []
  const log = { ...silentLog, warn: (fields: object) => lines.push(fields) }
  let droppedAtMs = -Infinity
  const outbox = {
    counters: { droppedNews: 0, droppedRefreshes: 0 },
    failing: false,
    waiting: 0,
    get sinceDroppedMs() {
      return clock.monotonic() - droppedAtMs
    },
  }
  const look = watchOutbox(outbox as unknown as Outbox, health.component('ingest-outbox'), clock, log)
  const state = () => {
    look()
    return health.report().components[0].state
  }
  expect(state()).toBe('ok')
  for (let second = 0; second < 90; second++) {
    outbox.counters.droppedNews += 10
    outbox.counters.droppedRefreshes++
    droppedAtMs = clock.monotonic()
    expect(state()).toBe('degraded')
    clock.advance(1000)
  }
  expect(lines).toEqual([
    { news: 10, refreshes: 1 },
    { news: 600, refreshes: 60 },
  ])
  clock.advance(58_000)
  expect(state()).toBe('degraded')
  clock.advance(2_000)
  expect(state()).toBe('ok')
  expect(lines.at(-1)).toEqual({ news: 290, refreshes: 29 })
})
