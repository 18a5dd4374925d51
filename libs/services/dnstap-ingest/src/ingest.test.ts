import { BusError, LocalBus } from '@dnstap-bgp/bus'
import { parseConfig } from '@dnstap-bgp/config'
import { nameToText } from '@dnstap-bgp/dns-wire'
import { RuleKind } from '@dnstap-bgp/domain-list'
import { Matcher, MatcherBuilder } from '@dnstap-bgp/domain-matcher'
import { silentLog } from '@dnstap-bgp/runtime'
import { FORGOTTEN, HEAD, RESOLUTIONS, RESOLVERS, type Resolution } from '@dnstap-bgp/steering'
import { dnsResponse, dnstapFrame, FakeClock, type Answer, type FrameOptions } from '@dnstap-bgp/testkit'
import { describe, expect, test } from 'vitest'
import { Ingest, type NameMatcher } from './ingest.ts'
import type { FrameSender } from './senders.ts'

const CONFIG = `
ipv6 = true
[[list]]
name = "video"
source = "/nowhere/video"
ttl = "1h"
[[list]]
name = "work"
source = "/nowhere/work"
ttl = "1h"
`

/** Suffix rules per list, looked up by text: the slow and obvious way. */
function matcherOf(rules: Record<string, readonly string[]>): NameMatcher {
  const verdicts: { list: string; rule: string }[][] = []
  const byKey = new Map<string, number>()
  return {
    match(bytes, offset) {
      const name = nameToText(bytes, offset)
      const found = Object.entries(rules).flatMap(([list, names]) => {
        const rule = names.find((one) => name === one || name.endsWith(`.${one}`))
        return rule === undefined ? [] : [{ list, rule }]
      })
      if (found.length === 0) return -1
      const key = JSON.stringify(found)
      if (!byKey.has(key)) byKey.set(key, verdicts.push(found) - 1)
      return byKey.get(key) ?? -1
    },
    verdict: (id) => verdicts[id],
  }
}

function startIngest(
  options: {
    rules?: Record<string, readonly string[]>
    matcher?: NameMatcher
    types?: string[]
    ipv6?: boolean
    config?: string
    resolvers?: string[]
  } = {},
) {
  const clock = new FakeClock()
  const bus = new LocalBus({ pause: () => new Promise((resolve) => setImmediate(resolve)) })
  const got: Resolution[] = []
  const lines: string[] = []
  const fields: Readonly<Record<string, unknown>>[] = []
  const consumer = bus.consume(RESOLUTIONS, async (messages) => void got.push(...messages.flat()))
  const { lists } = parseConfig(options.config ?? CONFIG, 'test.toml', {})
  const ingest = new Ingest(
    { ipv6: options.ipv6 ?? true, types: options.types ?? ['CLIENT_RESPONSE'], lists, resolvers: options.resolvers },
    {
      bus,
      clock,
      matcher: options.matcher ?? matcherOf(options.rules ?? { video: ['example.org'] }),
      log: { ...silentLog, warn: (its, sentence) => (fields.push({ ...its }), lines.push(sentence)) },
      seed: [1, 2],
    },
  )
  const settle = () => clock.advanceAsync(5)
  const source: FrameSender = { origin: 'unix' }
  return {
    ingest,
    bus,
    clock,
    got,
    lines,
    fields,
    source,
    consumer,
    settle,
    /** Reports often enough, and over enough time, that this address counts as a resolver's. */
    async prove(responseAddress: string) {
      for (let window = 0; window < 10; window++) {
        await this.answer('other.net', [], { responseAddress })
        clock.advance(10_000)
      }
      await clock.advanceAsync(1000)
    },
    async answer(qname: string, answers: readonly Answer[], frame: Partial<FrameOptions> & { rcode?: number } = {}) {
      const response = dnsResponse({ qname, answers, ...(frame.rcode === undefined ? {} : { rcode: frame.rcode }) })
      const bytes = dnstapFrame({ responseTimeMs: clock.now(), ...frame, response })
      ingest.onRead()
      ingest.frame(source, bytes, 0, bytes.length)
      await settle()
    },
  }
}

