import { expect, test } from 'vitest'
import { HeardResolvers } from './heard-resolvers.ts'

const HOUR_MS = 3_600_000

test('the resolvers of several ingests are joined, and only a change is reported', () => {
  const heard = new HeardResolvers()
  expect(heard.hear(['192.0.2.53'], 0)).toBe(true)
  expect(heard.hear(['2001:db8::53', '192.0.2.53'], 1)).toBe(true)
  expect(heard.hear(['192.0.2.53'], 2)).toBe(false)
  expect([...heard.addresses].sort()).toEqual(['192.0.2.53', '2001:db8::53'])
})

test('an address that no ingest names any more is kept for a day, then forgotten', () => {
  const heard = new HeardResolvers()
  heard.hear(['192.0.2.53'], 0)
  expect(heard.hear(['192.0.2.54'], 23 * HOUR_MS)).toBe(true)
  expect(heard.hear(['192.0.2.54'], 23.5 * HOUR_MS)).toBe(false)
  expect(heard.hear(['192.0.2.54'], 25 * HOUR_MS)).toBe(true)
  expect(heard.addresses).toEqual(['192.0.2.54'])
})

test('strangers cannot make it grow without bound: the oldest address is forgotten first', () => {
  const heard = new HeardResolvers()
  const some = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => `10.${(from + i) >>> 16}.${((from + i) >>> 8) & 255}.${(from + i) & 255}`)
  heard.hear(some(0, 1000), 0)
  heard.hear(some(1000, 10_000), 1)
  expect(heard.addresses).toHaveLength(10_000)
  expect(heard.addresses).not.toContain('10.0.0.1')
})
