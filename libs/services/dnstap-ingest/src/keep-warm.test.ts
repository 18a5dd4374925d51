import { LocalBus } from '@dnstap-bgp/bus'
import { ResolverProbes, type ProbedResolverConfig } from '@dnstap-bgp/resolver-probe'
import { BINDINGS, type Resolution } from '@dnstap-bgp/steering'
import { dnsResponse, dnstapFrame, FakeClock } from '@dnstap-bgp/testkit'
import { expect, test } from 'vitest'
import { a, cname, startIngest } from '../testing/ingest-under-test.ts'
import { KeepWarm } from './keep-warm.ts'

const HOUR_MS = 3_600_000
const OWN_PORT = 40_000 // that of the testkit's frames
const RESOLVER: ProbedResolverConfig = {
  ...{ name: '127.0.0.1:53', address: '127.0.0.1', port: 53, kind: 'unbound', metronome: undefined },
  warm: { names: 'learnt', queriesPerSecond: 10, keepMs: 24 * HOUR_MS, ipv6: false },
}

function startKeepWarm(names: 'learnt' | 'exact' = 'learnt', ownPort = 1) {
  const clock = new FakeClock()
  const bus = new LocalBus({ pause: () => new Promise((resolve) => setImmediate(resolve)) })
  const probes = new ResolverProbes({
    clock,
    open: ({ onOpen }) => ({ send: () => undefined, close: onOpen('127.0.0.1', ownPort) }),
  })
  const keepWarm = new KeepWarm({ bus, clock, probes })
  const begin = () => keepWarm.begin(probes.use([{ ...RESOLVER, warm: RESOLVER.warm && { ...RESOLVER.warm, names } }]))
  const set = () => probes.resolvers.get(RESOLVER.name)?.warm?.set
  return { clock, bus, probes, keepWarm, begin, set }
}

const binding = (clock: FakeClock, name: string, ageMs: number, kind: 'resolver' | 'sync-peer' = 'resolver'): Resolution => ({
  ...{ list: 'video', name, rule: 'example.org', address: '93.184.215.14', ttlSeconds: 300, chain: [name] },
  seenAtMs: clock.now() - ageMs,
  source: kind === 'resolver' ? { kind, identity: 'test' } : { kind, name: '192.0.2.1' },
})

test('what clients used before the start comes from the cache, asked again until it answers; not what peers told', async () => {
  const { clock, bus, keepWarm, begin, set } = startKeepWarm()
  begin()
  await clock.advanceAsync(1000)
  expect(set()?.size).toBe(0)
  bus.serveStream(BINDINGS, async function* () {
    await Promise.resolve()
    yield [binding(clock, 'a.example.org', HOUR_MS), binding(clock, 'peer.example.org', 0, 'sync-peer')]
    yield [binding(clock, 'b.example.org', 0), binding(clock, 'old.example.org', 48 * HOUR_MS)]
  })
  await clock.advanceAsync(6000)
  expect(set()?.size).toBe(2)
  expect(set()?.find('a.example.org')?.usedAtMs).toBeLessThan(-HOUR_MS + 10_000)
  expect(set()?.find('b.example.org')).toBeDefined()
  await keepWarm.close()
})

test('names of lists are those that the matcher has exactly, anew when the lists change', async () => {
  const { keepWarm, begin, set } = startKeepWarm('exact')
  begin()
  await keepWarm.list({ exactNames: () => ['a.test', undefined, 'b.test'] })
  expect(set()?.size).toBe(2)
  const older = keepWarm.list({ exactNames: () => [undefined, 'never.test'] })
  await Promise.all([older, keepWarm.list({ exactNames: () => ['c.test'] })])
  expect(set()?.size).toBe(1)
  expect(set()?.find('c.test')).toBeDefined()
})

test('the name that the client asked for stays warm, not the listed one behind a CNAME', async () => {
  const { probes, begin, set, keepWarm } = startKeepWarm()
  begin()
  const { answer } = startIngest({ probes, observers: [keepWarm.observer] })
  await answer('www.other.net', [cname('www.other.net', 'cdn.example.org'), a('cdn.example.org')])
  expect(set()?.find('www.other.net')).toBeDefined()
  expect(set()?.size).toBe(1)
})

test('our own questions make facts, are no use, and do not hide the use by clients', async () => {
  const { probes, begin, set, keepWarm } = startKeepWarm('learnt', OWN_PORT)
  begin()
  const { ingest, got, clock, source, answer } = startIngest({ probes, observers: [keepWarm.observer] })
  await answer('www.example.org', [a('www.example.org')])
  expect(got).toHaveLength(1) // it has become a route
  expect(set()?.size).toBe(0) // and nobody uses it
  // The same answer for a client, from another port: in one coalescer it would be a repeat.
  const response = dnsResponse({ qname: 'www.example.org', answers: [a('www.example.org')] })
  const bytes = dnstapFrame({ response, responseTimeMs: clock.now(), queryAddress: '192.0.2.77' })
  ingest.frame(source, bytes, 0, bytes.length)
  expect(set()?.size).toBe(1)
})
