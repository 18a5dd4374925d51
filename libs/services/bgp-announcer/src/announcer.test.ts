import { BusError, LocalBus, type Bus } from '@dnstap-bgp/bus'
import { parseConfig } from '@dnstap-bgp/config'
import { NeverList } from '@dnstap-bgp/ip'
import { RouteTable } from '@dnstap-bgp/route-table'
import { silentLog } from '@dnstap-bgp/runtime'
import { HEAD, ROUTE_CHANGES, SNAPSHOT, TAIL, type RouteChange, type StoreHead, type TailPart } from '@dnstap-bgp/steering'
import { FakeClock } from '@dnstap-bgp/testkit'
import { describe, expect, test } from 'vitest'
import { Announcer } from './announcer.ts'
import { AttributesOfLists } from './route-attributes.ts'

const lists = parseConfig(
  `
[[list]]
name = "video"
source = "/nowhere/video.txt"
communities = ["64496:100"]
localPref = 50
nextHop = "192.0.2.9"
[[list]]
name = "work"
source = "/nowhere/work.txt"
communities = ["64496:200", "no-export"]
largeCommunities = ["64496:1:2"]
med = 7
localPref = 60
`,
  'test.toml',
  {},
).lists

const never = new NeverList({ allowPrivate: false, allow: [], also: [] })
const A = '93.184.215.1/32'
const B = '93.184.215.2/32'

/** What the cache would answer; `down`: nobody serves. */
class FakeCache {
  head: StoreHead = { epoch: 'e1', revision: 0 }
  routes: RouteChange[] = []
  tailPart: TailPart | (() => TailPart) = 'up-to-date'
  down = false
  serve(bus: Bus): void {
    const refuse = () => {
      if (this.down) throw new BusError('nobody serves')
    }
    bus.serve(
      SNAPSHOT,
      async function* (this: FakeCache) {
        refuse()
        yield { ...this.head, routes: this.routes }
      }.bind(this),
    )
    bus.serve(
      TAIL,
      async function* (this: FakeCache) {
        refuse()
        yield typeof this.tailPart === 'function' ? this.tailPart() : this.tailPart
      }.bind(this),
    )
  }
}

/** Everything takes time: a slice of work is over after a few looks at the clock. */
class BusyClock extends FakeClock {
  #looks = 0
  override monotonic(): number {
    return super.monotonic() + this.#looks++
  }
}

async function startAnnouncer(cache = new FakeCache(), relearnMs = 60_000, clock = new FakeClock()) {
  const bus = new LocalBus({ pause: () => new Promise((resolve) => setImmediate(resolve)) })
  cache.serve(bus)
  const table = new RouteTable()
  let loaded = 0
  const announcer = new Announcer({ lists, never, relearnMs }, { bus, table, clock, log: silentLog, onLoaded: () => loaded++ })
  announcer.start()
  const settle = (ms = 20) => clock.advanceAsync(ms)
  await settle()
  return {
    announcer,
    bus,
    cache,
    clock,
    table,
    settle,
    loaded: () => loaded,
    prefixes: () => [...table.entries()].map(([prefix]) => prefix).sort(),
  }
}

describe('attributes of a route', () => {
  const of = (...owners: string[]) => new AttributesOfLists(lists).of(owners)

  test('are the union of communities, and the rest of the list that comes first in the configuration', () => {
    expect(of('work', 'video')).toEqual({
      lists: ['video', 'work'],
      nextHopIpv4: '192.0.2.9',
      localPref: 50,
      med: 7,
      communities: [64496 * 65536 + 100, 64496 * 65536 + 200, 0xffffff01],
      largeCommunities: [[64496, 1, 2]],
    })
  })

  test('are the same object for the same owners in any order', () => {
    const attributes = new AttributesOfLists(lists)
    expect(attributes.of(['work', 'video'])).toBe(attributes.of(['video', 'work']))
  })

  test('of a list that is not configured here are none', () => {
    expect(of('other')).toEqual({ lists: ['other'], communities: [], largeCommunities: [] })
  })
})

