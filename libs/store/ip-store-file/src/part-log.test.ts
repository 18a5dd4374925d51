/** What the parts on disk do over time: they are cut, rewritten and removed, and the disk fails at any of it. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { allBindings, NO_LIMITS, sighting } from '@dnstap-bgp/ip-store/conformance'
import { silentLog } from '@dnstap-bgp/runtime'
import { FakeClock } from '@dnstap-bgp/testkit'
import { afterAll, expect, test } from 'vitest'
import { openFileStore } from './open-file-store.ts'
import { partOf, tableOf } from '../testing/store-under-test.ts'

const T0 = 1_790_000_000_000
const folder = mkdtempSync(join(tmpdir(), 'ip-store-parts-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let paths = 0
const newPath = () => join(folder, `store-${paths++}`)
const openAt = (path: string) =>
  openFileStore({ path }, { clock: new FakeClock(T0), log: silentLog, boot: { id: '', uptimeMs: () => 0 } })
const partsAt = (path: string) => readdirSync(path).map((name) => Number.parseInt(name, 10))
const bytesAt = (path: string) => readdirSync(path).reduce((sum, name) => sum + statSync(join(path, name)).size, 0)
const bound = (at: number, expiresAtMs = Infinity) =>
  sighting({ name: `n${at % 97}.example`, prefix: `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}/32`, expiresAtMs })

test('bindings that are written over and over take no more than twice their room, and nothing is lost', async () => {
  const path = newPath()
  const store = await openAt(path)
  await store.observe(
    Array.from({ length: 10_000 }, (_, at) => bound(at, T0 + 1e9)),
    NO_LIMITS,
  )
  await store.flush()
  const once = bytesAt(path)
  let largest = 0
  for (let round = 1; round <= 12; round++) {
    // Half of them move on; a few go and come.
    const moved = Array.from({ length: 5_000 }, (_, at) => ({ ...bound(at * 2, T0 + 1e9), seenAtMs: T0 + round }))
    await store.reschedule(moved.map((one) => ({ ...one, seenAtMs: T0, expiresAtMs: T0 + 1e9 - round })))
    await store.forget(moved.slice(round, round + 20))
    await store.observe(moved.slice(round, round + 10), NO_LIMITS)
    await store.flush()
    largest = Math.max(largest, bytesAt(path))
    const killed = newPath()
    cpSync(path, killed, { recursive: true })
    const copy = await openAt(killed)
    expect(await allBindings(copy)).toHaveLength((await store.counts()).bindings)
    expect(copy.loaded.corrupt).toBe(0)
    await copy.close()
  }
  expect(Math.min(...partsAt(path))).toBeGreaterThan(1)
  expect(largest).toBeLessThan(2 * once + 3 * 2 ** 20)
  const before = await allBindings(store)
  await store.close()
  const again = await openAt(path)
  const byKey = (list: typeof before) => list.map((one) => JSON.stringify(one)).sort()
  expect(byKey(await allBindings(again))).toEqual(byKey(before))
  await again.close()
})

test('an emptied store gives its room back', async () => {
  const path = newPath()
  const store = await openAt(path)
  const all = Array.from({ length: 30_000 }, (_, at) => bound(at))
  await store.observe(all, NO_LIMITS)
  await store.flush()
  expect(bytesAt(path)).toBeGreaterThan(2 * 2 ** 20)
  await store.forget(all)
  await store.flush()
  await store.flush()
  expect(bytesAt(path)).toBeLessThan(2 ** 20 + 2 ** 18)
  await store.close()
})

test('a program that starts again and again, each time with a part of its own, does not fill its folder', async () => {
  const path = newPath()
  mkdirSync(path)
  const table = tableOf(Array.from({ length: 70 }, (_, at) => bound(at)))
  let end = 0
  for (let number = 1; number <= 70; number++) {
    const part = partOf({ number, end, batches: [(batch) => batch.row(table, number - 1)] })
    writeFileSync(join(path, `${number}.part`), part)
    end = part.length
  }
  const store = await openAt(path)
  for (let write = 0; write < 10; write++) {
    await store.observe([bound(70 + write)], NO_LIMITS)
    await store.flush()
  }
  expect(partsAt(path).length).toBeLessThan(68)
  await store.close()
  const again = await openAt(path)
  expect(again.loaded).toEqual({ bindings: 80, due: 0, corrupt: 0 })
  await again.close()
})

test('a folder that is removed under the store is made again, with everything in it', async () => {
  const path = newPath()
  const clock = new FakeClock(T0)
  const store = await openFileStore({ path }, { clock, log: silentLog })
  const filler = Array.from({ length: 12_000 }, (_, at) => bound(at))
  await store.observe([bound(70_000)], NO_LIMITS)
  await store.flush()
  rmSync(path, { recursive: true })
  await store.observe([...filler, bound(70_001)], NO_LIMITS) // more than the part that is open takes
  await expect(store.flush()).rejects.toThrow(/cannot be written: .*no such file/)
  clock.advance(5_000)
  await store.flush()
  await store.close()
  const again = await openAt(path)
  expect(again.loaded.bindings).toBe(12_002)
  await again.close()
})
