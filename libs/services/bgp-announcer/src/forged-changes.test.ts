/** Somebody who can publish on the bus pretends to be the cache. */
import { LocalBus } from '@dnstap-bgp/bus'
import { parseConfig } from '@dnstap-bgp/config'
import { NeverList } from '@dnstap-bgp/policy'
import { RouteTable } from '@dnstap-bgp/route-table'
import type { Log } from '@dnstap-bgp/runtime'
import { HEAD, ROUTE_CHANGES, SNAPSHOT, TAIL, type RouteChange, type StoreHead } from '@dnstap-bgp/steering'
import { FakeClock } from '@dnstap-bgp/testkit'
import { afterEach, describe, expect, test } from 'vitest'
import { Announcer } from './announcer.ts'

const { lists } = parseConfig(
  '[[list]]\nname = "video"\nsource = "/nowhere/video.txt"\n[[list]]\nname = "work"\nsource = "/nowhere/work.txt"\n',
  'test.toml',
  {},
)
const never = new NeverList({ allowPrivate: false, allow: [], also: [] })
const A = '93.184.215.1/32'
const B = '93.184.215.2/32'
const C = '93.184.215.3/32'
const TEN_MINUTES_MS = 600_000

let announcer: Announcer | undefined
afterEach(() => announcer?.close())

async function start(routes: RouteChange[]) {
  const clock = new FakeClock()
  const bus = new LocalBus({ pause: () => new Promise((resolve) => setImmediate(resolve)) })
  const cache = {
    head: { epoch: 'e1', revision: 1 } as StoreHead,
    routes,
    asked: 0,
    /** Done after the first part of a snapshot. */
    halfway: async () => {},
  }
  bus.serveStream(SNAPSHOT, async function* () {
    cache.asked++
    const { head, routes } = cache
    yield { ...head, routes: routes.slice(0, 1) }
    await cache.halfway()
    yield { ...head, routes: routes.slice(1) }
  })
  bus.serve(TAIL, async () => 'up-to-date' as const)
  const lines: string[] = []
  const keep = (_fields: object, line: string) => void lines.push(line)
  const log: Log = { debug() {}, info() {}, warn: keep, error: keep, child: () => log }
  const table = new RouteTable()
  const deps = { bus, table, clock, log, onReady: () => {}, name: '192.0.2.1', receiversWith: () => [], random: () => 0.5 }
  announcer = new Announcer({ lists, never, ipv6: true, relearnMs: 60_000 }, deps)
  announcer.start()
  await clock.advanceAsync(20)
  let revision = 1
  return {
    announcer,
    cache,
    table,
    lines,
    clock,
    async publish(...changes: RouteChange[]) {
      bus.publish(ROUTE_CHANGES, { epoch: 'e1', firstRevision: revision + 1, changes })
      revision += changes.length
      await clock.advanceAsync(20)
    },
    beat: () => bus.publish(HEAD, cache.head),
    /** Until the next comparison is over. */
    async compared() {
      const before = announcer?.comparison.comparisons ?? 0
      await clock.advanceAsync(TEN_MINUTES_MS, 30_000)
      for (let n = 0; n < 10 && announcer?.comparison.comparisons === before; n++) await clock.advanceAsync(2000)
    },
    prefixes: () => [...table.entries()].map(([prefix]) => prefix).sort(),
  }
}

describe('a change that no cache of this configuration makes', () => {
  test.each([
    ['for a list that is not configured here', { prefix: B, lists: ['bogus'] }, 'unknownList'],
    ['for a prefix where the list has names only', { prefix: '23.0.0.0/8', lists: ['video'] }, 'tooWide'],
    ['for everything', { prefix: '0.0.0.0/0', lists: ['video', 'work'] }, 'tooWide'],
  ] as const)('%s is refused, counted, and told once', async (_what, change, counter) => {
    const { announcer, publish, prefixes, lines } = await start([{ prefix: A, lists: ['video'] }])
    await publish(change)
    await publish(change)
    expect(prefixes()).toEqual([A])
    expect(announcer.counters[counter]).toBe(2)
    expect(lines.filter((line) => line.startsWith('A route is refused'))).toHaveLength(1)
  })

  test('leaves a route as it is: a list that is new here is one that we have not read yet, and nothing may flap', async () => {
    const { announcer, cache, publish, table, clock } = await start([{ prefix: A, lists: ['video'] }])
    await publish({ prefix: A, lists: ['new'] })
    expect(table.get(A)?.lists).toEqual(['video'])
    cache.routes = [{ prefix: A, lists: ['new'] }]
    announcer.reconfigure({ lists: [...lists, { ...lists[0], name: 'new' }], never, ipv6: true, relearnMs: 60_000 })
    await clock.advanceAsync(100)
    expect(table.get(A)?.lists).toEqual(['new'])
  })
})

describe('the comparison with the cache', () => {
  test('mends the routes that differ, and no others', async () => {
    const { announcer, publish, compared, prefixes, table, lines } = await start([
      { prefix: A, lists: ['video'] },
      { prefix: B, lists: ['video'] },
    ])
    const untouched = table.get(B)
    await publish({ prefix: C, lists: ['video'] }, { prefix: A, lists: ['work'] })
    expect(prefixes()).toEqual([A, B, C])
    await compared()
    expect(prefixes()).toEqual([A, B])
    expect(table.get(A)?.lists).toEqual(['video'])
    expect(table.get(B)).toBe(untouched)
    expect(announcer.comparison.repaired).toBe(2)
    expect(lines.filter((line) => line.includes('were repaired'))).toHaveLength(1)
  })

  test('brings back what a forged change withdrew', async () => {
    const { publish, compared, prefixes } = await start([{ prefix: A, lists: ['video'] }])
    await publish({ prefix: A, lists: [] })
    expect(prefixes()).toEqual([])
    await compared()
    expect(prefixes()).toEqual([A])
  })

  test('leaves alone a route that changes meanwhile, whichever of the two is older', async () => {
    const { announcer, cache, publish, compared, prefixes } = await start([
      { prefix: A, lists: ['video'] },
      { prefix: B, lists: ['video'] },
    ])
    // B is withdrawn and C is learnt after the snapshot was taken and before its second part is here.
    cache.halfway = () => publish({ prefix: B, lists: [] }, { prefix: C, lists: ['video'] })
    await compared()
    expect(prefixes()).toEqual([A, C])
    expect(announcer.comparison).toMatchObject({ comparisons: 1, repaired: 0 })
  })

  test('waits for the changes that the snapshot has already', async () => {
    const { announcer, cache, publish, compared, clock, prefixes } = await start([{ prefix: A, lists: ['video'] }])
    cache.routes = [
      { prefix: A, lists: ['video'] },
      { prefix: B, lists: ['video'] },
    ]
    cache.head = { epoch: 'e1', revision: 2 }
    await compared()
    expect(announcer.comparison.comparisons).toBe(0)
    await publish({ prefix: B, lists: ['video'] })
    await clock.advanceAsync(2000)
    expect(prefixes()).toEqual([A, B])
    expect(announcer.comparison).toMatchObject({ comparisons: 1, repaired: 0 })
  })

  test('comes again and again', async () => {
    const { announcer, compared } = await start([{ prefix: A, lists: ['video'] }])
    for (let n = 1; n <= 3; n++) {
      await compared()
      expect(announcer.comparison).toMatchObject({ comparisons: n, repaired: 0 })
    }
  })
})
