/** Lists that would route more than anybody meant. */
import { silentLog } from '@dnstap-bgp/runtime'
import { FakeClock } from '@dnstap-bgp/testkit'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ListDefinition } from './list-definition.ts'
import { ListLoader } from './list-loader.ts'
import { listDefinition } from '../testing/list-definition.ts'

let folder: string
const opened: ListLoader[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wide-lists-'))
})
afterEach(async () => {
  for (const loader of opened.splice(0)) await loader.close()
  rmSync(folder, { recursive: true, force: true })
})

const write = (...lines: string[]) => writeFileSync(join(folder, 'list.txt'), lines.map((line) => `${line}\n`).join(''))

function loaderOf(more: Partial<ListDefinition> = {}): ListLoader {
  const definition: ListDefinition = listDefinition('one', join(folder, 'list.txt'), { addresses: true, ...more })
  const loader = new ListLoader(
    { lists: [definition], stateFolder: join(folder, 'state'), watch: false },
    { clock: new FakeClock(), log: silentLog },
  )
  opened.push(loader)
  return loader
}

test('a prefix wider than the list allows is not routed, and the list says so until it is gone', async () => {
  write('a.example', '16.0.0.0/5', '10.0.0.0/8', '2000::/3', '2001:db8::/32')
  const loader = loaderOf()
  const loaded = await loader.load()
  expect(loaded.addressesOf('one')).toEqual(['10.0.0.0/8', '2001:db8::/32'])
  expect(loaded.lists[0]).toMatchObject({
    state: 'degraded',
    why:
      '16.0.0.0/5, 2000::/3 are not routed: wider than /8 (IPv4) or /19 (IPv6), ' +
      'which shortestPrefix and shortestPrefixIPv6 of the list allow',
    skipped: { 'prefix-too-wide': 2 },
  })
  // What was read stays what it is, also when nothing is read.
  expect((await loader.refresh({ only: [] })).lists[0]?.state).toBe('degraded')
  write('a.example', '10.0.0.0/8')
  expect((await loader.refresh()).lists[0]).toMatchObject({ state: 'fresh', why: undefined })
})

test('a list may be allowed wider prefixes, and where addresses are not routed none is too wide', async () => {
  write('a.example', '16.0.0.0/5', '::/0')
  const wide = await loaderOf({ shortestPrefixIpv4: 5, shortestPrefixIpv6: 0 }).load()
  expect(wide.addressesOf('one')).toEqual(['16.0.0.0/5', '::/0'])
  expect((await loaderOf({ addresses: false }).load()).lists[0]).toMatchObject({ state: 'fresh', addresses: 2 })
})

test('a list of which most lines were skipped is degraded, and says what was not understood', async () => {
  write('a.example', ...Array.from({ length: 9 }, (_, i) => `bad..${i}`))
  const loader = loaderOf()
  expect((await loader.load()).lists[0]).toMatchObject({
    state: 'degraded',
    why: 'only 10 % of its 10 entries were understood (9 empty-label)',
  })
  write('a.example', 'b.example', 'bad..name')
  expect((await loader.refresh()).lists[0]?.state).toBe('fresh')
})

test('a list that grew tenfold has a warning until it is read once more as it is', async () => {
  const names = (count: number) => Array.from({ length: count }, (_, i) => `n${i}.example`)
  write(...names(10))
  const loader = loaderOf()
  expect((await loader.load()).lists[0]?.warnings).toEqual([])
  write(...names(99))
  expect((await loader.refresh()).lists[0]?.warnings).toEqual([])
  write(...names(990))
  expect((await loader.refresh()).lists[0]).toMatchObject({ state: 'fresh', warnings: ['it grew from 99 rules to 990'] })
  // Over a restart too: the note of the copy says how many there were.
  write(...names(9900))
  expect((await loaderOf().load()).lists[0]?.warnings).toEqual(['it grew from 990 rules to 9900'])
  expect((await loaderOf().load()).lists[0]?.warnings).toEqual([])
})

test('a list that becomes another format says so', async () => {
  write('0.0.0.0 a.example', '0.0.0.0 b.example')
  const loader = loaderOf()
  expect((await loader.load()).lists[0]).toMatchObject({ format: 'hosts', warnings: [] })
  write('a.example', 'b.example', 'c.example')
  expect((await loader.refresh()).lists[0]).toMatchObject({
    format: 'plain',
    warnings: ['it is read as plain now, and was read as hosts'],
  })
  expect((await loader.refresh()).lists[0]?.warnings).toEqual([])
})

test('rules for a whole public suffix, and prefixes with host bits, are taken with a warning', async () => {
  write('payload:', '- DOMAIN-SUFFIX,com', '- DOMAIN-SUFFIX,co.uk', '- DOMAIN-SUFFIX,a.example', '- IP-CIDR,203.0.113.1/24')
  expect((await loaderOf().load()).lists[0]).toMatchObject({
    state: 'fresh',
    rules: 3,
    addresses: 1,
    warnings: [
      '2 rules cover whole public suffixes: com, co.uk',
      '1 address has bits behind its prefix length, which were cleared: 203.0.113.1/24',
    ],
  })
})

test('what is kept may be read by us and our group alone, whatever the umask', async () => {
  write('a.example')
  const umask = process.umask(0)
  try {
    await loaderOf().load()
  } finally {
    process.umask(umask)
  }
  const modes = readdirSync(join(folder, 'state')).map((name) => statSync(join(folder, 'state', name)).mode & 0o777)
  expect([statSync(join(folder, 'state')).mode & 0o777, ...modes]).toEqual([0o750, 0o640, 0o640])
})
