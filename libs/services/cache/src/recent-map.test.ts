import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RecentMap } from './recent-map.ts'

test('the newest half of what may be kept is kept, and never more than may be', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(30)), fc.integer({ min: 2, max: 20 }), (keys, capacity) => {
      const map = new RecentMap<number>(capacity)
      keys.forEach((key, i) => map.set(`${key}`, i))
      expect(map.size).toBeLessThanOrEqual(capacity)
      const newest = [...new Set(keys.toReversed())].slice(0, Math.floor(capacity / 2))
      for (const key of newest) expect(map.get(`${key}`)).toBe(keys.lastIndexOf(key))
      expect([...map.values()]).toHaveLength(map.size)
    }),
  )
})

test('a deleted entry is gone, in whichever generation it was', () => {
  const map = new RecentMap<number>(4)
  for (const key of ['a', 'b', 'c']) map.set(key, 1)
  map.delete('a')
  map.delete('c')
  expect([map.get('a'), map.get('b'), map.get('c')]).toEqual([undefined, 1, undefined])
})
