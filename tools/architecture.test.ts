/** docs/architecture.md says what the tree is: its table of libs is that of the imports, and each path in it exists. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

interface Project {
  readonly name: string
  readonly dir: string
  readonly layer: string
}
interface Source {
  readonly file: string
  readonly text: string
  readonly isTest: boolean
}
const { architecturePages, firstSentence, tableOfLibs } = (await import(new URL('./architecture.mjs', import.meta.url).href)) as {
  architecturePages(): { page: string; expected: string }
  firstSentence(readme: string): string
  tableOfLibs(projects: readonly Project[], sources: readonly Source[], descriptionOf: (dir: string) => string): string
}
const root = fileURLToPath(new URL('../', import.meta.url))

test('the table of libs equals the imports (if not: node tools/architecture.mjs --write)', () => {
  const { page, expected } = architecturePages()
  expect(page).toBe(expected)
})

test('every folder and file that the page names is there', () => {
  const { page } = architecturePages()
  const paths = [...page.matchAll(/`((?:apps|libs)\/[\w./-]+)`/g)].map(([, path]) => path)
  expect(paths.length).toBeGreaterThan(30)
  expect(paths.filter((path) => !existsSync(root + path))).toEqual([])
})

test('the table has what shipped files import, by layer, and not what tests import', () => {
  const projects = [
    { name: '@dnstap-bgp/table', dir: 'libs/bgp/table', layer: 'domain' },
    { name: '@dnstap-bgp/cache-service', dir: 'libs/services/cache', layer: 'service' },
    { name: '@dnstap-bgp/cache', dir: 'apps/cache', layer: 'app' },
  ]
  const sources = [
    { file: 'apps/cache/src/main.ts', text: "import { x } from '@dnstap-bgp/cache-service'\n", isTest: false },
    { file: 'libs/services/cache/src/a.ts', text: "export type { x } from '@dnstap-bgp/table'\n", isTest: false },
    { file: 'libs/bgp/table/src/a.test.ts', text: "import { x } from '@dnstap-bgp/cache-service'\n", isTest: true },
  ]
  expect(
    tableOfLibs(projects, sources, (dir) => `all of ${dir}`)
      .split('\n')
      .slice(2, -1),
  ).toEqual([
    '| app | `apps/cache` | all of apps/cache | services/cache |',
    '| service | `libs/services/cache` | all of libs/services/cache | table |',
    '| domain | `libs/bgp/table` | all of libs/bgp/table | – |',
  ])
})

test.each([
  ['# ip\n\n**Name.** ip: addresses and\nprefixes. More.\n\nText.\n', 'Addresses and prefixes'],
  ['# net\n\n## Name\n\n`@dnstap-bgp/net`: listening on sockets.\n\n## Description\n', 'Listening on sockets'],
  ['# cache\n\nHolds what was learnt. It keeps it in Redis.\n\n## More\n', 'Holds what was learnt'],
])('a README says what its lib is in one sentence', (readme, sentence) => expect(firstSentence(readme)).toBe(sentence))
