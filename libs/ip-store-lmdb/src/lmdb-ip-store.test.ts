import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Binding } from '@dnstap-bgp/ip-store'
import { allBindings, ipStoreConformance, keyOf, NO_LIMITS, operation, sighting, Twin } from '@dnstap-bgp/ip-store/conformance'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import type { Clock } from '@dnstap-bgp/runtime'
import { FakeClock } from '@dnstap-bgp/testkit'
import fc from 'fast-check'
import { open } from 'lmdb'
import { afterAll, describe, expect, test, vi } from 'vitest'
import type { LmdbIpStore } from './lmdb-ip-store.ts'
import { openLmdbStore } from './lmdb-ip-store.ts'
import type { Boot } from './store-clock.ts'
import { StoreFileError } from './store-file-error.ts'

vi.setConfig({ testTimeout: 60_000 })
const T0 = 1_790_000_000_000
const HOUR = 3_600_000

const folder = mkdtempSync(join(tmpdir(), 'ip-store-lmdb-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let files = 0
const newPath = () => join(folder, `store-${files++}`)
/** Each opening is another boot: what passed meanwhile is what the wall clock says. */
const ANY_BOOT: Boot = { id: '', uptimeMs: () => 0 }
const openAt = (path: string, clock: Clock = new FakeClock(T0), boot = ANY_BOOT) =>
  openLmdbStore({ path }, { clock, log: silentLog, boot })

/** What a process that died now would leave: the file as it is on disk. */
function crashCopy(path: string): string {
  const copy = newPath()
  copyFileSync(path, copy)
  return copy
}

async function contents(path: string, clock?: Clock): Promise<{ bindings: Binding[]; loaded: LmdbIpStore['loaded'] }> {
  const store = await openAt(path, clock)
  const bindings = await allBindings(store)
  const { loaded } = store
  await store.close()
  return { bindings, loaded }
}

ipStoreConformance('LMDB', () => openAt(newPath(), systemClock), { runs: 30 })

describe('store time', () => {
  const MINUTE = 60_000
  const WEEK = 7 * 24 * HOUR

  /** A machine as of its start; the clock on its wall says what it likes. */
  function machine(id: string, wallMs: number, upMs = 0) {
    const clock = new FakeClock(wallMs)
    let asleepMs = 0
    const boot: Boot = { id, uptimeMs: () => upMs + clock.monotonic() + asleepMs }
    return { clock, boot, sleep: (ms: number) => (asleepMs += ms) }
  }

  async function learntFor(ms: number) {
    const path = newPath()
    const { clock, boot } = machine('boot-1', T0)
    const store = await openAt(path, clock, boot)
    expect(store.now()).toBe(T0)
    await store.observe([sighting({ expiresAtMs: T0 + ms })], NO_LIMITS)
    return { path, clock, boot, store }
  }

  test.each([
    ['ahead', HOUR],
    ['back', -HOUR],
  ])('a clock set an hour %s, then a restart: what has passed has passed, no more', async (_where, stepMs) => {
    const { path, clock, store } = await learntFor(HOUR)
    clock.advance(MINUTE)
    clock.step(stepMs)
    expect(store.now()).toBe(T0 + MINUTE)
    await store.close()
    const next = machine('boot-1', T0 + stepMs + 2 * MINUTE, 2 * MINUTE)
    const again = await openAt(path, next.clock, next.boot)
    expect(again.now()).toBe(T0 + 2 * MINUTE)
    expect(again.loaded).toMatchObject({ bindings: 1, due: 0 })
    await again.close()
  })

  test('a machine that starts a week behind until somebody sets its clock keeps nothing for weeks and refuses nothing', async () => {
    const { path, store } = await learntFor(HOUR)
    await store.close()
    const behind = machine('boot-2', T0 - WEEK)
    const again = await openAt(path, behind.clock, behind.boot)
    expect(again.now()).toBe(T0)
    behind.clock.advance(MINUTE)
    behind.clock.step(WEEK)
    expect(again.now()).toBe(T0 + MINUTE)
    const seen = sighting({ seenAtMs: again.now(), expiresAtMs: again.now() + HOUR })
    expect((await again.observe([seen], NO_LIMITS)).outcomes).toEqual(['refreshed'])
    await again.flush()
    const killed = crashCopy(path)
    const next = machine('boot-2', T0 + 2 * MINUTE, 2 * MINUTE)
    const third = await openAt(killed, next.clock, next.boot)
    expect(third.now()).toBe(T0 + 2 * MINUTE)
    behind.clock.advance(HOUR)
    expect((await again.expire(again.now(), 10)).bindings).toBe(1)
    await third.close()
    await again.close()
  })

  test('a clock that was set is noted within a minute, so that the next boot counts from there', async () => {
    const { path, clock, store } = await learntFor(10 * HOUR)
    await store.flush()
    clock.step(5 * HOUR)
    await clock.advanceAsync(MINUTE)
    await store.flush()
    const killed = crashCopy(path)
    await store.close()
    const next = machine('boot-2', T0 + 5 * HOUR + 3 * MINUTE)
    const again = await openAt(killed, next.clock, next.boot)
    expect(again.now()).toBe(T0 + 3 * MINUTE)
    await again.close()
  })

  test('being off for half an hour is half an hour', async () => {
    const { path, store } = await learntFor(HOUR / 2)
    await store.close()
    const next = machine('boot-2', T0 + HOUR / 2)
    const again = await openAt(path, next.clock, next.boot)
    expect(again.now()).toBe(T0 + HOUR / 2)
    expect(again.loaded).toMatchObject({ bindings: 0, due: 1 })
    await again.close()
  })

  test('time asleep passes, too', async () => {
    const { clock, boot, sleep } = machine('boot-1', T0)
    const store = await openAt(newPath(), clock, boot)
    sleep(8 * HOUR)
    clock.advance(MINUTE)
    expect(store.now()).toBe(T0 + 8 * HOUR + MINUTE)
    await store.close()
  })

  test.each([
    ['is gone', undefined],
    ['was overwritten', '9990000000000 9990000000000 0 boot 0'],
    ['makes no sense', 'noon'],
  ])('a file whose anchor %s starts at the wall clock, or when something was last seen', async (_how, anchor) => {
    const { path, store } = await learntFor(HOUR)
    await store.close()
    const file = open<Uint8Array, number>({ path, noSubdir: true, encoding: 'binary', keyEncoding: 'uint32' })
    await (anchor === undefined ? file.remove(0xffff_fffe) : file.put(0xffff_fffe, new TextEncoder().encode(anchor)))
    await file.close()
    for (const [wallMs, expectedMs] of [
      [T0 - WEEK, T0],
      [T0 + MINUTE, T0 + MINUTE],
    ] as const) {
      const copy = crashCopy(path)
      const next = machine('boot-2', wallMs)
      const again = await openAt(copy, next.clock, next.boot)
      expect(again.now()).toBe(expectedMs)
      expect(again.loaded).toEqual({ bindings: 1, due: 0, corrupt: 0 })
      await again.close()
    }
  })
})

describe('what was learnt', () => {
  test('is there again after a restart, in a new epoch that starts at revision 0', async () => {
    const path = newPath()
    const first = await openAt(path)
    const seen = [
      sighting(),
      sighting({ list: 'liste №1', prefix: '2001:db8::1/128', expiresAtMs: Infinity, chain: ['a.example', 'example.org'] }),
    ]
    await first.observe(seen, NO_LIMITS)
    const { epoch } = await first.head()
    await first.close()

    const second = await openAt(path)
    expect(second.loaded).toEqual({ bindings: 2, due: 0, corrupt: 0 })
    expect(await allBindings(second)).toEqual(seen.map((one) => ({ ...one, firstSeenMs: one.seenAtMs })))
    const head = await second.head()
    expect(head.revision).toBe(0)
    expect(head.epoch).not.toBe(epoch)
    expect(await second.changesSince({ epoch, revision: 1 }, 10)).toBe('gap')
    const again = await second.observe(seen, NO_LIMITS)
    expect(again).toEqual({ outcomes: ['stale', 'stale'], changes: undefined })
    await second.close()
  })

  test('and expired meanwhile is not there, and never will be', async () => {
    const path = newPath()
    const store = await openAt(path)
    await store.observe(
      [sighting({ expiresAtMs: T0 + HOUR }), sighting({ prefix: '192.0.2.2/32', expiresAtMs: T0 + 2 * HOUR })],
      NO_LIMITS,
    )
    await store.close()

    const later = await contents(path, new FakeClock(T0 + HOUR))
    expect(later.loaded).toEqual({ bindings: 1, due: 1, corrupt: 0 })
    expect(later.bindings.map((binding) => binding.prefix)).toEqual(['192.0.2.2/32'])
    expect((await contents(path, new FakeClock(T0))).loaded).toEqual({ bindings: 1, due: 0, corrupt: 0 })
  })

  test('is written 30 ms later, all of it together', async () => {
    const path = newPath()
    const clock = new FakeClock(T0)
    const store = await openAt(path, clock)
    await store.observe([sighting()], NO_LIMITS)
    clock.advance(20)
    await store.observe([sighting({ prefix: '192.0.2.2/32' })], NO_LIMITS)
    clock.advance(9)
    expect(store.pendingRows).toBe(2)
    expect((await contents(crashCopy(path))).bindings).toEqual([])
    clock.advance(1)
    expect(store.pendingRows).toBe(0)
    await store.flush()
    expect((await contents(crashCopy(path))).bindings).toHaveLength(2)
    await store.close()
  })

  test('and forgotten before it was written leaves nothing', async () => {
    const path = newPath()
    const store = await openAt(path)
    await store.observe([sighting(), sighting({ prefix: '192.0.2.2/32' })], NO_LIMITS)
    await store.forget([sighting()])
    await store.flush()
    expect((await contents(crashCopy(path))).bindings.map((binding) => binding.prefix)).toEqual(['192.0.2.2/32'])
    await store.close()
  })

  test('may have texts too long for a page', async () => {
    const path = newPath()
    const store = await openAt(path)
    const chain = Array.from({ length: 60 }, (_, at) => `${'x'.repeat(60)}.${at}.example`)
    const long = sighting({ rule: '/r/'.repeat(3_000), chain })
    await store.observe([long, sighting({ prefix: '192.0.2.2/32' })], NO_LIMITS)
    await store.close()
    expect((await contents(path)).bindings).toContainEqual({ ...long, firstSeenMs: T0 })
  })
})

describe('a refresh', () => {
  const held = sighting({ expiresAtMs: T0 + 24 * HOUR })
  const seenAgain = (ms: number) => ({ ...held, seenAtMs: T0 + ms, expiresAtMs: held.expiresAtMs + ms })

  async function withHeld(body: (store: LmdbIpStore, path: string, clock: FakeClock) => Promise<void>, seen = held) {
    const path = newPath()
    const clock = new FakeClock(T0)
    const store = await openAt(path, clock)
    await store.observe([seen], NO_LIMITS)
    await store.flush()
    await body(store, path, clock)
    await store.close()
  }
  const afterCrash = async (path: string) => (await contents(crashCopy(path))).bindings.map((binding) => binding.expiresAtMs)

  test('is written within a minute when the deadline moved by more than a 32nd of the hold time, else it can wait', () =>
    withHeld(async (store, path, clock) => {
      const minute = async () => {
        await clock.advanceAsync(60_000)
        await store.flush()
      }
      await store.observe([seenAgain(45 * 60_000)], NO_LIMITS)
      await minute()
      expect(await afterCrash(path)).toEqual([held.expiresAtMs])
      await store.observe([seenAgain(46 * 60_000)], NO_LIMITS)
      expect(store.pendingRows).toBe(0)
      await minute()
      expect(await afterCrash(path)).toEqual([held.expiresAtMs + 46 * 60_000])
    }))

  test('is written at once while the deadline on disk has less than five minutes left', () => {
    const brief = { ...held, expiresAtMs: T0 + 300_000 }
    const again = { ...brief, seenAtMs: T0 + 10_000, expiresAtMs: T0 + 310_000 }
    return withHeld(async (store, path, clock) => {
      await store.observe([{ ...brief, seenAtMs: T0 + 5_000, expiresAtMs: T0 + 305_000 }], NO_LIMITS)
      expect(store.pendingRows).toBe(0)
      clock.advance(1)
      await store.observe([again], NO_LIMITS)
      expect(store.pendingRows).toBe(1)
      await store.flush()
      expect(await afterCrash(path)).toEqual([again.expiresAtMs])
    }, brief)
  })

  test('that was not worth writing is written at the end', () =>
    withHeld(async (store, path) => {
      await store.observe([{ ...seenAgain(60_000), source: 'later' }], NO_LIMITS)
      await store.flush()
      expect((await contents(crashCopy(path))).bindings).toMatchObject([{ expiresAtMs: held.expiresAtMs }])
      await store.close()
      expect((await contents(path)).bindings).toMatchObject([{ expiresAtMs: held.expiresAtMs + 60_000, source: 'later' }])
    }))

  test('to an earlier deadline is always written: nothing comes back past its time', () =>
    withHeld(async (store, path) => {
      await store.reschedule([{ ...held, expiresAtMs: held.expiresAtMs - 1 }])
      expect(store.pendingRows).toBe(1)
      await store.flush()
      expect((await contents(crashCopy(path))).bindings).toMatchObject([{ expiresAtMs: held.expiresAtMs - 1 }])
    }))

  test('to no deadline at all is written', () =>
    withHeld(async (store) => {
      await store.observe([{ ...held, expiresAtMs: Infinity }], NO_LIMITS)
      expect(store.pendingRows).toBe(1)
      await store.flush()
      await store.observe([{ ...held, expiresAtMs: Infinity, seenAtMs: T0 + 1 }], NO_LIMITS)
      expect(store.pendingRows).toBe(0)
    }))
})

test('whatever is done, and whenever it is killed or closed between, what was flushed is there again', async () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: operation },
    { weight: 2, arbitrary: fc.constant({ call: 'flush' as const }) },
    { weight: 1, arbitrary: fc.constant({ call: 'crash' as const }) },
    { weight: 1, arbitrary: fc.constant({ call: 'restart' as const }) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
      let path = newPath()
      // Times of random calls lie ahead of the clock: it stands still, and nothing seen tells it otherwise.
      const boot: Boot = { id: 'one', uptimeMs: () => 0 }
      let store = await openAt(path, undefined, boot)
      let twin = await Twin.of(store)
      let durable = new Map<string, Binding>()
      for (const one of steps) {
        if (one.call === 'flush') {
          await store.flush()
          durable = new Map(twin.obvious.bindings)
        } else if (one.call === 'crash') {
          const copy = crashCopy(path)
          await store.close()
          path = copy
          store = await openAt(path, undefined, boot)
          const found = await allBindings(store)
          expect(found.map(keyOf).sort()).toEqual([...durable.keys()].sort())
          for (const binding of found) {
            const flushed = durable.get(keyOf(binding)) as Binding
            const mayLag = Math.max(0, flushed.expiresAtMs - flushed.seenAtMs) / 32
            expect(binding.expiresAtMs).toBeLessThanOrEqual(flushed.expiresAtMs)
            expect(binding.expiresAtMs).toBeGreaterThanOrEqual(
              flushed.expiresAtMs === Infinity ? Infinity : flushed.expiresAtMs - mayLag,
            )
          }
          twin = await Twin.of(store)
          await twin.compareAll()
          durable = new Map(twin.obvious.bindings)
        } else if (one.call === 'restart') {
          await store.close()
          store = await openAt(path, undefined, boot)
          const before = twin.obvious.bindings
          twin = await Twin.of(store)
          expect(new Map([...twin.obvious.bindings].sort())).toEqual(new Map([...before].sort()))
          durable = new Map(before)
        } else await twin.apply(one)
      }
      await twin.compareAll()
      await store.close()
    }),
    { numRuns: 15 },
  )
})

