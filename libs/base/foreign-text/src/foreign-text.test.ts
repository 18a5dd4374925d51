import { expect, test } from 'vitest'
import { escapeControls, foreignJson, foreignLines, foreignText } from './foreign-text.ts'

test.each([
  ['a terminal escape', '\u001b[2J\u001b]0;pwned\u0007', '\\u001b[2J\\u001b]0;pwned\\u0007'],
  ['C1 controls, which some terminals take for escapes', '\u009b31m\u0085', '\\u009b31m\\u0085'],
  ['a line that forges another', 'fine\r\nerror: not', 'fine\\u000d\\u000aerror: not'],
  ['separators of lines and paragraphs', 'a\u2028b\u2029c', 'a\\u2028b\\u2029c'],
  ['marks that reverse what is shown', 'a\u202etxt.exe\u2066\u200f', 'a\\u202etxt.exe\\u2066\\u200f'],
  ['characters without width', 'goo\u200bgle\ufeff', 'goo\\u200bgle\\ufeff'],
  ['half a character', 'a\ud800b', 'a\\ud800b'],
  ['tags beyond the first plane', 'a\u{e0041}', 'a\\udb40\\udc41'],
])('%s is escaped', (_what, text, shown) => {
  expect(foreignText(text)).toBe(shown)
  expect(foreignText(shown)).toBe(shown)
})

test('letters, marks and signs of every script stay', () => {
  const text = 'пример.испытание 例え.テスト naïve 😀 "quoted" \\back'
  expect(foreignText(text)).toBe(text)
})

test('text over the bound is cut, never within a character or an escape', () => {
  expect(foreignText('x'.repeat(31_457_280), 10)).toBe(`${'x'.repeat(9)}…`)
  expect(foreignText('ab😀c', 4)).toBe('ab…')
  expect(foreignText('ab😀', 4)).toBe('ab😀')
  expect(foreignText('x'.repeat(201))).toHaveLength(200)
})

test('the bound holds for what is shown: escapes do not make it longer', () => {
  expect(foreignText('\u0000'.repeat(100), 20)).toBe('\\u0000\\u0000\\u0000…')
  for (let longest = 1; longest < 20; longest++)
    expect(foreignText('a\u001b\u{e0041}b', longest)).toMatch(/^a?(\\u[0-9a-f]{4}){0,3}b?…?$/)
})

test('lines are kept apart, each with its bound, and their number has one', () => {
  expect(foreignLines('one\n\u001btwo\nthirteen chars', 9)).toBe('one\n\\u001btwo\nthirteen…')
  expect(foreignLines('x\n'.repeat(1_000_000)).length).toBe(2 * 1000 + 1)
})

test('JSON says the same as before, and holds no control characters', () => {
  const value = { 'a\u009b': ['\u007f', '\u202e', '\u{e0041}', 'x\ny', 'é'], b: undefined }
  const text = foreignJson(value)
  expect(JSON.parse(text)).toEqual({ 'a\u009b': ['\u007f', '\u202e', '\u{e0041}', 'x\ny', 'é'] })
  expect(escapeControls(text.replaceAll('\n', ''))).toBe(text.replaceAll('\n', ''))
  expect(text).toContain('é')
  expect(foreignJson(undefined)).toBe('null')
})
