/** Lists from files: loading, refreshing, reconfiguring, and what a file must be. */
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import type { Clock } from '@dnstap-bgp/runtime'
import { FakeClock } from '@dnstap-bgp/testkit'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { listDefinition } from '../testing/list-definition.ts'
import { feeds, listFolder } from '../testing/list-folder.ts'
import type { LoadedLists } from './list-definition.ts'

const folder = listFolder()

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
  const loaded = await folder
    .loaderOf([listDefinition('one', folder.file('one.txt', '/^ads[0-9]/', '/^track[0-9]/', '/^pixel[0-9]/'))], {}, clock)
    .load()
  expect(turns).toBe(3)
  expect(feeds(loaded, 'track1.example.org')).toEqual(['one'])
})

test('files become a matcher, and each list is told with its counts', async () => {
  const lists = [
    listDefinition(
      'one',
      folder.file('one.txt', '# comment', 'example.org', '.example.net', 'example.org', `${'x'.repeat(64)}.org`, '192.0.2.1'),
    ),
    listDefinition('two', folder.file('two.txt', 'example.org', '2001:db8::/32', '192.0.2.0/24', '192.0.2.0/24'), {
      addresses: true,
    }),
  ]
  const loaded = await folder.loaderOf(lists, {}, new FakeClock()).load()
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
  mkdirSync(join(folder.path, 'lists'))
  folder.file('lists/a.txt', 'a.example')
  folder.file('lists/b.hosts', '0.0.0.0 b.example', '0.0.0.0 b2.example')
  folder.file('lists/.hidden', 'hidden.example')
  const loaded = await folder.loaderOf([listDefinition('all', join(folder.path, 'lists'))]).load()
  expect(['a.example', 'b.example', 'hidden.example'].map((name) => feeds(loaded, name))).toEqual([['all'], ['all'], []])
  expect(feeds(loaded, 'www.b.example')).toEqual([]) // as hosts files mean it
})

test('a gzip file is unpacked', async () => {
  const path = join(folder.path, 'list.gz')
  writeFileSync(path, gzipSync('example.org\n'))
  expect(feeds(await folder.loaderOf([listDefinition('one', path)]).load(), 'example.org')).toEqual(['one'])
})

test.each([
  ['is missing', () => join(folder.path, 'none.txt'), /^list "one": .*none\.txt: there is no such file$/],
  ['is empty', () => folder.file('empty.txt'), /^list "one": .*empty\.txt holds no rule$/],
  ['has comments only', () => folder.file('comments.txt', '# nothing'), /^list "one": .*comments\.txt holds no rule$/],
  [
    'has bad lines only',
    () => folder.file('bad.txt', `${'x'.repeat(64)}.org`),
    /bad\.txt holds no rule \(skipped: 1 label-too-long\)$/,
  ],
  ['is an empty folder', () => mkdtempSync(join(folder.path, 'empty-')), /is a folder without files$/],
  ['is a device', () => '/dev/null', /^list "one": \/dev\/null is neither a file nor a folder$/],
  ['is too large', () => folder.file('large.txt', 'x'.repeat(2000)), /large\.txt is over the limit of 1000 bytes$/],
])('at the first load a file that %s is an error that names it', async (_case, path, message) => {
  const good = listDefinition('good', folder.file('good.txt', 'example.org'))
  const loader = folder.loaderOf([good, listDefinition('one', path())], { maxListBytes: 1000 })
  await expect(loader.load()).rejects.toThrow(message)
  expect(loader.current).toBeUndefined()
})

