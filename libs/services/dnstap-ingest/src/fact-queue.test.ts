import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FactQueue, type FactBatch, type OutgoingFact } from './fact-queue.ts'

function fact(n: number, chain: readonly string[] = []): OutgoingFact {
  return {
    keyLow: n,
    keyHigh: n,
    resolution: {
      list: 'video',
      name: '',
      rule: '',
      address: '192.0.2.1',
      ttlSeconds: 1,
      seenAtMs: 1,
      source: { kind: 'resolver' as const, identity: 'unix' },
      chain,
    },
  }
}
const numbers = (facts: readonly OutgoingFact[]) => facts.map((one) => one.keyLow)
const SIZE = 3000

describe('a queue of facts', () => {
  test('agrees with an array, whatever is pushed, taken and put back in whichever order', () => {
    const step = fc.oneof(
      fc.record({ push: fc.integer({ min: 1, max: 1500 }) }),
      fc.constant('take' as const),
      fc.record({ putBack: fc.nat(5) }),
      fc.record({ putBack: fc.nat(5) }),
    )
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 40 }), (steps) => {
        const queue = new FactQueue({ facts: SIZE, octets: 1e9 })
        let twin: number[] = [] // facts are numbered as they come, so their order is that of their numbers
        const taken: FactBatch[] = []
        let n = 0
        for (const one of steps) {
          if (one === 'take') {
            const batch = queue.take()
            if (batch !== undefined) taken.push(batch)
            const got = numbers(batch?.facts ?? [])
            expect(got.length > 0).toBe(twin.length > 0)
            expect(got.length).toBeLessThanOrEqual(500)
            expect(got.join()).toBe(twin.slice(0, got.length).join())
            twin = twin.slice(got.length)
          } else if ('putBack' in one) {
            const [batch] = taken.splice(one.putBack % Math.max(1, taken.length), 1)
            if (batch === undefined) continue
            const excess = numbers(queue.putBack(batch))
            const all = [...numbers(batch.facts), ...twin].sort((a, b) => a - b)
            expect(excess.sort((a, b) => a - b).join()).toBe(all.slice(all.length - excess.length).join())
            twin = all.slice(0, all.length - excess.length)
            expect(twin.length).toBeLessThanOrEqual(SIZE)
          } else
            for (let i = 0; i < one.push; i++) {
              const hasRoom = twin.length < SIZE
              if (queue.push(fact(++n)) !== hasRoom) expect.fail(`with ${twin.length} waiting`)
              if (hasRoom) twin.push(n)
            }
          expect(queue.length).toBe(twin.length)
        }
      }),
      { numRuns: 100 },
    )
  })

  test('is bounded by size too: names may be a thousand characters long, chains dozens of names', () => {
    const chain = Array.from({ length: 30 }, () => 'x'.repeat(1000))
    const queue = new FactQueue({ facts: 200_000, octets: 1_000_000 })
    let pushed = 0
    while (queue.push(fact(pushed, chain))) pushed++
    expect(pushed).toBe(34)
    expect(queue.take()?.facts.length).toBe(14) // and so are its batches
    expect(queue.push(fact(pushed, chain))).toBe(true)
  })
})
