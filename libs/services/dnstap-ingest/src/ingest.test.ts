import { BusError } from '@dnstap-bgp/bus'
import { RuleKind } from '@dnstap-bgp/domain-list'
import { Matcher, MatcherBuilder } from '@dnstap-bgp/domain-matcher'
import { dnsResponse, dnstapFrame } from '@dnstap-bgp/testkit'
import { describe, expect, test } from 'vitest'
import { a, cname, startIngest } from '../testing/ingest-under-test.ts'

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
        seenBy: { ingest: expect.any(String) as string, steadyMs: expect.any(Number) as number },
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

  test("with the resolver's own address makes no route to the resolver", async () => {
    const { answer, got, ingest } = startIngest()
    await answer('www.example.org', [a('www.example.org', '93.184.215.53')], { responseAddress: '93.184.215.53' })
    expect(got).toEqual([])
    expect(ingest.counters.resolverAddress).toBe(1)
  })

  test("with another resolver's address makes no route to it either, once it is known as a resolver", async () => {
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

test('garbage is counted by reason and does no harm', async () => {
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
