import { parseConfig } from '@dnstap-bgp/config'
import { ResolverProbes } from '@dnstap-bgp/resolver-probe'
import { silentLog } from '@dnstap-bgp/runtime'
import { Health, Metrics } from '@dnstap-bgp/telemetry'
import { dnsResponse, dnstapFrame, FakeClock } from '@dnstap-bgp/testkit'
import { expect, test } from 'vitest'
import { a, matcherOf, startIngest } from '../testing/ingest-under-test.ts'
import { describeResolverMetrics, probedResolvers, resolverRows, watchResolvers } from './watch-resolvers.ts'

const UNBOUND = '[[resolver]]\naddress = "127.0.0.1"\nkind = "unbound"\n'
const resolversOf = (text: string) => probedResolvers(parseConfig(text, 'test.toml', {}))

/** Probes whose sockets ask from 127.0.0.1 port 40000 and lead nowhere. */
function startProbes(clock = new FakeClock()) {
  const probes = new ResolverProbes({
    clock,
    open: ({ onOpen }) => ({ send: () => undefined, close: onOpen('127.0.0.1', 40_000) }),
  })
  return { clock, probes }
}

test('only a resolver with flushTarget gets a metronome', () => {
  expect(resolversOf(UNBOUND)).toEqual([])
  expect(resolversOf(`${UNBOUND}flushTarget = "25ms"`)).toMatchObject([
    { name: '127.0.0.1:53', metronome: { flushTargetMs: 25 }, warm: undefined },
  ])
})

test('health, metrics and the reply of senders say that a resolver does not answer, and nothing once it is gone', async () => {
  const { clock, probes } = startProbes()
  const health = new Health({ clock, log: silentLog })
  const metrics = new Metrics({ process: false })
  const look = watchResolvers(probes, health)
  describeResolverMetrics(metrics, probes)
  probes.use(resolversOf(`${UNBOUND}flushTarget = "25ms"`))
  look()
  expect(health.report().components).toMatchObject([{ name: 'resolver 127.0.0.1:53', state: 'ok' }])
  clock.advance(40_000)
  look()
  expect(health.report().components).toMatchObject([
    { state: 'degraded', why: expect.stringContaining('does not answer our questions') as string },
  ])
  expect(resolverRows(probes, clock)).toMatchObject([
    {
      resolver: '127.0.0.1:53',
      metronome: 'no-answer',
      flushTargetMs: 25,
      delayMs: null,
      longDelayMs: null,
      questions: 40,
      answers: 0,
    },
  ])
  expect(await metrics.text()).toContain('dnstap_bgp_ingest_resolver_questions_total{resolver="127.0.0.1:53",for="metronome"} 40')
  probes.use([])
  look()
  expect(health.report().components).toEqual([])
})

test('a frame about our own question teaches nothing and counts as no message; the same from another port does', async () => {
  const { probes } = startProbes()
  const { ingest, got, settle } = startIngest({ matcher: matcherOf({ video: ['example.org'] }), probes })
  const response = dnsResponse({ qname: 'example.org', answers: [a('example.org')] })
  const source = { origin: 'unix', frames: 1 }
  const send = () => {
    const bytes = dnstapFrame({ response })
    ingest.onRead(source)
    ingest.frame(source, bytes, 0, bytes.length)
  }
  probes.use(resolversOf(`${UNBOUND}flushTarget = "25ms"`))
  send()
  await settle()
  expect(got).toEqual([])
  expect(ingest.counters).toMatchObject({ frames: 1, ownFrames: 1, matched: 0, unmatched: 0 })
  expect(ingest.framesByType[6]).toBe(0)
  probes.use([])
  send()
  await settle()
  expect(got).toHaveLength(1)
  expect(ingest.framesByType[6]).toBe(1)
})
