/** A file stands where the folder of parts is wanted: an LMDB file of dnstap-bgp 2.0 as it was, a backup, or something that is not ours. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { BindingTable } from '@dnstap-bgp/ip-store'
import { allBindings, NO_LIMITS, sighting } from '@dnstap-bgp/ip-store/conformance'
import { silentLog } from '@dnstap-bgp/runtime'
import { FakeClock } from '@dnstap-bgp/testkit'
import { afterAll, describe, expect, test } from 'vitest'
import { readLmdbStore } from './lmdb-store.ts'
import { openFileStore } from './open-file-store.ts'
import { storeAt } from './store-at.ts'
import { StoreFileError } from './store-file-error.ts'
import { refusalOf } from '../testing/store-under-test.ts'

const T0 = 1_790_000_000_000
const HOUR = 3_600_000
const folder = mkdtempSync(join(tmpdir(), 'ip-store-older-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let paths = 0
const newPath = () => join(folder, `store-${paths++}`)
const openAt = (path: string, nowMs = T0) =>
  openFileStore({ path }, { clock: new FakeClock(nowMs), log: silentLog, boot: { id: '', uptimeMs: () => 0 } })

function fixture(name: string): string {
  const path = newPath()
  writeFileSync(path, gunzipSync(readFileSync(join(import.meta.dirname, '..', 'fixtures', `${name}.gz`))))
  return path
}

async function expectRefused(path: string, fault: string, sentence: RegExp): Promise<void> {
  const before = readFileSync(path)
  const { fault: found, message } = await refusalOf(openAt(path))
  expect(found).toBe(fault)
  expect(message).toMatch(sentence)
  expect(message).toContain(path)
  expect(message).not.toMatch(/\n/)
  expect(readFileSync(path).equals(before)).toBe(true)
}

/** Rows that an opening would take, without opening. */
async function rowsRead(path: string): Promise<number> {
  const table = new BindingTable({ epoch: 'read' })
  const found = storeAt(path)
  try {
    if (found.kind !== 'lmdb') return 0
    await readLmdbStore(path, found.file, {
      anchor() {},
      row: (slot, _part, bytes, view, at, end) => table.restoreRow(slot, bytes, view, at, end, T0),
      corruptRow: () => expect.unreachable(),
      pause: () => undefined,
    })
  } finally {
    found.close()
  }
  return table.size
}

describe('an LMDB file of dnstap-bgp 2.0', () => {
  test('is read once, and its place is taken by parts with everything in it', async () => {
    const path = fixture('lmdb-store')
    writeFileSync(`${path}-lock`, '')
    const store = await openAt(path)
    expect(store.loaded).toEqual({ bindings: 600, due: 0, corrupt: 0 })
    const found = await allBindings(store)
    const long = found.find(({ prefix }) => prefix === '192.0.2.9/32')
    expect(long).toMatchObject({ rule: '/r/'.repeat(3_000), chain: ['a.example', 'example.org'] })
    await store.flush()
    expect(statSync(path).isDirectory()).toBe(true)
    expect(['-lock', '.old', '.new'].filter((end) => existsSync(`${path}${end}`))).toEqual([])
    await store.observe([sighting({ prefix: '192.0.2.10/32', expiresAtMs: Infinity })], NO_LIMITS)
    await store.close()
    const again = await openAt(path)
    expect(again.loaded).toEqual({ bindings: 601, due: 0, corrupt: 0 })
    await again.close()
  })

  test('goes on in its store time: what expired meanwhile is not there', async () => {
    const store = await openAt(fixture('lmdb-store'), T0 + HOUR)
    expect(store.now()).toBe(T0 + HOUR)
    expect(store.loaded).toEqual({ bindings: 599, due: 1, corrupt: 0 })
    await store.close()
  })

  test('may have rows that make no sense: they are skipped and counted', async () => {
    const store = await openAt(fixture('lmdb-store-with-bad-rows'))
    expect(store.loaded).toEqual({ bindings: 599, due: 0, corrupt: 2 })
    await store.close()
  })

  test('cut off anywhere is refused', async () => {
    const size = statSync(fixture('lmdb-store')).size
    for (let pages = 1; pages < size / 4096; pages++) {
      const path = fixture('lmdb-store')
      truncateSync(path, pages * 4096 + (pages % 3) * 100)
      await expectRefused(path, 'damaged', /damaged: .*move it away/)
    }
  })

  test('with any page overwritten is refused, or the page held nothing but the texts of one row', async () => {
    const path = fixture('lmdb-store')
    const whole = readFileSync(path)
    let refused = 0
    for (let page = 0; page < whole.length / 4096; page++) {
      const bytes = Buffer.from(whole)
      bytes.fill(0xa5, page * 4096, (page + 1) * 4096)
      writeFileSync(path, bytes)
      const read = await rowsRead(path).catch((error: unknown) => error)
      if (read instanceof StoreFileError) refused++
      else expect([599, 600]).toContain(read)
    }
    expect(refused).toBeGreaterThan(15)
  })

  test('of a later version is refused', async () => {
    await expectRefused(fixture('lmdb-store-of-version-2'), 'newer', /of version 2; this version .* reads 2/)
    const path = fixture('lmdb-store')
    const bytes = readFileSync(path)
    bytes.writeUInt32LE(3, 28)
    writeFileSync(path, bytes)
    await expectRefused(path, 'newer', /LMDB file of version 3/)
  })
})

