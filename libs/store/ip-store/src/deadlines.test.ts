import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Float64Column } from './columns.ts'
import { Deadlines } from './deadlines.ts'

test('the first due deadline is the smallest, however deadlines move', () => {
  const deadline = fc.oneof(
    { weight: 9, arbitrary: fc.integer({ min: 0, max: 30 }) },
    { weight: 1, arbitrary: fc.constant(Infinity) },
  )
  const step = fc.record({ what: fc.constantFrom('set', 'set', 'set', 'end', 'endFirst'), slot: fc.nat(40), at: deadline })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const column = new Float64Column()
      const deadlines = new Deadlines(column)
      const twin = new Map<number, number>()
      for (const { what, slot, at } of steps) {
        const ended = what === 'endFirst' ? deadlines.first() : slot
        if (what === 'set') {
          column.set(slot, at)
          if (twin.has(slot)) deadlines.moved(slot)
          else deadlines.begin(slot)
          twin.set(slot, at)
        } else if (twin.delete(ended)) deadlines.end(ended)
        const finite = [...twin.values()].filter((due) => due !== Infinity)
        const first = deadlines.first()
        expect(deadlines.size).toBe(finite.length)
        expect(first < 0 ? Infinity : column.get(first)).toBe(Math.min(Infinity, ...finite))
      }
    }),
  )
})
