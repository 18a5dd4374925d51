import { expect, test } from 'vitest'
import { FlushDelay } from './flush-delay.ts'

test('nothing is known before the first gap', () => {
  const delay = new FlushDelay()
  expect(delay.quantileMs(0.5)).toBeUndefined()
  expect(delay.shareAbove(0)).toBe(0)
  delay.add(0)
  delay.add(NaN)
  expect(delay.timeMs).toBe(0)
})

test('an answer in a gap waits for its end: half of it at the median', () => {
  const delay = new FlushDelay()
  for (let i = 0; i < 50; i++) delay.add(22)
  expect(delay.quantileMs(0.5)).toBe(11)
  expect(delay.quantileMs(0.99)).toBe(22)
  expect(delay.shareAbove(11)).toBeCloseTo(0.5)
  expect(delay.shareAbove(25)).toBe(0)
})

test('one gap of a second among many of 20 ms is met by as many answers as its share of the time', () => {
  const delay = new FlushDelay()
  for (let i = 0; i < 450; i++) delay.add(20)
  delay.add(1000)
  expect(delay.shareAbove(20)).toBeCloseTo(0.098, 3)
  expect(delay.quantileMs(0.5)).toBeLessThan(15)
  expect(delay.quantileMs(0.99)).toBeGreaterThan(850)
})

test('against the obvious twin: answers at each tenth of a millisecond', () => {
  const delay = new FlushDelay()
  const waits: number[] = []
  let seed = 7
  for (let i = 0; i < 300; i++) {
    seed = (seed * 48_271) % 2_147_483_647
    const gapMs = seed % 10 === 0 ? 200 + (seed % 2000) : 1 + (seed % 40)
    delay.add(gapMs)
    for (let at = 0.05; at < gapMs; at += 0.1) waits.push(gapMs - at)
  }
  waits.sort((a, b) => a - b)
  for (const share of [0.5, 0.9, 0.99]) {
    const expected = waits[Math.floor(waits.length * share)] ?? 0
    expect(Math.abs((delay.quantileMs(share) ?? 0) - expected)).toBeLessThan(expected < 100 ? 2 : 41)
  }
})

test('a gap longer than the last edge counts in full', () => {
  const delay = new FlushDelay()
  delay.add(60_000)
  expect(delay.timeMs).toBe(60_000)
  expect(delay.shareAbove(1000)).toBeGreaterThan(0.9)
  expect(delay.quantileMs(0.99)).toBeGreaterThan(2000)
})
