/** The lint of names finds what it is for, and its exceptions cannot outlive their reason. */
import { expect, test } from 'vitest'

interface Source {
  readonly file: string
  readonly text: string
}
interface Exceptions {
  readonly names: Record<string, string>
  readonly files: Record<string, string>
}
const { clashes } = (await import(new URL('./names.mjs', import.meta.url).href)) as {
  clashes(sources: readonly Source[], allowed: Exceptions): string[]
}

const NONE: Exceptions = { names: {}, files: {} }
const exporting = (file: string, ...names: string[]): Source => ({
  file,
  text: names.map((name) => `export const ${name} = 1\n`).join(''),
})

test.each(['function', 'async function', 'class', 'abstract class', 'const', 'interface', 'type'])(
  'two libs that export the same %s are a clash',
  (kind) => {
    const text = `export ${kind} Route {}\n`
    expect(
      clashes(
        [
          { file: 'libs/a/src/x.ts', text },
          { file: 'libs/b/src/y.ts', text },
        ],
        NONE,
      ),
    ).toEqual(['Route is exported by libs/a/src/x.ts, libs/b/src/y.ts: give each thing a name of its own'])
  },
)

test('a lib that passes on what another lib defines is no clash', () => {
  const passesOn = {
    file: 'libs/b/src/index.ts',
    text: "export { Route } from '@dnstap-bgp/a'\nexport type { Prefix } from './y.ts'\n",
  }
  expect(clashes([exporting('libs/a/src/x.ts', 'Route', 'Prefix'), passesOn], NONE)).toEqual([])
})

test('two files of one lib may use a name twice', () => {
  expect(clashes([exporting('libs/a/src/x.ts', 'Route'), exporting('libs/a/src/y.ts', 'Route')], NONE)).toEqual([])
})

test('two libs with a file of the same name are a clash, unless every lib has such a file', () => {
  const sources = ['a', 'b'].flatMap((lib) =>
    ['index.ts', 'config.ts', 'name.ts'].map((file) => exporting(`libs/${lib}/src/${file}`)),
  )
  expect(clashes(sources, NONE)).toEqual([
    'name.ts is the name of libs/a/src/name.ts, libs/b/src/name.ts: name each file after what it holds',
  ])
})

test('an exception holds as long as it is needed', () => {
  const allowed = { names: { Route: 'a reason' }, files: { 'name.ts': 'a reason' } }
  const both = ['a', 'b'].map((lib) => exporting(`libs/${lib}/src/name.ts`, 'Route'))
  expect(clashes(both, allowed)).toEqual([])
  expect(clashes(both.slice(1), allowed)).toEqual([
    'Route is shared no more: remove it from the exceptions in tools/names.mjs',
    'name.ts is shared no more: remove it from the exceptions in tools/names.mjs',
  ])
})
