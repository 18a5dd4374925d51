/** An announcer that restarts with what the one before it announced. */
import { BusError, LocalBus } from '@dnstap-bgp/bus'
import { parseConfig, type ListConfig } from '@dnstap-bgp/config'
import { NeverList } from '@dnstap-bgp/policy'
import { RouteTable } from '@dnstap-bgp/route-table'
import { silentLog } from '@dnstap-bgp/runtime'
import { HEAD, SNAPSHOT, TAIL, type RouteChange, type StoreHead } from '@dnstap-bgp/steering'
import { FakeClock } from '@dnstap-bgp/testkit'
import { afterEach, describe, expect, test } from 'vitest'
import { Announcer } from './announcer.ts'
import { decodeRemembered, Encoder } from './remembered-routes.ts'
import { ShardedSet } from './sharded-set.ts'

const { lists } = parseConfig(
  '[[list]]\nname = "video"\nsource = "/nowhere/video.txt"\n[[list]]\nname = "work"\nsource = "/nowhere/work.txt"\n',
  'test.toml',
  {},
)
const RELEARN_MS = 900_000
const PATIENCE_MS = 10_000
const route = (n: number): string => `93.184.${n >> 8}.${n & 255}/32`
const routes = (from: number, to: number): RouteChange[] =>
  Array.from({ length: to - from }, (_, i) => ({ prefix: route(from + i), lists: ['video'] }))

let announcer: Announcer | undefined
afterEach(() => announcer?.close())

/** What the announcer before left: routes, and those of them that it held. */
function memoryOf(
  known: RouteChange[],
  {
    head = { epoch: 'e1', revision: 9 },
    held = [] as string[],
    staleMs = 0,
    unconfirmedMs = undefined as number | undefined,
  } = {},
) {
  const table = new RouteTable()
  for (const { prefix, lists } of known) table.set(prefix, { lists, communities: [], largeCommunities: [] })
  const prefixes = new ShardedSet()
  for (const prefix of held) prefixes.add(prefix)
  const encoder = new Encoder(table, [{ prefixes, leftMs: staleMs }], head, unconfirmedMs)
  for (const step of encoder.run()) void step
  return decodeRemembered(Buffer.concat(encoder.parts))
}

async function restart(
  memory: ReturnType<typeof memoryOf>,
  cache: { head: StoreHead; routes: RouteChange[] } | 'away',
  { ageMs = 0, configured = lists as readonly ListConfig[], never = [] as [string, string][] } = {},
) {
  const clock = new FakeClock()
  const bus = new LocalBus({ pause: () => new Promise((resolve) => setImmediate(resolve)) })
  let serving = cache
  bus.serveStream(SNAPSHOT, async function* () {
    if (serving === 'away') throw new BusError('nobody serves')
    yield await Promise.resolve({ ...serving.head, routes: serving.routes })
  })
  bus.serve(TAIL, async () => 'up-to-date' as const)
  const table = new RouteTable()
  let atReady: number | undefined
  const deps = {
    bus,
    table,
    clock,
    log: silentLog,
    onReady: () => (atReady = table.size),
    name: '192.0.2.1',
    receiversWith: () => [],
  }
  announcer = new Announcer(
    {
      lists: configured,
      never: new NeverList({ allowPrivate: false, allow: [], also: never }),
      ipv6: true,
      relearnMs: RELEARN_MS,
    },
    deps,
  )
  await announcer.recall(memory, ageMs, PATIENCE_MS)
  announcer.start()
  await clock.advanceAsync(100)
  return {
    announcer,
    table,
    clock,
    atReady: () => atReady,
    /** The cache is heard for so long. */
    async beat(ms: number) {
      for (let passed = 0; passed < ms; passed += 1000) {
        if (serving !== 'away') bus.publish(HEAD, serving.head)
        await clock.advanceAsync(1000, 500)
      }
    },
    answer: (next: typeof serving) => (serving = next),
  }
}

