/** HACKING.md leads through the code that there is: every file it names exists and has the function. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../', import.meta.url))
const page = readFileSync(`${root}HACKING.md`, 'utf8')
const steps = [...page.matchAll(/^\|.*\| `(\w+)` \| `([\w/.-]+)` \|$/gm)].map(([, name, file]) => ({ name, file }))

test('the page has its three walks', () => expect(steps.length).toBeGreaterThan(25))

test.each(steps)('$file has $name', ({ name, file }) => {
  expect(readFileSync(root + file, 'utf8')).toMatch(new RegExp(`\\b${name}(<[^(]*)?\\(`))
})

test('every other file and folder that the page names exists', () => {
  const paths = [...page.matchAll(/`((?:apps|libs|tools|docs|deploy|k8s|proto)\/[\w./-]+)`/g)].map(([, path]) => path)
  const invented = /\/NAME(-section)?(\.ts)?$/ // a place for the reader's own
  expect(paths.filter((path) => !invented.test(path) && !existsSync(root + path))).toEqual([])
})