describe('the announcer', () => {
  test('loads the whole table before it says so, and only once', async () => {
    const cache = new FakeCache()
    cache.routes = [{ prefix: A, lists: ['video'] }]
    const { loaded, prefixes, announcer, settle } = await startAnnouncer(cache)
    expect(prefixes()).toEqual([A])
    expect(loaded()).toBe(1)
    announcer.reconfigure({ lists, never, relearnMs: 0 })
    await settle()
    expect(loaded()).toBe(1)
  })

  test('says nothing while the cache cannot be asked, and asks again', async () => {
    const cache = new FakeCache()
    cache.down = true
    const { loaded, settle } = await startAnnouncer(cache)
    await settle(5000)
    expect(loaded()).toBe(0)
    cache.down = false
    await settle(5000)
    expect(loaded()).toBe(1)
  })

  test('asks again at once when the cache lets itself be heard', async () => {
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

  test('never announces what the never list has, whoever says so', async () => {
    const { bus, announcer, prefixes, settle } = await startAnnouncer()
    bus.publish(ROUTE_CHANGES, { epoch: 'e1', firstRevision: 1, changes: [{ prefix: '127.0.0.1/32', lists: ['video'] }] })
    await settle()
    expect(prefixes()).toEqual([])
    expect(announcer.counters.neverRefused).toBe(1)
  })

  test('keeps its routes while the cache is away, and withdraws by difference when it is back', async () => {
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

  test('holds the routes of a store that came back empty, and withdraws what is not learnt again in time', async () => {
    const cache = new FakeCache()
    cache.routes = [
      { prefix: A, lists: ['video'] },
      { prefix: B, lists: ['video'] },
    ]
    const { bus, prefixes, settle, announcer } = await startAnnouncer(cache)
    cache.head = { epoch: 'e2', revision: 0 }
    cache.routes = []
    bus.publish(HEAD, cache.head)
    await settle(1000)
    expect(prefixes()).toEqual([A, B])
    expect(announcer.staleRoutes).toBe(2)
    bus.publish(ROUTE_CHANGES, { epoch: 'e2', firstRevision: 1, changes: [{ prefix: A, lists: ['work'] }] })
    await settle(1000)
    expect(announcer.staleRoutes).toBe(1)
    await settle(61_000)
    expect(prefixes()).toEqual([A])
  })

  test('gives the routes of each loss of memory their own time', async () => {
    const cache = new FakeCache()
    cache.routes = [{ prefix: A, lists: ['video'] }]
    const { bus, prefixes, settle } = await startAnnouncer(cache)
    const loseMemory = async (epoch: string) => {
      cache.head = { epoch, revision: 0 }
      cache.routes = []
      bus.publish(HEAD, cache.head)
      await settle(1000)
    }
    await loseMemory('e2')
    bus.publish(ROUTE_CHANGES, { epoch: 'e2', firstRevision: 1, changes: [{ prefix: B, lists: ['video'] }] })
    await settle(50_000)
    await loseMemory('e3')
    await settle(20_000)
    expect(prefixes()).toEqual([B])
    await settle(45_000)
    expect(prefixes()).toEqual([])
  })

  test('finds that a store lost its last changes and counts them anew', async () => {
    const cache = new FakeCache()
    cache.head = { epoch: 'e1', revision: 9 }
    cache.routes = [{ prefix: A, lists: ['video'] }]
    const { bus, prefixes, settle } = await startAnnouncer(cache)
    cache.head = { epoch: 'e1', revision: 7 }
    cache.routes = [{ prefix: B, lists: ['video'] }]
    cache.tailPart = () => {
      cache.tailPart = 'up-to-date'
      return 'gap'
    }
    bus.publish(HEAD, cache.head)
    await settle(1000)
    expect(prefixes()).toEqual([B])
  })

  test('does not ask for one snapshot after the other when none of them helps', async () => {
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

  test('says to everybody on the way through a large table what comes meanwhile', async () => {
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

  test('takes new attributes and a new never list at once, though the cache is away', async () => {
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
      relearnMs: 0,
    })
    await settle()
    expect(prefixes()).toEqual([A])
    expect(table.get(A)?.communities).toEqual([64496 * 65536 + 100, 7])
    cache.down = false
    announcer.reconfigure({ lists, never, relearnMs: 0 })
    await settle(2000)
    expect(prefixes()).toEqual([A, B])
  })

  test('gives every route its new attributes when the lists were configured anew', async () => {
    const cache = new FakeCache()
    cache.routes = [{ prefix: A, lists: ['video'] }]
    const { announcer, table, settle } = await startAnnouncer(cache)
    const changed = lists.map((list) => ({ ...list, communities: [5] }))
    announcer.reconfigure({ lists: changed, never, relearnMs: 0 })
    await settle()
    expect(table.get(A)?.communities).toEqual([5])
  })
})
