import { dice } from '@dnstap-bgp/testkit'
import { describe, expect, test } from 'vitest'
import { DueHeap, type Due } from './due-heap.ts'
import { MAX_WARM_NAMES, WarmSet } from './warm-set.ts'

const setOf = (options: Partial<ConstructorParameters<typeof WarmSet>[0]> = {}) =>
  new WarmSet({ kind: 'unbound', ipv6: false, keepMs: 86_400_000, queriesPerSecond: 100, ...options })

test('the heap gives what the obvious twin gives', () => {
  const roll = dice(7)
  const heap = new DueHeap<Due & { readonly id: number }>()
  const items = Array.from({ length: 200 }, (_, id) => ({ id, dueMs: 0, place: -1 }))
  const twin = new Map<number, number>()
  for (let step = 0; step < 20_000; step++) {
    const item = items[Math.floor(roll() * items.length)]
    if (roll() < 0.3) {
      heap.delete(item)
      twin.delete(item.id)
    } else {
      const dueMs = Math.floor(roll() * 1000)
      heap.set(item, dueMs)
      twin.set(item.id, dueMs)
    }
    expect(heap.size).toBe(twin.size)
    if (twin.size > 0) expect(heap.first?.dueMs).toBe(Math.min(...twin.values()))
  }
})

/** The names in the order in which they are asked. */
function order(set: WarmSet, untilMs: number): string[] {
  const names: string[] = []
  for (let question = set.take(untilMs); question !== undefined; question = set.take(untilMs)) names.push(question.of.name)
  return [...new Set(names)]
}

describe('names from before the start', () => {
  test('are asked in the order of their last use, one after the other', () => {
    const set = setOf({ queriesPerSecond: 10 })
    set.walk(
      [
        { name: 'a.test', ageMs: 0 },
        { name: 'b.test', ageMs: 10 },
        { name: 'old.test', ageMs: 90_000_000 },
      ],
      1000,
    )
    expect(set.size).toBe(2)
    expect(order(set, 1000)).toEqual(['a.test'])
    expect(order(set, 1199)).toEqual([])
    expect(order(set, 1200)).toEqual(['b.test'])
  })

  test('give way to those used since', () => {
    const set = setOf({ queriesPerSecond: 1 })
    set.use('now.test', 0)
    set.walk(
      [
        { name: 'a.test', ageMs: 5 },
        { name: 'b.test', ageMs: 10 },
      ],
      0,
    )
    set.dropBeyondBudget(60_001)
    // The budget did not pay: the one used longest ago goes first, and the one that is due longest is what counts.
    expect(set.find('b.test')).toBeUndefined()
    expect(set.beyondBudget).toBeGreaterThan(0)
  })
})

test('beyond the largest number of names the one used longest ago is forgotten', () => {
  const set = setOf()
  for (let i = 0; i < MAX_WARM_NAMES; i++) set.use(`n${i}.test`, i)
  set.use('n0.test', MAX_WARM_NAMES)
  set.use('one-more.test', MAX_WARM_NAMES)
  expect(set.size).toBe(MAX_WARM_NAMES)
  expect(set.evicted).toBe(1)
  expect(set.find('n0.test')).toBeDefined()
  expect(set.find('n1.test')).toBeUndefined()
  set.walk([{ name: 'before.test', ageMs: 0 }], MAX_WARM_NAMES)
  expect(set.find('before.test')).toBeUndefined()
})

describe('names of lists', () => {
  test('stay, used or not, and go with the list', () => {
    const set = setOf({ keepMs: 60_000 })
    set.list(new Set(['a.test', 'b.test']), 0)
    expect(order(set, 1000)).toEqual(['a.test', 'b.test'])
    set.take(10_000_000)
    set.dropBeyondBudget(10_000_000)
    expect(set.size).toBe(2)
    set.list(new Set(['b.test', 'c.test']), 10_000_000)
    expect(set.find('a.test')).toBeUndefined()
    expect(set.size).toBe(2)
  })

  test('one that does not exist is asked again an hour later', () => {
    const set = setOf()
    set.list(new Set(['a.test']), 0)
    const question = set.take(0)
    if (question === undefined) throw new Error('no question is due')
    set.settle(question, 'no-name', 0)
    expect(set.size).toBe(1)
    expect(question.dueMs).toBe(3_600_000)
  })
})

test('what cannot be a name is left out', () => {
  const set = setOf()
  set.use('a..b', 0)
  set.use('x'.repeat(64), 0)
  expect(set.size).toBe(0)
})
