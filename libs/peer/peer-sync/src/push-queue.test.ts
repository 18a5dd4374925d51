import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { PeerEntry } from './peer-entry.ts'
import { PushQueue } from './push-queue.ts'

const entry = (name: string, seenAtMs: number): PeerEntry => ({ address: '192.0.2.1', name, seenAtMs })

test('the oldest entry goes first, with the latest sighting of its binding', () => {
  const queue = new PushQueue(10)
  queue.add(entry('a', 1))
  queue.add(entry('b', 2))
  queue.add(entry('a', 5))
  queue.add(entry('a', 3))
  expect(queue).toMatchObject({ size: 2, coalesced: 2, dropped: 0 })
  expect(queue.take(10)).toEqual([entry('a', 5), entry('b', 2)])
  expect(queue.size).toBe(0)
})

test('when the queue is full, the oldest entry is dropped and counted', () => {
  const queue = new PushQueue(2)
  for (const [index, name] of ['a', 'b', 'c', 'd'].entries()) queue.add(entry(name, index))
  expect(queue.dropped).toBe(2)
  expect(queue.take(9).map(({ name }) => name)).toEqual(['c', 'd'])
})

test('an entry that could not be sent waits again, unless a newer one does', () => {
  const queue = new PushQueue(3)
  queue.add(entry('a', 1))
  queue.add(entry('b', 1))
  const taken = queue.take(2)
  queue.add(entry('a', 7))
  queue.putBack(taken)
  expect(queue.take(9)).toEqual([entry('a', 7), entry('b', 1)])
})

test('never over its limit, and nothing is lost without being counted', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('add' as const), name: fc.constantFrom('a', 'b', 'c', 'd', 'e'), at: fc.nat(5) }),
    fc.record({ do: fc.constant('take' as const), count: fc.nat(3), back: fc.boolean() }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 4 }), (steps, limit) => {
      const queue = new PushQueue(limit)
      const latest = new Map<string, number>()
      const told = new Map<string, number>()
      for (const one of steps) {
        if (one.do === 'add') {
          latest.set(one.name, Math.max(latest.get(one.name) ?? 0, one.at))
          queue.add(entry(one.name, one.at))
        } else {
          const taken = queue.take(one.count)
          if (one.back) queue.putBack(taken)
          else for (const { name, seenAtMs } of taken) told.set(name, Math.max(told.get(name) ?? -1, seenAtMs))
        }
        expect(queue.size).toBeLessThanOrEqual(limit)
      }
      for (const { name, seenAtMs } of queue.take(9)) told.set(name, Math.max(told.get(name) ?? -1, seenAtMs))
      if (queue.dropped === 0) expect(told).toEqual(latest)
    }),
  )
})
