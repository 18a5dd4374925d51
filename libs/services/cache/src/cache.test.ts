import { describe, expect, test } from 'vitest'
import { LocalBus, type BusState } from '@dnstap-bgp/bus'
import {
  BINDINGS,
  EXPLAIN,
  EXPLAIN_REPLY,
  FORGET,
  FORGOTTEN,
  HEAD,
  EXPLAIN_REQUEST,
  RESOLVERS,
  ROUTE_CHANGES,
  SNAPSHOT,
  TAIL,
  type RouteState,
  type StoreHead,
} from '@dnstap-bgp/steering'
import { FakeClock } from '@dnstap-bgp/testkit'
import { BASE_CONFIG, configOf, HOUR_MS, RESOLUTION, startTestCache, Switchable } from '../test/cache-under-test.ts'

type Cache = Awaited<ReturnType<typeof startTestCache>>

const PAUSE = { pause: () => new Promise<void>((resolve) => setImmediate(resolve)) }

/** What one replica has of a bus: it can be cut off from the others. */
class Strand extends LocalBus {
  readonly #whole: LocalBus
  readonly #listeners: ((state: BusState) => void)[] = []
  #away = false
  constructor(whole: LocalBus) {
    super(PAUSE)
    this.#whole = whole
  }
  override get state(): BusState {
    return this.#away ? 'disconnected' : 'connected'
  }
  override onState(listener: (state: BusState) => void): void {
    this.#listeners.push(listener)
  }
  override publish: LocalBus['publish'] = (subject, message) => {
    if (!this.#away) this.#whole.publish(subject, message)
  }
  override subscribe: LocalBus['subscribe'] = (subject, onMessage) =>
    this.#whole.subscribe(subject, (message) => {
      if (!this.#away) onMessage(message)
    })
  goesAway(): void {
    this.#away = true
  }
  comesBack(): void {
    this.#away = false
    for (const listener of this.#listeners) listener('connected')
  }
}

/** A list that may make a route a second, three at once. */
const rated = (relearnTime: string) =>
  '[[list]]\nname = "default"\nsource = "/x"\nttl = "1h"\nnewRoutesPerSecond = 1\nnewRoutesBurst = 3\n' +
  `[bgp]\nas = 65000\nrouterID = "192.0.2.1"\nrelearnTime = "${relearnTime}"\n`

const ADDRESS = '93.184.215.14'
const ROUTE = `${ADDRESS}/32`

describe('a resolution', () => {
  test('of a listed name becomes a route, once', async () => {
    const { learn, changes } = await startTestCache()
    await learn({})
    await learn({})
    expect(changes).toEqual([{ prefix: ROUTE, lists: ['default'] }])
  })

  test.each([
    ['of a name that no list covers', { name: 'www.example.com' }, 'not-listed'],
    ['of a name that only ends in the same letters', { name: 'badexample.org' }, 'not-listed'],
    ['for a list that is not configured', { list: 'other' }, 'unknown-list'],
    ['to loopback', { address: '127.0.0.1' }, 'never'],
    ['to a private address', { address: '10.0.0.1' }, 'never'],
    ['to an IPv4-mapped address', { address: '::ffff:93.184.215.14' }, 'never'],
    ['to something that is no address', { address: 'x' }, 'bad-address'],
    ['that was seen longer ago than its lifetime', { seenAtMs: 5 }, 'too-old'],
    ['of the empty name', { name: '' }, 'bad-name'],
    ['of a name that is none', { name: 'a..example.org' }, 'bad-name'],
  ] as const)('%s is refused and counted', async (_what, resolution, reason) => {
    const { learn, changes, cache } = await startTestCache()
    await learn(resolution)
    expect(changes).toEqual([])
    expect(cache.counters.refused[reason]).toBe(1)
  })

  test('is stored under one text, whatever a stranger wrote: capitals, final dot, bare control characters', async () => {
    const { learn, store } = await startTestCache()
    await learn({ name: 'A\0B.Example.ORG.' }, { address: '2606:2800:21F:0::1' })
    const names: string[] = []
    for await (const part of store.bindings()) names.push(...part.map(({ name, prefix }) => `${name} ${prefix}`))
    expect(names).toEqual(['a\\000b.example.org 93.184.215.14/32', 'www.example.org 2606:2800:21f::1/128'])
  })

  test('with an IPv6 address is refused while IPv6 is off', async () => {
    const { learn, changes, cache } = await startTestCache({ config: BASE_CONFIG.replace('ipv6 = true', '') })
    await learn({ address: '2606:2800:21f::1' })
    expect(changes).toEqual([])
    expect(cache.counters.refused['ipv6-off']).toBe(1)
  })

  test('from the future lives no longer than one of now', async () => {
    const { learn, clock, store } = await startTestCache()
    await learn({ seenAtMs: clock.now() + 100 * HOUR_MS })
    const [binding] = await store.bindingsOf(ROUTE)
    expect(binding.expiresAtMs).toBeLessThanOrEqual(clock.now() + HOUR_MS)
  })

  test('heard first is told to other instances; heard from one of them, not', async () => {
    const { learn, learnt } = await startTestCache()
    await learn({ source: { kind: 'sync-peer', name: '93.184.215.1' } })
    expect(learnt).toEqual([])
    await learn({ address: '93.184.215.15' })
    expect(learnt.map((one) => one.address)).toEqual(['93.184.215.15'])
  })

  test('from a resolver whose identity reads like a sync peer is told to other instances', async () => {
    const { learn, learnt } = await startTestCache()
    const source = { kind: 'resolver', identity: 'peer 192.0.2.1' } as const
    await learn({ source })
    expect(learnt).toMatchObject([{ address: '93.184.215.14', source }])
  })
})

describe('a route', () => {
  test('is withdrawn when its last binding was idle for its lifetime', async () => {
    const { learn, clock, changes, routes } = await startTestCache()
    await learn({})
    await clock.advanceAsync(HOUR_MS / 2)
    await learn({ name: 'example.org' })
    await clock.advanceAsync(HOUR_MS * 0.75)
    expect(routes()).toEqual({ [ROUTE]: ['default'] })
    await clock.advanceAsync(HOUR_MS / 2)
    expect(changes.at(-1)).toEqual({ prefix: ROUTE, lists: [] })
  })

  test('lives on while its name keeps being looked up', async () => {
    const { learn, clock, changes } = await startTestCache()
    for (let i = 0; i < 6; i++) {
      await learn({})
      await clock.advanceAsync(HOUR_MS * 0.9)
    }
    expect(changes).toEqual([{ prefix: ROUTE, lists: ['default'] }])
  })

  test('with `ttl = "dns"` lives as long as the record, within floor and ceiling, plus grace', async () => {
    const config = `
ipv6 = false
[[list]]
name = "default"
source = "/nowhere/list.txt"
ttl = "dns"
ttlMin = "5m"
ttlMax = "10m"
ttlGrace = "1m"
`
    const { learn, store, clock } = await startTestCache({ config })
    const start = clock.now()
    const seen = async (address: string, ttlSeconds: number) => {
      await learn({ address, ttlSeconds, seenAtMs: start })
      return ((await store.bindingsOf(`${address}/32`))[0].expiresAtMs - start) / 60_000
    }
    expect(await seen('93.184.215.1', 0)).toBe(6)
    expect(await seen('93.184.215.2', 420)).toBe(8)
    expect(await seen('93.184.215.3', 86400)).toBe(11)
  })
})

describe('an edit of the lists', () => {
  const rules = { default: ['example.org', 'example.net'] }

  test('withdraws exactly what no list covers any more', async () => {
    const { learn, lists, settle, changes } = await startTestCache({ rules })
    await learn({}, { name: 'a.example.net', address: '93.184.215.99' })
    changes.length = 0
    lists.change({ default: ['example.org'] })
    await settle()
    expect(changes).toEqual([{ prefix: '93.184.215.99/32', lists: [] }])
  })

  test('says how many bindings and routes it ended', async () => {
    const { learn, lists, settle, informed } = await startTestCache({ rules })
    await learn({}, { name: 'a.example.net' }, { name: 'b.example.net', address: '93.184.215.99' })
    lists.change({ default: ['example.org'] })
    await settle()
    expect(informed.slice(-1)).toEqual([
      [
        'Bindings that no list covers any more have ended.',
        { bindings: 2, routesWithdrawn: 1, ms: expect.any(Number) as number },
      ],
    ])
  })

  test('can be looked at before it is made', async () => {
    const { learn, cache, changes, settle } = await startTestCache({ rules })
    await learn({}, { name: 'a.example.net' }, { name: 'b.example.net', address: '93.184.215.99' })
    changes.length = 0
    const coverage = {
      ruleFor: (_list: string, name: string) => (name.endsWith('example.org') ? 'example.org' : undefined),
      addresses: new Map(),
      unloaded: new Set<string>(),
      isWaiting: false,
      why: () => [],
    }
    const preview = cache.preview(coverage)
    await settle()
    expect(await preview).toEqual({ bindings: 2, routes: 1 })
    expect(changes).toEqual([])
  })

  test('does not touch an address that another listed name still has', async () => {
    const { learn, lists, settle, changes } = await startTestCache({ rules })
    await learn({}, { name: 'a.example.net' })
    changes.length = 0
    lists.change({ default: ['example.org'] })
    await settle()
    expect(changes).toEqual([])
  })

  test('is no way round: a stale ingest or a peer cannot put back what it removed', async () => {
    const { learn, lists, settle, routes } = await startTestCache({ rules })
    await learn({ name: 'a.example.net' })
    lists.change({ default: ['example.org'] })
    await settle()
    await learn({ name: 'a.example.net' })
    expect(routes()).toEqual({})
  })

  test('of the lifetime moves the deadlines of what is bound', async () => {
    const { learn, cache, clock, settle, store, informed } = await startTestCache()
    await learn({})
    cache.reconfigure(configOf(BASE_CONFIG.replace('1h', '10m')))
    await settle()
    expect(informed.slice(-1)).toEqual([
      ["Bindings expire by their list's new lifetime.", { bindings: 1, ms: expect.any(Number) as number }],
    ])
    const [binding] = await store.bindingsOf(ROUTE)
    expect(binding.expiresAtMs - binding.seenAtMs).toBe(600_000)
    await clock.advanceAsync(700_000)
    expect(await store.bindingsOf(ROUTE)).toEqual([])
  })

  test('that moves a name to another list, or renames its list, changes the owner and withdraws nothing', async () => {
    const config = (name: string) => configOf(`[[list]]\nname = "${name}"\nsource = "/x"\nttl = "1h"\n`)
    const { learn, lists, cache, settle, changes } = await startTestCache()
    await learn({})
    changes.length = 0
    lists.replace({ renamed: ['example.org'] })
    cache.reconfigure(config('renamed'))
    await settle()
    expect(changes).toEqual([
      { prefix: ROUTE, lists: ['default', 'renamed'] },
      { prefix: ROUTE, lists: ['renamed'] },
    ])
  })

  /** What is bound by a list goes on under another name, of which there is nothing yet. */
  async function renamedWhileDownloaded() {
    const started = await startTestCache()
    const { learn, lists, cache, settle, changes } = started
    await learn({})
    changes.length = 0
    Object.assign(lists, { unloaded: ['renamed'], isWaiting: true })
    lists.replace({})
    cache.reconfigure(configOf('[[list]]\nname = "renamed"\nsource = "https://lists.example/x"\nttl = "1h"\n'))
    await settle()
    return started
  }

  test('that renames a list withdraws nothing while the new one is still being downloaded, and passes its routes on then', async () => {
    const { lists, settle, changes } = await renamedWhileDownloaded()
    expect(changes).toEqual([])
    Object.assign(lists, { unloaded: [], isWaiting: false })
    lists.change({ renamed: ['example.org'] })
    await settle()
    expect(changes).toEqual([
      { prefix: ROUTE, lists: ['default', 'renamed'] },
      { prefix: ROUTE, lists: ['renamed'] },
    ])
  })

  test('that renames a list withdraws its routes when the new one turns out to be not to be had', async () => {
    const { lists, settle, changes } = await renamedWhileDownloaded()
    lists.isWaiting = false
    lists.change({})
    await settle()
    expect(changes).toEqual([{ prefix: ROUTE, lists: [] }])
  })

  test('that renames a list of addresses changes the owner of its routes and withdraws nothing', async () => {
    const config = (name: string) => `[[list]]\nname = "${name}"\nsource = "/x"\naddresses = true\n`
    const { lists, cache, settle, changes } = await startTestCache({ config: config('default') })
    lists.change({}, { default: ['93.184.216.0/24'] })
    await settle()
    changes.length = 0
    lists.replace({}, { renamed: ['93.184.216.0/24'] })
    cache.reconfigure(configOf(config('renamed')))
    await settle()
    expect(changes).toEqual([
      { prefix: '93.184.216.0/24', lists: ['default', 'renamed'] },
      { prefix: '93.184.216.0/24', lists: ['renamed'] },
    ])
  })

  test('that could not be read at all ends nothing: a list of which there is no copy keeps what it bound', async () => {
    const { learn, lists, settle, changes } = await startTestCache()
    await learn({})
    changes.length = 0
    lists.unloaded = ['default']
    lists.change({})
    await settle()
    expect(changes).toEqual([])
    lists.unloaded = []
    lists.change({})
    await settle()
    expect(changes).toEqual([{ prefix: ROUTE, lists: [] }])
  })

  test('while the cache starts is not missed', async () => {
    const store = new Switchable()
    const first = await startTestCache({ store })
    await first.learn({})
    await first.cache.close()
    // The list changes when the first audit is through and the head is asked for.
    let change = () => {}
    store.onHead = () => change()
    const second = startTestCache({ store, clock: first.clock, prepare: (lists) => (change = () => lists.change({})) })
    const { settle } = await second
    await settle()
    expect(await store.bindingsOf(ROUTE)).toEqual([])
  })

  test('while resolutions are taken is not missed: none is stored by the lists as they were', async () => {
    const store = new Switchable()
    const { cache, lists, learn, settle } = await startTestCache({ store })
    store.afterObserving = () => lists.change({})
    await learn(...Array.from({ length: 600 }, (_, i) => ({ address: `93.184.${i >> 8}.${i & 255}` })))
    await settle()
    expect((await store.counts()).bindings).toBe(0)
    expect(cache.counters.refused['not-listed']).toBe(350)
  })

  test('announces the addresses in a list that wants that, and withdraws them when they leave it', async () => {
    const config = '[[list]]\nname = "default"\nsource = "/nowhere/x"\naddresses = true\n'
    const { lists, settle, routes, clock } = await startTestCache({ config })
    lists.change({ default: [] }, { default: ['93.184.216.0/24', '127.0.0.0/8'] })
    await settle()
    expect(routes()).toEqual({ '93.184.216.0/24': ['default'] })
    await clock.advanceAsync(100 * HOUR_MS)
    expect(routes()).toEqual({ '93.184.216.0/24': ['default'] })
    lists.change({ default: [] }, {})
    await settle()
    expect(routes()).toEqual({})
  })
})

test('what falls due while a large store is looked through at the start is withdrawn in time', async () => {
  const store = new Switchable()
  const first = await startTestCache({ store })
  await first.learn({})
  await first.cache.close()
  let go = () => {}
  store.beforeBindings = () => new Promise((resolve) => (go = resolve))
  const second = startTestCache({ store, clock: first.clock })
  await first.clock.advanceAsync(HOUR_MS + 1000, 60_000)
  expect((await store.counts()).bindings).toBe(0)
  go()
  await second
})

test('route changes are published in the order of their revisions, also while very much falls due and more is learnt', async () => {
  const store = new Switchable()
  const { learn, cache, clock, bus } = await startTestCache({ store })
  await learn(...Array.from({ length: 1800 }, (_, i) => ({ name: `n${i}.example.org`, address: `93.184.${i >> 8}.${i & 255}` })))
  const revisions: number[] = []
  bus.subscribe(ROUTE_CHANGES, ({ firstRevision }) => revisions.push(firstRevision))
  let i = 0
  const offers: Promise<unknown>[] = []
  store.afterExpiring = () => offers.push(cache.offer([{ ...RESOLUTION, seenAtMs: clock.now(), address: `93.185.0.${i++}` }]))
  await clock.advanceAsync(HOUR_MS + 1000, 60_000)
  await clock.advanceAsync(100, 1)
  await Promise.all(offers)
  expect(revisions).toHaveLength(8)
  expect(revisions).toEqual(revisions.toSorted((a, b) => a - b))
})

test('a route is withdrawn at its deadline, not with the sweep that comes after it', async () => {
  const store = new Switchable()
  const { learn, clock, changes } = await startTestCache({ store })
  await learn({})
  const [{ expiresAtMs }] = await store.bindingsOf(ROUTE)
  await clock.advanceAsync(expiresAtMs - store.now() - 1, 50)
  expect(changes).toHaveLength(1)
  await clock.advanceAsync(2, 1)
  expect(changes.at(-1)).toEqual({ prefix: ROUTE, lists: [] })
})

test('what the store holds to be due later than we do is left to the sweep that comes every 200 ms', async () => {
  const store = new Switchable()
  const { learn, clock } = await startTestCache({ store })
  await learn({})
  const [{ expiresAtMs }] = await store.bindingsOf(ROUTE)
  let sweeps = 0
  store.expire = async () => {
    sweeps++
    return { changes: undefined, bindings: 0, nextDeadlineMs: expiresAtMs }
  }
  await clock.advanceAsync(HOUR_MS, 60_000)
  sweeps = 0
  await clock.advanceAsync(1000, 1)
  expect(sweeps).toBeLessThanOrEqual(2 * 6) // a look and a try
})

test('many resolutions at once are taken a few at a time, and everybody else has turns between', async () => {
  const clock = new FakeClock()
  let turns = 0
  const slow = {
    now: () => clock.now(),
    // Time passes while we work.
    monotonic: () => {
      clock.advance(2)
      return clock.monotonic()
    },
    after: (delayMs: number, callback: () => void) => {
      if (delayMs === 0) turns++
      return clock.after(delayMs, callback)
    },
    every: (periodMs: number, callback: () => void) => clock.every(periodMs, callback),
  }
  const { learn, store } = await startTestCache({
    clock,
    serviceClock: slow,
    config: `${BASE_CONFIG}[limits]\naddressesPerName = 10000\n`,
  })
  turns = 0
  await learn(...Array.from({ length: 5000 }, (_, i) => ({ address: `93.184.${i >> 8}.${i & 255}` })))
  await clock.advanceAsync(1000)
  expect((await store.counts()).routes).toBe(5000)
  expect(turns).toBeGreaterThan(3)
})

test('what is in the store is held against the lists before anybody hears of it', async () => {
  const store = new Switchable()
  const first = await startTestCache({ store, rules: { default: ['example.org', 'example.net'] } })
  await first.learn({}, { name: 'a.example.net', address: '93.184.215.99' })
  await first.cache.close()
  const second = await startTestCache({ store, clock: first.clock })
  const routes: string[] = []
  for await (const chunk of second.bus.ask(SNAPSHOT, undefined)) routes.push(...chunk.routes.map((route) => route.prefix))
  expect(routes).toEqual([ROUTE])
})

test('a list that makes new routes too fast is capped, and what it has lives on', async () => {
  const config = rated('0')
  const { learn, clock, cache, store, settle } = await startTestCache({ config })
  for (let i = 1; i <= 10; i++) await learn({ address: `93.184.215.${i}` })
  const known = (await store.counts()).routes
  expect(known).toBeGreaterThanOrEqual(3)
  expect(known).toBeLessThan(10)
  expect(cache.counters.refused.rate).toBe(10 - known)
  const before = (await store.bindingsOf('93.184.215.1/32'))[0].seenAtMs
  await learn({ address: '93.184.215.1' })
  expect((await store.bindingsOf('93.184.215.1/32'))[0].seenAtMs).toBeGreaterThan(before)
  await clock.advanceAsync(5000)
  await settle()
  await learn({ address: '93.184.215.200' })
  expect((await store.counts()).routes).toBe(known + 1)
})

describe('the rate of a list is ten times as high', () => {
  const some = (net: number) =>
    Array.from({ length: 50 }, (_, i) => ({ name: `n${net}-${i}.example.org`, address: `93.184.${net}.${i}` }))

  test('while a store that lost its memory is taught again, and no higher; after the relearn time it is not', async () => {
    const store = new Switchable()
    const { learn, clock, cache } = await startTestCache({ config: rated('1m'), store })
    await clock.advanceAsync(60_000)
    await learn(...some(1))
    expect((await store.counts()).routes).toBe(3)
    await clock.advanceAsync(1000) // a beat
    store.forgetEverything('e2')
    await clock.advanceAsync(1500)
    await learn(...some(1))
    expect((await store.counts()).routes).toBe(30)
    await clock.advanceAsync(60_000)
    await learn(...some(2))
    expect((await store.counts()).routes).toBe(33)
    expect(cache.counters.refused.rate).toBe(47 + 20 + 47)
  })

  test('not at a start with a store that has nothing: it may never have had anything', async () => {
    const { learn, store } = await startTestCache({ config: rated('1m') })
    await learn(...some(1))
    expect((await store.counts()).routes).toBe(3)
  })

  test('not when most of what there was is still there, in another epoch', async () => {
    const store = new Switchable()
    const { learn, clock } = await startTestCache({ config: rated('1m'), store })
    await learn(...some(1))
    await clock.advanceAsync(3000)
    await store.forgetNothing('e2')
    await clock.advanceAsync(3000)
    await learn(...some(3))
    expect((await store.counts()).routes).toBe(6)
  })

  test('also after an edit of something else', async () => {
    const store = new Switchable()
    const { learn, clock, cache } = await startTestCache({ config: rated('1m'), store })
    await learn(...some(1))
    await clock.advanceAsync(1000) // a beat
    store.forgetEverything('e2')
    await clock.advanceAsync(1500)
    cache.reconfigure(configOf(rated('1m').replace('ttl = "1h"', 'ttl = "2h"')))
    await learn(...some(1))
    expect((await store.counts()).routes).toBe(30)
  })
})

test('a burst in one message costs a list no more new routes than it may make', async () => {
  const config = rated('0')
  const { learn, store } = await startTestCache({ config })
  await learn(...Array.from({ length: 50 }, (_, i) => ({ address: `93.184.215.${i}` })))
  expect((await store.counts()).routes).toBe(3)
})

test('what refreshes a route leaves the rate of its list to new ones, also in the same message', async () => {
  const config = rated('0')
  const { learn, cache, clock, store } = await startTestCache({ config })
  const known = Array.from({ length: 3 }, (_, i) => ({ address: `93.184.215.${i}` }))
  await learn(...known)
  await clock.advanceAsync(5000)
  const seenAtMs = clock.now() + 60_000
  await learn(...known, ...Array.from({ length: 5 }, (_, i) => ({ address: `93.184.216.${i}`, seenAtMs })))
  expect((await store.counts()).routes).toBe(6)
  expect(cache.counters.refused.rate).toBe(2)
  expect(cache.counters.fromTheFuture).toBe(5)
})

test('what is taken at the second try is by the lists as they are then', async () => {
  const config = rated('0')
  const store = new Switchable()
  const { learn, clock, lists, cache } = await startTestCache({ config, store })
  const known = Array.from({ length: 3 }, (_, i) => ({ address: `93.184.215.${i}` }))
  await learn(...known)
  await clock.advanceAsync(5000)
  store.afterObserving = () => {
    store.afterObserving = () => {}
    lists.change({ default: [] })
  }
  await learn(...known, { address: '93.184.216.1' })
  expect(cache.counters.refused['not-listed']).toBe(1)
})

test('another name for a route that is there costs its list no new route', async () => {
  const config = rated('0')
  const { learn, store } = await startTestCache({ config })
  for (let i = 0; i < 20; i++) await learn({ name: `n${i}.example.org` })
  await learn({ address: '93.184.215.2' }, { address: '93.184.215.3' })
  expect((await store.counts()).routes).toBe(3)
})

test('an edit of something else does not fill the rate of a list again', async () => {
  const config = rated('0')
  const { learn, cache, store } = await startTestCache({ config })
  await learn({ address: '93.184.215.1' }, { address: '93.184.215.2' }, { address: '93.184.215.3' })
  cache.reconfigure(configOf(config.replace('1h', '2h')))
  await learn({ address: '93.184.215.4' })
  expect((await store.counts()).routes).toBe(3)
})

test('an address that very many unrelated listed names claim is flagged, until it is withdrawn', async () => {
  const rules = Array.from({ length: 40 }, (_, i) => `site${i}.test`)
  const { learn, cache, clock } = await startTestCache({ rules: { default: ['example.org', ...rules] } })
  for (let i = 0; i < 100; i++) await learn({ address: '93.184.215.7', name: `n${i}.example.org` })
  expect(cache.crowded.size).toBe(0)
  await learn(...rules.map((name) => ({ name })))
  expect(cache.crowded.size).toBe(1)
  expect((await cache.explainer.explain(ADDRESS)).notes).toEqual([expect.stringMatching(/^40 unrelated listed names claim/)])
  expect((await cache.explainer.explain('93.184.215.7')).notes).toEqual([])
  await clock.advanceAsync(2 * HOUR_MS)
  expect(cache.crowded.size).toBe(0)
})

test('an address that is flagged is flagged no more when another replica withdraws it', async () => {
  const rules = Array.from({ length: 40 }, (_, i) => `site${i}.test`)
  const store = new Switchable()
  const one = await startTestCache({ store, rules: { default: rules } })
  const two = await startTestCache({ store, clock: one.clock, bus: one.bus, rules: { default: rules } })
  const seenAtMs = one.clock.now()
  await one.cache.offer(rules.map((name) => ({ ...RESOLUTION, name, seenAtMs })))
  expect(one.cache.crowded.size).toBe(1)
  await two.cache.forget({ subject: ADDRESS, holdDownMs: 0 })
  await one.settle()
  expect(one.cache.crowded.size).toBe(0)
})

describe('a wall clock that is set', () => {
  test.each([
    ['an hour back', -HOUR_MS],
    ['an hour ahead', HOUR_MS],
    ['a week ahead, by NTP after the start', 7 * 24 * HOUR_MS],
    ['a day back', -24 * HOUR_MS],
  ])('%s neither expires a binding early nor keeps it longer, and what is seen from then on is fresh', async (_what, stepMs) => {
    const { learn, store, clock, changes } = await startTestCache()
    await learn({})
    clock.step(stepMs)
    await clock.advanceAsync(HOUR_MS / 2, 60_000)
    await learn({ address: '93.184.215.15' })
    await clock.advanceAsync(HOUR_MS * 0.49, 60_000)
    expect((await store.counts()).routes).toBe(2)
    await clock.advanceAsync(HOUR_MS * 0.02, 60_000)
    expect(changes.at(-1)).toEqual({ prefix: ROUTE, lists: [] })
    await clock.advanceAsync(HOUR_MS / 2, 60_000)
    await clock.advanceAsync(1000)
    expect((await store.counts()).routes).toBe(0)
  })

  test('is what people and other instances read times by', async () => {
    const { learn, clock, bus, learnt, explain } = await startTestCache()
    await learn({})
    clock.step(3 * HOUR_MS)
    const seenAtMs = clock.now() - 20
    await learn({ address: '93.184.215.15', seenAtMs })
    expect(learnt.at(-1)?.seenAtMs).toBe(seenAtMs)
    for await (const part of bus.ask(BINDINGS, undefined))
      for (const { seenAtMs } of part) expect(Math.abs(clock.now() - seenAtMs)).toBeLessThan(1000)
    const before = clock.now()
    const [binding] = (await explain('93.184.215.15')).bindings
    expect(Date.parse(binding.lastSeen)).toBe(seenAtMs)
    expect(Math.abs(Date.parse(binding.expires) - (before + HOUR_MS))).toBeLessThan(1000)
  })

  test('back on one machine only shows: what comes too late for its list is told once a minute, but not what a peer has', async () => {
    const { learn, clock, told } = await startTestCache()
    await learn({ seenAtMs: clock.now() - 2 * HOUR_MS, source: { kind: 'sync-peer', name: '192.0.2.7' } })
    expect(told).toEqual([])
    for (let i = 0; i < 5; i++) await learn({ seenAtMs: clock.now() - 2 * HOUR_MS })
    expect(told).toEqual([expect.stringMatching(/^Resolutions arrive older than their list/)])
  })

  test('on one machine only shows: resolutions from the future count as of now, are counted, and told once a minute', async () => {
    const { learn, clock, cache, told } = await startTestCache()
    await learn({ seenAtMs: clock.now() + 4_000 })
    expect(cache.counters.fromTheFuture).toBe(0)
    for (let i = 0; i < 5; i++) await learn({ seenAtMs: clock.now() + HOUR_MS, address: `93.184.215.${i}` })
    expect(cache.counters.fromTheFuture).toBe(5)
    expect(told).toEqual([expect.stringMatching(/^Resolutions come from the future: the clocks/)])
  })
})

describe('a store that is away', () => {
  test('in the middle of a sweep is met by the next one', async () => {
    const store = new Switchable()
    const { learn, clock, changes } = await startTestCache({ store })
    await learn(...Array.from({ length: 600 }, (_, i) => ({ address: `93.184.${i >> 8}.${i & 255}` })))
    store.afterExpiring = () => (store.away = true)
    await clock.advanceAsync(HOUR_MS + 1000, 60_000)
    expect(changes.filter(({ lists }) => lists.length === 0)).toHaveLength(store.expireBatch)
    store.afterExpiring = () => {}
    store.away = false
    await clock.advanceAsync(2000)
    expect((await store.counts()).routes).toBe(0)
  })

  test('makes no fault of ours: who asks is told why', async () => {
    const store = new Switchable()
    const { bus } = await startTestCache({ store })
    store.away = true
    const away = { status: 503, error: 'The store cannot be asked: it is away' }
    for await (const answer of bus.ask(EXPLAIN, { subject: ADDRESS })) expect(answer).toEqual(away)
    for await (const answer of bus.ask(FORGET, { subject: ADDRESS, holdDownMs: 0 })) expect(answer).toEqual(away)
    for await (const answer of bus.ask(EXPLAIN, { subject: 'a..b' }))
      expect(answer).toEqual({ status: 400, error: '"a..b" is no address, prefix or name' })
  })

  test('and lost its memory is found out by the first thing it learns, not only by the next beat', async () => {
    const store = new Switchable()
    const { learn, bus } = await startTestCache({ store })
    const heads: string[] = []
    bus.subscribe(HEAD, ({ epoch }) => heads.push(epoch))
    store.forgetEverything('e2')
    await learn({})
    expect(heads).toEqual(['e2'])
  })

  test('when the cache starts is waited for, and nothing is answered before it was looked through', async () => {
    const store = new Switchable()
    store.away = true
    const { cache, clock, bus } = await startTestCache({ store })
    expect(cache.opened).toBe(false)
    const ask = async () => {
      for await (const part of bus.ask(SNAPSHOT, undefined)) return part
      return undefined
    }
    await expect(ask()).rejects.toThrow(/nobody serves/)
    store.away = false
    await clock.advanceAsync(2000)
    expect(cache.opened).toBe(true)
    expect(await ask()).toMatchObject({ epoch: 'e1' })
  })

  test('leaves resolutions waiting, and an edit of the lists takes effect when it is back', async () => {
    const store = new Switchable()
    const { learn, clock, lists, routes, settle } = await startTestCache({
      store,
      rules: { default: ['example.org', 'example.net'] },
    })
    await learn({ name: 'example.net', address: '93.184.215.99' })
    store.away = true
    await learn({})
    for (let i = 0; i < 5; i++) lists.change({ default: ['example.org'] })
    await settle()
    expect(routes()).toEqual({ '93.184.215.99/32': ['default'] })
    store.away = false
    await clock.advanceAsync(3000)
    expect(routes()).toEqual({ [ROUTE]: ['default'] })
  })

  test('and lost its memory gets the addresses in lists again', async () => {
    const config = '[[list]]\nname = "default"\nsource = "/x"\naddresses = true\n'
    const store = new Switchable()
    const { lists, clock, settle, bus } = await startTestCache({ config, store })
    lists.change({ default: [] }, { default: ['93.184.216.0/24'] })
    await settle()
    store.forgetEverything('e2')
    await clock.advanceAsync(3000)
    const prefixes: string[] = []
    for await (const chunk of bus.ask(SNAPSHOT, undefined)) prefixes.push(...chunk.routes.map(({ prefix }) => prefix))
    expect(prefixes).toEqual(['93.184.216.0/24'])
  })
})

describe('a hold-down by hand', () => {
  const subject = ADDRESS
  const entry = { ...RESOLUTION, list: '' }

  test('is known to every replica, and what one of them stored meanwhile is ended', async () => {
    const store = new Switchable()
    const one = await startTestCache({ store })
    await one.learn({})
    const two = await startTestCache({ store, clock: one.clock, bus: one.bus })
    // The second replica has not heard of it yet, and takes another name for the address.
    store.beforeReading = async () => {
      store.beforeReading = async () => {}
      await two.cache.offer([{ ...entry, name: 'other.example.org', seenAtMs: one.clock.now() }])
    }
    await one.cache.forget({ subject, holdDownMs: 60_000 })
    await one.settle()
    expect(await store.bindingsOf(ROUTE)).toEqual([])
    expect(await two.cache.offer([{ ...entry, seenAtMs: one.clock.now() }])).toMatchObject([{ refusal: 'held-down' }])
  })

  test('holds before anything is taken out: a name that comes while bindings are read stays out too', async () => {
    const store = new Switchable()
    const { cache, clock, learn, settle } = await startTestCache({ store })
    await learn({})
    let answer
    store.beforeReading = async () => {
      store.beforeReading = async () => {}
      answer = await cache.offer([{ ...entry, name: 'other.example.org', seenAtMs: clock.now() }])
    }
    await cache.forget({ subject, holdDownMs: 60_000 })
    await settle()
    expect(answer).toMatchObject([{ refusal: 'held-down' }])
    expect(await store.bindingsOf(ROUTE)).toEqual([])
  })

  test('is known to a replica that starts later, for what is left of it', async () => {
    const store = new Switchable()
    const one = await startTestCache({ store })
    await one.cache.forget({ subject, holdDownMs: 60_000 })
    await one.clock.advanceAsync(50_000)
    const two = await startTestCache({ store, clock: one.clock, bus: one.bus })
    const offer = () => two.cache.offer([{ ...entry, seenAtMs: one.clock.now() }])
    expect(await offer()).toMatchObject([{ refusal: 'held-down' }])
    await one.clock.advanceAsync(10_000)
    expect(await offer()).toEqual([null])
  })

  /** Two replicas that hear each other, until the bus is away. */
  async function twoReplicas() {
    const whole = new LocalBus(PAUSE)
    const buses = [new Strand(whole), new Strand(whole)] as const
    const stores = [new Switchable(), new Switchable()] as const
    const one = await startTestCache({ bus: buses[0], store: stores[0] })
    const two = await startTestCache({ bus: buses[1], store: stores[1], clock: one.clock })
    const offer = (to: Cache, address: string) => to.cache.offer([{ ...entry, address, seenAtMs: one.clock.now() }])
    return { one, two, buses, stores, offer, clock: one.clock }
  }

  test('made while the bus was away is known to all when it is back, whoever comes back first', async () => {
    const { one, two, buses, offer } = await twoReplicas()
    for (const bus of buses) bus.goesAway()
    await one.cache.forget({ subject: '93.184.215.1', holdDownMs: 60_000 })
    await two.cache.forget({ subject: '93.184.215.2', holdDownMs: 60_000 })
    for (const bus of buses) {
      bus.comesBack()
      await one.settle()
    }
    for (const to of [one, two])
      for (const address of ['93.184.215.1', '93.184.215.2'])
        expect(await offer(to, address)).toMatchObject([{ refusal: 'held-down' }])
  })

  test('is neither prolonged nor done again by being told again', async () => {
    const { one, two, buses, stores, offer, clock } = await twoReplicas()
    await one.cache.forget({ subject, holdDownMs: 60_000 })
    await one.settle()
    let read = 0
    for (const store of stores) store.beforeReading = async () => void read++
    for (let i = 0; i < 50; i++) {
      for (const bus of buses) bus.comesBack()
      await clock.advanceAsync(1000)
    }
    expect(read).toBe(0)
    await clock.advanceAsync(10_100)
    for (const to of [one, two]) expect(await offer(to, ADDRESS)).toEqual([null])
  })

  test('is not made shorter by another', async () => {
    const { one, two, offer, clock } = await twoReplicas()
    await one.cache.forget({ subject, holdDownMs: 60_000 })
    await one.cache.forget({ subject, holdDownMs: 10_000 })
    await clock.advanceAsync(30_000)
    for (const to of [one, two]) expect(await offer(to, ADDRESS)).toMatchObject([{ refusal: 'held-down' }])
  })

  test.each([0, 60_000])(
    'of %d ms by one replica is not undone by what the store of another one remembers',
    async (holdDownMs) => {
      const { one, stores } = await twoReplicas()
      await one.cache.forget({ subject, holdDownMs })
      await one.settle()
      expect(stores[1].forgotten).toEqual([ROUTE])
    },
  )

  test('keeps an address out that stands in a list, whatever is reloaded, and lets it come back in the end', async () => {
    const config = '[[list]]\nname = "default"\nsource = "/x"\naddresses = true\n'
    const { lists, cache, settle, routes, clock } = await startTestCache({ config })
    const prefix = '93.184.216.0/24'
    lists.change({ default: [] }, { default: [prefix] })
    await settle()
    expect(await cache.forget({ subject: prefix, holdDownMs: 60_000 })).toEqual({ forgotten: 1, withdrawn: [prefix] })
    lists.change({ default: [] }, { default: [prefix] })
    await settle()
    expect(routes()).toEqual({})
    await clock.advanceAsync(61_000)
    expect(routes()).toEqual({ [prefix]: ['default'] })
  })

  test('lets an address that stands in a list come back also when the timer is a little early', async () => {
    const config = '[[list]]\nname = "default"\nsource = "/x"\naddresses = true\n'
    const clock = new FakeClock()
    const hasty = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      after: (delayMs: number, callback: () => void) => clock.after(Math.max(0, delayMs - 0.5), callback),
      every: (periodMs: number, callback: () => void) => clock.every(periodMs, callback),
    }
    const { lists, cache, settle, routes } = await startTestCache({ config, clock, serviceClock: hasty })
    lists.change({ default: [] }, { default: ['93.184.216.0/24'] })
    await settle()
    await cache.forget({ subject: '93.184.216.0/24', holdDownMs: 60_000 })
    await clock.advanceAsync(59_998)
    expect(routes()).toEqual({})
    await clock.advanceAsync(10, 0.25)
    expect(Object.keys(routes())).toEqual(['93.184.216.0/24'])
  })

  test('of what is not even bound is told to whoever holds its route for a store that lost its memory', async () => {
    const { cache, bus, settle } = await startTestCache()
    const heard: unknown[] = []
    bus.subscribe(FORGOTTEN, (forgotten) => heard.push(forgotten))
    expect(await cache.forget({ subject, holdDownMs: 0 })).toEqual({ forgotten: 0, withdrawn: [] })
    await settle()
    expect(heard).toEqual([{ subject: ROUTE, holdDownMs: 0 }])
  })

  test('made while the store is away takes effect when it is back', async () => {
    const store = new Switchable()
    const { cache, learn, clock, bus, routes } = await startTestCache({ store })
    await learn({})
    store.away = true
    const ask = async () => {
      for await (const answer of bus.ask(FORGET, { subject, holdDownMs: 60_000 })) return answer
      return undefined
    }
    expect(await ask()).toEqual({ status: 503, error: 'The store cannot be asked: it is away' })
    store.away = false
    await clock.advanceAsync(3000)
    expect(routes()).toEqual({})
    expect((await cache.explainer.explain(ADDRESS)).routed).toBe(false)
  })
})