const a = (owner: string, value = '93.184.215.14', ttlSeconds = 300): Answer => ({ owner, type: 'A', value, ttlSeconds })
const cname = (owner: string, value: string, ttlSeconds = 300): Answer => ({ owner, type: 'CNAME', value, ttlSeconds })

describe('an answer', () => {
  test('for a listed name becomes a resolution', async () => {
    const { answer, got, clock } = startIngest()
    await answer('other.net', [a('other.net')], { identity: 'ns1' })
    await answer('wWw.eXample.org', [a('wWw.eXample.org')], { identity: 'ns1', responseTimeMs: clock.now() - 1500 })
    expect(got).toEqual([
      {
        list: 'video',
        name: 'www.example.org',
        rule: 'example.org',
        address: '93.184.215.14',
        ttlSeconds: 300,
        seenAtMs: clock.now() - 1505,
        source: { kind: 'resolver', identity: 'ns1' },
        chain: ['www.example.org'],
      },
    ])
  })

  test('for a name that only looks like a listed one is left alone', async () => {
    const { answer, got, ingest } = startIngest({ rules: { video: ['x.com'] } })
    await answer('www.xbox.com', [a('www.xbox.com')])
    await answer('xx.com', [a('xx.com')])
    expect(got).toEqual([])
    expect(ingest.counters.unmatched).toBe(2)
  })

  test('whose CNAME target is listed is bound to that target', async () => {
    const { answer, got } = startIngest({ rules: { video: ['cdn.example.net'] } })
    await answer('www.example.com', [cname('www.example.com', 'x.cdn.example.net', 60), a('x.cdn.example.net')])
    expect(got).toMatchObject([{ name: 'x.cdn.example.net', ttlSeconds: 60, chain: ['www.example.com', 'x.cdn.example.net'] }])
  })

  test('with both ends listed is bound to the first for each list', async () => {
    const { answer, got } = startIngest({ rules: { video: ['example.org', 'example.net'], work: ['example.net'] } })
    await answer('www.example.org', [cname('www.example.org', 'cdn.example.net'), a('cdn.example.net')])
    expect(got.map(({ list, name }) => [list, name])).toEqual([
      ['video', 'www.example.org'],
      ['work', 'cdn.example.net'],
    ])
  })

  test('of a name on two lists feeds both', async () => {
    const { answer, got } = startIngest({ rules: { video: ['example.org'], work: ['www.example.org'] } })
    await answer('www.example.org', [a('www.example.org')])
    expect(got.map(({ list, rule }) => [list, rule])).toEqual([
      ['video', 'example.org'],
      ['work', 'www.example.org'],
    ])
  })

  test('a record whose owner is not on the chain is ignored and counted', async () => {
    const { answer, got, ingest } = startIngest()
    await answer('www.example.org', [a('www.example.org'), a('evil.example.org', '93.184.215.99')])
    expect(got.map((one) => one.address)).toEqual(['93.184.215.14'])
    expect(ingest.counters.offChainRecords).toBe(1)
  })

  test.each([
    ['NXDOMAIN', { rcode: 3 }, 'error-rcode'],
    ['SERVFAIL', { rcode: 2 }, 'error-rcode'],
  ])('with %s teaches nothing', async (_name, frame, fault) => {
    const { answer, got, ingest } = startIngest()
    await answer('www.example.org', [a('www.example.org')], frame)
    expect(got).toEqual([])
    expect(ingest.counters.responseFaults).toEqual({ [fault]: 1 })
  })

  test('of another message type is counted and left alone', async () => {
    const { answer, got, ingest } = startIngest()
    await answer('www.example.org', [a('www.example.org')], { messageType: 4 })
    expect(got).toEqual([])
    expect(ingest.counters.otherTypes).toBe(1)
  })

  test('with an IPv6 address is left alone while IPv6 is off', async () => {
    const { answer, got, ingest } = startIngest({ ipv6: false })
    await answer('www.example.org', [{ owner: 'www.example.org', type: 'AAAA', value: '2606:2800:21f::1' }])
    expect(got).toEqual([])
    expect(ingest.counters.ipv6Off).toBe(1)
  })

  test('of a listed name without an address is counted', async () => {
    const { answer, got, ingest } = startIngest()
    await answer('www.example.org', [])
    expect(got).toEqual([])
    expect(ingest.counters).toMatchObject({ matched: 1, withoutAddress: 1 })
  })

  test("that names the resolver's own address cannot steer the way to it", async () => {
    const { answer, got, ingest } = startIngest()
    await answer('www.example.org', [a('www.example.org', '93.184.215.53')], { responseAddress: '93.184.215.53' })
    expect(got).toEqual([])
    expect(ingest.counters.resolverAddress).toBe(1)
  })

  test("that names another resolver's address cannot steer the way to it either, once that is known for one", async () => {
    const ingest = startIngest()
    await ingest.prove('93.184.215.53')
    await ingest.answer('two.example.org', [a('two.example.org', '93.184.215.53')], { responseAddress: '127.0.0.1' })
    expect(ingest.got).toEqual([])
    expect(ingest.ingest.counters.resolverAddress).toBe(1)
  })

  test('that was refused for its address is no repeat: it is refused again', async () => {
    const { answer, ingest } = startIngest()
    const ask = () => answer('www.example.org', [a('www.example.org', '93.184.215.53')], { responseAddress: '93.184.215.53' })
    await ask()
    await ask()
    expect(ingest.counters).toMatchObject({ resolverAddress: 2, repeats: 0 })
  })

  test('of an authority may name that authority: it is no resolver of ours (RESOLVER_RESPONSE)', async () => {
    const { answer, got } = startIngest({ types: ['RESOLVER_RESPONSE'] })
    const frame = { messageType: 4, responseAddress: '93.184.215.14', queryAddress: '93.184.215.53' }
    await answer('www.example.org', [a('www.example.org', '93.184.215.14'), a('www.example.org', '93.184.215.53')], frame)
    expect(got.map((one) => one.address)).toEqual(['93.184.215.14'])
  })

  test.each([
    ['of another class', 'otherClassRecords', [0, 3]],
    ['of a wrong length', 'malformedRecords', undefined],
  ] as const)('a record %s is left out and counted', (_what, counter, otherClass) => {
    const { ingest } = startIngest()
    const response = dnsResponse({ qname: 'www.example.org', answers: [a('www.example.org')] })
    const record = response.length - 16 // a pointer, type, class, TTL, length and four octets
    if (otherClass !== undefined) response.set(otherClass, record + 4)
    else {
      response[record + 11] = 3
    }
    const bytes = dnstapFrame({ response })
    ingest.frame({ origin: 'unix' }, bytes, 0, bytes.length)
    expect(ingest.counters[counter]).toBe(1)
  })

  test('without identity is known by its connection', async () => {
    const { answer, got } = startIngest()
    await answer('www.example.org', [a('www.example.org')], { identity: '' })
    expect(got[0].source).toEqual({ kind: 'resolver', identity: 'unix' })
  })

  test('whose clock is nonsense was seen now', async () => {
    const { answer, got, clock } = startIngest()
    await answer('www.example.org', [a('www.example.org')], { responseTimeMs: clock.now() + 86_400_000 })
    await answer('example.org', [a('example.org')], { responseTimeMs: clock.now() - 86_400_000 })
    expect(got).toHaveLength(2)
    for (const one of got) expect(clock.now() - one.seenAtMs).toBeLessThan(50)
  })
})

