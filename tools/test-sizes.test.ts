/** The lint of test sizes finds a test that is too long, however it is written, and lets a suite of short ones pass. */
import { expect, test } from 'vitest'

interface Source {
  readonly file: string
  readonly text: string
}
const { tooLong } = (await import(new URL('./test-sizes.mjs', import.meta.url).href)) as {
  tooLong(sources: readonly Source[]): string[]
}

const FILE = 'libs/a/src/x.test.ts'
const inFile = (text: string) => tooLong([{ file: FILE, text }])
const statements = (count: number) => 'expect(1).toBe(1)\n'.repeat(count)
/** Its first and last line count. */
const testOf = (lines: number, call = "test('works', ") => `${call}() => {\n${statements(lines - 2)}})\n`

test.each([
  ["test('works', "],
  ["it('works', async "],
  ["test.each([[1], [2]])('works with %d', "],
  ["test.skipIf(process.platform !== 'linux')('works', { timeout: 1000 }, "],
  ['test.each`a | b\n`("works", '],
])('a test of 61 lines is too long, one of 60 is not: %s', (call) => {
  expect(inFile(testOf(60, call))).toEqual([])
  const line = call.split('\n').length
  expect(inFile(testOf(61, call))).toEqual([`${FILE}:${line} is a test of 61 lines: at most 60`])
})

test('a long describe of short tests passes, and a long test inside it does not', () => {
  const suite = (...tests: string[]) => `describe('a suite', () => {\n${tests.join('')}})\n`
  expect(inFile(suite(testOf(60), testOf(60)))).toEqual([])
  expect(inFile(suite(testOf(60), testOf(70)))).toEqual([`${FILE}:62 is a test of 70 lines: at most 60`])
})

test('a file of 501 lines is too long, one of 500 is not', () => {
  expect(inFile(statements(500))).toEqual([])
  expect(inFile(statements(501))).toEqual([`${FILE} has 501 lines: split it, at most 500`])
  expect(tooLong([{ file: 'libs/a/testing/x.ts', text: statements(501) }])).toEqual([])
})
