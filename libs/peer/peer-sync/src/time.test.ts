import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatTime, parseTime } from './time.ts'

test.each([
  ['2026-11-23T01:13:09.733754902Z', '2026-11-23T01:13:09.733Z'],
  ['2026-11-23T01:13:08.73332502Z', '2026-11-23T01:13:08.733Z'],
  ['2026-11-23T01:13:08Z', '2026-11-23T01:13:08.000Z'],
  ['2026-11-23T04:13:08.5+03:00', '2026-11-23T01:13:08.500Z'],
  ['2026-11-22T15:43:08.05-09:30', '2026-11-23T01:13:08.050Z'],
  ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
  ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
] as const)('%s is read', (text, iso) => {
  expect(parseTime(text)).toBe(Date.parse(iso))
})

test.each([
  '',
  'now',
  '2026-11-23',
  '2026-11-23 01:13:08Z',
  '2026-13-01T00:00:00Z',
  '2026-02-29T00:00:00Z',
  '2026-00-01T00:00:00Z',
  '2026-01-01T24:00:00Z',
  '2026-01-01T00:00:60Z',
  '2026-01-01T00:00:00',
  '2026-01-01T00:00:00+3:00',
  '2026-01-01T00:00:00.Z',
  '2026-01-01t00:00:00z',
  '12026-01-01T00:00:00Z',
  '2026-01-01T00:00:00Z ',
])('%o is no time', (text) => {
  expect(parseTime(text)).toBeUndefined()
})

test('trailing zeros are dropped, as Go does', () => {
  expect(formatTime(Date.parse('2026-11-23T01:13:08.730Z'))).toBe('2026-11-23T01:13:08.73Z')
  expect(formatTime(Date.parse('2026-11-23T01:13:08Z'))).toBe('2026-11-23T01:13:08Z')
})

test('the calendar is the one that Date has, for every day from 1970 to 9999', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 253_402_300_799_999 }), (ms) => {
      expect(parseTime(new Date(ms).toISOString())).toBe(ms)
      expect(parseTime(formatTime(ms))).toBe(ms)
      expect(Date.parse(formatTime(ms))).toBe(ms)
    }),
    { numRuns: 500 },
  )
})

test('a time that Go could not write becomes the nearest one that it can', () => {
  expect(formatTime(-1)).toBe('1970-01-01T00:00:00Z')
  expect(formatTime(1e18)).toBe('9999-12-31T23:59:59.999Z')
})
