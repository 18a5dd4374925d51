import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NO_TEXT, TextTable } from './text-table.ts'

test('keeps and releases texts as a Map of counters does, and numbers stay what they were', () => {
  const text = fc.oneof(fc.constantFrom('', 'a', 'b', 'Ā', 'aĀ', 'example.org'), fc.string({ unit: 'grapheme', maxLength: 70 }))
  const step = fc.tuple(fc.constantFrom('intern', 'intern', 'release'), text)
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), fc.integer(), (steps, seed) => {
      const table = new TextTable(seed)
      const twin = new Map<string, { id: number; uses: number }>()
      for (const [what, one] of steps) {
        const known = twin.get(one)
        if (what === 'intern') {
          const id = table.intern(one)
          if (known !== undefined) expect(id).toBe(known.id)
          twin.set(one, { id, uses: (known?.uses ?? 0) + 1 })
        } else if (known !== undefined) {
          expect(table.release(known.id)).toBe(known.uses === 1)
          if (known.uses === 1) twin.delete(one)
          else twin.set(one, { ...known, uses: known.uses - 1 })
        }
        expect(table.find(one)).toBe(twin.get(one)?.id ?? NO_TEXT)
      }
      expect(table.size).toBe(twin.size)
      expect(new Set([...twin.values()].map(({ id }) => id)).size).toBe(twin.size)
      for (const [one, { id, uses }] of twin) {
        expect(table.text(id)).toBe(one)
        expect(table.is(id, one)).toBe(true)
        expect(table.is(id, `${one}x`)).toBe(false)
        expect(table.uses(id)).toBe(uses)
      }
    }),
  )
})

test('a text longer than any real one is refused', () => {
  expect(() => new TextTable(0).intern('x'.repeat(16_385))).toThrow(RangeError)
})
