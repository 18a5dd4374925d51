import { expect, test } from 'vitest'
import { PieceMemory } from './piece-memory.ts'

const piece = (target: string, name: string, chain = [name, target]) => ({
  target,
  list: 'video',
  name,
  rule: name,
  chain,
  ttlSeconds: 60,
})

test('remembers a target for half a minute, and knows at once what was no target', () => {
  const memory = new PieceMemory()
  memory.remember(piece('a.cdn', 'www.x'), 7, 100)
  expect(memory.mayKnow(7)).toBe(true)
  expect(memory.mayKnow(8)).toBe(false)
  expect(memory.of('a.cdn', 129).map((one) => one.name)).toEqual(['www.x'])
  expect(memory.of('a.cdn', 130)).toEqual([])
  expect(memory.size).toBe(0)
})

test('the filter forgets in turn, but nothing before its time', () => {
  const memory = new PieceMemory()
  for (let second = 100; second < 400; second++) {
    memory.remember(piece(`t${second}`, 'www.x'), second, second)
    for (let age = 0; age < 30 && second - age >= 100; age++) expect(memory.mayKnow(second - age)).toBe(true)
  }
  expect(memory.mayKnow(100)).toBe(false)
})

test('is bounded by targets, by names for each target and by characters; the oldest goes first and is counted', () => {
  const few = new PieceMemory({ targets: 3, characters: 1e9 })
  for (let i = 0; i < 5; i++) few.remember(piece(`t${i}`, 'www.x'), i, 100)
  expect(few.size).toBe(3)
  expect(few.evicted).toBe(2)
  expect(few.of('t1', 100)).toEqual([])
  expect(few.of('t4', 100)).toHaveLength(1)

  for (let i = 0; i < 20; i++) few.remember(piece('t4', `www${i}.x`), 4, 100)
  expect(few.of('t4', 100).map((one) => one.name)).toEqual(Array.from({ length: 8 }, (_, i) => `www${12 + i}.x`))

  const long = new PieceMemory({ targets: 1000, characters: 100_000 })
  for (let i = 0; i < 100; i++) long.remember(piece(`t${i}`, 'www.x', Array<string>(10).fill('y'.repeat(1000))), i, 100)
  expect(long.size).toBe(9)
})

test('does not follow a chain for ever', () => {
  const memory = new PieceMemory()
  memory.remember(piece('t', 'www.x', Array<string>(33).fill('y')), 1, 100)
  expect(memory.size).toBe(0)
})