describe('with the real matcher', () => {
  const builder = new MatcherBuilder({ seed: 1 })
  const video = builder.addList('video')
  const work = builder.addList('work')
  video.rule(RuleKind.suffix, 'example.org', false, false)
  video.rule(RuleKind.suffix, 'deep.ads.example.org', false, false)
  work.rule(RuleKind.suffix, 'ads.example.org', true, false)
  work.rule(RuleKind.suffix, 'cdn.net', false, false)
  const matcher = new Matcher(builder.build())

  test.each([
    ['is bound by neither list', 'x.ads.example.org', []],
    ['is bound again by a more specific rule', 'x.deep.ads.example.org', [['video', 'x.deep.ads.example.org']]],
    ['leaves the names around it alone', 'x.example.org', [['video', 'x.example.org']]],
  ])('a name under an exception of whichever list %s', async (_what, name, expected) => {
    const { answer, got } = startIngest({ matcher })
    await answer(name, [a(name)])
    expect(got.map((one) => [one.list, one.name])).toEqual(expected)
  })

  test('a chain that meets the same list three times and another one at its end is bound once to each', async () => {
    const { answer, got } = startIngest({ matcher })
    await answer('a.example.org', [
      cname('a.example.org', 'b.example.org'),
      cname('b.example.org', 'c.example.org'),
      cname('c.example.org', 'd.cdn.net'),
      a('d.cdn.net'),
    ])
    expect(got.map((one) => [one.list, one.name, one.chain.length])).toEqual([
      ['video', 'a.example.org', 4],
      ['work', 'd.cdn.net', 4],
    ])
  })
})

