import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StoreError } from '@dnstap-bgp/ip-store'
import type { StoreState } from '@dnstap-bgp/ip-store'
import { allBindings, NO_LIMITS, sighting } from '@dnstap-bgp/ip-store/conformance'
import { silentLog } from '@dnstap-bgp/runtime'
import { FakeClock, makeSmallDisk, smallDiskMissing, waitFor } from '@dnstap-bgp/testkit'
import type { SmallDisk, SmallDiskKind } from '@dnstap-bgp/testkit'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { openFileStore } from '../src/index.ts'

const T0 = 1_790_000_000_000
/** What passed between two openings is what the wall clock says. */
const ANY_BOOT = { id: '', uptimeMs: () => 0 }
const hasPrlimit = spawnSync('prlimit', ['--version']).status === 0

/** No file of this process may grow past this. */
function limitFiles(bytes: number | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:`])
}

describe.skipIf(!hasPrlimit)('a file that may not grow (needs prlimit)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ip-store-full-'))
  afterEach(() => {
    limitFiles('unlimited')
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('leaves the store working in memory, with a report, and the missing rows are written when there is room', async () => {
    const path = join(folder, 'store')
    const clock = new FakeClock(T0)
    const store = await openFileStore({ path }, { clock, log: silentLog, boot: ANY_BOOT })
    const states: StoreState[] = []
    store.onState((state) => states.push(state))
    const all = Array.from({ length: 6_000 }, (_, at) =>
      sighting({ prefix: `10.0.${at >> 8}.${at & 255}/32`, expiresAtMs: Infinity }),
    )
    await store.observe(all.slice(0, 1_000), NO_LIMITS)
    await store.flush()

    limitFiles(statSync(join(path, '1.part')).size)
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
    cpSync(path, join(folder, 'as-of-then'), { recursive: true })
    const then = await openFileStore(
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
    const again = await openFileStore({ path }, { clock: new FakeClock(T0), log: silentLog, boot: ANY_BOOT })
    expect(await allBindings(again)).toEqual(before)
    await again.close()
  })

  test('leaves earlier bindings usable after a restart', async () => {
    const path = join(folder, 'restarted')
    const clock = new FakeClock(T0)
    const first = await openFileStore({ path }, { clock, log: silentLog, boot: ANY_BOOT })
    await first.observe([sighting({ expiresAtMs: Infinity })], NO_LIMITS)
    await first.close()
    limitFiles(40)
    const store = await openFileStore({ path }, { clock, log: silentLog, boot: ANY_BOOT })
    expect(store.state).toMatchObject({ kind: 'memory-only', why: expect.stringContaining(path) as string })
    await store.observe([sighting({ prefix: '192.0.2.2/32', expiresAtMs: Infinity })], NO_LIMITS)
    expect(await allBindings(store)).toHaveLength(2)
    await clock.advanceAsync(6_000)
    expect(store.state.kind).toBe('memory-only')
    limitFiles('unlimited')
    const isWritten = () => {
      clock.advance(6_000)
      return store.state.kind === 'ready'
    }
    await waitFor(isWritten, { timeoutMs: 60_000, what: 'the file to be written by itself' })
    await store.flush()
    await store.close()
    const again = await openFileStore({ path }, { clock, log: silentLog, boot: ANY_BOOT })
    expect(await allBindings(again)).toHaveLength(2)
    await again.close()
  })

  test('does not prevent a close', async () => {
    const path = join(folder, 'closing')
    const store = await openFileStore({ path }, { clock: new FakeClock(T0), log: silentLog, boot: ANY_BOOT })
    await store.flush()
    limitFiles(statSync(join(path, '1.part')).size)
    await store.observe(
      Array.from({ length: 2_000 }, (_, at) => sighting({ prefix: `10.0.${at >> 8}.${at & 255}/32` })),
      NO_LIMITS,
    )
    await store.close()
  })
})

const openAt = (path: string, clock = new FakeClock(T0)) => openFileStore({ path }, { clock, log: silentLog, boot: ANY_BOOT })
const bound = (from: number, count: number) =>
  Array.from({ length: count }, (_, at) =>
    sighting({ prefix: `10.${(from + at) >> 16}.${((from + at) >> 8) & 255}.${(from + at) & 255}/32`, expiresAtMs: Infinity }),
  )

describe.each(['tmpfs', 'ext4'] as const satisfies readonly SmallDiskKind[])('a small disk, %s,', (kind) => {
  const missing = smallDiskMissing(kind)
  let disk: SmallDisk | undefined
  afterEach(() => {
    disk?.remove()
    disk = undefined
  })

  test.skipIf(missing !== '')(`that is full at any octet of any write loses nothing that was flushed${missing}`, async () => {
    disk = makeSmallDisk(kind, 4 * 2 ** 20)
    for (let level = 0; level < 24; level++) {
      const path = join(disk.path, 'store')
      const clock = new FakeClock(T0)
      const store = await openAt(path, clock)
      disk.fill(level * 7_919)
      const states: StoreState[] = []
      store.onState((state) => states.push(state))
      let told = 0
      let flushed = 0
      while (store.state.kind === 'ready') {
        await store.observe(bound(told, 60), NO_LIMITS)
        told += 60
        if (told > 600) await store.forget(bound(told - 600, 1))
        await store.flush().then(
          () => (flushed = told),
          () => undefined,
        )
      }
      expect(store.state).toMatchObject({
        why: expect.stringMatching(/cannot be written: its disk is full \(ENOSPC\)$/) as string,
      })
      // Killed now, it has all that was flushed.
      const killed = mkdtempSync(join(tmpdir(), 'ip-store-killed-'))
      cpSync(path, join(killed, 'store'), { recursive: true })
      const then = await openAt(join(killed, 'store'))
      expect((await then.counts()).bindings).toBeGreaterThanOrEqual(flushed - Math.max(0, (flushed - 600) / 60))
      expect(then.loaded.corrupt).toBe(0)
      await then.close()
      rmSync(killed, { recursive: true })

      await clock.advanceAsync(20_000) // tried again in vain
      expect(states).toHaveLength(1)
      disk.makeRoom()
      clock.advance(5_000)
      await store.flush()
      expect(states.map((state) => state.kind)).toEqual(['memory-only', 'ready'])
      const before = (await allBindings(store)).map(({ prefix }) => prefix).sort()
      await store.close()
      const again = await openAt(path)
      expect((await allBindings(again)).map(({ prefix }) => prefix).sort()).toEqual(before)
      await again.close()
      rmSync(path, { recursive: true })
    }
  })

  test.skipIf(missing !== '')(`that is on the brink does not make the state flap${missing}`, async () => {
    disk = makeSmallDisk(kind, 4 * 2 ** 20)
    const clock = new FakeClock(T0)
    const store = await openAt(join(disk.path, 'store'), clock)
    disk.fill()
    await store.observe(bound(0, 2_000), NO_LIMITS)
    await expect(store.flush()).rejects.toThrow(StoreError)
    const states: StoreState[] = []
    store.onState((state) => states.push(state))
    disk.fill(400_000) // enough for what waits, not for much more
    for (let retry = 0; retry < 5; retry++) {
      await clock.advanceAsync(5_000)
      await store.flush().catch(() => undefined)
    }
    expect(states).toEqual([])
    disk.makeRoom()
    await store.flush()
    expect(states).toEqual([{ kind: 'ready' }])
    await store.close()
  })

  test.skipIf(missing !== '')(`that is full keeps a backup, a lock and a new store from nothing else${missing}`, async () => {
    disk = makeSmallDisk(kind, 4 * 2 ** 20)
    const path = join(disk.path, 'store')
    const clock = new FakeClock(T0)
    disk.fill()
    const store = await openAt(path, clock)
    expect(store.state).toMatchObject({ kind: 'memory-only', why: expect.stringContaining('disk is full') as string })
    await store.observe(bound(0, 2_000), NO_LIMITS)
    await expect(store.backup()).rejects.toThrow(/backup .* cannot be written: its disk is full/)
    expect(existsSync(`${path}.backup-part`)).toBe(false)
    disk.makeRoom()
    await store.flush()
    expect(store.state.kind).toBe('ready')
    await store.backup()
    const kept = readFileSync(`${path}.backup`)
    disk.fill(70_000)
    await expect(store.backup()).rejects.toThrow(/last backup.* as it was/)
    expect(readFileSync(`${path}.backup`).equals(kept)).toBe(true)
    await store.close()
    // Nobody's lock file: it is a disk without room for a name.
    rmSync(`${path}.lock`)
    disk.fill()
    const again = await openAt(path)
    expect(await allBindings(again)).toHaveLength(2_000)
    await expect(openAt(path)).rejects.toThrow(/in use by/)
    await again.close()
  })

  test.skipIf(missing !== '')(
    `without room to move an LMDB file or a backup into parts uses it, and moves it when there is${missing}`,
    async () => {
      disk = makeSmallDisk(kind, 4 * 2 ** 20)
      const path = join(disk.path, 'store')
      const made = await openAt(path)
      await made.observe(bound(0, 3_000), NO_LIMITS)
      await made.backup()
      await made.close()
      const backup = readFileSync(`${path}.backup`)
      for (const file of [path, `${path}.backup`, `${path}.lock`]) rmSync(file, { recursive: true })
      writeFileSync(path, backup)
      disk.fill(50_000)
      const clock = new FakeClock(T0)
      const store = await openAt(path, clock)
      expect(await allBindings(store)).toHaveLength(3_000)
      await expect(store.flush()).rejects.toThrow(StoreError)
      expect(readFileSync(path).equals(backup)).toBe(true)
      expect(existsSync(`${path}.new`)).toBe(false)
      disk.makeRoom()
      clock.advance(5_000)
      await store.flush()
      expect(statSync(path).isDirectory()).toBe(true)
      await store.close()
      const again = await openAt(path)
      expect(again.loaded.bindings).toBe(3_000)
      await again.close()
    },
  )

  // Only ext4 can be told to fail.
  if (kind === 'ext4')
    test.skipIf(missing !== '')(`that fails and is read-only from then on leaves it working in memory${missing}`, async () => {
      disk = makeSmallDisk(kind, 4 * 2 ** 20)
      const path = join(disk.path, 'store')
      const store = await openAt(path)
      await store.observe(bound(0, 100), NO_LIMITS)
      await store.flush()
      disk.fail()
      await store.observe(bound(100, 100), NO_LIMITS)
      await expect(store.flush()).rejects.toThrow(/cannot be written: (its file system is read-only|its disk reports errors)/)
      expect(await store.counts()).toMatchObject({ bindings: 200 })
      await expect(store.backup()).rejects.toThrow(StoreError)
      await store.close()
      const again = await openAt(path)
      expect(await allBindings(again)).toHaveLength(100)
      expect(again.state.kind).toBe('memory-only')
      await again.close()
    })
})
