import { expect, test } from 'vitest'
import { lifetimeMsOf } from './lifetime.ts'

test('an idle time holds for as long as it is, whatever the record says', () => {
  expect(lifetimeMsOf({ kind: 'idle', ttlMs: 7000 }, 86_400)).toBe(7000)
})

test.each([
  ['under the floor', 1, 10_500],
  ['between the two', 15, 15_500],
  ['over the ceiling', 99, 20_500],
  ['that is not known', Infinity, 20_500],
])('with `ttl = "dns"` a TTL %s is clamped, and grace is added', (_what, ttlSeconds, expected) => {
  expect(lifetimeMsOf({ kind: 'dns', minMs: 10_000, maxMs: 20_000, graceMs: 500 }, ttlSeconds)).toBe(expected)
})
