import fc from 'fast-check'
import { expect, test } from 'vitest'
import { textToName } from '@dnstap-bgp/dns-wire'
import { Coalescer, SILENCES_SECONDS, Novelty } from './coalescer.ts'
import { beginKey, endKey, factKey } from './fact-key.ts'

/** Judged and, unless a repeat, passed on. */
function pass(coalescer: Coalescer, key: number, now: number, until: number, worth: number): Novelty {
  const novelty = coalescer.judge(key * 7, key * 13, now, until, worth)
  if (novelty !== Novelty.repeat) coalescer.passed(key * 7, key * 13, novelty, now, until)
  return novelty
}

test('agrees with a map of the facts that were passed', () => {
  const sighting = fc.record({ key: fc.nat(40), wait: fc.nat(300), hold: fc.integer({ min: 1, max: 2000 }) })
  fc.assert(
    fc.property(fc.array(sighting, { maxLength: 200 }), (sightings) => {
      const coalescer = new Coalescer(1024)
      const told = new Map<number, { until: number; at: number; times: number }>()
      let now = 1
      for (const { key, wait, hold } of sightings) {
        now += wait
        const last = told.get(key)
        const until = now + hold
        let expected: Novelty = Novelty.repeat
        if (last === undefined || last.until <= now) expected = Novelty.news
        else if (until - last.until >= 50 || now - last.at >= SILENCES_SECONDS[last.times]) expected = Novelty.refresh
        const times = expected === Novelty.news ? 0 : Math.min((last?.times ?? 0) + 1, 2)
        if (expected !== Novelty.repeat) told.set(key, { until: Math.max(until, last?.until ?? 0), at: now, times })
        expect(pass(coalescer, key, now, until, 50)).toBe(expected)
      }
    }),
  )
})

test('forgets what expires first when a set is full, and nothing else', () => {
  const coalescer = new Coalescer(4)
  for (let key = 1; key <= 5; key++) expect(pass(coalescer, key, key, key + 100, 50)).toBe(Novelty.news)
  for (let key = 2; key <= 5; key++) expect(pass(coalescer, key, 6, 106, 50)).toBe(Novelty.repeat)
  expect(pass(coalescer, 1, 6, 106, 50)).toBe(Novelty.news)
})

test('a fact that was judged and not passed is not remembered', () => {
  const coalescer = new Coalescer(16)
  expect(coalescer.judge(1, 2, 1, 100, 10)).toBe(Novelty.news)
  expect(coalescer.judge(1, 2, 1, 100, 10)).toBe(Novelty.news)
})

test('a fact that the cache may have refused is told again after 5 seconds, after 30, and then every ten minutes', () => {
  const coalescer = new Coalescer(16)
  const toldAt: number[] = []
  for (let now = 1; now < 2000; now++) if (pass(coalescer, 1, now, 100_000, 50) !== Novelty.repeat) toldAt.push(now)
  expect(toldAt).toEqual([1, 6, 36, 636, 1236, 1836])
})

test('a new fact that was not delivered is new again', () => {
  const coalescer = new Coalescer(16)
  pass(coalescer, 1, 1, 101, 50)
  coalescer.dropped(7, 13, true, 1)
  expect(pass(coalescer, 1, 1, 101, 50)).toBe(Novelty.news)
})

test('a refresh that was not delivered is a refresh again, once a second', () => {
  const coalescer = new Coalescer(16)
  pass(coalescer, 1, 1, 101, 50)
  expect(pass(coalescer, 1, 60, 160, 50)).toBe(Novelty.refresh)
  coalescer.dropped(7, 13, false, 60)
  expect(pass(coalescer, 1, 60, 160, 50)).toBe(Novelty.repeat)
  expect(pass(coalescer, 1, 61, 161, 50)).toBe(Novelty.refresh)
})

test('a live fact that gives way to another is counted, one that expired is not', () => {
  const coalescer = new Coalescer(4)
  for (let key = 1; key <= 5; key++) pass(coalescer, key, 1, 100, 50)
  expect(coalescer.evicted).toBe(1)
  for (let key = 11; key <= 14; key++) pass(coalescer, key, 200, 300, 50)
  expect(coalescer.evicted).toBe(1)
})

test('a key tells list, name and address apart, and not the case of letters', () => {
  const keys = new Map<string, string>()
  const keyOf = (list: number, name: string, ...address: number[]) => {
    beginKey(11, 22, list, textToName(name)!, 0)
    endKey(factKey.low, factKey.high, Uint8Array.from(address), 0, address.length)
    return `${factKey.low} ${factKey.high}`
  }
  for (let list = 0; list < 3; list++)
    for (const name of ['a', 'b', 'ab', 'a.b', 'b.a', 'a\\000', 'a\\000.b'])
      for (let last = 0; last < 256; last++)
        for (const address of [
          [10, 0, 0, last],
          [...new Array<number>(15).fill(0), last],
        ]) {
          const key = keyOf(list, name, ...address)
          expect(keys.get(key)).toBeUndefined()
          keys.set(key, name)
        }
  expect(keyOf(1, 'WWW.Example.ORG', 1, 2, 3, 4)).toBe(keyOf(1, 'www.example.org', 1, 2, 3, 4))
})
