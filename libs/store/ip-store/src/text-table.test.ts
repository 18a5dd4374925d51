import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NO_TEXT, TextTable } from './text-table.ts'

test('holds and lets go of texts as a Map of counters does, and numbers stay what they were', () => {
  const text = fc.oneof(fc.constantFrom('', 'a', 'b', 'Ā', 'aĀ', 'example.org'), fc.string({ unit: 'grapheme', maxLength: 70 }))
  const step = fc.tuple(fc.constantFrom('hold', 'hold', 'release'), text)
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), fc.integer(), (steps, seed) => {
      const table = new TextTable(seed)
      const twin = new Map<string, { id: number; holders: number }>()
      for (const [what, one] of steps) {
        const known = twin.get(one)
        if (what === 'hold') {
          const id = table.hold(one)
          if (known !== undefined) expect(id).toBe(known.id)
          twin.set(one, { id, holders: (known?.holders ?? 0) + 1 })
        } else if (known !== undefined) {
          expect(table.release(known.id)).toBe(known.holders === 1)
          if (known.holders === 1) twin.delete(one)
          else twin.set(one, { ...known, holders: known.holders - 1 })
        }
        expect(table.find(one)).toBe(twin.get(one)?.id ?? NO_TEXT)
      }
      expect(table.size).toBe(twin.size)
      expect(new Set([...twin.values()].map(({ id }) => id)).size).toBe(twin.size)
      for (const [one, { id, holders }] of twin) {
        expect(table.text(id)).toBe(one)
        expect(table.is(id, one)).toBe(true)
        expect(table.is(id, `${one}x`)).toBe(false)
        expect(table.holders(id)).toBe(holders)
      }
    }),
  )
})

test('a text longer than any real one is refused', () => {
  expect(() => new TextTable(0).hold('x'.repeat(16_385))).toThrow(RangeError)
})
