import { expect, test } from 'vitest'
import { lossesBySkips, notWhole } from './losses.ts'

const lossesOf = (entries: number, skipped: Record<string, number>, minimumShare = 0.5) =>
  lossesBySkips({ entries, skipped, minimumShare })

test('a list of which little was understood says how much, and the commonest reasons first', () => {
  expect(lossesOf(15, { 'bad-syntax': 5, 'unsupported-rule': 80 })).toEqual([
    'only 15 % of its 100 entries were understood (80 unsupported-rule, 5 bad-syntax)',
  ])
  expect(lossesOf(0, { 'bad-syntax': 1 })).toEqual(['only 0 % of its 1 entries were understood (1 bad-syntax)'])
})

test('what loses nothing does not count, and neither does a list that was understood well enough', () => {
  expect(lossesOf(10, { 'cosmetic-rule': 1000, 'local-name': 5 })).toEqual([])
  expect(lossesOf(50, { 'bad-syntax': 50 })).toEqual([])
  expect(lossesOf(1, { 'bad-syntax': 99 }, 0)).toEqual([])
  expect(lossesOf(0, {})).toEqual([])
})

test('what is lost to a limit is told however little it is', () => {
  expect(lossesOf(100_000, { 'too-many-regexps': 3, 'line-too-long': 1, 'bad-syntax': 2 })).toEqual([
    'left out: 3 regular expressions over the limit, 1 too long lines',
  ])
})

test('a list that is not whole names what is missing', () => {
  expect(notWhole(['a', '\u001b'], 9)).toBe('it is not whole: include:a, include:\\u001b and 7 more not found')
})
