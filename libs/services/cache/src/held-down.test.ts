import { expect, test } from 'vitest'
import { HeldDown } from './held-down.ts'

test('what was a while on its way back to us is not news, and prolongs nothing', () => {
  const heldDown = new HeldDown()
  expect(heldDown.set({ subject: 'www.example.org', holdDownMs: 60_000 }, 0)).toBe(true)
  expect(heldDown.set({ subject: 'www.example.org', holdDownMs: 60_000 }, 300)).toBe(false)
  expect(heldDown.leftMs('www.example.org', 300)).toBe(59_700)
  expect(heldDown.set({ subject: 'www.example.org', holdDownMs: 120_000 }, 400)).toBe(true)
})

test('what is over is news again, however short', () => {
  const heldDown = new HeldDown()
  heldDown.set({ subject: 'www.example.org', holdDownMs: 50 }, 0)
  expect(heldDown.set({ subject: 'www.example.org', holdDownMs: 50 }, 50)).toBe(true)
  expect(heldDown.set({ subject: 'www.example.org', holdDownMs: 0 }, 200)).toBe(false)
})
