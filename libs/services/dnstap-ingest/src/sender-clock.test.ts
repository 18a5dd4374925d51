import { expect, test } from 'vitest'
import { SenderClock } from './sender-clock.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

test.each([0, 5, 59, 61, 24 * 60, -5, -24 * 60])(
  'answers of a resolver whose clock is %s minutes behind are as old as they are later than its freshest',
  (minutes) => {
    const clock = new SenderClock()
    const behindMs = minutes * MINUTE_MS
    expect(clock.ageMs(behindMs + 200, 1)).toBe(0)
    expect(clock.ageMs(behindMs, 2)).toBe(0)
    expect(clock.ageMs(behindMs + 1500, 3)).toBe(1500)
    expect(clock.ageMs(behindMs, 4)).toBe(0)
  },
)

test('after a stall, however long, what waited is old', () => {
  const clock = new SenderClock()
  clock.ageMs(0, 1)
  expect(clock.ageMs(600_000, 601)).toBe(600_000)
  expect(clock.ageMs(1000, 601)).toBe(1000)
})

test('a clock that is corrected forward is believed at its second answer, one that is set back within two minutes', () => {
  const clock = new SenderClock()
  for (let second = 1; second < 200; second++) clock.ageMs(300_000, second)
  expect(clock.ageMs(0, 200)).toBe(0)
  expect(clock.ageMs(2000, 201)).toBe(2000)
  const ages = Array.from({ length: 200 }, (_, i) => clock.ageMs(300_000, 202 + i))
  expect(ages[0]).toBe(300_000)
  expect(ages.findIndex((age) => age === 0)).toBeLessThanOrEqual(120)
  expect(ages.at(-1)).toBe(0)
})

test.each([
  ['a resolver that was never heard', []],
  ['one whose clock is right', [0, 0]],
  ['one whose clock is behind', [300_000, 300_000]],
  ['one whose clock is ahead', [-300_000, -300_000]],
] as const)('one answer from the future counts as seen now, and makes no other of %s old', (_whose, before) => {
  const clock = new SenderClock()
  const rightMs = before[0] ?? 0
  before.forEach((differenceMs, second) => clock.ageMs(differenceMs, second))
  for (let second = 2; second < 600; second++) {
    if (second % 60 === 2) expect(clock.ageMs(rightMs - 50 * MINUTE_MS, second)).toBe(0)
    expect(clock.ageMs(rightMs + 1, second)).toBeLessThanOrEqual(1)
  }
  expect(clock.ageMs(rightMs + 1500, 600)).toBeGreaterThanOrEqual(1499)
})

test('answers with differing times in the future count as seen now, and teach nothing about the clock', () => {
  const clock = new SenderClock()
  clock.ageMs(0, 1)
  for (let i = 0; i < 100; i++) expect(clock.ageMs(-((i * 7919) % 100) * MINUTE_MS - 10_000, 2)).toBe(0)
  expect(clock.ageMs(1000, 3)).toBe(1000)
})

test('an impossible time does not disturb the next ones', () => {
  const clock = new SenderClock()
  clock.ageMs(0, 1)
  expect(clock.ageMs(-Number.MAX_SAFE_INTEGER * 1000, 2)).toBe(0)
  expect(clock.ageMs(100, 3)).toBe(100)
  expect(clock.ageMs(1100, 4)).toBe(1100)
  expect(clock.ageMs(2 * HOUR_MS, 5)).toBe(0)
})

test('a window without a believable time leaves the known offset', () => {
  const clock = new SenderClock()
  for (let second = 0; second < 100; second++) clock.ageMs(300_000, second)
  for (const second of [200, 300, 400]) clock.ageMs(300_000 - second * MINUTE_MS, second)
  expect(clock.ageMs(302_000, 500)).toBe(2000)
  expect(clock.behindMs).toBe(300_000)
})

test('how far the clocks are apart is known after a minute', () => {
  const clock = new SenderClock()
  for (let second = 100; second < 150; second++) clock.ageMs(300_000 + second, second)
  expect(clock.behindMs).toBeUndefined()
  for (let second = 150; second < 170; second++) clock.ageMs(300_000 + second, second)
  expect(clock.behindMs).toBe(300_100)
})
