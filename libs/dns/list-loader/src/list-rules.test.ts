import { RuleKind } from '@dnstap-bgp/domain-list'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ListDefinition } from './list-definition.ts'
import { eachRule } from './list-rules.ts'
import { listDefinition } from '../testing/list-definition.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'list-rules-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function rulesOf(source: ListDefinition['source'], format = 'auto'): Promise<string[] | false> {
  const rules: string[] = []
  const list: ListDefinition = listDefinition('one', source, { format })
  const isThere = await eachRule(list, folder, ({ kind, pattern, exception, file, line }) => {
    const name = Object.keys(RuleKind)[kind] ?? ''
    rules.push(`${file.replace(folder, '')}:${line} ${exception ? '@@' : ''}${name} ${pattern}`)
  })
  return isThere && rules
}

test('each rule comes with its file and line, whatever stands between', async () => {
  mkdirSync(join(folder, 'lists'))
  writeFileSync(join(folder, 'lists/a.txt'), '# ours\n\na.example\nbad..name\n!b.example\n')
  writeFileSync(join(folder, 'lists/b.txt'), '0.0.0.0 c.example\n')
  expect(await rulesOf({ kind: 'path', path: join(folder, 'lists') })).toEqual([
    '/lists/a.txt:3 suffix a.example',
    '/lists/a.txt:5 @@suffix b.example',
    '/lists/b.txt:1 exact c.example',
  ])
})

test('a rule of an included list has the line of the include', async () => {
  writeFileSync(join(folder, 'all'), 'full:a.example\ninclude:more\n')
  writeFileSync(join(folder, 'more'), 'b.example\n')
  expect(await rulesOf({ kind: 'path', path: join(folder, 'all') }, 'v2fly')).toEqual([
    '/all:1 exact a.example',
    '/all:2 suffix b.example',
  ])
})

test('of a URL without a last good version there is nothing to read', async () => {
  expect(await rulesOf({ kind: 'url', url: 'http://192.0.2.1/list.txt', proxy: undefined })).toBe(false)
})
