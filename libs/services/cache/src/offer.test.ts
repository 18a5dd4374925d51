import { describe, expect, test } from 'vitest'
import type { Clock } from '@dnstap-bgp/runtime'
import { BINDINGS, type Resolution } from '@dnstap-bgp/steering'
import { FakeClock } from '@dnstap-bgp/testkit'
import { ADDRESS, BASE_CONFIG, HOUR_MS, ROUTE, startTestCache } from '../testing/cache-under-test.ts'

const MINUTE_MS = 60_000

/** As the gateway makes it of another instance's entry: no list, and what it takes an unknown TTL for. */
const entry = (more: Partial<Resolution> = {}): Resolution => ({
  list: '',
  name: 'www.example.org',
  rule: '',
  address: ADDRESS,
  ttlSeconds: 900,
  seenAtMs: 0,
  source: { kind: 'sync-peer' as const, name: '192.0.2.7' },
  chain: ['www.example.org'],
  ...more,
})

describe("another instance's entry", () => {
  test('feeds every list that covers its name, with the lifetime of each', async () => {
    const { cache, store, clock } = await startTestCache({
      config: `[[list]]\nname = "a"\nsource = "/nowhere/a.txt"\nttl = "1h"\n[[list]]\nname = "b"\nsource = "/nowhere/b.txt"\nttl = "2h"\n`,
      rules: { a: ['example.org'], b: ['www.example.org'] },
    })
    const now = clock.now()
    expect(await cache.offer([entry({ seenAtMs: now })])).toEqual([null])
    const bindings = await store.bindingsOf(ROUTE)
    expect(bindings.map(({ list, rule, expiresAtMs }) => [list, rule, (expiresAtMs - now) / HOUR_MS]).sort()).toEqual([
      ['a', 'example.org', 1],
      ['b', 'www.example.org', 2],
    ])
  })

  describe('for two lists', () => {
    const options = {
      config: '[[list]]\nname = "a"\nsource = "/x"\n[[list]]\nname = "b"\nsource = "/y"\n',
      rules: { a: ['example.org'], b: ['www.example.org'] },
    }

    test('is taken for every list that covers its name', async () => {
      const { cache, clock, settle, routes } = await startTestCache(options)
      expect(await cache.offer([entry({ seenAtMs: clock.now() })])).toEqual([null])
      await settle()
      expect(routes()).toEqual({ [ROUTE]: ['a', 'b'] })
    })

    test('is refused with a sentence when it may not be', async () => {
      const { cache, clock } = await startTestCache(options)
      const seenAtMs = clock.now()
      const answers = await cache.offer([
        entry({ seenAtMs, name: 'www.example.com' }),
        entry({ seenAtMs, address: '127.0.0.1' }),
        entry({ seenAtMs }),
        entry({ seenAtMs: 1 }),
      ])
      expect(answers.map((one) => one?.refusal)).toEqual(['not-listed', 'never', undefined, 'too-old'])
    })
  })

  test('each gets its own answer, in order', async () => {
    const { cache, clock } = await startTestCache()
    const seenAtMs = clock.now()
    const answers = await cache.offer([
      entry({ seenAtMs }),
      entry({ seenAtMs, name: 'www.example.com' }),
      entry({ seenAtMs, address: '127.0.0.1' }),
      entry({ seenAtMs: seenAtMs - 2 * HOUR_MS }),
      entry({ seenAtMs, address: '93.184.215.15' }),
    ])
    expect(answers.map((answer) => answer?.refusal ?? 'taken')).toEqual(['taken', 'not-listed', 'never', 'too-old', 'taken'])
  })

  test('is not called taken when the store has no room for it, or its list no rate', async () => {
    const rate =
      '[[list]]\nname = "default"\nsource = "/x"\nnewRoutesPerSecond = 1\nnewRoutesBurst = 1\n' +
      '[bgp]\nas = 65000\nrouterID = "192.0.2.1"\nrelearnTime = "0"\n'
    const full = await startTestCache({ config: `${BASE_CONFIG}[limits]\nroutes = 1\n` })
    const fast = await startTestCache({ config: rate })
    for (const [{ cache, clock }, refusal, why] of [
      [full, 'full-routes', 'there are already as many routes as there may be'],
      [fast, 'rate', 'list "default" makes new routes too fast'],
    ] as const) {
      const seenAtMs = clock.now()
      const both = [entry({ seenAtMs }), entry({ seenAtMs, address: '93.184.215.15' })]
      expect(await cache.offer(both)).toEqual([null, { refusal, why }])
    }
  })

  test('refreshes a known binding, and an older one neither ages nor withdraws it', async () => {
    const { cache, learn, clock, store, routes } = await startTestCache()
    await learn({})
    const learntAt = clock.now()
    await clock.advanceAsync(HOUR_MS / 2)
    const laterAt = clock.now()
    await cache.offer([entry({ seenAtMs: laterAt })])
    const deadline = async () => (await store.bindingsOf(ROUTE))[0].expiresAtMs
    expect(await deadline()).toBe(laterAt + HOUR_MS)
    await cache.offer([entry({ seenAtMs: learntAt - HOUR_MS / 4 }), entry({ seenAtMs: 0 })])
    expect(await deadline()).toBe(laterAt + HOUR_MS)
    await clock.advanceAsync(HOUR_MS * 0.9)
    expect(routes()).toEqual({ [ROUTE]: ['default'] })
  })

  test('that we told it ourselves is not stored when it comes back, whatever our clocks read', async () => {
    const clock = new FakeClock()
    let reads = 0
    const jittery: Clock = {
      now: () => clock.now() + (reads++ % 4),
      monotonic: () => clock.monotonic(),
      after: (delayMs, callback) => clock.after(delayMs, callback),
      every: (periodMs, callback) => clock.every(periodMs, callback),
    }
    const { cache, learn, bus } = await startTestCache({ clock, serviceClock: jittery })
    await learn(...Array.from({ length: 20 }, (_, i) => ({ address: `93.184.215.${i}` })))
    for (let round = 0; round < 10; round++) {
      const told: Resolution[] = []
      for await (const part of bus.askStream(BINDINGS, undefined)) told.push(...part)
      for (const one of told) await cache.offer([entry({ address: one.address, name: one.name, seenAtMs: one.seenAtMs })])
    }
    expect(cache.counters.outcomes).toMatchObject({ new: 20, refreshed: 0, stale: 200 })
  })

  test('told again and again with the same sighting does not live for ever', async () => {
    const { cache, clock, routes } = await startTestCache()
    const seenAtMs = clock.now()
    for (let minute = 0; minute < 90; minute++) {
      await cache.offer([entry({ seenAtMs })])
      await clock.advanceAsync(MINUTE_MS, MINUTE_MS)
    }
    expect(routes()).toEqual({})
  })

  describe('on a list with `ttl = "dns"`', () => {
    const config = `[[list]]\nname = "default"\nsource = "/nowhere/list.txt"\nttl = "dns"\n`

    test('keeps its route while the peer refreshes it every ten minutes', async () => {
      const { cache, clock, changes } = await startTestCache({ config })
      for (let i = 0; i < 12; i++) {
        await cache.offer([entry({ seenAtMs: clock.now() })])
        await clock.advanceAsync(10 * MINUTE_MS)
      }
      expect(changes).toEqual([{ prefix: ROUTE, lists: ['default'] }])
      await clock.advanceAsync(10 * MINUTE_MS)
      expect(changes.at(-1)).toEqual({ prefix: ROUTE, lists: [] })
    })

    test("is taken up to a quarter of an hour after its sighting, and the list's ceiling stands", async () => {
      const { cache, clock } = await startTestCache({ config })
      const ago = (minutes: number) => entry({ seenAtMs: clock.now() - minutes * MINUTE_MS, address: `93.184.216.${minutes}` })
      expect((await cache.offer([ago(10), ago(15), ago(17)])).map((answer) => answer?.refusal)).toEqual([
        undefined,
        undefined,
        'too-old',
      ])
      const low = await startTestCache({ config: `${config}ttlMin = "1m"\nttlMax = "2m"\nttlGrace = "0s"\n` })
      const seenAtMs = low.clock.now() - 3 * MINUTE_MS
      expect((await low.cache.offer([entry({ seenAtMs })]))[0]?.refusal).toBe('too-old')
    })
  })

  test('is not passed on: the peer that heard the resolver tells the others itself', async () => {
    const { cache, clock, learnt, settle } = await startTestCache({ config: BASE_CONFIG })
    await cache.offer([entry({ seenAtMs: clock.now() })])
    await settle()
    expect(learnt).toEqual([])
  })
})