describe('the resolvers that ingest hears from', () => {
  test('are never routed: what was bound before is ended, what comes is refused, and so is what covers them', async () => {
    const config = '[[list]]\nname = "default"\nsource = "/x"\naddresses = true\n'
    const { lists, learn, bus, settle, routes, cache } = await startTestCache({ config })
    lists.change({ default: ['example.org'] }, { default: ['93.184.216.0/24'] })
    await learn({}, { address: '93.184.217.1' })
    expect(Object.keys(routes())).toHaveLength(3)
    bus.publish(RESOLVERS, [ADDRESS, '93.184.216.53'])
    await settle()
    expect(Object.keys(routes())).toEqual(['93.184.217.1/32'])
    await learn({})
    expect(Object.keys(routes())).toEqual(['93.184.217.1/32'])
    expect((await cache.explainer.explain(ADDRESS)).verdict).toMatch(/never list has it: a resolver that we hear from/)
  })

  test('stay on the never list when the configuration is read again, as does what [bgp] used at the start', async () => {
    const bgp = (address: string) => `[bgp]\nas = 65000\nrouterID = "192.0.2.1"\npeers = ["${address}"]\n`
    const { learn, cache, bus, settle, routes } = await startTestCache({ config: BASE_CONFIG + bgp('93.184.215.1') })
    bus.publish(RESOLVERS, ['93.184.215.2'])
    await settle()
    cache.reconfigure(configOf(BASE_CONFIG + bgp('93.184.215.3')))
    for (let i = 1; i <= 4; i++) await learn({ address: `93.184.215.${i}` })
    expect(Object.keys(routes())).toEqual(['93.184.215.4/32'])
  })
})

