import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FactQueue, type OutgoingFact } from './fact-queue.ts'

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
      source: 'unix',
      chain,
    },
  }
}
const numbers = (facts: readonly OutgoingFact[]) => facts.map((one) => one.keyLow)

describe('a queue of facts', () => {
  test('agrees with an array, whatever is pushed, taken and put back', () => {
    const step = fc.oneof(
      fc.record({ push: fc.integer({ min: 1, max: 1500 }) }),
      fc.constant('take' as const),
      fc.constant('put back' as const),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const queue = new FactQueue({ facts: 3000, characters: 1e9 })
        let twin: number[] = []
        let batch: OutgoingFact[] = []
        let n = 0
        for (const one of steps) {
          if (one === 'take') {
            batch = queue.take()
            expect(numbers(batch)).toEqual(twin.slice(0, 500))
            twin = twin.slice(500)
          } else if (one === 'put back') {
            const all = [...numbers(batch), ...twin]
            expect(numbers(queue.putBack(batch)).sort()).toEqual(all.slice(3000).sort())
            twin = all.slice(0, 3000)
            batch = []
          } else
            for (let i = 0; i < one.push; i++) {
              expect(queue.push(fact(++n))).toBe(twin.length < 3000)
              if (twin.length < 3000) twin.push(n)
            }
          expect(queue.length).toBe(twin.length)
        }
      }),
      { numRuns: 50 },
    )
  })

  test('is bounded by size too: names may be a thousand characters long, chains dozens of names', () => {
    const chain = Array.from({ length: 30 }, () => 'x'.repeat(1000))
    const queue = new FactQueue({ facts: 200_000, characters: 1_000_000 })
    let taken = 0
    while (queue.push(fact(taken, chain))) taken++
    expect(taken).toBe(34)
    expect(queue.take().length).toBe(7) // and so are its batches
    expect(queue.push(fact(taken, chain))).toBe(true)
  })
})
