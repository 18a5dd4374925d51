import { expect, test } from 'vitest'
import { notWhole, UnderstoodLines } from './losses.ts'

interface FileCounts {
  readonly skipped?: Record<string, number>
  readonly lostToCaps?: Record<string, number>
  /** Of the lines understood: refused by the matcher. */
  readonly refused?: Record<string, number>
}

function lossesOf(linesWithRules: number, { skipped = {}, lostToCaps = {}, refused = {} }: FileCounts, minimumShare = 0.5) {
  const lines = new UnderstoodLines()
  lines.addFile({ linesWithRules, skippedLines: skipped, lostToCaps })
  for (const [reason, count] of Object.entries(refused)) for (let i = 0; i < count; i++) lines.refused(reason)
  return lines.losses(minimumShare)
}

test('a list of which little was understood says how much, and the commonest reasons first', () => {
  expect(lossesOf(15, { skipped: { 'bad-syntax': 5, 'unsupported-rule': 80 } })).toEqual([
    'only 15 % of its 100 entries were understood (80 unsupported-rule, 5 bad-syntax)',
  ])
  expect(lossesOf(0, { skipped: { 'bad-syntax': 1 } })).toEqual(['only 0 % of its 1 entries were understood (1 bad-syntax)'])
})

test('a line that is understood counts as lost when its rule is refused', () => {
  expect(lossesOf(100, { refused: { 'bad-regexp': 60 } })).toEqual([
    'only 40 % of its 100 entries were understood (60 bad-regexp)',
  ])
})

test('a list that was understood well enough has lost nothing', () => {
  expect(lossesOf(50, { skipped: { 'bad-syntax': 50 } })).toEqual([])
  expect(lossesOf(1, { skipped: { 'bad-syntax': 99 } }, 0)).toEqual([])
  expect(lossesOf(0, {})).toEqual([])
})

test('the lines of all files of a list count together', () => {
  const lines = new UnderstoodLines()
  lines.addFile({ linesWithRules: 10, skippedLines: {}, lostToCaps: {} })
  lines.addFile({ linesWithRules: 0, skippedLines: { 'bad-syntax': 30 }, lostToCaps: {} })
  expect(lines.losses(0.5)).toEqual(['only 25 % of its 40 entries were understood (30 bad-syntax)'])
})

test('what is lost to a limit is told however little it is', () => {
  const skipped = { 'line-too-long': 1, 'bad-syntax': 2 }
  expect(lossesOf(100_000, { skipped, lostToCaps: { 'line-too-long': 1 }, refused: { 'too-many-regexps': 3 } })).toEqual([
    'left out: 1 too long lines, 3 regular expressions over the limit',
  ])
})

test('a list that is not whole names what is missing', () => {
  expect(notWhole(['a', '\u001b'], 9)).toBe('it is not whole: include:a, include:\\u001b and 7 more not found')
})
