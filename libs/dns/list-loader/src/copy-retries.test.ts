import { FakeClock } from '@dnstap-bgp/testkit'
import { expect, test } from 'vitest'
import { CopyRetries } from './copy-retries.ts'

const full = [{ name: 'one', notKept: 'no room' }]
const MINUTE_MS = 60_000

test('a list that could not be kept is read again, ever more seldom, until it is kept', () => {
  const clock = new FakeClock()
  const again: number[] = []
  const retries = new CopyRetries(clock, () => again.push(clock.monotonic() / MINUTE_MS))
  retries.note(full)
  for (let minute = 0; minute < 300; minute++) {
    clock.advance(MINUTE_MS)
    retries.note(full) // a build came of it, or of something else
  }
  expect(again.slice(0, 4)).toEqual([0.5, 2, 4, 8])
  expect(again.length).toBeGreaterThan(8) // no longer than an hour between two
  expect(clock.timers).toBe(1)

  retries.note([{ name: 'one', notKept: undefined }])
  expect(clock.timers).toBe(0)
  retries.note(full)
  retries.close()
  expect(clock.timers).toBe(0)
})