test('an address of a host that the configuration names is protected: what covers it ends, explain says what it is', async () => {
  const config = '[[list]]\nname = "default"\nsource = "/x"\naddresses = true\n'
  const { lists, learn, settle, routes, cache } = await startTestCache({ config })
  lists.change({ default: ['example.org'] }, { default: ['93.184.216.0/24'] })
  await learn({})
  expect(Object.keys(routes())).toHaveLength(2)
  cache.protect(ADDRESS, 'sync peer (site-b.example)')
  cache.protect('93.184.216.5', 'NATS server (nats.example)')
  await settle()
  await learn({})
  expect(routes()).toEqual({})
  expect((await cache.explainer.explain(ADDRESS)).verdict).toMatch(/never list has it: sync peer \(site-b\.example\)/)
  cache.reconfigure(configOf(config))
  await learn({})
  expect(routes()).toEqual({})
})

test('addresses in lists count like everything else that is stored or refused', async () => {
  const config = '[[list]]\nname = "default"\nsource = "/x"\naddresses = true\n[limits]\nroutes = 2\n'
  const { lists, settle, cache } = await startTestCache({ config })
  lists.change({ default: [] }, { default: ['93.184.216.1/32', '93.184.216.2/32', '93.184.216.3/32'] })
  await settle()
  expect(cache.counters.outcomes).toMatchObject({ new: 2, 'full-routes': 1 })
})

