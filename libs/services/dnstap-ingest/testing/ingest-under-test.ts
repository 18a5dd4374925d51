/** Ingest on a local bus and a fake clock, and answers to give it, for the tests beside it. */
import { LocalBus } from '@dnstap-bgp/bus'
import { parseConfig } from '@dnstap-bgp/config'
import { nameToText } from '@dnstap-bgp/dns-wire'
import { silentLog } from '@dnstap-bgp/runtime'
import { RESOLUTIONS, type Resolution } from '@dnstap-bgp/steering'
import { dnsResponse, dnstapFrame, FakeClock, type Answer, type FrameOptions } from '@dnstap-bgp/testkit'
import { Ingest, type IngestDeps, type NameMatcher } from '../src/ingest.ts'
import type { FrameSender } from '../src/sender-identities.ts'

export const CONFIG = `
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
export function matcherOf(rules: Record<string, readonly string[]>): NameMatcher {
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

export function startIngest(
  options: {
    rules?: Record<string, readonly string[]>
    matcher?: NameMatcher
    version?: symbol
    types?: string[]
    ipv6?: boolean
    config?: string
    resolvers?: string[]
    probes?: IngestDeps['probes']
    observers?: IngestDeps['observers']
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
      version: options.version,
      log: { ...silentLog, warn: (its, sentence) => (fields.push({ ...its }), lines.push(sentence)) },
      seed: [1, 2],
      probes: options.probes,
      observers: options.observers ?? [],
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
      ingest.onRead(source)
      ingest.frame(source, bytes, 0, bytes.length)
      await settle()
    },
  }
}

export const a = (owner: string, value = '93.184.215.14', ttlSeconds = 300): Answer => ({ owner, type: 'A', value, ttlSeconds })
export const cname = (owner: string, value: string, ttlSeconds = 300): Answer => ({ owner, type: 'CNAME', value, ttlSeconds })
