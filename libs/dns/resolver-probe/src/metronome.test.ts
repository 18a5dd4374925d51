import { describe, expect, test } from 'vitest'
import { startFakeResolver, type FakeResolverOptions } from '../testing/fake-resolver.ts'

/** The delays of lone answers, given at moments that have nothing to do with the period. */
function delaysOf(resolver: ReturnType<typeof startFakeResolver>, threads = 1): number[] {
  return Array.from({ length: 100 }, (_, i) => {
    const seen = resolver.frame(i % threads)
    resolver.clock.advance(137)
    return seen.delayMs ?? Infinity
  })
}

const CASES: readonly [string, FakeResolverOptions, atLeast: number, atMost: number][] = [
  [
    'Unbound that reports questions and answers: 17 questions 22 ms after a batch',
    { kind: 'unbound', withQueries: true },
    650,
    780,
  ],
  ['Unbound that reports answers alone: 33 questions', { kind: 'unbound' }, 1250, 1510],
  ['BIND that reports answers alone: one question each 11 ms', { kind: 'bind' }, 80, 92],
  ['BIND that reports questions and answers: one question each 22 ms', { kind: 'bind', withQueries: true }, 38, 46],
  ['BIND with four threads', { kind: 'bind', threads: 4 }, 80, 92],
]

test.each(CASES)('%s; a lone answer waits no longer than the target', (_name, options, atLeast, atMost) => {
  const resolver = startFakeResolver(options)
  resolver.clock.advance(10_000)
  expect(Math.max(...delaysOf(resolver, options.threads))).toBeLessThanOrEqual(25)
  const rate = resolver.rateOver(10)
  expect(rate).toBeGreaterThan(atLeast)
  expect(rate).toBeLessThan(atMost)
  expect(resolver.metronome.state).toBe('ok')
  expect(resolver.metronome.delayMs(0.99)).toBeLessThanOrEqual(25)
})

test('another target is another period', () => {
  const resolver = startFakeResolver({ kind: 'bind', flushTargetMs: 103 })
  resolver.clock.advance(10_000)
  expect(resolver.rateOver(10)).toBeCloseTo(20, 0)
  expect(Math.max(...delaysOf(resolver))).toBeLessThanOrEqual(103)
})

test('two frames that wake BIND come from one source port, the next two from another', () => {
  const resolver = startFakeResolver({ kind: 'bind' })
  resolver.clock.advance(10_000)
  const last = resolver.sources.slice(-9)
  const first = last[0] === last[1] ? last : last.slice(1)
  for (let i = 0; i + 3 < 8; i += 2) {
    expect(first[i]).toBe(first[i + 1])
    expect(first[i + 2]).toBe(first[i] + 1)
  }
})

describe('adaptive to real traffic', () => {
  test('while batches come by themselves, one question a second goes on measuring', () => {
    const resolver = startFakeResolver({ kind: 'unbound', withQueries: true })
    resolver.clock.advance(5000)
    resolver.clock.every(5, () => Array.from({ length: 12 }, () => resolver.frame()))
    resolver.clock.advance(2000)
    expect(resolver.rateOver(10)).toBeLessThan(2)
    expect(resolver.metronome.state).toBe('ok')
  })

  test('with half as much traffic as fills a batch, half the questions', () => {
    const resolver = startFakeResolver({ kind: 'unbound', withQueries: true })
    resolver.clock.advance(5000)
    resolver.clock.every(1, () => (resolver.clock.monotonic() % 4 < 3 ? resolver.frame() : undefined))
    resolver.clock.advance(3000)
    expect(resolver.rateOver(10)).toBeLessThan(500)
    expect(Math.max(...delaysOf(resolver))).toBeLessThanOrEqual(25)
  })

  test('frames in the queue of another thread do not count: the rest of the burst follows 2 ms later', () => {
    const resolver = startFakeResolver({ kind: 'unbound', withQueries: true, threads: 2 })
    resolver.clock.advance(5000)
    resolver.clock.every(2, () => resolver.frame(1))
    resolver.clock.advance(3000)
    expect(Math.max(...delaysOf(resolver, 2))).toBeLessThanOrEqual(27)
  })
})

describe('a resolver that does not do its part', () => {
  test('one that does not answer is asked once a second, degrades after half a minute, and is well when it answers again', () => {
    const resolver = startFakeResolver({ kind: 'unbound' })
    resolver.answers = false
    expect(resolver.rateOver(30)).toBeCloseTo(1, 1)
    expect(resolver.metronome.state).toBe('no-answer')
    resolver.answers = true
    resolver.clock.advance(20_000)
    expect(resolver.metronome.state).toBe('no-answer') // not yet: it might come and go
    resolver.clock.advance(20_000)
    expect(resolver.metronome.state).toBe('ok')
    resolver.answers = false
    resolver.clock.advance(20_000)
    expect(resolver.metronome.state).toBe('ok')
    resolver.clock.advance(20_000)
    expect(resolver.metronome.state).toBe('no-answer')
    expect(resolver.rateOver(30)).toBeCloseTo(1, 1)
  })

  test('one that answers and reports nothing is asked once a second', () => {
    const resolver = startFakeResolver({ kind: 'bind' })
    resolver.reports = false
    resolver.clock.advance(40_000)
    expect(resolver.metronome.state).toBe('no-frames')
    expect(resolver.rateOver(30)).toBeCloseTo(1, 1)
  })

  test('one whose frames wait all the same is slow', () => {
    // As with BIND untuned: two frames do not wake its writer.
    const resolver = startFakeResolver({ kind: 'bind', flushTargetMs: 25 })
    const onRead = resolver.metronome.onRead.bind(resolver.metronome)
    let last = 0
    resolver.metronome.onRead = (others) => {
      if (resolver.clock.monotonic() - last < 600) return
      last = resolver.clock.monotonic()
      onRead(others)
    }
    resolver.clock.advance(60_000)
    expect(resolver.metronome.state).toBe('slow')
    expect(resolver.metronome.delayMs(0.99)).toBeGreaterThan(500)
  })
})

test('closed, it asks nothing and leaves no timer', () => {
  const resolver = startFakeResolver({ kind: 'bind' })
  resolver.clock.advance(5000)
  resolver.metronome.close()
  resolver.metronome.onRead(1)
  expect(resolver.rateOver(10)).toBe(0)
  expect(resolver.clock.timers).toBe(1) // the resolver's own
})
