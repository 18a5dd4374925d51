import { FORGOTTEN, HEAD } from '@dnstap-bgp/steering'
import { describe, expect, test } from 'vitest'
import { a, CONFIG, startIngest } from '../testing/ingest-under-test.ts'

describe('repeats', () => {
  test('are passed on twice more soon, because the cache may have refused the first, and then no more', async () => {
    const { answer, got, clock } = startIngest()
    const toldAt: number[] = []
    for (let second = 0; second < 300; second++) {
      await answer('www.example.org', [a('www.example.org')])
      if (got.length > toldAt.length) toldAt.push(second)
      await clock.advanceAsync(995)
    }
    expect(toldAt).toEqual([0, 5, 35])
  })

  test('are not passed on until a fraction of the lifetime has passed', async () => {
    const { answer, got, ingest, clock } = startIngest()
    const ask = () => answer('www.example.org', [a('www.example.org')])
    for (let i = 0; i < 50; i++) await ask()
    expect(got).toHaveLength(1)
    expect(ingest.counters.repeats).toBe(49)
    await clock.advanceAsync((3600 / 8 + 1) * 1000)
    for (let i = 0; i < 50; i++) await ask()
    expect(got).toHaveLength(2)
    expect(ingest.outbox.counters).toMatchObject({ sentNews: 1, sentRefreshes: 1 })
  })

  test('are told apart by list, name and address', async () => {
    const { answer, got } = startIngest({ rules: { video: ['example.org'], work: ['example.org'] } })
    await answer('www.example.org', [a('www.example.org'), a('www.example.org', '93.184.215.15')])
    await answer('WWW.example.org', [a('WWW.example.org')])
    await answer('example.org', [a('example.org')])
    expect(got).toHaveLength(6)
  })

  test.each([
    ['the cache may answer otherwise', ({ ingest }: ReturnType<typeof startIngest>) => ingest.forgetAll()],
    [
      'the store lost its memory',
      ({ bus }: ReturnType<typeof startIngest>) => {
        bus.publish(HEAD, { epoch: 'e1', revision: 5 })
        bus.publish(HEAD, { epoch: 'e2', revision: 0 })
      },
    ],
    [
      'something was forgotten by hand',
      ({ bus }: ReturnType<typeof startIngest>) => bus.publish(FORGOTTEN, { subject: 'www.example.org', holdDownMs: 0 }),
    ],
  ])('are new facts again when %s', async (_what, happen) => {
    const one = startIngest()
    await one.answer('www.example.org', [a('www.example.org')])
    happen(one)
    await one.settle()
    await one.answer('www.example.org', [a('www.example.org')])
    expect(one.got).toHaveLength(2)
  })

  test('are new facts again when a hold-down is over, and not before', async () => {
    const { answer, bus, clock, got, ingest } = startIngest()
    const ask = () => answer('www.example.org', [a('www.example.org')])
    await ask()
    bus.publish(FORGOTTEN, { subject: 'www.example.com', holdDownMs: 90_000 })
    bus.publish(FORGOTTEN, { subject: 'www.example.org', holdDownMs: 60_000 })
    await clock.advanceAsync(6000)
    await ask() // a refresh, refused
    await clock.advanceAsync(31_000)
    await ask() // another; what follows would be silent for ten minutes
    expect(ingest.outbox.counters).toMatchObject({ sentNews: 1, sentRefreshes: 2 })
    await clock.advanceAsync(25_000)
    await ask()
    expect(ingest.outbox.counters).toMatchObject({ sentNews: 2, sentRefreshes: 2 })
    expect(got).toHaveLength(4)
  })
})

describe('repeats with `ttl = "dns"`', () => {
  const config = `
[[list]]
name = "video"
source = "/nowhere/video"
ttl = "dns"
ttlMin = "2s"
ttlMax = "1h"
ttlGrace = "0s"
`
  const ask = (one: ReturnType<typeof startIngest>, ttlSeconds: number) =>
    one.answer('www.example.org', [a('www.example.org', '93.184.215.14', ttlSeconds)])

  test('are not passed on while the resolver counts one TTL down, except for two after a possible refusal', async () => {
    const one = startIngest({ config })
    for (let ttl = 300; ttl > 0; ttl -= 10) {
      await ask(one, ttl)
      await one.clock.advanceAsync(9990)
    }
    expect(one.got.map((fact) => fact.ttlSeconds)).toEqual([300, 290, 260])
  })

  test('pass at once when a fresh TTL lets the fact live longer: a TTL near its end must not hide it', async () => {
    const one = startIngest({ config })
    await ask(one, 3)
    await ask(one, 300)
    expect(one.got.map((fact) => fact.ttlSeconds)).toEqual([3, 300])
  })

  test('of TTL 0 pass once in each shortest lifetime', async () => {
    const one = startIngest({ config })
    for (let i = 0; i < 40; i++) {
      await ask(one, 0)
      await one.clock.advanceAsync(95)
    }
    expect(one.got.length).toBeGreaterThanOrEqual(2)
    expect(one.got.length).toBeLessThanOrEqual(5)
  })
})

describe('answers that waited somewhere', () => {
  test('longer than the lifetime are dropped and counted', async () => {
    const { answer, got, ingest, clock } = startIngest({ config: CONFIG.replaceAll('1h', '10s') })
    await answer('other.net', [a('other.net')])
    await answer('www.example.org', [a('www.example.org')], { responseTimeMs: clock.now() - 11_000 })
    expect(got).toEqual([])
    expect(ingest.counters.tooOld).toBe(1)
  })

  test('do not hide the fresh ones behind them', async () => {
    const { answer, got, clock } = startIngest({ config: CONFIG.replaceAll('1h', '60s') })
    await answer('other.net', [a('other.net')])
    await answer('www.example.org', [a('www.example.org')], { responseTimeMs: clock.now() - 50_000 })
    await answer('www.example.org', [a('www.example.org')])
    expect(got).toHaveLength(2)
  })

  test('because of a stall of ours refresh their bindings, although sockets are read before timers run', async () => {
    const { answer, got, clock, ingest } = startIngest({ config: CONFIG.replaceAll('1h', '40s') })
    await answer('www.example.org', [a('www.example.org')])
    clock.stall(15_000)
    await answer('www.example.org', [a('www.example.org')], { responseTimeMs: clock.now() - 9000 })
    expect(got.map(({ seenAtMs }) => clock.now() - seenAtMs > 9000)).toEqual([true, true])
    expect(ingest.isBehind).toBe(true)
    clock.stall(31_000)
    await answer('www.example.org', [a('www.example.org')])
    expect(got).toHaveLength(3)
    await clock.advanceAsync(1000)
    expect(ingest.isBehind).toBe(false)
  })

  test('that are older than the last passed fact pass one at a time', async () => {
    const { answer, got, clock } = startIngest()
    await answer('www.example.org', [a('www.example.org')])
    for (let age = 3000; age > 0; age -= 100)
      await answer('www.example.org', [a('www.example.org')], { responseTimeMs: clock.now() - age * 1000 })
    expect(got).toHaveLength(1)
  })
})
