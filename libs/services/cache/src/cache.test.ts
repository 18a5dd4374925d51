import { describe, expect, test } from 'vitest'
import { HEAD, SNAPSHOT, TAIL, type StoreHead } from '@dnstap-bgp/steering'
import { FakeClock } from '@dnstap-bgp/testkit'
import { steadyClock } from '@dnstap-bgp/runtime'
import { BASE_CONFIG, configOf, HOUR_MS, RESOLUTION, startTestCache, Switchable } from '../test/cache-under-test.ts'

type Cache = Awaited<ReturnType<typeof startTestCache>>

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
    ['that was seen longer ago than the hold time', { seenAtMs: 5 }, 'too-old'],
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
    await learn({ source: 'peer 93.184.215.1' })
    expect(learnt).toEqual([])
    await learn({ address: '93.184.215.15' })
    expect(learnt.map((one) => one.address)).toEqual(['93.184.215.15'])
  })
})

describe('a route', () => {
  test('is withdrawn when its last binding was idle for the hold time', async () => {
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

  test('can be looked at before it is made', async () => {
    const { learn, cache, changes, settle } = await startTestCache({ rules })
    await learn({}, { name: 'a.example.net' }, { name: 'b.example.net', address: '93.184.215.99' })
    changes.length = 0
    const coverage = {
      ruleFor: (_list: string, name: string) => (name.endsWith('example.org') ? 'example.org' : undefined),
      addresses: new Map(),
      unloaded: new Set<string>(),
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

  test('of the hold time moves the deadlines of what is bound', async () => {
    const { learn, cache, clock, settle, store } = await startTestCache()
    await learn({})
    cache.reconfigure(configOf(BASE_CONFIG.replace('1h', '10m')))
    await settle()
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

  test('while resolutions are weighed is not missed: none is stored by the lists as they were', async () => {
    const config = '[[list]]\nname = "default"\nsource = "/x"\nttl = "1h"\nnewRoutesPerSecond = 1\nnewRoutesBurst = 1\n'
    const store = new Switchable()
    const { cache, lists, learn, settle } = await startTestCache({ config, store })
    await learn({}, {}) // the second is asked about: the list has used its rate up
    const asked = store.bindingsOf.bind(store)
    store.bindingsOf = (prefix) => {
      lists.change({})
      return asked(prefix)
    }
    await learn({}, { name: 'other.example.org' })
    await settle()
    expect((await store.counts()).bindings).toBe(0)
    expect(cache.counters.refused['not-listed']).toBeGreaterThan(0)
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
  const config = '[[list]]\nname = "default"\nsource = "/nowhere/x"\nttl = "1h"\nnewRoutesPerSecond = 1\nnewRoutesBurst = 3\n'
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

test('a burst in one message costs a list no more new routes than it may make', async () => {
  const config = '[[list]]\nname = "default"\nsource = "/x"\nttl = "1h"\nnewRoutesPerSecond = 1\nnewRoutesBurst = 3\n'
  const { learn, store } = await startTestCache({ config })
  await learn(...Array.from({ length: 50 }, (_, i) => ({ address: `93.184.215.${i}` })))
  expect((await store.counts()).routes).toBe(3)
})

test('another name for a route that is there costs its list no new route', async () => {
  const config = '[[list]]\nname = "default"\nsource = "/x"\nttl = "1h"\nnewRoutesPerSecond = 1\nnewRoutesBurst = 3\n'
  const { learn, store } = await startTestCache({ config })
  for (let i = 0; i < 20; i++) await learn({ name: `n${i}.example.org` })
  await learn({ address: '93.184.215.2' }, { address: '93.184.215.3' })
  expect((await store.counts()).routes).toBe(3)
})

test('an edit of something else does not fill the rate of a list again', async () => {
  const config = '[[list]]\nname = "default"\nsource = "/x"\nttl = "1h"\nnewRoutesPerSecond = 1\nnewRoutesBurst = 3\n'
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

describe('a wall clock that is set', () => {
  test.each([
    ['an hour back', -HOUR_MS],
    ['an hour ahead', HOUR_MS],
    ['a day back', -24 * HOUR_MS],
  ])('%s neither expires a binding early nor keeps it long', async (_what, stepMs) => {
    const wall = new FakeClock()
    const clock = steadyClock(wall)
    const { learn, store, settle } = await startTestCache({ clock: wall, serviceClock: clock })
    await learn({ seenAtMs: clock.now() })
    wall.step(stepMs)
    await wall.advanceAsync(HOUR_MS * 0.85, 60_000)
    await settle()
    expect((await store.counts()).routes).toBe(1)
    // The rest of the hour, and the tenth by which the clock follows.
    await wall.advanceAsync(HOUR_MS * 0.35, 60_000)
    await settle()
    expect((await store.counts()).routes).toBe(0)
  })
})

describe('a store that is away', () => {
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

test('a hold-down by hand is known to every replica', async () => {
  const store = new Switchable()
  const one = await startTestCache({ store })
  await one.learn({})
  const two = await startTestCache({ store, clock: one.clock, bus: one.bus })
  await two.settle()
  await one.cache.forget({ subject: ADDRESS, holdDownMs: 60_000 })
  await one.settle()
  expect(await two.cache.offer([{ ...RESOLUTION, seenAtMs: one.clock.now() }])).toMatchObject([{ refusal: 'held-down' }])
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
    ['127.0.0.1', /never list has it \(loopback/],
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
    source: 'peer 93.184.215.1',
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
