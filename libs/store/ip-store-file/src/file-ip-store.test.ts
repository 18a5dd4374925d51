import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Binding } from '@dnstap-bgp/ip-store'
import { allBindings, ipStoreConformance, keyOf, NO_LIMITS, operation, sighting, Twin } from '@dnstap-bgp/ip-store/conformance'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import type { Clock } from '@dnstap-bgp/runtime'
import { FakeClock } from '@dnstap-bgp/testkit'
import fc from 'fast-check'
import { afterAll, describe, expect, test, vi } from 'vitest'
import type { FileIpStore } from './file-ip-store.ts'
import { openFileStore } from './open-file-store.ts'
import type { Boot } from './store-clock.ts'
import { storeWith } from '../testing/store-under-test.ts'

vi.setConfig({ testTimeout: 60_000 })
const T0 = 1_790_000_000_000
const HOUR = 3_600_000

const folder = mkdtempSync(join(tmpdir(), 'ip-store-file-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let files = 0
const newPath = () => join(folder, `store-${files++}`)
/** Each opening is another boot: what passed meanwhile is what the wall clock says. */
const ANY_BOOT: Boot = { id: '', uptimeMs: () => 0 }
const openAt = (path: string, clock: Clock = new FakeClock(T0), boot = ANY_BOOT) =>
  openFileStore({ path }, { clock, log: silentLog, boot })

/** What a process that died now would leave: the files as they are on disk. */
function crashCopy(path: string): string {
  const copy = newPath()
  cpSync(path, copy, { recursive: true })
  return copy
}

async function contents(path: string, clock?: Clock): Promise<{ bindings: Binding[]; loaded: FileIpStore['loaded'] }> {
  const store = await openAt(path, clock)
  const bindings = await allBindings(store)
  const { loaded } = store
  await store.close()
  return { bindings, loaded }
}

ipStoreConformance('files', () => openAt(newPath(), systemClock), { runs: 30 })

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
  ])('a clock set an hour %s, then a restart: store time grows by the time that passed', async (_where, stepMs) => {
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
    const path = newPath()
    storeWith(path, [sighting({ expiresAtMs: T0 + HOUR })], anchor)
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

  test('and expired meanwhile is not there, and never comes back', async () => {
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

  test('may have texts of any length', async () => {
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

  async function withHeld(body: (store: FileIpStore, path: string, clock: FakeClock) => Promise<void>, seen = held) {
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

  test('that was too small to be written is written at the close', () =>
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

test('a closed store rejects every call and may be closed again', async () => {
  const store = await openAt(newPath())
  await store.close()
  await store.close()
  await expect(store.observe([sighting()], NO_LIMITS)).rejects.toThrow('closed')
  await expect(store.head()).rejects.toThrow('closed')
})

test('the folders of a new store are made', async () => {
  const path = join(newPath(), 'var', 'lib', 'cache')
  await (await openAt(path)).close()
  expect(existsSync(path)).toBe(true)
})
