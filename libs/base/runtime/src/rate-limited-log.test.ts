import { expect, test } from 'vitest'
import { systemClock } from './clock.ts'
import { silentLog } from './log.ts'
import { RateLimitedLog } from './rate-limited-log.ts'

test('lets ten lines through, then one in six seconds that says how many were left out', () => {
  let nowMs = 0
  const written: object[] = []
  const log = new RateLimitedLog(
    { ...silentLog, warn: (fields: object) => void written.push(fields) },
    { ...systemClock, monotonic: () => nowMs },
  )
  for (let i = 0; i < 1000; i++) log.warn({ i }, 'Something came.')
  expect(written).toHaveLength(10)
  nowMs = 5999
  log.warn({}, 'Something came.')
  expect(written).toHaveLength(10)
  nowMs = 6000
  log.warn({ i: 'later' }, 'Something came.')
  expect(written.slice(10)).toEqual([{ i: 'later', linesLeftOut: 991 }])
})
