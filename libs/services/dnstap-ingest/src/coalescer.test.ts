import fc from 'fast-check'
import { expect, test } from 'vitest'
import { textToName } from '@dnstap-bgp/dns-wire'
import { Coalescer, Verdict } from './coalescer.ts'
import { beginKey, endKey, factKey } from './fact-key.ts'

test('agrees with a map of what was passed when', () => {
  const fact = fc.record({ key: fc.nat(40), wait: fc.nat(3) })
  fc.assert(
    fc.property(fc.array(fact, { maxLength: 200 }), (facts) => {
      const coalescer = new Coalescer(1024)
      const passed = new Map<number, number>()
      let now = 1
      for (const { key, wait } of facts) {
        now += wait
        const last = passed.get(key)
        const expected = last === undefined ? Verdict.news : now - last < 5 ? Verdict.repeat : Verdict.refresh
        if (expected !== Verdict.repeat) passed.set(key, now)
        expect(coalescer.pass(key * 7, key * 13, now, 5)).toBe(expected)
      }
    }),
  )
})

test('forgets what was passed on longest ago when a set is full, and nothing else', () => {
  const coalescer = new Coalescer(4)
  for (let key = 1; key <= 5; key++) expect(coalescer.pass(key, key, key, 100)).toBe(Verdict.news)
  for (let key = 2; key <= 5; key++) expect(coalescer.pass(key, key, 6, 100)).toBe(Verdict.repeat)
  expect(coalescer.pass(1, 1, 6, 100)).toBe(Verdict.news)
})

test('what did not get through is news again', () => {
  const coalescer = new Coalescer(16)
  coalescer.pass(1, 2, 1, 100)
  coalescer.forget(1, 2)
  expect(coalescer.pass(1, 2, 1, 100)).toBe(Verdict.news)
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