test('a reload takes what changed, tells the difference, and keeps the matcher when nothing did', async () => {
  const path = folder.file('one.txt', 'a.example', 'b.example', 'c.example')
  const loader = folder.loaderOf([listDefinition('one', path), listDefinition('two', folder.file('two.txt', 'a.example'))])
  const first = await loader.load()
  const seen: LoadedLists[] = []
  loader.onChange((lists) => seen.push(lists))
  expect((await loader.refresh()).matcher).toBe(first.matcher)

  folder.file('one.txt', 'a.example', 'c.example', 'd.example', 'e.example')
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
  const path = folder.file('one.txt', 'a.example', 'b.example', 'c.example')
  const loader = folder.loaderOf([listDefinition('one', path, { format: 'adblock' })])
  folder.file('one.txt', '||a.example^', '||b.example^')
  await loader.load()
  folder.file('one.txt', '||a.example^', '||b.example^', '@@||a.example^')
  const loaded = await loader.refresh()
  expect(loaded.differences).toMatchObject([{ changed: 1 }])
  expect(feeds(loaded, 'a.example')).toEqual([])
})

test('a list that shrank, is empty or is gone is refused and keeps its last version, while others change', async () => {
  const names = Array.from({ length: 10 }, (_, i) => `n${i}.example`)
  const lists = [
    listDefinition('shrinks', folder.file('shrinks.txt', ...names, '192.0.2.1'), { addresses: true }),
    listDefinition('empties', folder.file('empties.txt', 'empties.example', 'keyword.example')),
    listDefinition('goes', folder.file('goes.txt', 'goes.example')),
    listDefinition('changes', folder.file('changes.txt', 'old.example')),
  ]
  const loader = folder.loaderOf(lists)
  await loader.load()
  folder.file('shrinks.txt', ...names.slice(0, 5))
  folder.file('empties.txt')
  unlinkSync(join(folder.path, 'goes.txt'))
  folder.file('changes.txt', 'new.example')
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
  folder.file('goes.txt', 'goes.example', 'more.example')
  const accepted = await loader.refresh({ accept: ['shrinks'] })
  expect(accepted.lists.map(({ state }) => state)).toEqual(['fresh', 'refused', 'fresh', 'fresh'])
  expect([feeds(accepted, 'n9.example'), feeds(accepted, 'n4.example')]).toEqual([[], ['shrinks']])
  expect((await loader.refresh({ accept: ['empties'] })).lists[1]).toMatchObject({ state: 'fresh', rules: 0 })
})

test('half of a list is enough, and with a share of 0 anything but nothing is', async () => {
  const lists = [
    listDefinition('half', folder.file('half.txt', 'a.b', 'c.d')),
    listDefinition('any', folder.file('any.txt', 'a.b', 'c.d', 'e.f', 'g.h'), { minimumShare: 0 }),
  ]
  const loader = folder.loaderOf(lists)
  await loader.load()
  folder.file('half.txt', 'a.b')
  folder.file('any.txt', 'a.b')
  expect((await loader.refresh()).lists.map(({ state }) => state)).toEqual(['fresh', 'fresh'])
})

test('what is no list at all is refused', async () => {
  const path = folder.file('one.txt', 'example.org')
  const loader = folder.loaderOf([listDefinition('one', path)])
  await loader.load()
  folder.file('one.txt', '<!DOCTYPE html>', '<html><body>Sign in to the network</body></html>')
  const loaded = await loader.refresh()
  expect(loaded.lists[0]?.state).toBe('refused')
  expect(feeds(loaded, 'example.org')).toEqual(['one'])
})

test('only the lists asked for are read', async () => {
  const loader = folder.loaderOf([
    listDefinition('one', folder.file('one.txt', 'a.example')),
    listDefinition('two', folder.file('two.txt', 'a.example')),
  ])
  await loader.load()
  folder.file('one.txt', 'b.example')
  folder.file('two.txt', 'b.example')
  const loaded = await loader.refresh({ only: ['two'] })
  expect([feeds(loaded, 'a.example'), feeds(loaded, 'b.example')]).toEqual([['one'], ['two']])
})

