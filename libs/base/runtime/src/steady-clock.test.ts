import { expect, test } from 'vitest'
import type { Clock } from './clock.ts'
import { steadyClock } from './steady-clock.ts'

const HOUR_MS = 3_600_000

function machine() {
  const state = { wall: 1_000_000_000_000, monotonic: 500 }
  const clock: Clock = {
    now: () => state.wall,
    monotonic: () => state.monotonic,
    after: () => ({ cancel() {} }),
    every: () => ({ cancel() {} }),
  }
  const pass = (ms: number) => {
    state.wall += ms
    state.monotonic += ms
  }
  return { state, clock, pass }
}

test('runs with the wall clock while nobody touches it', () => {
  const { state, clock, pass } = machine()
  const steady = steadyClock(clock)
  for (let i = 0; i < 10; i++) {
    pass(777)
    expect(steady.now()).toBe(state.wall)
  }
})

test.each([HOUR_MS, -HOUR_MS])('a wall clock that steps by %d ms is followed at a tenth of the time that passes', (stepMs) => {
  const { state, clock, pass } = machine()
  const steps: number[] = []
  const steady = steadyClock(clock, (ms) => steps.push(ms))
  state.wall += stepMs
  const before = steady.now()
  expect(Math.abs(before - (state.wall - stepMs))).toBeLessThan(1)
  pass(10_000)
  expect(steady.now() - before).toBe(10_000 + Math.sign(stepMs) * 1000)
  expect(steps).toEqual([stepMs])
  for (let i = 0; i < 3600; i++) {
    pass(10_000)
    steady.now()
  }
  expect(steady.now()).toBe(state.wall)
})

test('time never runs backwards', () => {
  const { state, clock, pass } = machine()
  const steady = steadyClock(clock)
  let last = steady.now()
  for (let i = 0; i < 1000; i++) {
    if (i % 7 === 0) state.wall -= 5000
    pass(100)
    const now = steady.now()
    expect(now).toBeGreaterThanOrEqual(last)
    last = now
  }
})
