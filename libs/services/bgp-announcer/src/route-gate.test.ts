import { NeverList } from '@dnstap-bgp/policy'
import { RESOLVERS, ROUTE_CHANGES } from '@dnstap-bgp/steering'
import { describe, expect, test } from 'vitest'
import { A, B, BusyClock, FakeCache, lists, never, startAnnouncer } from '../testing/announcer.ts'

describe('the announcer and its configuration: it', () => {
  test('never announces a route that the never list has, even if the cache says so', async () => {
    const { bus, announcer, prefixes, settle } = await startAnnouncer()
    bus.publish(ROUTE_CHANGES, { epoch: 'e1', firstRevision: 1, changes: [{ prefix: '127.0.0.1/32', lists: ['video'] }] })
    await settle()
    expect(prefixes()).toEqual([])
    expect(announcer.counters.neverRefused).toBe(1)
  })

  test('does not announce the address of a resolver that is heard', async () => {
    const cache = new FakeCache()
    cache.routes = [
      { prefix: A, lists: ['video'] },
      { prefix: '93.184.216.0/24', lists: ['video'] },
      { prefix: B, lists: ['video'] },
    ]
    const { bus, prefixes, settle } = await startAnnouncer(cache)
    bus.publish(RESOLVERS, ['93.184.215.1', '93.184.216.53'])
    await settle()
    expect(prefixes()).toEqual([B])
    bus.publish(ROUTE_CHANGES, { epoch: 'e1', firstRevision: 1, changes: [{ prefix: A, lists: ['video'] }] })
    await settle()
    expect(prefixes()).toEqual([B])
  })

  test('withdraws at once from a large table the routes that cover a resolver heard for the first time', async () => {
    const cache = new FakeCache()
    cache.routes = Array.from({ length: 5000 }, (_, i) => ({ prefix: `11.0.${i >> 8}.${i & 255}/32`, lists: ['video'] }))
    cache.routes.push({ prefix: '11.0.0.0/16', lists: ['work'] })
    const { announcer, bus, table, settle } = await startAnnouncer(cache, 60_000, new BusyClock())
    while (!announcer.loaded) await settle(100)
    bus.publish(RESOLVERS, ['11.0.19.1', '11.0.19.2'])
    while (table.size > 4998) await new Promise((resolve) => setImmediate(resolve)) // and no time passes
    expect(table.has('11.0.0.0/16')).toBe(false)
  })

  test('does not announce an address that a session uses', async () => {
    const cache = new FakeCache()
    cache.routes = Array.from({ length: 5000 }, (_, i) => ({ prefix: `11.0.${i >> 8}.${i & 255}/32`, lists: ['video'] }))
    cache.routes.push({ prefix: '11.0.0.0/16', lists: ['work'] })
    const { announcer, bus, table, settle } = await startAnnouncer(cache, 60_000, new BusyClock())
    while (!announcer.loaded) await settle(100)
    announcer.protect('11.0.19.1', 'BGP peer edge')
    expect(table.has('11.0.19.1/32')).toBe(false)
    expect(table.has('11.0.0.0/16')).toBe(false) // at once, with no walk through the table
    announcer.protect('', 'of a connection that is gone')
    announcer.protect('127.0.0.1', 'our own address')
    expect(announcer.counters.neverRefused).toBe(2)
    bus.publish(ROUTE_CHANGES, { epoch: 'e1', firstRevision: 1, changes: [{ prefix: '11.0.19.1/32', lists: ['work'] }] })
    await settle(1000)
    expect(table.size).toBe(4999)
  })

  test('applies new attributes and a new never list at once, even if the cache is away', async () => {
    const cache = new FakeCache()
    cache.routes = [
      { prefix: A, lists: ['other', 'video'] },
      { prefix: B, lists: ['video'] },
    ]
    const { announcer, table, settle, prefixes } = await startAnnouncer(cache)
    cache.down = true
    const other = { ...lists[0], name: 'other', communities: [7] }
    announcer.reconfigure({
      lists: [...lists, other],
      never: new NeverList({ allowPrivate: false, allow: [], also: [[B, 'ours']] }),
      ipv6: true,
      relearnMs: 0,
    })
    await settle()
    expect(prefixes()).toEqual([A])
    expect(table.get(A)?.communities).toEqual([64496 * 65536 + 100, 7])
    cache.down = false
    announcer.reconfigure({ lists, never, ipv6: true, relearnMs: 0 })
    await settle(2000)
    expect(prefixes()).toEqual([A, B])
  })

  test('keeps the attributes of a list that is no longer configured until the cache says who owns its routes', async () => {
    const cache = new FakeCache()
    cache.routes = [{ prefix: A, lists: ['video'] }]
    const { announcer, table, settle } = await startAnnouncer(cache)
    announcer.reconfigure({ lists: lists.filter(({ name }) => name !== 'video'), never, ipv6: true, relearnMs: 0 })
    await settle()
    expect(table.get(A)?.communities).toEqual([64496 * 65536 + 100])
  })

  test('gives every route its new attributes when the configuration of the lists changes', async () => {
    const cache = new FakeCache()
    cache.routes = [{ prefix: A, lists: ['video'] }]
    const { announcer, table, settle } = await startAnnouncer(cache)
    const changed = lists.map((list) => ({ ...list, communities: [5] }))
    announcer.reconfigure({ lists: changed, never, ipv6: true, relearnMs: 0 })
    await settle()
    expect(table.get(A)?.communities).toEqual([5])
  })
})