test('a preview tells what a reload would do, and does not do it', async () => {
  const loader = folder.loaderOf([listDefinition('one', folder.file('one.txt', 'a.example', 'b.example', 'c.example'))])
  const loaded = await loader.load()
  folder.file('one.txt', 'a.example', 'b.example', 'd.example')
  const preview = await loader.preview()
  expect(preview.differences).toMatchObject([{ added: 1, removed: 1 }])
  expect([feeds(preview, 'd.example'), feeds(loaded, 'd.example')]).toEqual([['one'], []])
  expect(loader.current).toBe(loaded)
})

test('a new configuration is taken with a reload: lists come, go, and change their source', async () => {
  const loader = folder.loaderOf([
    listDefinition('one', folder.file('one.txt', 'a.example')),
    listDefinition('two', folder.file('two.txt', 'b.example', 'c.example', 'd.example')),
  ])
  await loader.load()
  const lists = [
    listDefinition('three', folder.file('three.txt', 'a.example')),
    listDefinition('two', folder.file('other.txt', 'b.example')),
  ]
  const loaded = await loader.reconfigure(lists)
  expect([feeds(loaded, 'a.example'), feeds(loaded, 'b.example'), feeds(loaded, 'c.example')]).toEqual([['three'], ['two'], []])
  expect(loaded.lists.map(({ name, state }) => [name, state])).toEqual([
    ['three', 'fresh'],
    ['two', 'fresh'],
  ])
})

test('wishes during a build are gathered into one that comes after it', async () => {
  const loader = folder.loaderOf([listDefinition('one', folder.file('one.txt', 'a.example'))])
  const first = loader.load()
  const versions = await Promise.all([first, loader.refresh(), loader.refresh(), loader.refresh()])
  expect(new Set(versions).size).toBeLessThanOrEqual(2)
})

test('a line without end, control characters and an endless regular expression do not stop the rest of a list', async () => {
  const path = join(folder.path, 'hostile.txt')
  writeFileSync(
    path,
    Buffer.concat([
      Buffer.from('a.example\n'),
      Buffer.alloc(2 ** 26, 'x'),
      Buffer.from('\n\x01\x01.example\n||b.example^\nc.example\n'),
    ]),
  )
  const bad = folder.file('regexp.txt', '/^(a+)+$/', '/(?=lookahead)x/', `/${'a{1000}'.repeat(3)}/`, '||d.example^')
  const loaded = await folder
    .loaderOf([listDefinition('one', path, { format: 'plain' }), listDefinition('two', bad, { format: 'adblock' })])
    .load()
  for (const name of ['a.example', 'c.example']) expect(feeds(loaded, name)).toEqual(['one'])
  expect(loaded.lists[0]?.skipped['line-too-long']).toBe(1)
  expect(feeds(loaded, 'd.example')).toEqual(['two'])
  expect(loaded.lists[1]?.rules).toBe(2)
  expect(Object.values(loaded.lists[1]?.skipped ?? {}).reduce((sum, count) => sum + count, 0)).toBe(2)
})

test('a gzip bomb ends at the limit', async () => {
  const path = join(folder.path, 'bomb.gz')
  writeFileSync(path, gzipSync(Buffer.alloc(2 ** 25, 'x')))
  await expect(folder.loaderOf([listDefinition('one', path)], { maxListBytes: 2 ** 20 }).load()).rejects.toThrow(
    'over the limit of 1048576 bytes',
  )
})

test('a file must have the digest asked for, and a folder cannot have one', async () => {
  const sha256 = createHash('sha256').update('a.example\n').digest('hex')
  const path = folder.file('one.txt', 'a.example')
  const loader = folder.loaderOf([listDefinition('one', path, { sha256 })])
  expect((await loader.load()).lists[0]).toMatchObject({ state: 'fresh', sha256 })
  folder.file('one.txt', 'b.example')
  const loaded = await loader.refresh()
  expect(loaded.lists[0]?.state).toBe('refused')
  expect(loaded.lists[0]?.why).toMatch(/one\.txt: its SHA-256 is [0-9a-f]{64}, and [0-9a-f]{64} is asked for$/)
  expect(feeds(loaded, 'a.example')).toEqual(['one'])
  await expect(folder.loaderOf([listDefinition('all', folder.path, { sha256 })]).load()).rejects.toThrow(
    /is a folder, and sha256 is for a file/,
  )
})