describe('repeats', () => {
  test('are told twice more soon, for the cache may have refused the first, and by no message else', async () => {
    const { answer, got, clock } = startIngest()
    const toldAt: number[] = []
    for (let second = 0; second < 300; second++) {
      await answer('www.example.org', [a('www.example.org')])
      if (got.length > toldAt.length) toldAt.push(second)
      await clock.advanceAsync(995)
    }
    expect(toldAt).toEqual([0, 5, 35])
  })

  test('stop here, until a fraction of the hold time has gone by', async () => {
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
  ])('are news again when %s', async (_what, happen) => {
    const one = startIngest()
    await one.answer('www.example.org', [a('www.example.org')])
    happen(one)
    await one.settle()
    await one.answer('www.example.org', [a('www.example.org')])
    expect(one.got).toHaveLength(2)
  })

  test('are news again when a hold-down is over, and not before', async () => {
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

  test('stop here while the resolver counts one TTL down, but for the two by which a refusal is tried again', async () => {
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

  test('of TTL 0 pass once for each shortest hold time', async () => {
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
  test('longer than the hold time are dropped and counted', async () => {
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

  test('for a stall of ours refresh what they should, though sockets are read before timers run', async () => {
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

  test('pass no more than one by one older than what was told', async () => {
    const { answer, got, clock } = startIngest()
    await answer('www.example.org', [a('www.example.org')])
    for (let age = 3000; age > 0; age -= 100)
      await answer('www.example.org', [a('www.example.org')], { responseTimeMs: clock.now() - age * 1000 })
    expect(got).toHaveLength(1)
  })
})

describe('a resolver whose clock is minutes behind', () => {
  const config = CONFIG.replaceAll('1h', '10s')
  const SLOW_MS = 300_000

  test('is believed like any other', async () => {
    const { answer, got, ingest, clock } = startIngest({ config })
    for (let i = 0; i < 100; i++)
      await answer(`n${i}.example.org`, [a(`n${i}.example.org`)], { responseTimeMs: clock.now() - SLOW_MS })
    expect(got).toHaveLength(100)
    expect(ingest.counters.tooOld).toBe(0)
    expect(clock.now() - got[99].seenAtMs).toBeLessThan(50)
  })

  test('is told of once, and how far', async () => {
    const { answer, lines, clock, ingest, source } = startIngest({ config })
    for (let i = 0; i < 200; i++) {
      await answer('other.net', [], { responseTimeMs: clock.now() - SLOW_MS })
      await clock.advanceAsync(995)
    }
    expect(lines).toEqual([expect.stringContaining('clock is behind ours')])
    expect(ingest.clockBehindMs(source)).toBe(SLOW_MS)
  })
})

describe('a relay', () => {
  const config = CONFIG.replaceAll('1h', '10s')
  const MINUTE_MS = 60_000

  test("carries resolvers whose clocks are far apart: each one's answers are of now, and what waited is old", async () => {
    const { answer, got, ingest, clock } = startIngest({ config })
    const ask = (i: number, identity: string, agoMs: number) =>
      answer(`n${i}.example.org`, [a(`n${i}.example.org`)], { identity, responseTimeMs: clock.now() - agoMs })
    for (let i = 0; i < 100; i++) {
      await ask(2 * i, 'right', 0)
      await ask(2 * i + 1, 'slow', 10 * MINUTE_MS)
    }
    expect(ingest.counters.tooOld).toBe(0)
    expect(got).toHaveLength(200)
    expect(got.every((one) => clock.now() - one.seenAtMs < 5000)).toBe(true)
    await ask(200, 'slow', 10 * MINUTE_MS + 11_000)
    expect(ingest.counters.tooOld).toBe(1)
  })

  test('has each clock that is off told of, by the identity it is of, or by the connection', async () => {
    const { ingest, lines, clock, fields } = startIngest({ config })
    const source: FrameSender = { origin: 'relay', identity: '' }
    for (let i = 0; i < 300; i++) {
      for (const [identity, agoMs] of [
        ['right', 0],
        ['slow', 10 * MINUTE_MS],
        ['', 20 * MINUTE_MS],
      ] as const) {
        const bytes = dnstapFrame({ response: new Uint8Array(0), identity, responseTimeMs: clock.now() - agoMs })
        clock.advance(250)
        ingest.frame(source, bytes, 0, bytes.length)
      }
    }
    expect(lines).toHaveLength(2)
    expect(fields.map(({ sender, seconds }) => [sender, seconds])).toEqual([
      ['slow', 600],
      ['relay', 1200],
    ])
  })
})

test('a frame from the future, with many addresses, does not make the answers after it old', async () => {
  const { answer, got, ingest, clock } = startIngest({ config: CONFIG.replaceAll('1h', '10s') })
  const name = (i: number) => `n${i}.example.org`
  const addresses = [1, 2, 3].map((i) => a('future.example.org', `93.184.215.${i}`))
  await answer('future.example.org', addresses, { responseTimeMs: clock.now() + 3_000_000 })
  for (let i = 0; i < 20; i++) await answer(name(i), [a(name(i))])
  await answer('future.example.org', addresses, { responseTimeMs: clock.now() + 3_000_000 })
  for (let i = 20; i < 40; i++) await answer(name(i), [a(name(i))])
  expect(ingest.counters.tooOld).toBe(0)
  expect(got).toHaveLength(43)
})

test.each([600_000, -600_000])('our clock being set by %s ms makes no answer old', async (stepMs) => {
  const { answer, got, ingest, clock } = startIngest({ config: CONFIG.replaceAll('1h', '10s') })
  const here = () => clock.now()
  const elsewhere = () => Date.UTC(2026, 0, 1) + clock.monotonic()
  const ask = async (i: number) => {
    for (const [identity, time] of Object.entries({ here, elsewhere }))
      await answer(`${identity}${i}.example.org`, [a(`${identity}${i}.example.org`)], { identity, responseTimeMs: time() })
  }
  for (let i = 0; i < 10; i++) await ask(i)
  clock.step(stepMs)
  for (let i = 10; i < 30; i++) await ask(i)
  expect(ingest.counters.tooOld).toBe(0)
  expect(got).toHaveLength(60)
  expect(clock.now() - got[59].seenAtMs).toBeLessThan(50)
})

describe('the resolvers that report', () => {
  test('are told on the bus as soon as one is proved, and every minute; one frame tells nothing', async () => {
    const harness = startIngest()
    const told: (readonly string[])[] = []
    harness.bus.subscribe(RESOLVERS, (addresses) => told.push(addresses))
    await harness.answer('other.net', [], { responseAddress: '93.184.215.53' })
    await harness.clock.advanceAsync(120_000)
    expect(told).toEqual([])
    await harness.prove('93.184.215.54')
    expect(told.at(-1)).toEqual(['93.184.215.54'])
    const before = told.length
    await harness.clock.advanceAsync(180_000)
    expect(told.length - before).toBe(3)
  })

  test('a sender that connects anew for each frame is one sender', async () => {
    const { ingest, clock, settle } = startIngest()
    for (let i = 0; i < 10; i++) {
      const bytes = dnstapFrame({ response: new Uint8Array(12), responseAddress: '93.184.215.53' })
      ingest.frame({ origin: `192.0.2.1:${i}`, address: '192.0.2.1' }, bytes, 0, bytes.length)
      clock.advance(10_000)
    }
    await settle()
    expect(ingest.resolverAddresses).toBe(1)
  })

  test('are told at once when the operator names them', async () => {
    const { bus, clock, answer, got } = startIngest({ resolvers: ['93.184.215.53'] })
    const told: (readonly string[])[] = []
    bus.subscribe(RESOLVERS, (addresses) => told.push(addresses))
    await clock.advanceAsync(250)
    expect(told).toEqual([['93.184.215.53']])
    await answer('www.example.org', [a('www.example.org', '93.184.215.53')])
    expect(got).toEqual([])
  })
})

describe('a sender', () => {
  test('has its frames counted under its identity, whichever connection they came by', async () => {
    const { ingest, clock } = startIngest()
    const bytes = dnstapFrame({ response: new Uint8Array(0), identity: 'ns1' })
    const connections = [
      { origin: 'a', frames: 0 },
      { origin: 'b', frames: 0 },
    ]
    for (let i = 0; i < 100; i++)
      for (const connection of connections) {
        connection.frames++
        ingest.frame(connection, bytes, 0, bytes.length)
        clock.advance(10)
      }
    clock.advance(250)
    for (const connection of connections) {
      connection.frames++
      ingest.frame(connection, bytes, 0, bytes.length)
    }
    expect(ingest.senders.byIdentity.get('ns1')?.frames).toBe(202)
  })

  test('is known by identity and version from its first frame on, whatever it carries', async () => {
    const { ingest, clock } = startIngest()
    const source = { origin: 'unix', identity: '', version: '' }
    const bytes = dnstapFrame({ response: new Uint8Array(0), messageType: 1, identity: 'ns\u00e9', version: 'x\n1' })
    ingest.frame(source, bytes, 0, bytes.length)
    expect(source).toMatchObject({ identity: 'ns?', version: 'x?1' })
    expect([...ingest.senders.byIdentity]).toEqual([['ns?', { version: 'x?1', lastSeenMs: clock.now(), frames: 1 }]])
  })

  test('that was upgraded has its new version', async () => {
    const { answer, ingest, clock } = startIngest()
    await answer('example.org', [], { version: 'unbound 1' })
    await clock.advanceAsync(1000)
    await answer('example.org', [], { version: 'unbound 2' })
    expect(ingest.senders.byIdentity.get('test-resolver')?.version).toBe('unbound 2')
  })

  test('that makes up identities crowds out the oldest only', () => {
    const { ingest } = startIngest()
    for (let i = 0; i < 1500; i++) {
      const bytes = dnstapFrame({ response: new Uint8Array(0), identity: `made-up-${i}` })
      ingest.frame({ origin: 'unix' }, bytes, 0, bytes.length)
    }
    expect(ingest.senders.byIdentity.size).toBe(1000)
    expect(ingest.senders.byIdentity.has('made-up-1499')).toBe(true)
    expect(ingest.evicted.identities).toBe(500)
  })
})

describe('while the bus takes nothing', () => {
  test('facts wait, and go when it is back', async () => {
    const { answer, got, bus, ingest, clock } = startIngest()
    const enqueue = bus.enqueue.bind(bus)
    bus.enqueue = () => Promise.reject(new BusError('away'))
    await answer('www.example.org', [a('www.example.org')])
    expect(ingest.outbox.failing).toBe(true)
    await answer('example.org', [a('example.org')])
    bus.enqueue = enqueue
    await clock.advanceAsync(3000)
    expect(got.map((one) => one.name)).toEqual(['www.example.org', 'example.org'])
    expect(ingest.outbox.waiting).toBe(0)
  })
})

describe('a chain in pieces (RESOLVER_RESPONSE)', () => {
  const types = ['RESOLVER_RESPONSE']
  const resolver = { messageType: 4 }

  test('is put together', async () => {
    const { answer, got, ingest } = startIngest({ types })
    await answer('www.example.org', [cname('www.example.org', 'a.cdn.net', 60)], resolver)
    await answer('a.cdn.net', [cname('a.cdn.net', 'b.cdn.net')], resolver)
    await answer('b.cdn.net', [a('b.cdn.net')], resolver)
    expect(got).toMatchObject([
      { list: 'video', name: 'www.example.org', ttlSeconds: 60, chain: ['www.example.org', 'a.cdn.net', 'b.cdn.net'] },
    ])
    expect(ingest.counters.linksJoined).toBe(2)
  })

  test('feeds the list of the listed name as well when the target is on another list', async () => {
    const { answer, got } = startIngest({ types, rules: { video: ['example.org'], work: ['cdn.net'] } })
    await answer('www.example.org', [cname('www.example.org', 'a.cdn.net', 60)], resolver)
    await answer('a.cdn.net', [a('a.cdn.net')], resolver)
    expect(got.map(({ list, name }) => [list, name]).sort()).toEqual([
      ['video', 'www.example.org'],
      ['work', 'a.cdn.net'],
    ])
  })

  test('that leads back to itself ends', async () => {
    const { answer, got, ingest } = startIngest({ types })
    for (let i = 0; i < 100; i++) {
      await answer('www.example.org', [cname('www.example.org', 'a.cdn.net')], resolver)
      await answer('a.cdn.net', [cname('a.cdn.net', 'www.example.org')], resolver)
    }
    expect(got).toEqual([])
    expect(ingest.counters.frames).toBe(200)
  })

  test('is not joined by what a client asked, where both kinds are heard', async () => {
    const { answer, got } = startIngest({ types: ['CLIENT_RESPONSE', 'RESOLVER_RESPONSE'] })
    await answer('www.example.org', [cname('www.example.org', 'a.cdn.net')], resolver)
    await answer('a.cdn.net', [a('a.cdn.net')])
    expect(got).toEqual([])
  })

  test('is forgotten after a short while', async () => {
    const { answer, got, clock } = startIngest({ types })
    await answer('www.example.org', [cname('www.example.org', 'a.cdn.net')], resolver)
    await clock.advanceAsync(31_000)
    await answer('a.cdn.net', [a('a.cdn.net')], resolver)
    expect(got).toEqual([])
  })

  test('is not looked for in CLIENT_RESPONSEs alone: they carry their chain', async () => {
    const { answer, got } = startIngest()
    await answer('www.example.org', [cname('www.example.org', 'a.cdn.net')])
    await answer('a.cdn.net', [a('a.cdn.net')])
    expect(got).toEqual([])
  })
})

test('garbage is counted by reason and harms nothing', async () => {
  const { ingest, answer, got } = startIngest()
  let state = 12345
  const random = () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 16
  const good = dnstapFrame({
    response: dnsResponse({ qname: 'www.example.org', answers: [a('www.example.org', '93.184.215.1')] }),
  })
  for (let i = 0; i < 3000; i++) {
    const bytes = i % 2 === 0 ? good.slice(0, random() % good.length) : good.slice()
    for (let j = 0; j < 3 && bytes.length > 0; j++) bytes[random() % bytes.length] = random() & 255
    ingest.frame({ origin: 'unix' }, bytes, 0, bytes.length)
  }
  got.length = 0
  await answer('www.example.org', [a('www.example.org', '93.184.215.77')])
  expect(got.some((one) => one.address === '93.184.215.77')).toBe(true)
  expect(ingest.counters.frames).toBe(3001)
})
