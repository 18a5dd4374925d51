import { BusError, LocalBus, type Bus, type BusState } from '@dnstap-bgp/bus'
import { parseConfig } from '@dnstap-bgp/config'
import { NeverList } from '@dnstap-bgp/policy'
import { RouteTable } from '@dnstap-bgp/route-table'
import { silentLog } from '@dnstap-bgp/runtime'
import {
  EXPLAIN_REPLY,
  FORGOTTEN,
  HEAD,
  EXPLAIN_REQUEST,
  RESOLVERS,
  ROUTE_CHANGES,
  SNAPSHOT,
  TAIL,
  type ExplainReply,
  type RouteChange,
  type StoreHead,
  type TailPart,
} from '@dnstap-bgp/steering'
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
addresses = true
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
  tailPart: TailPart | ((after: StoreHead) => TailPart) = 'up-to-date'
  snapshotsAsked = 0
  /** What a snapshot waits for after its first hundred routes. */
  halfway: Promise<void> | undefined
  down = false
  serve(bus: Bus): void {
    const refuse = () => {
      if (this.down) throw new BusError('nobody serves')
    }
    bus.serve(
      SNAPSHOT,
      async function* (this: FakeCache) {
        this.snapshotsAsked++
        refuse()
        const { head, routes } = this
        yield { ...head, routes: routes.slice(0, 100) }
        await this.halfway
        yield { ...head, routes: routes.slice(100) }
      }.bind(this),
    )
    bus.serve(
      TAIL,
      async function* (this: FakeCache, after: StoreHead) {
        refuse()
        yield typeof this.tailPart === 'function' ? this.tailPart(after) : this.tailPart
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
  override after(delayMs: number, callback: () => void) {
    return super.after(Math.max(1, delayMs), callback)
  }
}

/** A machine that sleeps for a while. */
class SleepyClock extends FakeClock {
  sleptMs = 0
  override monotonic(): number {
    return super.monotonic() + this.sleptMs
  }
}

/** Comes and goes as told. */
class FlappingBus extends LocalBus {
  #listener: ((state: BusState) => void) | undefined
  override onState(listener: (state: BusState) => void): void {
    this.#listener = listener
  }
  flap(): void {
    this.#listener?.('disconnected')
    this.#listener?.('connected')
  }
}

async function startAnnouncer(cache = new FakeCache(), relearnMs = 60_000, clock = new FakeClock()) {
  const bus = new FlappingBus({ pause: () => new Promise((resolve) => setImmediate(resolve)) })
  cache.serve(bus)
  const table = new RouteTable()
  let loaded = 0
  const announcer = new Announcer(
    { lists, never, relearnMs },
    {
      bus,
      table,
      clock,
      log: silentLog,
      onReady: () => loaded++,
      name: '192.0.2.1',
      peersWith: (prefix) => (table.has(prefix) ? ['edge'] : []),
    },
  )
  announcer.start()
  const settle = (ms = 20) => clock.advanceAsync(ms)
  await settle()
  /** The cache beats for so long. */
  const beat = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 1000) {
      bus.publish(HEAD, cache.head)
      await settle(1000)
    }
  }
  /** The store comes back empty, or with these routes. */
  const loseMemory = async (epoch: string, routes: RouteChange[] = [], revision = routes.length) => {
    cache.head = { epoch, revision }
    cache.routes = routes
    await beat(1000)
  }
  return {
    beat,
    loseMemory,
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

  test('lets the time of what is held pass only while the cache is heard', async () => {
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

  test('gives the routes of each loss of memory their own time', async () => {
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

  test('withdraws what is held too long a share at a time', async () => {
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

  test('lets go at once what the store withdrew itself since it began anew', async () => {
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

  test('holds on to what the store learnt again after its snapshot', async () => {
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

  test('withdraws at once what was forgotten by hand, though it is only held', async () => {
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

  test('does not route what is the address of a resolver that is heard', async () => {
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

  test('finds in a large table at once what covers a resolver that is heard for the first time', async () => {
    const cache = new FakeCache()
    cache.routes = Array.from({ length: 5000 }, (_, i) => ({ prefix: `11.0.${i >> 8}.${i & 255}/32`, lists: ['video'] }))
    cache.routes.push({ prefix: '11.0.0.0/16', lists: ['work'] })
    const { announcer, bus, table, settle } = await startAnnouncer(cache, 60_000, new BusyClock())
    while (!announcer.loaded) await settle(100)
    bus.publish(RESOLVERS, ['11.0.19.1', '11.0.19.2'])
    while (table.size > 4998) await new Promise((resolve) => setImmediate(resolve)) // and no time passes
    expect(table.has('11.0.0.0/16')).toBe(false)
  })

  test('does not route an address that a session uses, whoever named it', async () => {
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

  test('holds what a store that lost its last changes does not name', async () => {
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

  test('asks for what it missed when the bus is back', async () => {
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

  test('asks a store that restarts now and then for a snapshot at once each time', async () => {
    const { cache, beat, loseMemory } = await startAnnouncer()
    for (const epoch of ['e2', 'e3', 'e4', 'e5', 'e6']) {
      await beat(11_000)
      const before = cache.snapshotsAsked
      await loseMemory(epoch)
      expect(cache.snapshotsAsked).toBe(before + 1)
    }
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

  test('withdraws nothing for a snapshot of which it has only a part', async () => {
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

  test('leaves the attributes of a list that is configured no more, until the cache says who owns its routes', async () => {
    const cache = new FakeCache()
    cache.routes = [{ prefix: A, lists: ['video'] }]
    const { announcer, table, settle } = await startAnnouncer(cache)
    announcer.reconfigure({ lists: lists.filter(({ name }) => name !== 'video'), never, relearnMs: 0 })
    await settle()
    expect(table.get(A)?.communities).toEqual([64496 * 65536 + 100])
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
