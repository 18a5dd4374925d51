import { EXPLAIN_REPLY, EXPLAIN_REQUEST, HEAD, ROUTE_CHANGES, type ExplainReply } from '@dnstap-bgp/steering'
import { describe, expect, test } from 'vitest'
import { A, B, FakeCache, lists, never, startAnnouncer } from '../testing/announcer.ts'

describe('the announcer', () => {
  test('is ready once, when the whole table is loaded', async () => {
    const cache = new FakeCache()
    cache.routes = [{ prefix: A, lists: ['video'] }]
    const { loaded, prefixes, announcer, settle } = await startAnnouncer(cache)
    expect(prefixes()).toEqual([A])
    expect(loaded()).toBe(1)
    announcer.reconfigure({ lists, never, ipv6: true, relearnMs: 0 })
    await settle()
    expect(loaded()).toBe(1)
  })

  test('is not ready while the cache does not answer, and asks again', async () => {
    const cache = new FakeCache()
    cache.down = true
    const { loaded, settle } = await startAnnouncer(cache)
    await settle(5000)
    expect(loaded()).toBe(0)
    cache.down = false
    await settle(5000)
    expect(loaded()).toBe(1)
  })

  test('asks again at once when the cache is heard', async () => {
    const cache = new FakeCache()
    cache.down = true
    const { bus, loaded, settle } = await startAnnouncer(cache)
    cache.down = false
    bus.publish(HEAD, cache.head)
    await settle()
    expect(loaded()).toBe(1)
  })

  test('follows changes as they come', async () => {
    const { bus, prefixes, settle } = await startAnnouncer()
    bus.publish(ROUTE_CHANGES, {
      epoch: 'e1',
      firstRevision: 1,
      changes: [
        { prefix: A, lists: ['video'] },
        { prefix: B, lists: ['video'] },
      ],
    })
    await settle()
    expect(prefixes()).toEqual([A, B])
    bus.publish(ROUTE_CHANGES, { epoch: 'e1', firstRevision: 3, changes: [{ prefix: A, lists: [] }] })
    await settle()
    expect(prefixes()).toEqual([B])
  })

  test('finds a lost message by the heartbeat', async () => {
    const { bus, cache, prefixes, settle } = await startAnnouncer()
    cache.tailPart = { epoch: 'e1', firstRevision: 1, changes: [{ prefix: A, lists: ['video'] }] }
    bus.publish(HEAD, { epoch: 'e1', revision: 1 })
    await settle()
    expect(prefixes()).toEqual([A])
  })

  test('keeps its routes while the cache is away, and withdraws the difference when it is back', async () => {
    const cache = new FakeCache()
    cache.routes = [
      { prefix: A, lists: ['video'] },
      { prefix: B, lists: ['video'] },
    ]
    const { bus, prefixes, settle, announcer } = await startAnnouncer(cache)
    cache.down = true
    bus.publish(HEAD, { epoch: 'e1', revision: 9 })
    await settle(10_000)
    expect(prefixes()).toEqual([A, B])
    expect(announcer.heard).toBe(false)
    cache.down = false
    cache.tailPart = 'gap'
    cache.head = { epoch: 'e1', revision: 9 }
    cache.routes = [{ prefix: B, lists: ['video'] }]
    await settle(3000)
    expect(prefixes()).toEqual([B])
  })

  test('replies to an explain request: which peers have a route, and for how long it is stale', async () => {
    const cache = new FakeCache()
    cache.routes = [{ prefix: A, lists: ['video'] }]
    const { bus, settle, loseMemory } = await startAnnouncer(cache)
    const heard: ExplainReply[] = []
    bus.subscribe(EXPLAIN_REPLY, (replies) => heard.push(replies))
    bus.publish(EXPLAIN_REQUEST, { id: '1', subject: A, prefixes: [A, '93.184.215.0/24'] })
    bus.publish(EXPLAIN_REQUEST, { id: '2', subject: B, prefixes: [B] })
    await settle()
    expect(heard).toEqual([{ id: '1', routes: [{ prefix: A, announcer: '192.0.2.1', peers: ['edge'] }] }])
    await loseMemory('e2')
    bus.publish(EXPLAIN_REQUEST, { id: '3', subject: A, prefixes: [A] })
    await settle()
    const staleForMs = heard[1].routes?.[0].staleForMs ?? 0
    expect(staleForMs).toBeGreaterThan(50_000)
    expect(staleForMs).toBeLessThanOrEqual(60_000)
  })
})
