import { expect, test } from 'vitest'
import { GrowingPause, growingPauseMs } from './growing-pause.ts'

const LIMITS = { firstMs: 250, longestMs: 4000 }

test('the pause doubles with each failure in a row, up to the longest; a success starts anew', () => {
  const pause = new GrowingPause(LIMITS)
  expect([1, 2, 3, 4, 5, 6, 7].map(() => pause.nextMs())).toEqual([250, 500, 1000, 2000, 4000, 4000, 4000])
  pause.reset()
  expect(pause.nextMs()).toBe(250)
})

test('with a random number the pause is from a half to the whole', () => {
  expect(growingPauseMs(3, { ...LIMITS, random: () => 0 })).toBe(500)
  expect(growingPauseMs(3, { ...LIMITS, random: () => 0.5 })).toBe(750)
  expect(growingPauseMs(3, { ...LIMITS, random: () => 1 })).toBe(1000)
})

test('after years of failures the pause is still the longest', () => {
  expect(growingPauseMs(1e9, LIMITS)).toBe(4000)
  expect(growingPauseMs(1e9, { ...LIMITS, longestMs: 1e12 })).toBe(250 * 2 ** 30)
})

test('a limit below the first pause is the limit', () => {
  expect(growingPauseMs(1, { firstMs: 30_000, longestMs: 10_000 })).toBe(10_000)
})
