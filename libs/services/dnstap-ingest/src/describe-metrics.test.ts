import { LocalBus } from '@dnstap-bgp/bus'
import { parseConfig } from '@dnstap-bgp/config'
import { silentLog } from '@dnstap-bgp/runtime'
import { Metrics } from '@dnstap-bgp/telemetry'
import { dnsResponse, dnstapFrame, FakeClock } from '@dnstap-bgp/testkit'
import { expect, test } from 'vitest'
import { describeIngestMetrics } from './describe-metrics.ts'
import { Ingest } from './ingest.ts'

test('every frame is counted by type, and once by what became of it', async () => {
  const clock = new FakeClock()
  const { lists } = parseConfig('domains = "/nowhere"\n', 'test.toml', {})
  const ingest = new Ingest(
    { ipv6: true, types: ['CLIENT_RESPONSE'], lists, resolvers: ['192.0.2.53', '2001:db8::53'] },
    {
      bus: new LocalBus({ pause: () => new Promise((resolve) => setImmediate(resolve)) }),
      clock,
      matcher: { match: (bytes, offset) => (bytes[offset] === 1 ? 0 : -1), verdict: () => [{ list: 'default', rule: 'r' }] },
      log: silentLog,
      seed: [1, 2],
    },
  )
  const metrics = new Metrics({ process: false })
  describeIngestMetrics(metrics, ingest)
  const response = (qname: string, rcode = 0) =>
    dnsResponse({ qname, rcode, answers: [{ owner: qname, type: 'A', value: '93.184.215.14' }] })
  const frames = [
    dnstapFrame({ response: response('x.org') }), // listed: its first label has one octet
    dnstapFrame({ response: response('x.org') }),
    dnstapFrame({ response: response('other.org') }),
    dnstapFrame({ response: response('x.org', 3) }),
    dnstapFrame({ response: new Uint8Array(0) }),
    dnstapFrame({ response: response('x.org'), messageType: 4 }),
    dnstapFrame({ response: response('x.org'), messageType: 99 }),
    Uint8Array.of(0xff),
  ]
  for (const bytes of frames) ingest.frame({ origin: 'unix' }, bytes, 0, bytes.length) // each by a connection of its own
  const text = await metrics.text()
  for (const line of [
    'ingest_frames_total 8',
    'ingest_messages_total{type="CLIENT_RESPONSE"} 5',
    'ingest_messages_total{type="RESOLVER_RESPONSE"} 1',
    'ingest_messages_total{type="unknown"} 1',
    'ingest_answers_total{result="matched"} 2',
    'ingest_answers_total{result="unmatched"} 1',
    'ingest_unusable_total{reason="error-rcode"} 1',
    'ingest_unusable_total{reason="no-response"} 1',
    'ingest_unusable_total{reason="other-type"} 2',
    'ingest_unusable_total{reason="truncated"} 1',
    'ingest_facts_total{result="repeat"} 1',
    'ingest_waiting_facts 1',
    'ingest_forgotten_total{what="facts"} 0',
    'ingest_forgotten_total{what="identities"} 0',
    'ingest_resolver_addresses 2',
    'ingest_sender_frames_total{identity="test-resolver"} 7',
    `ingest_sender_last_seen_seconds{identity="test-resolver"} ${clock.now() / 1000}`,
  ])
    expect(text).toContain(`dnstap_bgp_${line}\n`)
})
