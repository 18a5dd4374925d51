import { RESOLVERS } from '@dnstap-bgp/steering'
import { dnstapFrame } from '@dnstap-bgp/testkit'
import { describe, expect, test } from 'vitest'
import { a, CONFIG, startIngest } from '../testing/ingest-under-test.ts'
import type { FrameSender } from './sender-identities.ts'

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

  test('is reported once, with the difference', async () => {
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

  test('carries resolvers whose clocks are far apart: their answers count as seen now, and delayed ones are old', async () => {
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

  test('has each wrong clock reported by its identity, or by the connection', async () => {
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
  test('are published as soon as one is proved, and every minute; one frame proves nothing', async () => {
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

  test('are published at once when the operator names them', async () => {
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
