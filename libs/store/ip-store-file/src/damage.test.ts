/** What may stand at the path of a store and is not opened: each is one sentence, and left as it was. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { allBindings, NO_LIMITS, sighting } from '@dnstap-bgp/ip-store/conformance'
import { silentLog } from '@dnstap-bgp/runtime'
import { FakeClock } from '@dnstap-bgp/testkit'
import { afterAll, expect, test } from 'vitest'
import { openFileStore } from './open-file-store.ts'
import type { Batch } from './part-format.ts'
import { HEAD_BYTES } from './part-format.ts'
import { partOf, refusalOf, storeWith, tableOf } from '../testing/store-under-test.ts'
import { StoredParts } from './stored-parts.ts'

const T0 = 1_790_000_000_000
const folder = mkdtempSync(join(tmpdir(), 'ip-store-damage-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let paths = 0
const newPath = () => join(folder, `store-${paths++}`)
const openAt = (path: string) => openFileStore({ path }, { clock: new FakeClock(T0), log: silentLog })
const bindings = (count: number, from = 0) =>
  Array.from({ length: count }, (_, at) => sighting({ prefix: `10.${from}.${at >> 8}.${at & 255}/32`, expiresAtMs: Infinity }))

const refusal = (path: string) => refusalOf(openAt(path))

/** Names and octets of everything at a path. */
function contentsOf(path: string): string {
  const files = readdirSync(path).sort()
  return JSON.stringify(files.map((name) => [name, readFileSync(join(path, name)).toString('base64')]))
}

async function expectRefused(path: string, fault: string, sentence: RegExp): Promise<void> {
  const before = contentsOf(path)
  const error = await refusal(path)
  expect(error.fault).toBe(fault)
  expect(error.message).toMatch(sentence)
  expect(error.message).toContain(path)
  expect(error.message).not.toMatch(/\n/)
  expect(contentsOf(path)).toBe(before)
}

const rows = (count: number, from = 0) => {
  const table = tableOf(bindings(count, from))
  return (batch: Batch) => {
    for (let slot = 0; slot < table.slots; slot++) batch.row(table, slot)
  }
}

/** Three parts, the second with two batches; what is in slots of one stands again in the next. */
function threeParts(): string {
  const path = newPath()
  mkdirSync(path)
  const first = partOf({ number: 4, batches: [rows(20)] })
  const second = partOf({ number: 5, end: first.length, batches: [rows(10, 1), rows(5, 2)] })
  const third = partOf({ number: 6, end: second.length, batches: [rows(3, 3)] })
  for (const [name, bytes] of Object.entries({ '4.part': first, '5.part': second, '6.part': third }))
    writeFileSync(join(path, name), bytes)
  return path
}

async function prefixesAt(path: string): Promise<number> {
  const store = await openAt(path)
  const found = await allBindings(store)
  await store.close()
  return found.length
}

/** Reads as an opening does, without a lock and without writing: how many rows count. */
async function rowsRead(path: string): Promise<number> {
  let count = 0
  const parts = StoredParts.inFolder(path)
  try {
    await parts?.read({ anchor() {}, row: () => count++, pause: () => undefined })
  } finally {
    parts?.close()
  }
  return count
}

test('of several parts, the newest row of a slot counts', async () => {
  const path = threeParts()
  const store = await openAt(path)
  const nets = (await allBindings(store)).map(({ prefix }) => prefix.split('.')[1])
  expect(nets.join('')).toBe(`333${'2'.repeat(2)}${'1'.repeat(5)}${'0'.repeat(10)}`)
  await store.close()
})

test.each([
  ['a part in the middle', '5.part', /5\.part is missing/],
  ['the newest part but one octet of it', '6.part', /6\.part has no head/],
])('%s is gone', async (_what, name, sentence) => {
  const path = threeParts()
  if (name === '5.part') {
    rmSync(join(path, name))
    await expectRefused(path, 'damaged', sentence)
  } else {
    truncateSync(join(path, name), 1) // just begun, when its writer died
    expect(await prefixesAt(path)).toBe(20)
  }
})

test('a part cut short anywhere is damage if an older one, and the end of the log if the newest', async () => {
  for (const name of ['4.part', '5.part', '6.part']) {
    const path = threeParts()
    const whole = readFileSync(join(path, name))
    for (let end = 0; end < whole.length; end += 7) {
      writeFileSync(join(path, name), whole.subarray(0, end))
      if (name === '6.part') expect(await rowsRead(path), `${name} cut at ${end}`).toBe(20)
      else await expect(rowsRead(path), `${name} cut at ${end}`).rejects.toMatchObject({ fault: 'damaged' })
    }
  }
})

