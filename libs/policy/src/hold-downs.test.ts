import { expect, test } from 'vitest'
import { HoldDowns } from './hold-downs.ts'

test('a hold-down that comes back from another replica, delayed, is not new and prolongs nothing', () => {
  const holdDowns = new HoldDowns()
  expect(holdDowns.set({ subject: 'www.example.org', holdDownMs: 60_000 }, 0)).toBe(true)
  expect(holdDowns.set({ subject: 'www.example.org', holdDownMs: 60_000 }, 300)).toBe(false)
  expect(holdDowns.leftMs('www.example.org', 300)).toBe(59_700)
  expect(holdDowns.set({ subject: 'www.example.org', holdDownMs: 120_000 }, 400)).toBe(true)
})

test('a subject whose hold-down is over can be held down again, however short', () => {
  const holdDowns = new HoldDowns()
  holdDowns.set({ subject: 'www.example.org', holdDownMs: 50 }, 0)
  expect(holdDowns.set({ subject: 'www.example.org', holdDownMs: 50 }, 50)).toBe(true)
  expect(holdDowns.set({ subject: 'www.example.org', holdDownMs: 0 }, 200)).toBe(false)
})
