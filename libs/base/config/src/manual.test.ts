/** docs/configuration.md against the sections: its tables are made from them. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ListMatch, ParserFormat } from '@dnstap-bgp/domain-list'
import { expect, test } from 'vitest'
import { DEFAULTS } from './defaults.ts'
import { LIST_FORMATS } from './list-section.ts'
import { withTables } from './manual-tables.ts'
import { readConfig } from './parse-config.ts'
import { SECTIONS } from './sections.ts'
import { namedSettings } from './setting.ts'
import { SYNCER } from './syncer-section.ts'

const PAGE = fileURLToPath(new URL('../../../../docs/configuration.md', import.meta.url))
const manual = readFileSync(PAGE, 'utf8')

test('docs/configuration.md has the tables of the sections (write them: vitest run --project unit libs/base/config -u)', async () => {
  await expect(withTables(manual, SECTIONS)).toMatchFileSnapshot(PAGE)
})

test('every key that is read is described in a section, and every key of a section is read', () => {
  const { reading } = readConfig(
    '[[list]]\nname = "a"\nsource = "https://example.org/"\n[[resolver]]\n[[bgp.peer]]\n',
    'x.toml',
    {},
  )
  const titles = new Set(SECTIONS.map(({ title }) => title))
  const read = reading.keys.filter((key) => !titles.has(key))
  const described = SECTIONS.flatMap((section) =>
    namedSettings(section).flatMap(({ key, setting }) => {
      const full = section.title === '' ? key : `${section.title}.${key}`
      return setting.isSecret ? [full, `${full}File`] : [full]
    }),
  )
  expect(read.sort()).toEqual(described.sort())
})

test('every setting has its meaning: a sentence', () => {
  const meanings = SECTIONS.flatMap((section) => namedSettings(section).map(({ setting }) => setting))
  expect(meanings.filter(({ meaning, isSecret }) => !isSecret && !/\.$/.test(meaning))).toEqual([])
})

test('no two keys share a variable of the environment', () => {
  const { reading } = readConfig('', 'x.toml', {})
  const folded = reading.keys
    .filter((key) => !/^(list|bgp\.peer)\./.test(key))
    .map((key) => key.replaceAll('.', '').toLowerCase())
  expect(folded.filter((key, index) => folded.indexOf(key) !== index)).toEqual([])
})

test('every format and match that lists can have can be configured, and stands in the manual', () => {
  expect(LIST_FORMATS).toEqual(expect.arrayContaining(Object.values(ParserFormat)))
  expect(Object.values(ListMatch)).toEqual(['auto', 'exact', 'suffix'])
  for (const format of LIST_FORMATS) expect(manual).toContain(`\`${format}\``)
})

test('a store that came back empty has heard every sync peer before its routes go', () => {
  const latestFetchMs = 1.1 * SYNCER.settings.syncIntervalMs.default
  expect(DEFAULTS.bgp.relearnMs).toBeGreaterThan(latestFetchMs)
})

test('a page that lacks a section, or has one more, is told so', () => {
  expect(() => withTables('', SECTIONS)).toThrow('no heading for [], [dnstap], ')
  expect(() => withTables('## [nothing]\n', SECTIONS)).toThrow('a heading for [nothing], which is no section')
})
