import { expect, test } from 'vitest'
import { systemClock } from './clock.ts'
import { silentLog } from './log.ts'
import { ONCE_A_MINUTE, RateLimitedLog } from './rate-limited-log.ts'

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

test('each kind has a limit of its own', () => {
  let nowMs = 0
  const written: string[] = []
  const note = (_fields: object, sentence: string) => void written.push(sentence)
  const log = new RateLimitedLog({ ...silentLog, warn: note, error: note }, { monotonic: () => nowMs }, ONCE_A_MINUTE)
  for (let second = 0; second < 120; second++) {
    nowMs = second * 1000
    log.warn({}, 'Too old.', 'too-old')
    log.error({}, 'Broken.', 'fault')
  }
  expect(written).toEqual(['Too old.', 'Broken.', 'Too old.', 'Broken.'])
})
