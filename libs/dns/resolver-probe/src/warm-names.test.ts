import { describe, expect, test } from 'vitest'
import { startFakeCache } from '../testing/fake-cache.ts'

const NAME = 'www.example.org'
type Options = Parameters<typeof startFakeCache>[0]

/** The share of moments at which a lone client would meet an answer that we have not been told. */
function shareThatMeetsNews(options: Options, ttlSeconds: number, seconds = 1800, stepMs = 97): number {
  const cache = startFakeCache(options)
  cache.records.set(NAME, { ttlSeconds })
  cache.warm.use(NAME)
  cache.clock.advance(2 * ttlSeconds * 1000 + 6000)
  let met = 0
  let looks = 0
  for (let passed = 0; passed < seconds * 1000; passed += stepMs) {
    cache.clock.advance(stepMs)
    looks++
    if (!cache.isKnown(NAME)) met++
  }
  return met / looks
}

describe('a client does not meet a new address before us', () => {
  test.each([
    ['Unbound with prefetch', { kind: 'unbound' }, 60],
    ['Unbound with prefetch', { kind: 'unbound' }, 300],
    ['BIND', { kind: 'bind' }, 60],
    ['BIND', { kind: 'bind' }, 300],
  ] as const)('%s', (_name, options, ttlSeconds) => {
    expect(shareThatMeetsNews(options, ttlSeconds)).toBeLessThan(0.012)
  })

  test.each([
    ['Unbound with prefetch and a short TTL, 0.3 s of it', { kind: 'unbound' }, 20],
    ['Unbound without prefetch', { kind: 'unbound', prefetches: false }, 60],
    ['Unbound that serves stale answers', { kind: 'unbound', prefetches: false, staleTtl: 30 }, 60],
    ['Knot Resolver', { kind: 'knot-resolver' }, 60],
  ] as const)('but for a moment after the end of a TTL: %s', (_name, options, ttlSeconds) => {
    expect(shareThatMeetsNews(options, ttlSeconds)).toBeLessThan(0.03)
  })
})

describe('how often it asks', () => {
  test('twice in each TTL near its end where the resolver prefetches, once after it elsewhere', () => {
    for (const [options, questions] of [
      [{ kind: 'unbound' }, 2],
      [{ kind: 'bind' }, 2],
      [{ kind: 'knot-resolver' }, 1],
    ] as const) {
      const cache = startFakeCache(options)
      cache.records.set(NAME, { ttlSeconds: 100 })
      cache.warm.use(NAME)
      cache.clock.advance(200_000)
      const perTtl = cache.questionsIn(10_000, 1) / 100
      expect(perTtl, options.kind).toBeGreaterThan(questions * 0.9)
      expect(perTtl, options.kind).toBeLessThan(questions * 1.15)
    }
  })

  test('a resolver that never prefetches is soon asked after the end alone', () => {
    const cache = startFakeCache({ kind: 'unbound', prefetches: false })
    cache.records.set(NAME, { ttlSeconds: 60 })
    cache.warm.use(NAME)
    cache.clock.advance(1_500_000)
    expect(cache.questionsIn(300, 1)).toBeLessThanOrEqual(6)
  })

  test('a TTL under five seconds is asked every five seconds', () => {
    const cache = startFakeCache({ kind: 'knot-resolver' })
    cache.records.set(NAME, { ttlSeconds: 1 })
    cache.warm.use(NAME)
    cache.clock.advance(10_000)
    // Each answer looks like a stale one: a second question follows.
    expect(cache.questionsIn(500, 1)).toBeLessThanOrEqual(202)
  })

  test('AAAA only with ipv6; a type without addresses every quarter of an hour', () => {
    const cache = startFakeCache({ ipv6: true })
    cache.records.set(NAME, { ttlSeconds: 300 })
    cache.warm.use(NAME)
    cache.clock.advance(1000)
    expect(cache.asked.map(({ qtype }) => qtype).sort((a, b) => a - b)).toEqual([1, 28, 65])
    expect(cache.questionsIn(7200, 65)).toBe(8)
    const without = startFakeCache({ ipv6: false })
    without.warm.use(NAME)
    without.clock.advance(1000)
    expect(without.asked.map(({ qtype }) => qtype)).not.toContain(28)
  })

  test('never more than the budget, in any second', () => {
    const cache = startFakeCache({ queriesPerSecond: 20 })
    for (let i = 0; i < 500; i++) {
      cache.records.set(`n${i}.example.org`, { ttlSeconds: 5 })
      cache.warm.use(`n${i}.example.org`)
    }
    cache.clock.stall(3000)
    for (let second = 0; second < 60; second++) expect(cache.questionsIn(1)).toBeLessThanOrEqual(24)
  })
})

describe('what a name loses', () => {
  test('a name that does not exist is forgotten', () => {
    const cache = startFakeCache()
    cache.warm.use('nobody.example.org')
    cache.clock.advance(1000)
    expect(cache.warm.set.size).toBe(0)
  })

  test('SERVFAIL backs off, and is over when the name answers again', () => {
    const cache = startFakeCache()
    const record: { ttlSeconds: number; rcode?: number } = { ttlSeconds: 60, rcode: 2 }
    cache.records.set(NAME, record)
    cache.warm.use(NAME)
    expect(cache.questionsIn(600, 1)).toBeLessThan(10)
    expect(cache.questionsIn(6000, 1)).toBeLessThan(12)
    delete record.rcode
    cache.clock.advance(700_000)
    expect(cache.questionsIn(600, 1)).toBeGreaterThan(15)
  })

  test('a name that no client uses runs out, whatever we ask ourselves', () => {
    const cache = startFakeCache({ keepMs: 3_600_000 })
    cache.records.set(NAME, { ttlSeconds: 60 })
    cache.warm.use(NAME)
    cache.clock.advance(3_500_000)
    expect(cache.warm.set.size).toBe(1)
    cache.clock.advance(200_000)
    expect(cache.warm.set.size).toBe(0)
    expect(cache.questionsIn(600)).toBe(0)
  })

  test('what is seen right after our own question is no use by a client', () => {
    const cache = startFakeCache({ keepMs: 3_600_000 })
    cache.records.set(NAME, { ttlSeconds: 60 })
    cache.warm.use(NAME)
    for (let passed = 0; passed < 4_000_000; passed += 500) {
      const before = cache.asked.length
      cache.clock.advance(500)
      if (cache.asked.length > before) cache.warm.use(NAME) // as a hook shows our own question
    }
    expect(cache.warm.set.size).toBe(0)
  })
})

test('a resolver that is away is left alone, and asked for everything in turn when it is back', () => {
  const cache = startFakeCache({ queriesPerSecond: 50 })
  for (let i = 0; i < 300; i++) {
    cache.records.set(`n${i}.example.org`, { ttlSeconds: 60 })
    cache.warm.use(`n${i}.example.org`)
  }
  cache.clock.advance(60_000)
  cache.isAway = true
  cache.clock.advance(120_000)
  expect(cache.warm.isPaused).toBe(true)
  expect(cache.questionsIn(600)).toBeLessThan(15)
  cache.isAway = false
  cache.clock.advance(70_000)
  expect(cache.warm.isPaused).toBe(false)
  for (let second = 0; second < 30; second++) expect(cache.questionsIn(1)).toBeLessThanOrEqual(60)
  expect(cache.warm.set.size).toBe(300)
})

test('an answer to another question, and bytes that are no answer, change nothing', () => {
  const cache = startFakeCache()
  cache.isAway = true
  cache.warm.use(NAME)
  cache.clock.advance(500)
  expect(cache.warm.answers).toBe(0)
})
