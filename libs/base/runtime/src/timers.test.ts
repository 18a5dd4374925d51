import { FakeClock } from '@dnstap-bgp/testkit'
import { expect, test } from 'vitest'
import { Timers } from './timers.ts'

test('timers run once or again and again, until they are closed', () => {
  const clock = new FakeClock()
  const timers = new Timers(clock)
  const calls: string[] = []
  timers.after(10, () => calls.push('once'))
  timers.every(20, () => calls.push('again'))
  clock.advance(45)
  expect(calls).toEqual(['once', 'again', 'again'])
  timers.after(10, () => calls.push('late'))
  timers.close()
  timers.after(10, () => calls.push('after close'))
  timers.every(10, () => calls.push('after close'))
  clock.advance(100)
  expect(calls).toHaveLength(3)
})

test('a timer that a callback closes calls nobody any more', () => {
  const clock = new FakeClock()
  const timers = new Timers(clock)
  let calls = 0
  timers.every(10, () => {
    calls++
    timers.close()
  })
  timers.after(10, () => calls++)
  clock.advance(100)
  expect(calls).toBe(1)
})
