import { describe, expect, test } from 'vitest'
import { EXPLAIN_REPLY, EXPLAIN_REQUEST, type RouteState } from '@dnstap-bgp/steering'
import {
  ADDRESS,
  explainAlone,
  HOUR_MS,
  RESOLUTION,
  ROUTE,
  startTestCache,
  Switchable,
  type TestCache,
} from '../testing/cache-under-test.ts'

describe('explain', () => {
  test('tells who binds an address, by which rule and chain, and until when', async () => {
    const { learn, cache } = await startTestCache()
    await learn({ chain: ['www.example.org', 'cdn.example.net'] })
    const explanation = await explainAlone(cache.explainer, ADDRESS)
    expect(explanation).toMatchObject({
      routed: true,
      bindings: [
        { name: 'www.example.org', rule: 'example.org', chain: ['www.example.org', 'cdn.example.net'], source: 'unbound' },
      ],
    })
    expect(explanation.verdict).toMatch(/^Routed for default; the last binding expires in (1h|59m\d+s)\.$/)
    expect((await explainAlone(cache.explainer, 'WWW.example.ORG.')).bindings).toHaveLength(1)
  })

  test.each([
    ['127.0.0.1', /never list has it: loopback/],
    ['93.184.215.77', /no listed name has resolved to it/],
    ['www.example.com', /no list covers this name/],
    ['unseen.example.org', /^Listed, but no answer/],
  ])('says why %s is not routed', async (subject, why) => {
    const { cache } = await startTestCache()
    expect((await explainAlone(cache.explainer, subject)).verdict).toMatch(why)
  })

  test('finds a name in every spelling', async () => {
    const { learn, cache } = await startTestCache({ rules: { default: ['xn--bcher-kva.example'] } })
    await learn({ name: 'www.xn--bcher-kva.example' })
    expect((await explainAlone(cache.explainer, 'www.BÜCHER.example.')).bindings).toHaveLength(1)
    expect(await cache.forget({ subject: 'www.bücher.example', holdDownMs: 60_000 })).toMatchObject({ forgotten: 1 })
    await learn({ name: 'www.xn--bcher-kva.example' })
    expect((await explainAlone(cache.explainer, 'www.bücher.example')).verdict).toMatch(/held down for another (1m|59s)\.$/)
  })

  test.each([
    [
      'expired',
      async (cache: TestCache) => cache.clock.advanceAsync(2 * HOUR_MS),
      /^Not routed: its last binding expired \S+ ago/,
    ],
    [
      'was forgotten',
      async ({ cache }: TestCache) => cache.forget({ subject: ADDRESS, holdDownMs: 0 }),
      /^Not routed: it was forgotten by hand just now/,
    ],
    [
      'left the lists',
      async ({ lists, settle }: TestCache) => {
        lists.change({ default: [] })
        await settle()
      },
      /^Not routed: no list covers its names any more/,
    ],
  ])('says when and why a route that %s ended', async (_what, end, verdict) => {
    const cache = await startTestCache()
    await cache.learn({})
    await end(cache)
    expect((await explainAlone(cache.cache.explainer, ADDRESS)).verdict).toMatch(verdict)
  })

  test('a name that was forgotten by hand is reported as forgotten, not as expired', async () => {
    const { learn, cache } = await startTestCache()
    await learn({})
    await cache.forget({ subject: 'www.example.org', holdDownMs: 0 })
    expect((await explainAlone(cache.explainer, 'www.example.org')).verdict).toBe(
      'Not routed: it was forgotten by hand just now; since then no answer with an address was taken, or it has expired.',
    )
  })

  test('a refusal for a hold-down that is over is shown as past', async () => {
    const { learn, cache, clock } = await startTestCache()
    await learn({})
    await cache.forget({ subject: ADDRESS, holdDownMs: 60_000 })
    await clock.advanceAsync(30_000)
    await learn({})
    await clock.advanceAsync(90_000)
    expect((await explainAlone(cache.explainer, ADDRESS)).verdict).toBe(
      'Not routed: it was forgotten by hand 2m ago; refused last 1m30s ago, for a hold-down that is over.',
    )
    expect((await explainAlone(cache.explainer, 'www.example.org')).verdict).toBe(
      'Not routed: forgotten by hand; refused last 1m30s ago, for a hold-down that is over; since then no answer was taken, or it has expired.',
    )
  })

  test('any other refusal is shown with its time first', async () => {
    const { learn, cache, clock } = await startTestCache()
    await learn({ name: 'evil.example.org', address: '10.0.0.1' })
    await clock.advanceAsync(60_000)
    expect((await explainAlone(cache.explainer, 'evil.example.org')).verdict).toMatch(
      /^Not routed: refused 1m ago: .*never list has it: private use/,
    )
  })

  test('tells the list whose prefix covers an address', async () => {
    const config = '[[list]]\nname = "default"\nsource = "/x"\naddresses = true\n'
    const { lists, settle, cache } = await startTestCache({ config })
    lists.change({ default: [] }, { default: ['93.184.216.0/22'] })
    await settle()
    const explanation = await explainAlone(cache.explainer, '93.184.218.7')
    expect(explanation.verdict).toBe('Routed by 93.184.216.0/22 for default; the last binding never expires.')
    expect(explanation).toMatchObject({ routed: true, bindings: [{ prefix: '93.184.216.0/22', expires: 'never' }] })
    expect((await explainAlone(cache.explainer, '93.184.220.7')).routed).toBe(false)
  })

  describe('asks announcers', () => {
    /** One that has this of what it is asked for. */
    const announcer = ({ bus }: TestCache, ...has: RouteState[]) =>
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

    test('and says that a route is only stale, for how long, and when nobody has it', async () => {
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
      expect((await cache.explain('93.185.0.1')).notes).toEqual(['No announcer has the route (yet).'])
    })

    test('and does not call a route announced when the announcer has no peer', async () => {
      const cache = await startTestCache()
      announcer(cache, { prefix: ROUTE, announcer: '192.0.2.1', peers: [] })
      expect((await cache.explain(ADDRESS)).verdict).toBe('The store does not know it, but an announcer still has it.')
    })

    test('and says when none answers', async () => {
      const cache = await startTestCache()
      await cache.learn({})
      expect((await cache.explain(ADDRESS)).notes).toEqual(['No announcer has the route (yet).'])
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
    expect((await explainAlone(cache.explainer, 'evil.example.org')).verdict).toMatch(/never list has it: private use/)
  })
})
