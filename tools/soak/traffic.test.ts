import { describe, expect, test } from 'vitest'
import { scenes } from './faults.ts'
import { Traffic } from './traffic.ts'
import { makeUniverse, type Name } from './universe.ts'

const MINUTE = 60_000
const lookups = (seed: number, atMs = MINUTE) => new Traffic(makeUniverse(seed, 200, 20_000), 2).until(atMs)

describe('the schedule', () => {
  test('is a pure function of the seed: the same lookups, whatever the steps of time', () => {
    const traffic = new Traffic(makeUniverse(7, 200, 20_000), 2)
    const inSteps = Array.from({ length: 600 }, (_, i) => traffic.until((i + 1) * 100)).flat()
    expect(inSteps).toEqual(lookups(7))
    expect(lookups(8)).not.toEqual(lookups(7))
  })

  test('looks up a name of `steady` again before half of its lifetime is over', () => {
    const universe = makeUniverse(7, 200, 20_000)
    const last = new Map<Name, number>()
    for (const { name, atMs } of lookups(7, 10 * MINUTE)) {
      if (name.list !== 'steady') continue
      const before = last.get(universe.names.find((one) => one.name === name.name) ?? name) ?? 0
      expect(atMs - before).toBeLessThanOrEqual(universe.lifetimeMs.steady / 2)
      last.set(universe.names.find((one) => one.name === name.name) ?? name, atMs)
    }
  })

  test('leaves a name of `brief` alone for longer than its lifetime, now and then', () => {
    const longest = new Map<string, number>()
    const last = new Map<string, number>()
    for (const { name, atMs } of lookups(7, 10 * MINUTE)) {
      if (name.list !== 'brief') continue
      const gap = atMs - (last.get(name.name) ?? atMs)
      longest.set(name.name, Math.max(gap, longest.get(name.name) ?? 0))
      last.set(name.name, atMs)
    }
    expect([...longest.values()].filter((gap) => gap > 25_000).length).toBeGreaterThan(longest.size / 2)
  })

  test.each(['all-in-one', 'services', 'services-ha'] as const)('has the same faults of %s for the same seed', (shape) => {
    const first = (seed: number) => {
      const found = []
      for (const scene of scenes(seed, shape, { full: true, quietMs: 20_000 })) if (found.push(scene) === 40) break
      return found
    }
    expect(first(3)).toEqual(first(3))
    expect(first(3)).not.toEqual(first(4))
  })
})
