import { FORGOTTEN, HEAD, ROUTE_CHANGES, type RouteChange } from '@dnstap-bgp/steering'
import { describe, expect, test } from 'vitest'
import { A, B, FakeCache, SleepyClock, startAnnouncer } from '../testing/announcer.ts'

describe('the announcer, when the store has lost its memory,', () => {
  test('keeps the routes of a store that came back empty as stale, and withdraws those that are not learnt again in time', async () => {
    const cache = new FakeCache()
    cache.routes = [
      { prefix: A, lists: ['video'] },
      { prefix: B, lists: ['video'] },
    ]
    const { bus, prefixes, beat, loseMemory, announcer } = await startAnnouncer(cache)
    await loseMemory('e2')
    expect(prefixes()).toEqual([A, B])
    expect(announcer.staleRoutes).toBe(2)
    expect(announcer.staleForMs(A)).toBeGreaterThan(50_000)
    bus.publish(ROUTE_CHANGES, { epoch: 'e2', firstRevision: 1, changes: [{ prefix: A, lists: ['work'] }] })
    cache.head = { epoch: 'e2', revision: 1 }
    await beat(1000)
    expect(announcer.staleRoutes).toBe(1)
    expect(announcer.staleForMs(A)).toBeUndefined()
    await beat(61_000)
    expect(prefixes()).toEqual([A])
    expect(announcer.staleRoutes).toBe(0)
  })

  test('lets the time of stale routes pass only while the cache is heard', async () => {
    const cache = new FakeCache()
    cache.routes = [{ prefix: A, lists: ['video'] }]
    const clock = new SleepyClock()
    const { bus, prefixes, beat, settle, loseMemory } = await startAnnouncer(cache, 60_000, clock)
    await loseMemory('e2')
    await beat(30_000)
    await settle(3_600_000) // silence
    bus.publish(HEAD, cache.head)
    await settle()
    clock.sleptMs = 3_600_000 // and sleep, from which the first heartbeat wakes us
    bus.publish(HEAD, cache.head)
    await new Promise((resolve) => setImmediate(resolve))
    expect(prefixes()).toEqual([A])
    await beat(15_000)
    expect(prefixes()).toEqual([A])
    await beat(20_000)
    expect(prefixes()).toEqual([])
  })

  test('gives the stale routes of each loss of memory a time of their own', async () => {
    const cache = new FakeCache()
    cache.routes = [{ prefix: A, lists: ['video'] }]
    const { bus, prefixes, beat, loseMemory } = await startAnnouncer(cache)
    await loseMemory('e2')
    bus.publish(ROUTE_CHANGES, { epoch: 'e2', firstRevision: 1, changes: [{ prefix: B, lists: ['video'] }] })
    cache.head = { epoch: 'e2', revision: 1 }
    await beat(50_000)
    await loseMemory('e3')
    await beat(20_000)
    expect(prefixes()).toEqual([B])
    await beat(45_000)
    expect(prefixes()).toEqual([])
  })

  test('withdraws stale routes whose time is over a share at a time', async () => {
    const cache = new FakeCache()
    cache.routes = Array.from({ length: 2500 }, (_, i) => ({ prefix: `11.0.${i >> 8}.${i & 255}/32`, lists: ['video'] }))
    const { clock, bus, table, beat, loseMemory, announcer } = await startAnnouncer(cache)
    await loseMemory('e2')
    await beat(58_000)
    bus.publish(HEAD, cache.head)
    const seen = new Set([table.size])
    for (let i = 0; i < 40; i++) {
      await clock.advanceAsync(100, 100)
      seen.add(table.size)
    }
    expect([...seen]).toEqual([2500, 1500, 500, 0])
    expect(announcer.staleRoutes).toBe(0)
  })

  test('withdraws a stale route at once if the store has learnt and withdrawn it since its loss of memory', async () => {
    const cache = new FakeCache()
    const C = '93.184.215.3/32'
    cache.routes = [A, B, C].map((prefix) => ({ prefix, lists: ['video'] }))
    const { prefixes, loseMemory, announcer } = await startAnnouncer(cache)
    const log: RouteChange[] = [
      { prefix: A, lists: ['video'] },
      { prefix: B, lists: ['video'] },
      { prefix: A, lists: [] },
    ]
    cache.tailPart = ({ revision }) =>
      revision >= log.length
        ? 'up-to-date'
        : { epoch: 'e2', firstRevision: revision + 1, changes: log.slice(revision, revision + 2) }
    await loseMemory('e2', [{ prefix: B, lists: ['video'] }], 3)
    expect(prefixes()).toEqual([B, C])
    expect(announcer.staleRoutes).toBe(1)
  })

  test('keeps a route that the store learnt again after its snapshot', async () => {
    const cache = new FakeCache()
    cache.routes = [A, B].map((prefix) => ({ prefix, lists: ['video'] }))
    const { bus, prefixes, settle, loseMemory, announcer } = await startAnnouncer(cache)
    const log = [B, A].map((prefix) => ({ prefix, lists: ['video'] }))
    // A was learnt after the snapshot's end: the log from its beginning has it already, the announcer hears of it later.
    cache.tailPart = ({ revision }) => (revision > 0 ? 'up-to-date' : { epoch: 'e2', firstRevision: 1, changes: log })
    await loseMemory('e2', [{ prefix: B, lists: ['video'] }])
    expect(prefixes()).toEqual([A, B])
    bus.publish(ROUTE_CHANGES, { epoch: 'e2', firstRevision: 2, changes: log.slice(1) })
    await settle()
    expect(prefixes()).toEqual([A, B])
    expect(announcer.staleRoutes).toBe(0)
  })

  test('withdraws a stale route at once when it is forgotten by hand', async () => {
    const cache = new FakeCache()
    cache.routes = [A, B].map((prefix) => ({ prefix, lists: ['video'] }))
    const { bus, prefixes, settle, loseMemory, announcer } = await startAnnouncer(cache)
    bus.publish(FORGOTTEN, { subject: A, holdDownMs: 0 })
    await settle()
    expect(prefixes()).toEqual([A, B]) // the cache knows it, and will say
    await loseMemory('e2')
    for (const subject of [A, 'www.example.org']) bus.publish(FORGOTTEN, { subject, holdDownMs: 0 })
    await settle()
    expect(prefixes()).toEqual([B])
    expect(announcer.staleRoutes).toBe(1)
    bus.publish(ROUTE_CHANGES, { epoch: 'e2', firstRevision: 1, changes: [{ prefix: B, lists: [] }] })
    await settle()
    expect(prefixes()).toEqual([])
  })

  test('keeps routes as stale that a store without its last changes does not name', async () => {
    const cache = new FakeCache()
    cache.head = { epoch: 'e1', revision: 9 }
    cache.routes = [{ prefix: A, lists: ['video'] }]
    const { prefixes, beat, announcer } = await startAnnouncer(cache)
    cache.head = { epoch: 'e1', revision: 7 }
    cache.routes = [{ prefix: B, lists: ['video'] }]
    cache.tailPart = () => {
      cache.tailPart = 'up-to-date'
      return 'gap'
    }
    await beat(1000)
    expect(prefixes()).toEqual([A, B])
    expect(announcer.staleRoutes).toBe(1)
    await beat(61_000)
    expect(prefixes()).toEqual([B])
  })
})