test("another program's LMDB file is refused", () =>
  expectRefused(fixture('lmdb-of-another-program'), 'foreign', /not a dnstap-bgp store/))

test("the ancestor's Bolt cache is refused", async () => {
  const path = newPath()
  const bolt = Buffer.alloc(32_768)
  bolt.writeUInt32LE(0xed0cdaed, 16)
  writeFileSync(path, bolt)
  await expectRefused(path, 'old-bolt-file', /dnstap-bgp 1 .*move it away/)
})

test.each([
  ['a text', Buffer.from('example.org\n'.repeat(1000))],
  ['an octet', Buffer.from('x')],
  ['nothing but zeros', Buffer.alloc(8192)],
])('%s is refused', async (_what, bytes) => {
  const path = newPath()
  writeFileSync(path, bytes)
  await expectRefused(path, 'foreign', /not a dnstap-bgp store/)
})

test('an empty file becomes a store', async () => {
  const path = newPath()
  writeFileSync(path, '')
  const store = await openAt(path)
  await store.observe([sighting()], NO_LIMITS)
  await store.close()
  const again = await openAt(path)
  expect(again.loaded.bindings).toBe(1)
  await again.close()
})

describe('a backup', () => {
  const all = Array.from({ length: 2_000 }, (_, at) =>
    sighting({ prefix: `10.0.${at >> 8}.${at & 255}/32`, expiresAtMs: Infinity }),
  )

  test('taken while the store changes is the store as it was when the backup came to its end', async () => {
    const path = newPath()
    const store = await openAt(path)
    await store.observe(all.slice(0, 1_000), NO_LIMITS)
    const backup = store.backup()
    await expect(store.backup()).rejects.toThrow('a backup is under way')
    // A binding that goes and comes again is in another slot then: it must not be in the copy twice.
    await store.forget(all.slice(0, 10))
    await store.observe([...all.slice(1_000), ...all.slice(0, 10)], NO_LIMITS)
    expect(await backup).toEqual({ path: `${path}.backup`, bytes: statSync(`${path}.backup`).size })
    await store.close()
    const copy = await openAt(`${path}.backup`)
    expect(copy.loaded).toEqual({ bindings: 2_000, due: 0, corrupt: 0 })
    await copy.close()
  })

  test('copied to the place of the store is the store; cut short anywhere it is refused', async () => {
    const path = newPath()
    const store = await openAt(path)
    await store.observe(all.slice(0, 50), NO_LIMITS)
    await store.backup()
    await store.observe(all.slice(50), NO_LIMITS)
    await store.backup()
    await store.close()
    const whole = readFileSync(`${path}.backup`)
    for (let end = 16; end < whole.length; end += Math.ceil(whole.length / 40)) {
      const cut = newPath()
      writeFileSync(cut, whole.subarray(0, end))
      await expectRefused(cut, 'damaged', /damaged: .*move it away/)
    }
    rmSync(path, { recursive: true })
    writeFileSync(path, whole)
    const again = await openAt(path)
    expect(await allBindings(again)).toHaveLength(2_000)
    await again.flush()
    expect(statSync(path).isDirectory()).toBe(true)
    await again.close()
    const third = await openAt(path)
    expect(third.loaded.bindings).toBe(2_000)
    await third.close()
  })
})