test('a limit that is reached shows, and goes when there is room again', async () => {
  const config = 'domains = "/nowhere/x"\nttl = "1h"\n[limits]\nroutes = 2\n'
  const { learn, clock, cache, store } = await startTestCache({ config })
  await learn({ address: '93.184.215.1' }, { address: '93.184.215.2' }, { address: '93.184.215.3' })
  expect((await store.counts()).routes).toBe(2)
  expect([...cache.limitNotes.reached]).toEqual([
    ['all', 'Limit reached: all lists together have their 2 routes; new addresses are not routed.'],
  ])
  await clock.advanceAsync(2 * HOUR_MS)
  expect(cache.limitNotes.any).toBe(false)
})

test('every second the head is told, and the tail and the snapshot can be had', async () => {
  const { learn, clock, bus } = await startTestCache()
  const heads: StoreHead[] = []
  bus.subscribe(HEAD, (head) => heads.push(head))
  await learn({})
  await clock.advanceAsync(1500)
  expect(heads.at(-1)).toEqual({ epoch: 'e1', revision: 1 })
  const ask = async (revision: number) => {
    for await (const part of bus.ask(TAIL, { epoch: 'e1', revision })) return part
    return undefined
  }
  expect(await ask(0)).toEqual({ epoch: 'e1', firstRevision: 1, changes: [{ prefix: ROUTE, lists: ['default'] }] })
  expect(await ask(1)).toBe('up-to-date')
  expect(await ask(99)).toBe('gap')
})

