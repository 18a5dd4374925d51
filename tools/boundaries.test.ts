/** The check of the layers can fail: every arrow that must not be is found. */
import { expect, test } from 'vitest'

interface Project {
  readonly name: string
  readonly dir: string
  readonly layer: string
  readonly dependencies: readonly string[]
  readonly exports: readonly string[]
}
interface Source {
  readonly file: string
  readonly text: string
  readonly isTest: boolean
}
const { wrongImports, unusedDependencies } = (await import(new URL('./boundaries.mjs', import.meta.url).href)) as {
  wrongImports(projects: readonly Project[], sources: readonly Source[]): string[]
  unusedDependencies(projects: readonly Project[], sources: readonly Source[]): string[]
}

const project = (name: string, layer: string, ...dependencies: string[]): Project => ({
  name: `@dnstap-bgp/${name}`,
  dir: `libs/${name}`,
  layer,
  dependencies: dependencies.map((one) => `@dnstap-bgp/${one}`),
  exports: [],
})
const PROJECTS = [
  project('wire', 'protocol', 'table'),
  project('table', 'domain', 'wire'),
  project('sockets', 'driver', 'table', 'wire'),
  project('file', 'backend', 'table'),
  project('cache', 'service', 'sockets', 'file', 'announcer'),
  project('announcer', 'service', 'table'),
]
const importing = (from: string, specifier: string, isTest = false): string[] =>
  wrongImports(PROJECTS, [{ file: `libs/${from}/src/a.ts`, text: `import { x } from '${specifier}'\n`, isTest }])

test.each([
  ['sockets', '@dnstap-bgp/table'],
  ['table', '@dnstap-bgp/wire'],
  ['file', '@dnstap-bgp/table'],
  ['cache', '@dnstap-bgp/sockets'],
  ['cache', './b.ts'],
  ['cache', 'node:fs'],
])('%s may import %s', (from, specifier) => expect(importing(from, specifier)).toEqual([]))

test.each([
  ['a protocol a domain lib', 'wire', '@dnstap-bgp/table', /protocol .* imports domain/],
  ['a service a backend', 'cache', '@dnstap-bgp/file', /service .* imports backend/],
  ['a service another service', 'cache', '@dnstap-bgp/announcer', /service .* imports service/],
  ['what is not declared', 'announcer', '@dnstap-bgp/wire', /not among the dependencies/],
  ['a lib past its index', 'cache', '@dnstap-bgp/table/src/secret.ts', /imported by its index alone/],
  ['another lib by a path', 'cache', '../../table/src/secret.ts', /leaves libs\/cache/],
])('nobody may import: %s', (_what, from, specifier, sentence) => {
  expect(importing(from, specifier)).toEqual([expect.stringMatching(sentence)])
})

test('a test may import what it needs', () => expect(importing('wire', '@dnstap-bgp/sockets', true)).toEqual([]))

test('a dependency that only tests import, or nothing, is told', () => {
  const sources = [
    { file: 'libs/cache/src/a.ts', text: `import { x } from '@dnstap-bgp/sockets'\n`, isTest: false },
    { file: 'libs/cache/src/a.test.ts', text: `import { x } from '@dnstap-bgp/file'\n`, isTest: true },
  ]
  expect(unusedDependencies([project('cache', 'service', 'sockets', 'file')], sources)).toEqual([
    'libs/cache/package.json: nothing that is shipped imports @dnstap-bgp/file: remove it',
  ])
})
