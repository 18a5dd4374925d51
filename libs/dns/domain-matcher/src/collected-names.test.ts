import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CollectedNames } from './collected-names.ts'
import { entryRuleSet, entryWords } from './layout.ts'

/** A rule set here is a number of bits, one for each rule. */
const union = (before: number, added: number) => before | added

/** Few tags, so that many names share one: parts 0, 1 and 255, and tags that differ in one digit only. */
const TAGS = [0, 1, 0x1000, 0x0fffff, 0x01000000, 0x01000fff, -1, -0x1000]

interface Added {
  readonly tag: number
  readonly ruleSet: number
  readonly name: readonly number[]
}

const added = fc.record({
  tag: fc.constantFrom(...TAGS),
  ruleSet: fc.constantFrom(1, 2, 4),
  name: fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 3 }),
})

const keyOf = ({ tag, name }: Pick<Added, 'tag' | 'name'>) => `${tag}:${name.join()}`

function addAll(names: CollectedNames, all: readonly Added[]): void {
  for (const { tag, ruleSet, name } of all) expect(names.add(tag, ruleSet, Int32Array.from(name), name.length)).toBe(true)
}

test('whatever is added, and however often it is settled, each name has all its rules once, as in a map', () => {
  fc.assert(
    fc.property(fc.array(fc.array(added, { maxLength: 40 }), { maxLength: 4 }), (batches) => {
      const merges: [number, number][] = []
      const names = new CollectedNames(1e6, (before, one) => {
        merges.push([before, one])
        return union(before, one)
      })
      const twin = new Map<string, Added>()
      for (const batch of batches) {
        addAll(names, batch)
        names.settle()
        for (const each of batch)
          twin.set(keyOf(each), { ...each, ruleSet: (twin.get(keyOf(each))?.ruleSet ?? 0) | each.ruleSet })
      }
      expect(names.size).toBe(twin.size)
      expect(merges).toHaveLength(batches.flat().length)
      for (const { tag, name, ruleSet } of twin.values())
        expect(names.find(tag, Int32Array.from([9, ...name]), 1, 1 + name.length)).toBe(ruleSet)
      expect(names.find(2, Int32Array.of(0), 0, 1)).toBe(-1)
      const visited: string[] = []
      names.visit((ruleSet, words, from, end) => visited.push(`${ruleSet}:${[...words.subarray(from, end)].join()}`))
      expect(visited.sort()).toEqual([...twin.values()].map(({ ruleSet, name }) => `${ruleSet}:${name.join()}`).sort())
    }),
    { numRuns: 200 },
  )
})

test('the entries stand bucket by bucket, and every bucket says where its entries begin and end', () => {
  fc.assert(
    fc.property(fc.array(added, { maxLength: 60 }), (all) => {
      const names = new CollectedNames(1e6, union)
      addAll(names, all)
      names.settle()
      const { filterWords, buckets } = names.arrangement
      const entriesAt = filterWords + buckets + 1
      const target = new Int32Array(entriesAt + names.words)
      const { bucketShift, bucketMask } = names.arrange(target, 0, filterWords, entriesAt)
      const found = new Map<string, number>()
      for (const each of all) {
        const bucket = filterWords + ((each.tag >>> bucketShift) & bucketMask)
        for (let at = target[bucket]; at < target[bucket + 1]; at += entryWords(target[at]))
          if ([...target.subarray(at + 1, at + entryWords(target[at]))].join() === each.name.join())
            found.set(keyOf(each), (found.get(keyOf(each)) ?? 0) | entryRuleSet(target[at]))
      }
      for (const each of all) expect((found.get(keyOf(each)) ?? 0) & each.ruleSet).toBe(each.ruleSet)
      expect([target[filterWords], target[filterWords + buckets]]).toEqual([entriesAt, target.length])
    }),
    { numRuns: 200 },
  )
})

test('names that come again and again do not use up the room for others; when it is used up, that stays so', () => {
  const names = new CollectedNames(100, union)
  const add = (i: number) => names.add(Math.imul(i, 0x9e3779b1), 1, Int32Array.of(i), 1)
  for (let round = 0; round < 50; round++) for (let i = 0; i < 80; i++) expect(add(i)).toBe(true)
  for (let i = 80; i < 90; i++) expect(add(i)).toBe(true)
  const taken = Array.from({ length: 200 }, (_, i) => add(1000 + i))
  expect(taken.lastIndexOf(true)).toBeLessThan(taken.indexOf(false))
  names.settle()
  expect(names.size).toBeLessThanOrEqual(100)
  expect(names.size).toBeGreaterThan(87)
})

test('a part of hundreds of thousands of words is sorted and found whole', () => {
  const names = new CollectedNames(1e6, union)
  const count = 40_000
  const tagOf = (i: number) => (Math.imul(i, 0x9e3779b1) >>> 8) | 0x07000000
  const nameOf = (i: number) => Int32Array.from({ length: 1 + (i % 9) }, () => i)
  for (let i = 0; i < count; i++) names.add(tagOf(i), 1, nameOf(i), nameOf(i).length)
  names.settle()
  expect(names.size).toBe(count)
  for (let i = 0; i < count; i += 7) expect(names.find(tagOf(i), nameOf(i), 0, nameOf(i).length)).toBe(1)
})
