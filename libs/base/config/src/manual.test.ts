/** docs/configuration.md against the code: every key has its row, every row its key, every default is the one that counts. */
import { readFileSync } from 'node:fs'
import { ParserFormat, ListMatch } from '@dnstap-bgp/domain-list'
import { expect, test } from 'vitest'
import { LIST_FORMATS } from './config.ts'
import { DEFAULTS } from './defaults.ts'
import { readConfig } from './parse-config.ts'
import { formatDuration } from './values.ts'

const manual = readFileSync(new URL('../../../../docs/configuration.md', import.meta.url), 'utf8')

/** `bgp.peer.holdTime` -> the text of its default column. */
const rows = new Map<string, string>()
let table = ''
for (const line of manual.split('\n')) {
  const heading = /^#+ (?:\[+([a-z.]+)\]+|Top of the file)$/.exec(line)
  if (heading !== null) table = heading[1] ?? ''
  const row = /^\| `(\w+)`\s*\| (.*?)\s*\|/.exec(line)
  if (row !== null) rows.set(table === '' ? row[1] : `${table}.${row[1]}`, row[2].replaceAll(/[`"]/g, ''))
}

test('every key has its row, and every row its key', () => {
  const { reading } = readConfig('[[list]]\nsource = "https://example.org/"\n[[resolver]]\n[[bgp.peer]]\n', 'x.toml', {})
  const tables = new Set([...rows.keys()].map((key) => key.split('.').slice(0, -1).join('.')))
  const keys = reading.keys.filter((key) => !tables.has(key))
  expect([...rows.keys()].sort()).toEqual(keys.sort())
})

test('every default is the one that counts', () => {
  const { list, limits, never, dnstap, bgp, syncer, store, admin, log } = DEFAULTS
  const seconds = (count: number) => formatDuration(count * 1000)
  const ttls = {
    ttlMin: formatDuration(list.ttlMinMs),
    ttlMax: formatDuration(list.ttlMaxMs),
    ttlGrace: formatDuration(list.ttlGraceMs),
  }
  const prefixed = (title: string, values: Record<string, unknown>) =>
    Object.entries(values).map(([key, value]) => [`${title}${key}`, value])
  const expected: Record<string, unknown> = Object.fromEntries([
    ...prefixed('', { ttl: formatDuration(list.ttlMs), ...ttls, ipv6: DEFAULTS.ipv6 }),
    ...prefixed('list.', {
      ...ttls,
      format: list.format,
      match: list.match,
      addresses: list.addresses,
      shortestPrefix: list.shortestPrefixIpv4,
      shortestPrefixIPv6: list.shortestPrefixIpv6,
      newRoutesPerSecond: list.newRoutesPerSecond,
      newRoutesBurst: list.newRoutesBurst,
      refreshInterval: formatDuration(list.refreshIntervalMs),
      minimumShare: list.minimumShare,
    }),
    ...prefixed('limits.', limits),
    ...prefixed('never.', never),
    ...prefixed('dnstap.', {
      perm: `0${dnstap.mode.toString(8)}`,
      types: dnstap.types.join(),
      maxFrameBytes: dnstap.maxFrameBytes,
      handshakeTimeout: formatDuration(dnstap.handshakeTimeoutMs),
    }),
    ...prefixed('bgp.', {
      holdTime: seconds(bgp.holdTimeSeconds),
      connectRetry: seconds(bgp.connectRetrySeconds),
      gracefulRestartTime: seconds(bgp.gracefulRestartSeconds),
      longLivedStaleTime: seconds(bgp.longLivedStaleSeconds),
      onStop: bgp.onStop,
      relearnTime: formatDuration(bgp.relearnMs),
    }),
    ...prefixed('bgp.peer.', {
      port: bgp.port,
      ...bgp.peer,
    }),
    ...prefixed('syncer.', { syncInterval: formatDuration(syncer.syncIntervalMs) }),
    ...prefixed('store.', { database: store.database, keyPrefix: store.keyPrefix }),
    ...prefixed('admin.', { listen: `${admin.listen.host}:${admin.listen.port}`, socket: admin.socket }),
    ...prefixed('log.', log),
  ])
  // "1m30s" and "90s" are one duration to a reader, and the manual has the shorter thought.
  const same = (text: string) => (/^\d+s$/.test(text) ? formatDuration(Number(text.slice(0, -1)) * 1000) : text)
  const documented = Object.fromEntries([...rows].filter(([, text]) => text !== '').map(([key, text]) => [key, same(text)]))
  expect(documented).toEqual(Object.fromEntries(Object.entries(expected).map(([key, value]) => [key, String(value)])))
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
  const latestFetchMs = 1.1 * DEFAULTS.syncer.syncIntervalMs
  expect(DEFAULTS.bgp.relearnMs).toBeGreaterThan(latestFetchMs)
})
