import { textToName } from '@dnstap-bgp/dns-wire'
import { NO_MATCH } from '@dnstap-bgp/domain-matcher'
import type { Clock } from '@dnstap-bgp/runtime'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { FakeClock, waitFor } from '@dnstap-bgp/testkit'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ListLoader } from './list-loader.ts'
import type { ListLoaderConfig } from './loader-config.ts'
import type { ListDefinition, LoadedLists } from './list-definition.ts'

/** Called when the next source has been read. */
const world = vi.hoisted(() => ({ afterReading: undefined as (() => void) | undefined }))
vi.mock(import('./list-files.ts'), async (original) => {
  const real = await original()
  return {
    ...real,
    async *chunksOf(...args) {
      yield* real.chunksOf(...args)
      world.afterReading?.()
      world.afterReading = undefined
    },
  }
})

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
    shortestPrefixIpv4: 8,
    shortestPrefixIpv6: 19,
    refreshIntervalMs: 86_400_000,
    origin: undefined,
    sha256: undefined,
    bearerToken: undefined,
    login: undefined,
    proxyLogin: undefined,
    minimumShare: 0.5,
    ...more,
  }
}

function loaderOf(
  lists: readonly ListDefinition[],
  config: Partial<ListLoaderConfig> = {},
  clock: Clock = systemClock,
): ListLoader {
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

test('many regular expressions are compiled before a name needs them, with turns of the loop between', async () => {
  let nowMs = 0
  let turns = 0
  const clock: Clock = {
    ...systemClock,
    monotonic: () => (nowMs += 10),
    after(delayMs, callback) {
      if (delayMs === 0) turns++
      return systemClock.after(delayMs, callback)
    },
  }
  const loaded = await loaderOf([list('one', file('one.txt', '/^ads[0-9]/', '/^track[0-9]/', '/^pixel[0-9]/'))], {}, clock).load()
  expect(turns).toBe(3)
  expect(feeds(loaded, 'track1.example.org')).toEqual(['one'])
})

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

test('a folder is all its files, but for hidden ones', async () => {
  mkdirSync(join(folder, 'lists'))
  file('lists/a.txt', 'a.example')
  file('lists/b.hosts', '0.0.0.0 b.example', '0.0.0.0 b2.example')
  file('lists/.hidden', 'hidden.example')
  const loaded = await loaderOf([list('all', join(folder, 'lists'))]).load()
  expect(['a.example', 'b.example', 'hidden.example'].map((name) => feeds(loaded, name))).toEqual([['all'], ['all'], []])
  expect(feeds(loaded, 'www.b.example')).toEqual([]) // as hosts files mean it
})

test('a gzip file is unpacked', async () => {
  const path = join(folder, 'list.gz')
  writeFileSync(path, gzipSync('example.org\n'))
  expect(feeds(await loaderOf([list('one', path)]).load(), 'example.org')).toEqual(['one'])
})

test.each([
  ['is missing', () => join(folder, 'none.txt'), /^list "one": .*none\.txt: there is no such file$/],
  ['is empty', () => file('empty.txt'), /^list "one": .*empty\.txt holds no rule$/],
  ['has comments only', () => file('comments.txt', '# nothing'), /^list "one": .*comments\.txt holds no rule$/],
  ['has bad lines only', () => file('bad.txt', `${'x'.repeat(64)}.org`), /bad\.txt holds no rule \(skipped: 1 label-too-long\)$/],
  ['is an empty folder', () => mkdtempSync(join(folder, 'empty-')), /is a folder without files$/],
  ['is a device', () => '/dev/null', /^list "one": \/dev\/null is neither a file nor a folder$/],
  ['is too large', () => file('large.txt', 'x'.repeat(2000)), /large\.txt is over the limit of 1000 bytes$/],
])('at the first load a file that %s is an error that names it', async (_case, path, message) => {
  const good = list('good', file('good.txt', 'example.org'))
  const loader = loaderOf([good, list('one', path())], { maxListBytes: 1000 })
  await expect(loader.load()).rejects.toThrow(message)
  expect(loader.current).toBeUndefined()
})

test('a reload takes what changed, tells the difference, and keeps the matcher when nothing did', async () => {
  const path = file('one.txt', 'a.example', 'b.example', 'c.example')
  const loader = loaderOf([list('one', path), list('two', file('two.txt', 'a.example'))])
  const first = await loader.load()
  const seen: LoadedLists[] = []
  loader.onChange((lists) => seen.push(lists))
  expect((await loader.refresh()).matcher).toBe(first.matcher)

  file('one.txt', 'a.example', 'c.example', 'd.example', 'e.example')
  const second = await loader.refresh()
  expect(second.matcher).not.toBe(first.matcher)
  expect(second.differences).toMatchObject([
    { name: 'one', added: 2, removed: 1, changed: 0 },
    { name: 'two', added: 0, removed: 0, changed: 0 },
  ])
  expect([feeds(second, 'b.example'), feeds(second, 'd.example'), feeds(second, 'a.example')]).toEqual([
    [],
    ['one'],
    ['one', 'two'],
  ])
  expect(seen).toHaveLength(2)
  expect(loader.current).toBe(second)
})

test('an added exception alone is a change', async () => {
  const path = file('one.txt', 'a.example', 'b.example', 'c.example')
  const loader = loaderOf([list('one', path, { format: 'adblock' })])
  file('one.txt', '||a.example^', '||b.example^')
  await loader.load()
  file('one.txt', '||a.example^', '||b.example^', '@@||a.example^')
  const loaded = await loader.refresh()
  expect(loaded.differences).toMatchObject([{ changed: 1 }])
  expect(feeds(loaded, 'a.example')).toEqual([])
})

test('a list that shrank, is empty or is gone is refused and keeps its last version, while others change', async () => {
  const names = Array.from({ length: 10 }, (_, i) => `n${i}.example`)
  const lists = [
    list('shrinks', file('shrinks.txt', ...names, '192.0.2.1'), { addresses: true }),
    list('empties', file('empties.txt', 'empties.example', 'keyword.example')),
    list('goes', file('goes.txt', 'goes.example')),
    list('changes', file('changes.txt', 'old.example')),
  ]
  const loader = loaderOf(lists)
  await loader.load()
  file('shrinks.txt', ...names.slice(0, 5))
  file('empties.txt')
  unlinkSync(join(folder, 'goes.txt'))
  file('changes.txt', 'new.example')
  const loaded = await loader.refresh()
  expect(loaded.lists.map(({ state }) => state)).toEqual(['refused', 'refused', 'refused', 'fresh'])
  expect(loaded.lists[0]?.why).toMatch(
    /shrinks\.txt shrank from 11 rules to 5 \(45 %, and less than 50 % needs your word: dnstap-bgp lists --accept shrinks\)$/,
  )
  expect(loaded.lists[1]?.why).toMatch(/empties\.txt holds no rule$/)
  expect(loaded.lists[2]?.why).toMatch(/goes\.txt: there is no such file$/)
  for (const [name, by] of Object.entries({
    'n9.example': ['shrinks'],
    'empties.example': ['empties'],
    'goes.example': ['goes'],
  }))
    expect(feeds(loaded, name)).toEqual(by)
  expect([feeds(loaded, 'old.example'), feeds(loaded, 'new.example')]).toEqual([[], ['changes']])
  expect(loaded.addressesOf('shrinks')).toEqual(['192.0.2.1/32'])
  expect(loaded.lists[0]).toMatchObject({ names: 10, rules: 10, addresses: 1 })

  // The operator's word, and a source that recovers.
  file('goes.txt', 'goes.example', 'more.example')
  const accepted = await loader.refresh({ accept: ['shrinks'] })
  expect(accepted.lists.map(({ state }) => state)).toEqual(['fresh', 'refused', 'fresh', 'fresh'])
  expect([feeds(accepted, 'n9.example'), feeds(accepted, 'n4.example')]).toEqual([[], ['shrinks']])
  expect((await loader.refresh({ accept: ['empties'] })).lists[1]).toMatchObject({ state: 'fresh', rules: 0 })
})

test('half of a list is enough, and with a share of 0 anything but nothing is', async () => {
  const lists = [
    list('half', file('half.txt', 'a.b', 'c.d')),
    list('any', file('any.txt', 'a.b', 'c.d', 'e.f', 'g.h'), { minimumShare: 0 }),
  ]
  const loader = loaderOf(lists)
  await loader.load()
  file('half.txt', 'a.b')
  file('any.txt', 'a.b')
  expect((await loader.refresh()).lists.map(({ state }) => state)).toEqual(['fresh', 'fresh'])
})

test('what is no list at all is refused', async () => {
  const path = file('one.txt', 'example.org')
  const loader = loaderOf([list('one', path)])
  await loader.load()
  file('one.txt', '<!DOCTYPE html>', '<html><body>Sign in to the network</body></html>')
  const loaded = await loader.refresh()
  expect(loaded.lists[0]?.state).toBe('refused')
  expect(feeds(loaded, 'example.org')).toEqual(['one'])
})

test('only the lists asked for are read', async () => {
  const loader = loaderOf([list('one', file('one.txt', 'a.example')), list('two', file('two.txt', 'a.example'))])
  await loader.load()
  file('one.txt', 'b.example')
  file('two.txt', 'b.example')
  const loaded = await loader.refresh({ only: ['two'] })
  expect([feeds(loaded, 'a.example'), feeds(loaded, 'b.example')]).toEqual([['one'], ['two']])
})

test('a preview tells what a reload would do, and does not do it', async () => {
  const loader = loaderOf([list('one', file('one.txt', 'a.example', 'b.example', 'c.example'))])
  const loaded = await loader.load()
  file('one.txt', 'a.example', 'b.example', 'd.example')
  const preview = await loader.preview()
  expect(preview.differences).toMatchObject([{ added: 1, removed: 1 }])
  expect([feeds(preview, 'd.example'), feeds(loaded, 'd.example')]).toEqual([['one'], []])
  expect(loader.current).toBe(loaded)
})

test('a new configuration is taken with a reload: lists come, go, and change their source', async () => {
  const loader = loaderOf([
    list('one', file('one.txt', 'a.example')),
    list('two', file('two.txt', 'b.example', 'c.example', 'd.example')),
  ])
  await loader.load()
  const lists = [list('three', file('three.txt', 'a.example')), list('two', file('other.txt', 'b.example'))]
  const loaded = await loader.reconfigure(lists)
  expect([feeds(loaded, 'a.example'), feeds(loaded, 'b.example'), feeds(loaded, 'c.example')]).toEqual([['three'], ['two'], []])
  expect(loaded.lists.map(({ name, state }) => [name, state])).toEqual([
    ['three', 'fresh'],
    ['two', 'fresh'],
  ])
})

test('wishes during a build are gathered into one that comes after it', async () => {
  const loader = loaderOf([list('one', file('one.txt', 'a.example'))])
  const first = loader.load()
  const versions = await Promise.all([first, loader.refresh(), loader.refresh(), loader.refresh()])
  expect(new Set(versions).size).toBeLessThanOrEqual(2)
})

test('a line without end, control characters and an endless regular expression do not stop the rest of a list', async () => {
  const path = join(folder, 'hostile.txt')
  writeFileSync(
    path,
    Buffer.concat([
      Buffer.from('a.example\n'),
      Buffer.alloc(2 ** 26, 'x'),
      Buffer.from('\n\x01\x01.example\n||b.example^\nc.example\n'),
    ]),
  )
  const bad = file('regexp.txt', '/^(a+)+$/', '/(?=lookahead)x/', `/${'a{1000}'.repeat(3)}/`, '||d.example^')
  const loaded = await loaderOf([list('one', path, { format: 'plain' }), list('two', bad, { format: 'adblock' })]).load()
  for (const name of ['a.example', 'c.example']) expect(feeds(loaded, name)).toEqual(['one'])
  expect(loaded.lists[0]?.skipped['line-too-long']).toBe(1)
  expect(feeds(loaded, 'd.example')).toEqual(['two'])
  expect(loaded.lists[1]?.rules).toBe(2)
  expect(Object.values(loaded.lists[1]?.skipped ?? {}).reduce((sum, count) => sum + count, 0)).toBe(2)
})

test('a gzip bomb ends at the limit', async () => {
  const path = join(folder, 'bomb.gz')
  writeFileSync(path, gzipSync(Buffer.alloc(2 ** 25, 'x')))
  await expect(loaderOf([list('one', path)], { maxListBytes: 2 ** 20 }).load()).rejects.toThrow('over the limit of 1048576 bytes')
})

const watching: Partial<ListLoaderConfig> = { watch: true, pollIntervalMs: 100_000 }

test('a file that is written or replaced is read again, unasked', async () => {
  const path = file('one.txt', 'a.example')
  const loader = loaderOf([list('one', path)], watching)
  await loader.load()
  file('one.txt', 'b.example')
  await waitFor(() => feeds(loader.current!, 'b.example').length > 0, { what: 'a file written in place' })
  renameSync(file('.one.txt.swp', 'c.example'), path)
  await waitFor(() => feeds(loader.current!, 'c.example').length > 0, { what: 'a file renamed over it' })
  renameSync(file('.one.txt.swp', 'd.example'), path)
  await waitFor(() => feeds(loader.current!, 'd.example').length > 0, { what: 'another one' })
})

test('a ConfigMap that is swapped by its link is read again', async () => {
  for (const version of ['..1', '..2']) mkdirSync(join(folder, version))
  file('..1/one.txt', 'a.example')
  file('..2/one.txt', 'b.example')
  symlinkSync('..1', join(folder, '..data'))
  symlinkSync('..data/one.txt', join(folder, 'one.txt'))
  const loader = loaderOf([list('one', join(folder, 'one.txt'))], watching)
  await loader.load()
  symlinkSync('..2', join(folder, '..data_tmp'))
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
  rmSync(join(folder, '..1'), { recursive: true })
  await waitFor(() => feeds(loader.current!, 'b.example').length > 0, { what: 'the other version' })
})

test('a file in a watched folder, and one behind a link to elsewhere, are noticed', async () => {
  mkdirSync(join(folder, 'lists'))
  mkdirSync(join(folder, 'elsewhere'))
  file('lists/a.txt', 'a.example')
  symlinkSync(file('elsewhere/one.txt', 'one.example'), join(folder, 'one.txt'))
  const loader = loaderOf([list('all', join(folder, 'lists')), list('one', join(folder, 'one.txt'))], watching)
  await loader.load()
  file('lists/b.txt', 'b.example')
  file('elsewhere/one.txt', 'other.example')
  await waitFor(() => feeds(loader.current!, 'b.example').length + feeds(loader.current!, 'other.example').length === 2)
})

test('what the kernel does not tell, the poll finds', async () => {
  const clock = new FakeClock()
  const path = file('one.txt', 'a.example')
  const loader = loaderOf([list('one', path)], { watch: true, pollIntervalMs: 1000 }, clock)
  await loader.load()
  file('one.txt', 'b.example')
  await waitFor(async () => {
    await clock.advanceAsync(1100, 20)
    return feeds(loader.current!, 'b.example').length > 0
  })
})

test('a watched file that is emptied and then right again is refused, then fresh', async () => {
  const loader = loaderOf([list('one', file('one.txt', 'a.example'))], watching)
  await loader.load()
  file('one.txt')
  await waitFor(() => loader.current?.lists[0]?.state === 'refused')
  expect(feeds(loader.current!, 'a.example')).toEqual(['one'])
  file('one.txt', 'b.example')
  await waitFor(() => loader.current?.lists[0]?.state === 'fresh')
  expect(feeds(loader.current!, 'b.example')).toEqual(['one'])
})

// ---- over restarts

async function restarted(lists: readonly ListDefinition[], clock: Clock = systemClock): Promise<LoadedLists> {
  const loader = loaderOf(lists, { stateFolder: join(folder, 'state') }, clock)
  const loaded = await loader.load()
  await loader.close()
  return loaded
}

test('a file that shrank, is empty or is gone is refused after a restart too, until the word is given', async () => {
  const names = Array.from({ length: 100 }, (_, i) => `n${i}.example`)
  const lists = [
    list('shrinks', file('shrinks.txt', ...names, '192.0.2.1'), { addresses: true }),
    list('empties', file('empties.txt', 'a.example')),
    list('goes', file('goes.txt', 'b.example')),
  ]
  await restarted(lists)
  file('shrinks.txt', 'n1.example')
  file('empties.txt')
  unlinkSync(join(folder, 'goes.txt'))
  for (let restart = 0; restart < 2; restart++) {
    const loaded = await restarted(lists)
    expect(loaded.lists.map(({ state, names }) => [state, names])).toEqual([
      ['refused', 100],
      ['refused', 1],
      ['refused', 1],
    ])
    expect(loaded.lists[0]?.why).toMatch(/shrank from 101 rules to 1 \(0 %/)
    expect(loaded.addressesOf('shrinks')).toEqual(['192.0.2.1/32'])
    expect(feeds(loaded, 'n99.example')).toEqual(['shrinks'])
  }
  const loader = loaderOf(lists, { stateFolder: join(folder, 'state') })
  await loader.load()
  await loader.refresh({ accept: ['shrinks'] })
  await loader.close()
  expect((await restarted(lists)).lists[0]).toMatchObject({ state: 'fresh', names: 1 })
})

test.each(['one.txt', 'lists/one.txt'])(
  'what is written to %s while it is read does not become the last good version',
  async (name) => {
    const names = (count: number) => Array.from({ length: count }, (_, i) => `n${i}.example`)
    mkdirSync(join(folder, 'lists'))
    file(name, ...names(20))
    const lists = [list('one', join(folder, name.replace('lists/one.txt', 'lists')), { format: 'plain' })]
    await restarted(lists)
    file(name, ...names(30))
    world.afterReading = () => file(name, ...names(2))
    expect((await restarted(lists)).lists[0]).toMatchObject({ state: 'fresh', names: 30 })
    expect((await restarted(lists)).lists[0]).toMatchObject({ state: 'refused', names: 20 })
  },
)

test('a list that was emptied with the word of the operator stays so over reloads and restarts, and nobody else empties it', async () => {
  const path = file('one.txt', 'a.example')
  const lists = [list('one', path)]
  const loader = loaderOf(lists, { stateFolder: join(folder, 'state') })
  await loader.load()
  file('one.txt', '# nothing')
  expect((await loader.refresh()).lists[0]).toMatchObject({ state: 'refused', names: 1 })
  await loader.refresh({ accept: ['one'] })
  expect((await loader.refresh()).lists[0]).toMatchObject({ state: 'fresh', names: 0 })
  await loader.close()
  expect((await restarted(lists)).lists[0]).toMatchObject({ state: 'fresh', names: 0 })
  file('one.txt', '# still nothing')
  expect((await restarted(lists)).lists[0]).toMatchObject({ state: 'refused', names: 0 })
})

test('a folder is kept over a restart with all its files, and a v2fly list with what it includes', async () => {
  mkdirSync(join(folder, 'lists'))
  file('lists/a.txt', 'a.example')
  file('lists/b.hosts', '0.0.0.0 b.example')
  mkdirSync(join(folder, 'v2fly'))
  file('v2fly/main', 'domain:main.example', 'include:more')
  file('v2fly/more', 'domain:more.example')
  const lists = [list('all', join(folder, 'lists')), list('main', join(folder, 'v2fly/main'), { format: 'v2fly' })]
  await restarted(lists)
  rmSync(join(folder, 'lists'), { recursive: true })
  unlinkSync(join(folder, 'v2fly/main'))
  const loaded = await restarted(lists)
  expect(loaded.lists.map(({ state }) => state)).toEqual(['refused', 'refused'])
  expect(['a.example', 'b.example', 'www.b.example', 'main.example', 'more.example'].map((name) => feeds(loaded, name))).toEqual([
    ['all'],
    ['all'],
    [],
    ['main'],
    ['main'],
  ])
})

test('when a list changed is remembered over a restart', async () => {
  const clock = new FakeClock()
  const lists = [list('one', file('one.txt', 'a.example'))]
  const changedAt = (await restarted(lists, clock)).lists[0]?.changedAt
  clock.advance(60_000)
  expect((await restarted(lists, clock)).lists[0]?.changedAt).toBe(changedAt)
  file('one.txt', 'b.example')
  expect((await restarted(lists, clock)).lists[0]?.changedAt).toBe(clock.now())
})

test('a definition that was edited before a restart is not held against what the list was', async () => {
  const path = file('one.txt', 'a.example', 'b.example', 'c.example')
  await restarted([list('one', path)])
  file('one.txt', '0.0.0.0 a.example')
  expect((await restarted([list('one', path, { format: 'hosts' })])).lists[0]).toMatchObject({ state: 'fresh', names: 1 })
})

test('a folder for last good versions that cannot be written is told, and the lists are loaded', async () => {
  const faults: object[] = []
  const log = { ...silentLog, child: () => log, error: (fields: object) => void faults.push(fields) }
  const lists = [list('one', file('one.txt', 'a.example'))]
  const loader = new ListLoader(
    { lists, stateFolder: join(folder, 'one.txt', 'below'), watch: false },
    { clock: systemClock, log },
  )
  opened.push(loader)
  expect((await loader.load()).lists[0]?.state).toBe('fresh')
  expect(faults).toMatchObject([{ why: expect.stringMatching(/^ENOTDIR/) as string }])
  expect(loader.current?.lists[0]?.notKept).toMatch(/^ENOTDIR/)
})

test('a folder for last good versions that cannot be looked into does not keep lists from loading', async () => {
  const warnings: string[] = []
  const log = { ...silentLog, child: () => log, warn: (_fields: object, text: string) => void warnings.push(text) }
  const path = file('one.txt', 'a.example')
  const loader = new ListLoader({ lists: [list('one', path)], stateFolder: path, watch: false }, { clock: systemClock, log })
  opened.push(loader)
  expect((await loader.load()).lists[0]?.state).toBe('fresh')
  expect(warnings).toEqual(['What a killed process left in the folder of last good versions cannot be removed.'])
})

// ---- what a file must be

test('a file must have the digest asked for, and a folder cannot have one', async () => {
  const sha256 = createHash('sha256').update('a.example\n').digest('hex')
  const path = file('one.txt', 'a.example')
  const loader = loaderOf([list('one', path, { sha256 })])
  expect((await loader.load()).lists[0]).toMatchObject({ state: 'fresh', sha256 })
  file('one.txt', 'b.example')
  const loaded = await loader.refresh()
  expect(loaded.lists[0]?.state).toBe('refused')
  expect(loaded.lists[0]?.why).toMatch(/one\.txt: its SHA-256 is [0-9a-f]{64}, and [0-9a-f]{64} is asked for$/)
  expect(feeds(loaded, 'a.example')).toEqual(['one'])
  await expect(loaderOf([list('all', folder, { sha256 })]).load()).rejects.toThrow(/is a folder, and sha256 is for a file/)
})

test('the digest of a gzip file is that of the file', async () => {
  const bytes = gzipSync('a.example\n')
  const path = join(folder, 'list.gz')
  writeFileSync(path, bytes)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  expect((await loaderOf([list('one', path, { sha256 })]).load()).lists[0]?.state).toBe('fresh')
})

test('a link in a folder that leads nowhere is skipped, and the rest of the folder is the list', async () => {
  mkdirSync(join(folder, 'lists'))
  file('lists/a.txt', 'a.example')
  symlinkSync('/nowhere/at-all', join(folder, 'lists', 'b.txt'))
  const loaded = await loaderOf([list('all', join(folder, 'lists'))]).load()
  expect(loaded.lists[0]).toMatchObject({ state: 'fresh', names: 1, skipped: { 'dangling-link': 1 } })
  expect(loaded.lists[0]?.skippedLines).toMatchObject([{ text: 'b.txt' }])
})

test('a line counts once among what was skipped, however many bad names it holds', async () => {
  const long = 'x'.repeat(64)
  const path = file('one.hosts', `0.0.0.0 ${long}.a ${long}.b ${long}.c`, '0.0.0.0 good.example', `0.0.0.0 ${long}.d`)
  const loaded = await loaderOf([list('one', path, { format: 'hosts' })]).load()
  expect(loaded.lists[0]?.skipped).toEqual({ 'label-too-long': 2 })
})

test.each([
  ['google@cn', ['www.google.example', 'ads.google.example']],
  ['google,@cn', ['www.google.example', 'ads.google.example']],
  ['google,@cn,@-ads', ['www.google.example']],
  ['other', []],
])('of a geosite file #%s takes these sites with these attributes', async (fragment, expected) => {
  const path = join(import.meta.dirname, '../../domain-list/fixtures/geosite.dat')
  const loaded = await loaderOf([list('one', `${path}#${fragment}`)]).load()
  const names = ['www.google.example', 'ads.google.example', 'upper.example']
  expect(names.filter((name) => feeds(loaded, name).length > 0)).toEqual(expected)
})

test('an RPZ zone that does not say its name is told it', async () => {
  const zone = ['$TTL 60', '@ SOA localhost. root.localhost. 1 3600 600 86400 60', 'a.example.rpz.lab. CNAME .']
  const path = file('zone.rpz', ...zone)
  const loaded = await loaderOf([list('one', path, { format: 'rpz', origin: 'rpz.lab' })]).load()
  expect(feeds(loaded, 'a.example')).toEqual(['one'])
})

test('a file of a million times the same name is one name', async () => {
  const path = join(folder, 'duplicates.txt')
  writeFileSync(path, gzipSync(Buffer.alloc(1_000_000 * 4, 'a.b\n'), { level: 1 }))
  const loaded = await loaderOf([list('one', path, { format: 'plain' })]).load()
  expect(loaded.lists[0]).toMatchObject({ state: 'fresh', names: 1, duplicates: 999_999 })
})

test('a list that is no longer configured is said to be gone', async () => {
  const told: [object, string][] = []
  const log = { ...silentLog, child: () => log, info: (fields: object, text: string) => void told.push([fields, text]) }
  const one = list('one', file('one.txt', 'a.example'))
  const two = list('two', file('two.txt', 'b.example'))
  const loader = new ListLoader({ lists: [one, two], stateFolder: undefined, watch: false }, { clock: systemClock, log })
  opened.push(loader)
  await loader.load()
  await loader.reconfigure([one])
  expect(told.at(-1)).toMatchObject([{ list: 'two', names: 1 }, 'The list is gone.'])
})

test('a folder that is replaced by another of the same name goes on being watched', async () => {
  mkdirSync(join(folder, 'lists'))
  file('lists/a.txt', 'a.example')
  const clock = new FakeClock()
  const loader = loaderOf([list('all', join(folder, 'lists'))], { watch: true, pollIntervalMs: 2 ** 30 }, clock)
  await loader.load()
  const settled = (name: string) =>
    waitFor(async () => {
      await clock.advanceAsync(20, 1)
      return feeds(loader.current!, name).length > 0
    })
  mkdirSync(join(folder, 'next'))
  file('next/a.txt', 'b.example')
  renameSync(join(folder, 'lists'), join(folder, 'last'))
  renameSync(join(folder, 'next'), join(folder, 'lists'))
  await settled('b.example')
  file('lists/c.txt', 'c.example')
  await settled('c.example')
})
