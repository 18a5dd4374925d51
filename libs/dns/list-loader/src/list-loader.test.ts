import { textToName } from '@dnstap-bgp/dns-wire'
import { NO_MATCH } from '@dnstap-bgp/domain-matcher'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { FakeClock, waitFor } from '@dnstap-bgp/testkit'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ListLoader } from './list-loader.ts'
import type { ListLoaderConfig } from './list-loader.ts'
import type { ListDefinition, LoadedLists } from './list-definition.ts'

let folder: string
const opened: ListLoader[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'list-loader-'))
})
afterEach(async () => {
  for (const loader of opened.splice(0)) await loader.close()
  rmSync(folder, { recursive: true, force: true })
})

function file(name: string, ...lines: string[]): string {
  const path = join(folder, name)
  writeFileSync(path, lines.map((line) => `${line}\n`).join(''))
  return path
}

function list(name: string, path: string, more: Partial<ListDefinition> = {}): ListDefinition {
  return {
    name,
    source: { kind: 'path', path },
    format: 'auto',
    match: 'auto',
    addresses: false,
    refreshIntervalMs: 86_400_000,
    sha256: undefined,
    bearerToken: undefined,
    minimumShare: 0.5,
    ...more,
  }
}

function loaderOf(lists: readonly ListDefinition[], config: Partial<ListLoaderConfig> = {}, clock = systemClock): ListLoader {
  const loader = new ListLoader(
    { lists, stateFolder: undefined, watch: false, settleMs: 10, ...config },
    { clock, log: silentLog },
  )
  opened.push(loader)
  return loader
}

function feeds({ matcher }: LoadedLists, name: string): string[] {
  const id = matcher.match(textToName(name)!, 0)
  return id === NO_MATCH ? [] : matcher.verdict(id).map((feed) => feed.list)
}

test('files become a matcher, and each list is told with its counts', async () => {
  const lists = [
    list('one', file('one.txt', '# comment', 'example.org', '.example.net', 'example.org', `${'x'.repeat(64)}.org`, '192.0.2.1')),
    list('two', file('two.txt', 'example.org', '2001:db8::/32', '192.0.2.0/24', '192.0.2.0/24'), { addresses: true }),
  ]
  const loaded = await loaderOf(lists, {}, new FakeClock()).load()
  expect(feeds(loaded, 'www.example.org')).toEqual(['one', 'two'])
  expect(loaded.lists).toMatchObject([
    { name: 'one', state: 'fresh', why: undefined, format: 'plain', names: 2, rules: 2, duplicates: 1, addresses: 1 },
    { name: 'two', state: 'fresh', names: 1, rules: 1, addresses: 2 },
  ])
  expect(loaded.lists[0]).toMatchObject({
    skipped: { 'label-too-long': 1 },
    skippedLines: [{ reason: 'label-too-long', line: 5 }],
  })
  expect(loaded.lists[0]?.changedAt).toBe(Date.UTC(2026, 0, 1))
  expect(loaded.addressesOf('one')).toEqual([])
  expect(loaded.addressesOf('two')).toEqual(['192.0.2.0/24', '2001:db8::/32'])
})
