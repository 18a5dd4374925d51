import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ShardedSet } from './sharded-set.ts'

test('does what a Set does', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(
          fc.boolean(),
          fc.nat(40).map((n) => `198.51.100.${n}/32`),
        ),
      ),
      (steps) => {
        const sharded = new ShardedSet()
        const plain = new Set<string>()
        for (const [add, text] of steps) {
          if (add) {
            sharded.add(text)
            plain.add(text)
          } else {
            sharded.delete(text)
            plain.delete(text)
          }
          expect(sharded.has(text)).toBe(plain.has(text))
          expect(sharded.size).toBe(plain.size)
        }
        expect([...sharded].sort()).toEqual([...plain].sort())
      },
    ),
  )
})