test('any overwritten octet of a part is damage, except in the very last batch, which a power cut may have cut off', async () => {
  for (const name of ['4.part', '5.part', '6.part']) {
    const path = threeParts()
    const whole = readFileSync(join(path, name))
    for (let at = 0; at < whole.length; at += 3) {
      const bytes = Buffer.from(whole)
      bytes[at] = (bytes[at] as number) ^ 0x10
      writeFileSync(join(path, name), bytes)
      const read = await rowsRead(path).catch((error: unknown) => error)
      const isTail = name === '6.part' && at >= HEAD_BYTES
      if (isTail || (at >= HEAD_BYTES - 4 && at < HEAD_BYTES)) expect(read, `${name} at ${at}`).toBe(20)
      else expect(read, `${name} at ${at}`).toMatchObject({ fault: expect.stringMatching(/damaged|newer/) as string })
    }
  }
})

test('a batch that is not whole with a whole one behind it is damage, not a torn end', async () => {
  const path = newPath()
  mkdirSync(path)
  const bytes = Buffer.from(partOf({ number: 1, batches: [rows(3), rows(4, 1)] }))
  bytes[HEAD_BYTES + 30] = 0xff
  writeFileSync(join(path, '1.part'), bytes)
  await expectRefused(path, 'damaged', /1\.part is not as it was written, at octet 48/)
})

test('octets that a failed write left behind the end of a part do not count', async () => {
  const path = newPath()
  mkdirSync(path)
  const failed = Buffer.from(partOf({ number: 1, batches: [rows(3), rows(9, 1)] }))
  const end = partOf({ number: 1, batches: [rows(3)] }).length
  writeFileSync(join(path, '1.part'), failed)
  writeFileSync(join(path, '2.part'), partOf({ number: 2, end, batches: [(batch) => batch.ended(0)] }))
  expect(await prefixesAt(path)).toBe(2)
})

test.each([
  ['parts of two stores', '6.part', { store: 'ffffffffffffffff' }, /6\.part is of another store/],
  ['a part under a wrong name', '6.part', { number: 8 }, /6\.part says that it is part 8/],
])('%s', async (_what, name, wrong, sentence) => {
  const path = threeParts()
  const end = readFileSync(join(path, '5.part')).length
  writeFileSync(join(path, name), partOf({ number: 6, end, batches: [rows(3)], ...wrong }))
  await expectRefused(path, 'damaged', sentence)
})

test('a store of a later version', async () => {
  const path = threeParts()
  const bytes = readFileSync(join(path, '4.part'))
  bytes.writeUInt32LE(3, 16)
  writeFileSync(join(path, '4.part'), bytes)
  await expectRefused(path, 'newer', /of version 3; this version .* reads 2/)
})

test.each([
  ['something else in it', 'precious.txt', 'foreign', /holds precious\.txt/],
  ['a backup copied into it', 'cache.backup', 'foreign', /a backup is copied to .* itself, not into it/],
])('a folder with %s', async (_what, name, fault, sentence) => {
  const path = newPath()
  storeWith(path, bindings(3))
  writeFileSync(join(path, name), 'x')
  await expectRefused(path, fault, sentence)
})

test('a store in use, until it is not', async () => {
  const path = newPath()
  const holder = await openAt(path)
  const error = await refusal(path)
  expect(error).toMatchObject({ fault: 'locked' })
  expect(error.message).toContain(`in use by process ${process.pid}`)
  await holder.close()
  expect(await prefixesAt(path)).toBe(0)
})

test('a path that cannot exist', async () => {
  const file = newPath()
  writeFileSync(file, 'x')
  expect(await refusal(join(file, 'below', 'store'))).toMatchObject({ fault: 'unusable' })
})

test('an empty folder becomes a store', async () => {
  const path = newPath()
  mkdirSync(path)
  const store = await openAt(path)
  await store.observe(bindings(1), NO_LIMITS)
  await store.close()
  expect(await prefixesAt(path)).toBe(1)
})

test('rows that make no sense are skipped, counted, and not written again', async () => {
  const path = newPath()
  mkdirSync(path)
  const table = tableOf(bindings(3))
  const twice = (batch: Batch) => {
    batch.row(table, 0)
    batch.row(table, 2)
  }
  const again = Buffer.from(partOf({ number: 1, batches: [twice, (batch) => batch.row(table, 1)] }))
  writeFileSync(join(path, '1.part'), again)
  // The same binding in two slots, as no store of ours writes it: slot 1 of the second batch gets the row of slot 2.
  const other = tableOf([bindings(3)[0] as never, bindings(3)[2] as never])
  writeFileSync(join(path, '1.part'), partOf({ number: 1, batches: [twice, (batch) => batch.row(other, 1)] }))
  const store = await openAt(path)
  expect(store.loaded).toEqual({ bindings: 2, due: 0, corrupt: 1 })
  await store.close()
  const next = await openAt(path)
  expect(next.loaded).toEqual({ bindings: 2, due: 0, corrupt: 0 })
  await next.close()
})

test('a move that was cut off is completed or undone', async () => {
  const path = newPath()
  storeWith(`${path}.new`, bindings(3))
  writeFileSync(`${path}.old`, 'what stood there before')
  expect(await prefixesAt(path)).toBe(3)
  expect(existsSync(`${path}.old`)).toBe(false)
  cpSync(path, `${path}.new`, { recursive: true })
  expect(await prefixesAt(path)).toBe(3)
  expect(existsSync(`${path}.new`)).toBe(false)
})