describe('explain', () => {
  test('tells who binds an address, by which rule and chain, and until when', async () => {
    const { learn, cache } = await startTestCache()
    await learn({ chain: ['www.example.org', 'cdn.example.net'] })
    const explanation = await cache.explainer.explain(ADDRESS)
    expect(explanation).toMatchObject({
      routed: true,
      bindings: [
        { name: 'www.example.org', rule: 'example.org', chain: ['www.example.org', 'cdn.example.net'], source: 'unbound' },
      ],
    })
    expect(explanation.verdict).toMatch(/^Routed for default; the last binding expires in (1h|59m\d+s)\.$/)
    expect((await cache.explainer.explain('WWW.example.ORG.')).bindings).toHaveLength(1)
  })

  test.each([
    ['127.0.0.1', /never list has it: loopback/],
    ['93.184.215.77', /no listed name has resolved to it/],
    ['www.example.com', /no list covers this name/],
    ['unseen.example.org', /^Listed, but no answer/],
  ])('says why %s is not routed', async (subject, why) => {
    const { cache } = await startTestCache()
    expect((await cache.explainer.explain(subject)).verdict).toMatch(why)
  })

  test('finds a name however a person writes it', async () => {
    const { learn, cache } = await startTestCache({ rules: { default: ['xn--bcher-kva.example'] } })
    await learn({ name: 'www.xn--bcher-kva.example' })
    expect((await cache.explainer.explain('www.BÜCHER.example.')).bindings).toHaveLength(1)
    expect(await cache.forget({ subject: 'www.bücher.example', holdDownMs: 60_000 })).toMatchObject({ forgotten: 1 })
    await learn({ name: 'www.xn--bcher-kva.example' })
    expect((await cache.explainer.explain('www.bücher.example')).verdict).toMatch(/held down for another (1m|59s)\.$/)
  })

  test.each([
    ['expired', async (cache: Cache) => cache.clock.advanceAsync(2 * HOUR_MS), /^Not routed: its last binding expired \S+ ago/],
    [
      'was forgotten',
      async ({ cache }: Cache) => cache.forget({ subject: ADDRESS, holdDownMs: 0 }),
      /^Not routed: it was forgotten by hand just now/,
    ],
    [
      'left the lists',
      async ({ lists, settle }: Cache) => {
        lists.change({ default: [] })
        await settle()
      },
      /^Not routed: no list covers its names any more/,
    ],
  ])('says when and why a route that %s ended', async (_what, end, verdict) => {
    const cache = await startTestCache()
    await cache.learn({})
    await end(cache)
    expect((await cache.cache.explainer.explain(ADDRESS)).verdict).toMatch(verdict)
  })

  test('a name that was forgotten by hand is said to be, not to have expired', async () => {
    const { learn, cache } = await startTestCache()
    await learn({})
    await cache.forget({ subject: 'www.example.org', holdDownMs: 0 })
    expect((await cache.explainer.explain('www.example.org')).verdict).toBe(
      'Not routed: it was forgotten by hand just now; since then no answer with an address was taken, or it has expired.',
    )
  })

  test('a refusal for a hold-down that is over is told as past', async () => {
    const { learn, cache, clock } = await startTestCache()
    await learn({})
    await cache.forget({ subject: ADDRESS, holdDownMs: 60_000 })
    await clock.advanceAsync(30_000)
    await learn({})
    await clock.advanceAsync(90_000)
    expect((await cache.explainer.explain(ADDRESS)).verdict).toBe(
      'Not routed: it was forgotten by hand 2m ago; refused last 1m30s ago, for a hold-down that is over.',
    )
    expect((await cache.explainer.explain('www.example.org')).verdict).toBe(
      'Not routed: forgotten by hand; refused last 1m30s ago, for a hold-down that is over; since then no answer was taken, or it has expired.',
    )
  })

  test('any other refusal is told with its time first', async () => {
    const { learn, cache, clock } = await startTestCache()
    await learn({ name: 'evil.example.org', address: '10.0.0.1' })
    await clock.advanceAsync(60_000)
    expect((await cache.explainer.explain('evil.example.org')).verdict).toMatch(
      /^Not routed: refused 1m ago: .*never list has it: private use/,
    )
  })

  test('tells the list whose prefix covers an address', async () => {
    const config = '[[list]]\nname = "default"\nsource = "/x"\naddresses = true\n'
    const { lists, settle, cache } = await startTestCache({ config })
    lists.change({ default: [] }, { default: ['93.184.216.0/22'] })
    await settle()
    const explanation = await cache.explainer.explain('93.184.218.7')
    expect(explanation.verdict).toBe('Routed by 93.184.216.0/22 for default; the last binding never expires.')
    expect(explanation).toMatchObject({ routed: true, bindings: [{ prefix: '93.184.216.0/22', expires: 'never' }] })
    expect((await cache.explainer.explain('93.184.220.7')).routed).toBe(false)
  })

  describe('asks announcers', () => {
    /** One that has this of what it is asked for. */
    const announcer = ({ bus }: Cache, ...has: RouteState[]) =>
      bus.subscribe(EXPLAIN_REQUEST, ({ id, prefixes }) => {
        const routes = has.filter(({ prefix }) => prefixes.includes(prefix))
        if (routes.length > 0) bus.publish(EXPLAIN_REPLY, { id, routes })
      })

    test('which peers have the route', async () => {
      const cache = await startTestCache()
      await cache.learn({})
      announcer(cache, { prefix: ROUTE, announcer: '192.0.2.1', peers: ['router-a'] })
      announcer(cache, { prefix: ROUTE, announcer: '192.0.2.2', peers: ['router-b', 'router-c'] })
      for (const subject of [ADDRESS, 'www.example.org'])
        expect(await cache.explain(subject)).toMatchObject({
          verdict: expect.stringMatching(/^Routed for default/),
          announced: [
            { prefix: ROUTE, announcer: '192.0.2.1', peers: ['router-a'], staleFor: '' },
            { prefix: ROUTE, announcer: '192.0.2.2', peers: ['router-b', 'router-c'], staleFor: '' },
          ],
          notes: [],
        })
    })

    test('and says that a route is only held, for how long, and when nobody has it', async () => {
      const cache = await startTestCache()
      const wider = '93.184.0.0/16'
      announcer(cache, { prefix: wider, announcer: '192.0.2.1', peers: ['router-a'], staleForMs: 300_000 })
      expect(await cache.explain(ADDRESS)).toMatchObject({
        routed: true,
        verdict:
          'The store does not know it, but it is still announced: stale, and kept for another 5m while the store learns again.',
        announced: [{ prefix: wider, staleFor: '5m' }],
      })
      await cache.learn({ address: '93.185.0.1' })
      expect((await cache.explain('93.185.0.1')).notes).toEqual(['No announcer says that it has the route (yet).'])
    })

    test('and does not call announced what an announcer has no peer for', async () => {
      const cache = await startTestCache()
      announcer(cache, { prefix: ROUTE, announcer: '192.0.2.1', peers: [] })
      expect((await cache.explain(ADDRESS)).verdict).toBe('The store does not know it, but an announcer still has it.')
    })

    test('and says when none answers', async () => {
      const cache = await startTestCache()
      await cache.learn({})
      expect((await cache.explain(ADDRESS)).notes).toEqual(['No announcer says that it has the route (yet).'])
    })
  })

  test('tells what other replicas refused and ended, whichever is asked', async () => {
    const store = new Switchable()
    const one = await startTestCache({ store })
    const two = await startTestCache({ store, clock: one.clock, bus: one.bus })
    await one.cache.offer([{ ...RESOLUTION, address: '10.0.0.1', seenAtMs: one.clock.now() }])
    expect((await two.explain('10.0.0.1')).refusals).toMatchObject([{ name: 'www.example.org', refusal: 'never' }])
    await one.cache.offer([{ ...RESOLUTION, seenAtMs: one.clock.now() }])
    await one.cache.forget({ subject: ADDRESS, holdDownMs: 0 })
    await one.clock.advanceAsync(20_000)
    expect((await two.explain(ADDRESS)).verdict).toMatch(/^Not routed: it was forgotten by hand/)
    await one.cache.close()
    expect((await two.explain(ADDRESS)).verdict).toMatch(/^Not routed: its last binding ended/)
  })

  test('remembers what was refused', async () => {
    const { learn, cache } = await startTestCache()
    await learn({ name: 'evil.example.org', address: '10.0.0.1' })
    expect((await cache.explainer.explain('evil.example.org')).verdict).toMatch(/never list has it: private use/)
  })
})

