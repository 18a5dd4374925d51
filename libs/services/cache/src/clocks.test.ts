import { describe, expect, test } from 'vitest'
import { BINDINGS } from '@dnstap-bgp/steering'
import { HOUR_MS, ROUTE, startTestCache } from '../testing/cache-under-test.ts'

describe('a wall clock that is set', () => {
  test.each([
    ['an hour back', -HOUR_MS],
    ['an hour ahead', HOUR_MS],
    ['a week ahead, by NTP after the start', 7 * 24 * HOUR_MS],
    ['a day back', -24 * HOUR_MS],
  ])('%s neither expires a binding early nor keeps it longer, and later sightings are fresh', async (_what, stepMs) => {
    const { learn, store, clock, changes } = await startTestCache()
    await learn({})
    clock.step(stepMs)
    await clock.advanceAsync(HOUR_MS / 2, 60_000)
    await learn({ address: '93.184.215.15' })
    await clock.advanceAsync(HOUR_MS * 0.49, 60_000)
    expect((await store.counts()).routes).toBe(2)
    await clock.advanceAsync(HOUR_MS * 0.02, 60_000)
    expect(changes.at(-1)).toEqual({ prefix: ROUTE, lists: [] })
    await clock.advanceAsync(HOUR_MS / 2, 60_000)
    await clock.advanceAsync(1000)
    expect((await store.counts()).routes).toBe(0)
  })

  test('is the clock for people and other instances', async () => {
    const { learn, clock, bus, learnt, explain } = await startTestCache()
    await learn({})
    clock.step(3 * HOUR_MS)
    const seenAtMs = clock.now() - 20
    await learn({ address: '93.184.215.15', seenAtMs })
    expect(learnt.at(-1)?.seenAtMs).toBe(seenAtMs)
    for await (const part of bus.askStream(BINDINGS, undefined))
      for (const { seenAtMs } of part) expect(Math.abs(clock.now() - seenAtMs)).toBeLessThan(1000)
    const before = clock.now()
    const [binding] = (await explain('93.184.215.15')).bindings
    expect(Date.parse(binding.lastSeen)).toBe(seenAtMs)
    expect(Math.abs(Date.parse(binding.expires) - (before + HOUR_MS))).toBeLessThan(1000)
  })

  test('back on one machine only is reported: resolutions that come too late for their list are logged once a minute, but not those of a peer', async () => {
    const { learn, clock, told } = await startTestCache()
    await learn({ seenAtMs: clock.now() - 2 * HOUR_MS, source: { kind: 'sync-peer', name: '192.0.2.7' } })
    expect(told).toEqual([])
    for (let i = 0; i < 5; i++) await learn({ seenAtMs: clock.now() - 2 * HOUR_MS })
    expect(told).toEqual([expect.stringMatching(/^Resolutions arrive older than their list/)])
  })

  test('on one machine only is reported: resolutions from the future count as seen now, are counted, and are logged once a minute', async () => {
    const { learn, clock, cache, told } = await startTestCache()
    await learn({ seenAtMs: clock.now() + 4_000 })
    expect(cache.counters.fromTheFuture).toBe(0)
    for (let i = 0; i < 5; i++) await learn({ seenAtMs: clock.now() + HOUR_MS, address: `93.184.215.${i}` })
    expect(cache.counters.fromTheFuture).toBe(5)
    expect(told).toEqual([expect.stringMatching(/^Resolutions come from the future: the clocks/)])
  })
})