describe('a file that is not ours to write', () => {
  async function refusal(path: string): Promise<StoreFileError> {
    const error = await openAt(path).then(
      async (store) => {
        await store.close()
        throw new Error('it was opened')
      },
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(StoreFileError)
    return error as StoreFileError
  }

  async function expectRefused(path: string, fault: string, sentence: RegExp): Promise<void> {
    const before = readFileSync(path)
    const error = await refusal(path)
    expect(error.fault).toBe(fault)
    expect(error.message).toMatch(sentence)
    expect(error.message).toContain(path)
    expect(error.message).not.toMatch(/\n/)
    expect(readFileSync(path).equals(before)).toBe(true)
  }

  async function storeFile(bindings: number): Promise<string> {
    const path = newPath()
    const store = await openAt(path)
    await store.observe(
      Array.from({ length: bindings }, (_, at) => sighting({ prefix: `10.0.${at >> 8}.${at & 255}/32` })),
      NO_LIMITS,
    )
    await store.close()
    return path
  }

  test("the ancestor's Bolt cache", async () => {
    const path = newPath()
    const bolt = Buffer.alloc(32_768)
    bolt.writeUInt32LE(0xed0cdaed, 16)
    writeFileSync(path, bolt)
    await expectRefused(path, 'old-bolt-file', /dnstap-bgp 1 .*move it away/)
  })

  test.each([
    ['a text', Buffer.from('example.org\n'.repeat(1000))],
    ['a byte', Buffer.from('x')],
    ['nothing but zeros', Buffer.alloc(8192)],
  ])('%s', async (_what, bytes) => {
    const path = newPath()
    writeFileSync(path, bytes)
    await expectRefused(path, 'foreign', /not a dnstap-bgp store/)
  })

  test('a folder', async () => {
    const path = newPath()
    mkdirSync(path)
    expect(await refusal(path)).toMatchObject({ fault: 'foreign' })
  })

  test("another program's LMDB file", async () => {
    const path = newPath()
    const other = open({ path, noSubdir: true, overlappingSync: false })
    await other.put('a key', 'a value')
    await other.close()
    await expectRefused(path, 'foreign', /not a dnstap-bgp store/)
  })

  test('a store of a later version', async () => {
    const path = await storeFile(3)
    const later = open<Uint8Array, number>({
      path,
      noSubdir: true,
      overlappingSync: false,
      encoding: 'binary',
      keyEncoding: 'uint32',
    })
    await later.put(0xffff_ffff, new TextEncoder().encode('dnstap-bgp ip-store 2'))
    await later.close()
    await expectRefused(path, 'newer', /of version 2; this version .* reads 1/)
  })

  test('an LMDB file of a later version', async () => {
    const path = await storeFile(3)
    const bytes = readFileSync(path)
    bytes.writeUInt32LE(3, 28)
    writeFileSync(path, bytes)
    await expectRefused(path, 'newer', /version 3/)
  })

  test('a store cut off anywhere', async () => {
    const path = await storeFile(600)
    const size = readFileSync(path).length
    for (let pages = 1; pages < size / 4096; pages++) {
      const cut = crashCopy(path)
      truncateSync(cut, pages * 4096 + (pages % 3) * 100)
      await expectRefused(cut, 'damaged', /damaged: .*move it away/)
    }
  })

  test('a store with any page overwritten: refused, or the page held nothing', async () => {
    const path = await storeFile(600)
    const size = readFileSync(path).length
    let refused = 0
    for (let page = 0; page < size / 4096; page++) {
      const bad = crashCopy(path)
      const bytes = readFileSync(bad)
      bytes.fill(0xa5, page * 4096, (page + 1) * 4096)
      writeFileSync(bad, bytes)
      const opened = await contents(bad).catch((error: unknown) => error)
      if (opened instanceof StoreFileError) refused++
      else expect(opened).toMatchObject({ loaded: { bindings: 600, corrupt: 0 } })
    }
    expect(refused).toBeGreaterThan(15)
  })

  test('a store in use, until it is not', async () => {
    const path = newPath()
    const holder = await openAt(path)
    const error = await refusal(path)
    expect(error).toMatchObject({ fault: 'locked' })
    expect(error.message).toContain(`in use by process ${process.pid}`)
    await holder.close()
    expect((await contents(path)).loaded.bindings).toBe(0)
  })

  test('a path that cannot be', async () => {
    const file = newPath()
    writeFileSync(file, 'x')
    expect(await refusal(join(file, 'below', 'store'))).toMatchObject({ fault: 'unusable' })
  })
})

test('an empty file becomes a store', async () => {
  const path = newPath()
  writeFileSync(path, '')
  const store = await openAt(path)
  await store.observe([sighting()], NO_LIMITS)
  await store.close()
  expect((await contents(path)).loaded.bindings).toBe(1)
})

test('rows that make no sense are passed over, counted, and gone after', async () => {
  const path = newPath()
  const store = await openAt(path)
  await store.observe(
    [1, 2, 3].map((at) => sighting({ prefix: `192.0.2.${at}/32` })),
    NO_LIMITS,
  )
  await store.close()
  const raw = open<Uint8Array, number>({
    path,
    noSubdir: true,
    overlappingSync: false,
    encoding: 'binary',
    keyEncoding: 'uint32',
  })
  await raw.put(1, new Uint8Array([1, 2, 3]))
  await raw.put(77, raw.get(0) as Uint8Array) // the same binding twice
  await raw.put(2 ** 31, new Uint8Array(100))
  await raw.close()
  const found = await contents(path)
  expect(found.loaded).toEqual({ bindings: 2, due: 0, corrupt: 3 })
  expect(found.bindings.map((binding) => binding.prefix)).toEqual(['192.0.2.1/32', '192.0.2.3/32'])
  expect((await contents(path)).loaded).toEqual({ bindings: 2, due: 0, corrupt: 0 })
})

test('a backup taken while it runs is a store with everything in it, in place of the last one', async () => {
  const path = newPath()
  const store = await openAt(path)
  const all = Array.from({ length: 2_000 }, (_, at) => sighting({ prefix: `10.0.${at >> 8}.${at & 255}/32` }))
  await store.observe(all.slice(0, 1_000), NO_LIMITS)
  const backup = store.backup()
  await expect(store.backup()).rejects.toThrow('a backup is under way')
  await store.observe(all.slice(1_000), NO_LIMITS)
  expect(await backup).toEqual({ path: `${path}.backup`, bytes: statSync(`${path}.backup`).size })
  expect((await contents(crashCopy(`${path}.backup`))).bindings.length).toBeGreaterThanOrEqual(1_000)
  await store.backup()
  expect((await contents(`${path}.backup`)).bindings).toHaveLength(2_000)
  await store.close()
})

test('a file that is mostly holes is packed when it is opened, with everything in it', async () => {
  const path = newPath()
  const store = await openAt(path)
  const rule = 'x'.repeat(12_000)
  const bulk = Array.from({ length: 6_000 }, (_, at) => sighting({ prefix: `10.0.${at >> 8}.${at & 255}/32`, rule }))
  await store.observe(bulk, NO_LIMITS)
  await store.flush()
  await store.forget(bulk.slice(10))
  await store.close()
  const before = statSync(path).size
  expect(before).toBeGreaterThan(64 * 2 ** 20)
  expect((await contents(path)).bindings).toEqual(bulk.slice(0, 10).map((one) => ({ ...one, firstSeenMs: T0 })))
  expect(statSync(path).size).toBeLessThan(before / 10)
  expect(existsSync(`${path}.packed`)).toBe(false)
  expect((await contents(path)).loaded).toEqual({ bindings: 10, due: 0, corrupt: 0 })
})

test('a closed store answers nothing and may be closed again', async () => {
  const store = await openAt(newPath())
  await store.close()
  await store.close()
  await expect(store.observe([sighting()], NO_LIMITS)).rejects.toThrow('closed')
  await expect(store.head()).rejects.toThrow('closed')
})

test('the folder of a new store is made', async () => {
  const path = join(newPath(), 'var', 'lib', 'cache')
  await (await openAt(path)).close()
  expect(existsSync(path)).toBe(true)
})
