import { expect, test } from 'vitest'
import { ADDRESS, explainAlone, HOUR_MS, RESOLUTION, startTestCache, Switchable } from '../testing/cache-under-test.ts'

test('an address that very many unrelated listed names claim is flagged, until it is withdrawn', async () => {
  const rules = Array.from({ length: 40 }, (_, i) => `site${i}.test`)
  const { learn, cache, clock } = await startTestCache({ rules: { default: ['example.org', ...rules] } })
  for (let i = 0; i < 100; i++) await learn({ address: '93.184.215.7', name: `n${i}.example.org` })
  expect(cache.crowded.size).toBe(0)
  await learn(...rules.map((name) => ({ name })))
  expect(cache.crowded.size).toBe(1)
  expect((await explainAlone(cache.explainer, ADDRESS)).notes).toEqual([
    expect.stringMatching(/^40 unrelated listed names claim/),
  ])
  expect((await explainAlone(cache.explainer, '93.184.215.7')).notes).toEqual([])
  await clock.advanceAsync(2 * HOUR_MS)
  expect(cache.crowded.size).toBe(0)
})

test('an address that is flagged is flagged no more when another replica withdraws it', async () => {
  const rules = Array.from({ length: 40 }, (_, i) => `site${i}.test`)
  const store = new Switchable()
  const one = await startTestCache({ store, rules: { default: rules } })
  const two = await startTestCache({ store, clock: one.clock, bus: one.bus, rules: { default: rules } })
  const seenAtMs = one.clock.now()
  await one.cache.offer(rules.map((name) => ({ ...RESOLUTION, name, seenAtMs })))
  expect(one.cache.crowded.size).toBe(1)
  await two.cache.forget({ subject: ADDRESS, holdDownMs: 0 })
  await one.settle()
  expect(one.cache.crowded.size).toBe(0)
})
