/** docs/security.md promises nothing that no test holds: each cell of its table names tests, and each test is there. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../', import.meta.url))
const page = readFileSync(`${root}docs/security.md`, 'utf8')
const tests = new Map(
  [...page.matchAll(/^- \*\*T(\d+)\*\* `([^`]+)`: "(.+)"$/gm)].map(([, number, file, title]) => [number, { file, title }]),
)
/** Cells of each row of the table, without the head and the rows that only divide it. */
const rows = [...page.matchAll(/^\|(.+)\|$/gm)]
  .map(([, cells]) => cells.split('|').map((cell) => cell.trim()))
  .slice(2)
  .filter(([, can, cannot]) => can !== '' || cannot !== '')
const namedIn = (text: string) => [...text.matchAll(/\[T(\d+)\]/g)].map(([, number]) => number)

test('every cell says what holds it', () => {
  expect(rows.length).toBeGreaterThan(15)
  const bare = rows.flatMap(([who, ...cells]) =>
    cells.filter((cell) => namedIn(cell).length === 0).map((cell) => `${who}: ${cell}`),
  )
  expect(bare).toEqual([])
})

test('every test that is named exists, by file and title, and every one that is listed is named', () => {
  const named = new Set(namedIn(page))
  expect([...named].filter((number) => !tests.has(number))).toEqual([])
  expect([...tests.keys()].filter((number) => !named.has(number))).toEqual([])
  const missing = [...tests].filter(([, { file, title }]) => {
    if (!existsSync(root + file)) return true
    const source = readFileSync(root + file, 'utf8')
    return !["'", '"', '`'].some((quote) => source.includes(quote + title.replaceAll(quote, `\\${quote}`) + quote))
  })
  expect(missing).toEqual([])
})
