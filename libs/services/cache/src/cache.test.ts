import { describe, expect, test } from 'vitest'
import { HEAD, SNAPSHOT, TAIL, type StoreHead } from '@dnstap-bgp/steering'
import { BASE_CONFIG, configOf, HOUR_MS, startTestCache } from '../test/cache-under-test.ts'
import { MemoryIpStore } from '@dnstap-bgp/ip-store'

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
  ] as const)('%s is refused and counted', async (_what, resolution, reason) => {
    const { learn, changes, cache } = await startTestCache()
    await learn(resolution)
    expect(changes).toEqual([])
    expect(cache.counters.refused[reason]).toBe(1)
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
  const store = new MemoryIpStore({ epoch: 'e1' })
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

test('a limit that is reached shows, and goes when there is room again', async () => {
  const config = 'domains = "/nowhere/x"\nttl = "1h"\n[limits]\nroutes = 2\n'
  const { learn, clock, cache, store } = await startTestCache({ config })
  await learn({ address: '93.184.215.1' }, { address: '93.184.215.2' }, { address: '93.184.215.3' })
  expect((await store.counts()).routes).toBe(2)
  expect([...cache.limitsReached.keys()]).toEqual(['all'])
  await clock.advanceAsync(2 * HOUR_MS)
  expect([...cache.limitsReached.keys()]).toEqual([])
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
    expect(explanation.verdict).toMatch(/^Routed for default; the last binding expires in 3[56]\d\d s/)
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
