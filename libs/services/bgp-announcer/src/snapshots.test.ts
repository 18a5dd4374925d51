import { HEAD, ROUTE_CHANGES } from '@dnstap-bgp/steering'
import { describe, expect, test } from 'vitest'
import { A, BusyClock, FakeCache, startAnnouncer } from '../testing/announcer.ts'

describe('the announcer and snapshots: it', () => {
  test('asks for the changes that it missed when the bus is back', async () => {
    const { bus, cache, prefixes, settle } = await startAnnouncer()
    cache.tailPart = { epoch: 'e1', firstRevision: 1, changes: [{ prefix: A, lists: ['video'] }] }
    bus.flap()
    await settle()
    expect(prefixes()).toEqual([A])
  })

  test('asks for a snapshot when its pause is over, however often the bus comes and goes', async () => {
    const cache = new FakeCache()
    cache.tailPart = 'gap'
    const { bus, settle } = await startAnnouncer(cache)
    await settle(1500) // by now it has been asked for a few times, in vain
    const before = cache.snapshotsAsked
    for (let i = 0; i < 100; i++) {
      bus.flap()
      await settle(100)
    }
    const asked = cache.snapshotsAsked - before
    expect(asked).toBeGreaterThan(0)
    expect(asked).toBeLessThan(6)
  })

  test('compares the table with the latest snapshot only', async () => {
    const cache = new FakeCache()
    cache.routes = Array.from({ length: 5000 }, (_, i) => ({ prefix: `11.0.${i >> 8}.${i & 255}/32`, lists: ['video'] }))
    const { announcer, bus, table, settle } = await startAnnouncer(cache, 60_000, new BusyClock())
    while (!announcer.loaded) await settle(100)
    await settle(31_000) // snapshots may follow each other at once again
    const all = cache.routes
    // A store that lost half of what it knew; before the table is compared with that, half of the rest goes as well.
    cache.head = { epoch: 'e2', revision: 1 }
    cache.routes = all.slice(2500)
    bus.publish(HEAD, cache.head)
    while (announcer.staleRoutes === 0) await settle(1)
    expect(announcer.staleRoutes).toBeLessThan(2500)
    cache.head = { epoch: 'e2', revision: 9 }
    cache.routes = all.slice(3750)
    cache.tailPart = () => {
      cache.tailPart = 'up-to-date'
      return 'gap'
    }
    bus.publish(HEAD, cache.head)
    while (cache.snapshotsAsked < 3) await new Promise((resolve) => setImmediate(resolve))
    await settle(5000)
    expect(table.size).toBe(5000)
    expect(announcer.staleRoutes).toBe(3750)
  })

  test('asks for snapshots ever more rarely when none of them helps', async () => {
    const cache = new FakeCache()
    cache.tailPart = 'gap'
    const { bus, announcer, settle } = await startAnnouncer(cache)
    for (let second = 0; second < 60; second++) {
      bus.publish(HEAD, cache.head)
      await settle(1000)
    }
    expect(announcer.counters.snapshots).toBeLessThan(10)
    cache.tailPart = 'up-to-date'
    await settle(60_000)
    expect(announcer.follower.state).toBe('following')
  })

  test('asks a store that restarts now and then for a snapshot at once each time', async () => {
    const { cache, beat, loseMemory } = await startAnnouncer()
    for (const epoch of ['e2', 'e3', 'e4', 'e5', 'e6']) {
      await beat(11_000)
      const before = cache.snapshotsAsked
      await loseMemory(epoch)
      expect(cache.snapshotsAsked).toBe(before + 1)
    }
  })

  test('applies changes that come while a large table is compared with a snapshot', async () => {
    const cache = new FakeCache()
    cache.routes = Array.from({ length: 5000 }, (_, i) => ({ prefix: `11.0.${i >> 8}.${i & 255}/32`, lists: ['video'] }))
    const { bus, table, settle } = await startAnnouncer(cache, 60_000, new BusyClock())
    await settle(2000)
    expect(table.size).toBe(5000)
    // A gap: another snapshot, without the first route. While the table is compared with it, one more comes and one goes.
    cache.routes = cache.routes.slice(1)
    cache.head = { epoch: 'e1', revision: 5 }
    cache.tailPart = () => {
      cache.tailPart = 'up-to-date'
      return 'gap'
    }
    bus.publish(HEAD, cache.head)
    await settle(5)
    bus.publish(ROUTE_CHANGES, {
      epoch: 'e1',
      firstRevision: 6,
      changes: [
        { prefix: A, lists: ['video'] },
        { prefix: '11.0.1.1/32', lists: [] },
      ],
    })
    await settle(5000)
    expect(table.has('11.0.0.0/32')).toBe(false)
    expect(table.has('11.0.1.1/32')).toBe(false)
    expect(table.has(A)).toBe(true)
    expect(table.size).toBe(4999)
  })

  test('withdraws nothing because of a snapshot that has not ended', async () => {
    const cache = new FakeCache()
    cache.routes = Array.from({ length: 5000 }, (_, i) => ({ prefix: `11.0.${i >> 8}.${i & 255}/32`, lists: ['video'] }))
    const { announcer, bus, table, settle } = await startAnnouncer(cache, 60_000, new BusyClock())
    while (!announcer.loaded) await settle(100)
    await settle(31_000)
    let changes = 0
    table.follow({ changed: () => changes++ })
    let goOn = () => {}
    for (const revision of [5, 6]) {
      cache.head = { epoch: 'e1', revision }
      cache.tailPart = () => {
        cache.tailPart = 'up-to-date'
        return 'gap'
      }
      if (revision === 6) cache.halfway = new Promise((resolve) => (goOn = resolve))
      const asked = cache.snapshotsAsked
      bus.publish(HEAD, cache.head)
      while (cache.snapshotsAsked === asked || announcer.follower.state === 'tailing') await settle(1)
      // The first is in, and the table is being compared with it, when the second begins and does not go on.
      for (let i = 0; i < (revision === 5 ? 18 : 100); i++) await settle(1)
    }
    goOn()
    await settle(5000)
    expect([table.size, changes]).toEqual([5000, 0])
  })
})