describe('an announcer that restarts', () => {
  test('while the store learns again what it lost, keeps stale routes for the time that was left', async () => {
    const head = { epoch: 'e2', revision: 300 }
    const held = routes(300, 2000).map(({ prefix }) => prefix)
    const memory = memoryOf(routes(0, 2000), { head, held, staleMs: 60_000 })
    const { table, beat, atReady, announcer } = await restart(memory, { head, routes: routes(0, 300) }, { ageMs: 20_000 })
    expect(atReady()).toBe(2000)
    expect(announcer.staleRoutes).toBe(1700)
    await beat(38_000)
    expect(table.size).toBe(2000)
    await beat(5000)
    expect(table.size).toBe(300)
  })

  test('together with a store that lost its memory, keeps routes that the store does not name as stale', async () => {
    const { table, atReady, announcer } = await restart(memoryOf(routes(0, 2000)), {
      head: { epoch: 'e2', revision: 300 },
      routes: routes(0, 300),
    })
    expect(atReady()).toBe(2000)
    expect(announcer.staleRoutes).toBe(1700)
    expect(announcer.staleForMs(route(1999))).toBeGreaterThan(RELEARN_MS - 5000)
    expect(table.size).toBe(2000)
  })

  test('with a store that lost nothing, announces exactly the routes of the store', async () => {
    const { atReady, announcer, table } = await restart(memoryOf(routes(0, 100)), {
      head: { epoch: 'e1', revision: 12 },
      routes: routes(50, 120),
    })
    expect(atReady()).toBe(70)
    expect(announcer.staleRoutes).toBe(0)
    expect(table.has(route(0))).toBe(false)
  })

  test('while the cache is away, announces the remembered routes after a short wait', async () => {
    const { atReady, announcer, table, clock, answer, beat } = await restart(memoryOf(routes(0, 100)), 'away')
    expect(atReady()).toBeUndefined()
    await clock.advanceAsync(PATIENCE_MS)
    expect(atReady()).toBe(100)
    expect(announcer.loaded).toBe(false)
    expect(announcer.unconfirmedMs).toBeGreaterThan(RELEARN_MS - 20_000)
    answer({ head: { epoch: 'e1', revision: 10 }, routes: routes(1, 100) })
    await beat(2000)
    expect(announcer.loaded).toBe(true)
    expect(announcer.unconfirmedMs).toBeUndefined()
    expect(table.size).toBe(99)
  })

  test('while the cache is away for good, withdraws the remembered routes when their time is over', async () => {
    const { table, clock } = await restart(memoryOf(routes(0, 2500)), 'away', { ageMs: 300_000 })
    await clock.advanceAsync(RELEARN_MS - 300_000 - 5000, 500)
    expect(table.size).toBe(2500)
    await clock.advanceAsync(10_000, 500)
    expect(table.size).toBe(0)
  })

  test('again and again while the cache is away, does not keep its routes longer', async () => {
    const { announcer } = await restart(memoryOf(routes(0, 10), { unconfirmedMs: 60_000 }), 'away', { ageMs: 15_000 })
    expect(announcer.unconfirmedMs).toBeLessThanOrEqual(45_000)
    await announcer.close()
    const { table, clock, atReady } = await restart(memoryOf(routes(0, 10), { unconfirmedMs: 15_000 }), 'away', { ageMs: 15_000 })
    expect(table.size).toBe(0)
    await clock.advanceAsync(PATIENCE_MS)
    expect(atReady()).toBeUndefined()
  })

  test('remembers no route that the configuration or the never list does not have now', async () => {
    const known: RouteChange[] = [
      { prefix: route(1), lists: ['video'] },
      { prefix: route(2), lists: ['work'] },
      { prefix: route(3), lists: ['video', 'work'] },
      { prefix: route(4), lists: ['video'] },
      { prefix: '93.184.0.0/16', lists: ['video'] },
    ]
    const { table } = await restart(memoryOf(known), 'away', {
      configured: lists.filter(({ name }) => name === 'video'),
      never: [[route(4), 'ours']],
    })
    expect([...table.entries()].map(([prefix]) => prefix).sort()).toEqual([route(1), route(3)])
  })
})
