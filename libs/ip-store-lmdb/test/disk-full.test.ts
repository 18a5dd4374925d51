import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StoreError } from '@dnstap-bgp/ip-store'
import type { StoreState } from '@dnstap-bgp/ip-store'
import { allBindings, NO_LIMITS, sighting } from '@dnstap-bgp/ip-store/conformance'
import { silentLog } from '@dnstap-bgp/runtime'
import { FakeClock, waitFor } from '@dnstap-bgp/testkit'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { openLmdbStore, StoreFileError } from '../src/index.ts'

const T0 = 1_790_000_000_000
/** What passed between two openings is what the wall clock says. */
const ANY_BOOT = { id: '', uptimeMs: () => 0 }
const hasPrlimit = spawnSync('prlimit', ['--version']).status === 0

/** No file of this process may grow past this: to LMDB the same as a disk that is full. */
function limitFiles(bytes: number | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:`])
}

describe.skipIf(!hasPrlimit)('a disk that is full (needs prlimit)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ip-store-full-'))
  afterEach(() => {
    limitFiles('unlimited')
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('leaves the store working in memory, saying so, and what was missed is written when there is room', async () => {
    const path = join(folder, 'store')
    const clock = new FakeClock(T0)
    const store = await openLmdbStore({ path }, { clock, log: silentLog, boot: ANY_BOOT })
    const states: StoreState[] = []
    store.onState((state) => states.push(state))
    const all = Array.from({ length: 6_000 }, (_, at) =>
      sighting({ prefix: `10.0.${at >> 8}.${at & 255}/32`, expiresAtMs: Infinity }),
    )
    await store.observe(all.slice(0, 1_000), NO_LIMITS)
    await store.flush()

    limitFiles(statSync(path).size)
    const learnt = await store.observe(all.slice(1_000), NO_LIMITS)
    expect(learnt.changes?.changes).toHaveLength(5_000)
    await expect(store.flush()).rejects.toThrow(StoreError)
    expect(states).toMatchObject([{ kind: 'memory-only', why: expect.stringContaining(path) as string }])
    await store.forget(all.slice(0, 10))
    expect(await store.counts()).toMatchObject({ bindings: 5_990, routes: 5_990 })
    await clock.advanceAsync(10_000)
    expect(store.state.kind).toBe('memory-only')
    expect(states).toHaveLength(1)

    limitFiles('unlimited')
    copyFileSync(path, join(folder, 'as-of-then'))
    const then = await openLmdbStore(
      { path: join(folder, 'as-of-then') },
      { clock: new FakeClock(T0), log: silentLog, boot: ANY_BOOT },
    )
    expect(then.loaded).toEqual({ bindings: 1_000, due: 0, corrupt: 0 })
    await then.close()

    clock.advance(5_000)
    await store.flush()
    expect(states.map((state) => state.kind)).toEqual(['memory-only', 'ready'])
    const before = await allBindings(store)
    await store.close()
    const again = await openLmdbStore({ path }, { clock: new FakeClock(T0), log: silentLog, boot: ANY_BOOT })
    expect(await allBindings(again)).toEqual(before)
    await again.close()
  })

  test('is no place for a new store, and leaves nothing in the way of the next try', async () => {
    const path = join(folder, 'new')
    limitFiles(6_000)
    const opened = openLmdbStore({ path }, { clock: new FakeClock(T0), log: silentLog, boot: ANY_BOOT })
    await expect(opened).rejects.toThrow(StoreFileError)
    limitFiles('unlimited')
    await (await openLmdbStore({ path }, { clock: new FakeClock(T0), log: silentLog, boot: ANY_BOOT })).close()
  })

  test('does not keep what was learnt from being used after a restart', async () => {
    const path = join(folder, 'restarted')
    const clock = new FakeClock(T0)
    const first = await openLmdbStore({ path }, { clock, log: silentLog, boot: ANY_BOOT })
    await first.observe([sighting({ expiresAtMs: Infinity })], NO_LIMITS)
    await first.close()
    limitFiles(6_000)
    const store = await openLmdbStore({ path }, { clock, log: silentLog, boot: ANY_BOOT })
    expect(store.state).toMatchObject({ kind: 'memory-only', why: expect.stringContaining(path) as string })
    await store.observe([sighting({ prefix: '192.0.2.2/32', expiresAtMs: Infinity })], NO_LIMITS)
    expect(await allBindings(store)).toHaveLength(2)
    await clock.advanceAsync(6_000)
    expect(store.state.kind).toBe('memory-only')
    limitFiles('unlimited')
    clock.advance(6_000)
    await waitFor(() => store.state.kind === 'ready', { what: 'the file to be written by itself' })
    await store.flush()
    await store.close()
    const again = await openLmdbStore({ path }, { clock, log: silentLog, boot: ANY_BOOT })
    expect(await allBindings(again)).toHaveLength(2)
    await again.close()
  })

  test('does not keep it from closing', async () => {
    const path = join(folder, 'closing')
    const store = await openLmdbStore({ path }, { clock: new FakeClock(T0), log: silentLog, boot: ANY_BOOT })
    await store.flush()
    limitFiles(statSync(path).size)
    await store.observe(
      Array.from({ length: 2_000 }, (_, at) => sighting({ prefix: `10.0.${at >> 8}.${at & 255}/32` })),
      NO_LIMITS,
    )
    await store.close()
  })
})
