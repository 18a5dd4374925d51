import { describe, expect, test } from 'vitest'
import { FakeClock } from '@dnstap-bgp/testkit'
import { BASE_CONFIG, HOUR_MS, ROUTE, startTestCache } from '../testing/cache-under-test.ts'

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

  test('is told to other instances, unless it came from one of them', async () => {
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

test('many resolutions at once are taken a few at a time, with turns of the event loop in between', async () => {
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