test('the digest of a gzip file is that of the file', async () => {
  const bytes = gzipSync('a.example\n')
  const path = join(folder.path, 'list.gz')
  writeFileSync(path, bytes)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  expect((await folder.loaderOf([listDefinition('one', path, { sha256 })]).load()).lists[0]?.state).toBe('fresh')
})

test('a link in a folder that leads nowhere is skipped, and the rest of the folder is the list', async () => {
  mkdirSync(join(folder.path, 'lists'))
  folder.file('lists/a.txt', 'a.example')
  symlinkSync('/nowhere/at-all', join(folder.path, 'lists', 'b.txt'))
  const loaded = await folder.loaderOf([listDefinition('all', join(folder.path, 'lists'))]).load()
  expect(loaded.lists[0]).toMatchObject({ state: 'fresh', names: 1, skipped: { 'dangling-link': 1 } })
  expect(loaded.lists[0]?.skippedLines).toMatchObject([{ text: 'b.txt' }])
})

test('a line counts once among what was skipped, however many bad names it holds', async () => {
  const long = 'x'.repeat(64)
  const path = folder.file('one.hosts', `0.0.0.0 ${long}.a ${long}.b ${long}.c`, '0.0.0.0 good.example', `0.0.0.0 ${long}.d`)
  const loaded = await folder.loaderOf([listDefinition('one', path, { format: 'hosts' })]).load()
  expect(loaded.lists[0]?.skipped).toEqual({ 'label-too-long': 2 })
})

test.each([
  ['google@cn', ['www.google.example', 'ads.google.example']],
  ['google,@cn', ['www.google.example', 'ads.google.example']],
  ['google,@cn,@-ads', ['www.google.example']],
  ['other', []],
])('of a geosite file #%s takes these sites with these attributes', async (fragment, expected) => {
  const path = join(import.meta.dirname, '../../domain-list/fixtures/geosite.dat')
  const loaded = await folder.loaderOf([listDefinition('one', `${path}#${fragment}`)]).load()
  const names = ['www.google.example', 'ads.google.example', 'upper.example']
  expect(names.filter((name) => feeds(loaded, name).length > 0)).toEqual(expected)
})

test('an RPZ zone that does not say its name is told it', async () => {
  const zone = ['$TTL 60', '@ SOA localhost. root.localhost. 1 3600 600 86400 60', 'a.example.rpz.lab. CNAME .']
  const path = folder.file('zone.rpz', ...zone)
  const loaded = await folder.loaderOf([listDefinition('one', path, { format: 'rpz', origin: 'rpz.lab' })]).load()
  expect(feeds(loaded, 'a.example')).toEqual(['one'])
})

test('a file of a million times the same name is one name', async () => {
  const path = join(folder.path, 'duplicates.txt')
  writeFileSync(path, gzipSync(Buffer.alloc(1_000_000 * 4, 'a.b\n'), { level: 1 }))
  const loaded = await folder.loaderOf([listDefinition('one', path, { format: 'plain' })]).load()
  expect(loaded.lists[0]).toMatchObject({ state: 'fresh', names: 1, duplicates: 999_999 })
})

test('a list that is no longer configured is said to be gone', async () => {
  const told: [object, string][] = []
  const log = { ...silentLog, child: () => log, info: (fields: object, text: string) => void told.push([fields, text]) }
  const one = listDefinition('one', folder.file('one.txt', 'a.example'))
  const two = listDefinition('two', folder.file('two.txt', 'b.example'))
  const loader = folder.loaderOf([one, two], { stateFolder: undefined }, systemClock, log)
  await loader.load()
  await loader.reconfigure([one])
  expect(told.at(-1)).toMatchObject([{ list: 'two', names: 1 }, 'The list is gone.'])
})