test('forget withdraws by hand, and a hold-down keeps the address out for its time', async () => {
  const { learn, clock, cache, routes } = await startTestCache()
  await learn({})
  expect(await cache.forget({ subject: ADDRESS, holdDownMs: 60_000 })).toEqual({ forgotten: 1, withdrawn: [ROUTE] })
  await learn({})
  expect(routes()).toEqual({})
  await clock.advanceAsync(61_000)
  await learn({})
  expect(routes()).toEqual({ [ROUTE]: ['default'] })
})

describe('what another instance says', () => {
  const entry = {
    list: '',
    name: 'www.example.org',
    rule: '',
    address: ADDRESS,
    ttlSeconds: 0,
    seenAtMs: 0,
    source: { kind: 'sync-peer' as const, name: '93.184.215.1' },
    chain: [],
  }
  const config = '[[list]]\nname = "a"\nsource = "/x"\n[[list]]\nname = "b"\nsource = "/y"\n'
  const rules = { a: ['example.org'], b: ['www.example.org'] }

  test('is taken for every list that covers its name', async () => {
    const { cache, clock, settle, routes } = await startTestCache({ config, rules })
    expect(await cache.offer([{ ...entry, seenAtMs: clock.now() }])).toEqual([null])
    await settle()
    expect(routes()).toEqual({ [ROUTE]: ['a', 'b'] })
  })

  test('is refused with a sentence when it may not be', async () => {
    const { cache, clock } = await startTestCache({ config, rules })
    const seenAtMs = clock.now()
    const answers = await cache.offer([
      { ...entry, seenAtMs, name: 'www.example.com' },
      { ...entry, seenAtMs, address: '127.0.0.1' },
      { ...entry, seenAtMs },
      { ...entry, seenAtMs: 1 },
    ])
    expect(answers.map((one) => one?.refusal)).toEqual(['not-listed', 'never', undefined, 'too-old'])
  })
})
