/**
 * Throws damaged frames of real resolvers at a whole Ingest and checks what comes out of it: no exception, every frame counted under one
 * outcome, every resolution sound, and good frames still understood in between. Ends with the first fault and prints the input.
 *
 *     npx tsx libs/services/dnstap-ingest/bench/fuzz.ts [cases] [--seed N] [--json]
 *
 * The decoders have a fuzzer of their own with slow twins (dns-wire/bench/fuzz.ts).
 */
import { LocalBus } from '@dnstap-bgp/bus'
import { parseConfig } from '@dnstap-bgp/config'
import { DnstapDecoder } from '@dnstap-bgp/dnstap'
import { nameLength, nameToText, textToName } from '@dnstap-bgp/dns-wire'
import { parseAddress } from '@dnstap-bgp/ip'
import { silentLog } from '@dnstap-bgp/runtime'
import { RESOLUTIONS, sourceText, type Resolution } from '@dnstap-bgp/steering'
import { dice, dnsResponse, dnstapFrame, FakeClock } from '@dnstap-bgp/testkit'
import { captureNames, readCapture } from '../../../dns/dnstap/test/captures.ts'
import { Ingest, type NameMatcher } from '../src/index.ts'

const cases = Number(process.argv.slice(2).find((word) => /^\d+$/.test(word)) ?? 300_000)
const seedAt = process.argv.indexOf('--seed')
const firstSeed = seedAt > 0 ? Number(process.argv[seedAt + 1]) : Date.now() % 1e9

/** A number in [0, below). */
const throwDice = dice(firstSeed)
const random = (below: number): number => Math.floor(throwDice() * below)
const pick = <T>(all: readonly T[]): T => all[random(all.length)]

const frames: Uint8Array[] = []
/** Frames with a response, and where it stands in them: past the header of the message, which decides too soon. */
const answers: { frame: Uint8Array; start: number; end: number }[] = []
const decoder = new DnstapDecoder()
for (const name of captureNames) {
  const capture = readCapture(name)
  for (const { start, end } of capture.frames) {
    if (end - start > 4000) continue
    const frame = capture.bytes.slice(start, end)
    frames.push(frame)
    decoder.decode(frame, 0, frame.length)
    const { responseMessageStart: from, responseMessageEnd: to } = decoder
    if (to - from > 40 && frame[from + 7] > 0) answers.push({ frame, start: from + 6, end: to })
  }
}

const BYTES = [0, 1, 5, 12, 28, 39, 63, 64, 65, 127, 128, 192, 255]

/** Only octets of the DNS message changed, so that the envelope stays whole. */
function damagedInside(): Uint8Array {
  const { frame, start, end } = pick(answers)
  const bytes = Uint8Array.from(frame)
  for (let times = random(4); times > 0; times--) {
    const at = start + random(end - start)
    const kind = random(3)
    bytes[at] = kind === 0 ? random(256) : kind === 1 ? pick(BYTES) : bytes[at] ^ (1 << random(8))
  }
  return bytes
}

function damaged(original: Uint8Array): Uint8Array {
  let bytes = Uint8Array.from(original)
  for (let times = random(5); times > 0 && bytes.length > 1; times--) {
    const at = random(bytes.length)
    const kind = random(6)
    if (kind === 0) bytes[at] = random(256)
    else if (kind === 1) bytes[at] = pick(BYTES)
    else if (kind === 2) bytes[at] ^= 1 << random(8)
    else if (kind === 3) bytes = bytes.slice(0, at)
    else if (kind === 4) bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + random(16))])
    else {
      const other = pick(frames)
      const from = random(other.length)
      bytes = Uint8Array.from([...bytes.subarray(0, at), ...other.subarray(from, from + random(60)), ...bytes.subarray(at)])
    }
  }
  return bytes
}

/** Every other name is listed, some on both lists, by the number of its octets. */
const VERDICTS = [
  [{ list: 'one', rule: 'r1' }],
  [{ list: 'two', rule: 'r2' }],
  [
    { list: 'one', rule: 'r1' },
    { list: 'two', rule: 'r2' },
  ],
] as const
const verdictOf = (name: Uint8Array, offset: number) => [-1, 0, -1, 1, -1, 2][nameLength(name, offset) % 6]
const matcher: NameMatcher = { match: verdictOf, verdict: (id) => VERDICTS[id] }

const CONFIG = `
ipv6 = true
[[list]]
name = "one"
source = "/nowhere/one"
ttl = "1h"
[[list]]
name = "two"
source = "/nowhere/two"
ttl = "dns"
`
const TYPES = [
  ['CLIENT_RESPONSE'],
  ['RESOLVER_RESPONSE'],
  ['CLIENT_RESPONSE', 'FORWARDER_RESPONSE', 'STUB_RESPONSE', 'RESOLVER_RESPONSE'],
]

interface Running {
  ingest: Ingest
  got: Resolution[]
}
const clock = new FakeClock()
const running: Running[] = TYPES.map((types) => {
  const bus = new LocalBus({ pause: () => new Promise((resolve) => setImmediate(resolve)) })
  const got: Resolution[] = []
  bus.consume(RESOLUTIONS, async (messages) => void got.push(...messages.flat()))
  const { lists } = parseConfig(CONFIG, 'fuzz.toml', {})
  const deps = { bus, clock, matcher, log: silentLog, seed: [1, 2] as const }
  return { ingest: new Ingest({ ipv6: true, types, lists }, deps), got }
})

function checkCounts({ ingest: { counters } }: Running): void {
  const sum = (counts: Record<string, number>) => Object.values(counts).reduce((total, one) => total + one, 0)
  const outcomes =
    sum(counters.dnstapFaults) +
    sum(counters.responseFaults) +
    counters.otherTypes +
    counters.noResponse +
    counters.matched +
    counters.unmatched
  if (outcomes !== counters.frames) throw new Error(`${counters.frames} frames, but ${outcomes} outcomes`)
}

function checkResolution(one: Resolution): void {
  const wrong = (what: string) => new Error(`${what}: ${JSON.stringify(one)}`)
  if (parseAddress(one.address) === undefined) throw wrong('the address is none')
  const wire = textToName(one.name)
  if (wire === undefined) throw wrong('the name is none')
  if (nameToText(wire, 0) !== one.name) throw wrong('the name is not as it is written')
  const verdict = verdictOf(wire, 0)
  if (verdict < 0 || !VERDICTS[verdict].some(({ list }) => list === one.list)) throw wrong('the name is not on the list')
  if (!one.chain.includes(one.name)) throw wrong('the name is not on its chain')
  if (one.chain.length > 65 || one.chain.some((name) => textToName(name) === undefined)) throw wrong('the chain is none')
  if (!(one.ttlSeconds >= 0 && one.ttlSeconds < 2 ** 31)) throw wrong('the TTL is none')
  if (!(one.seenAtMs <= clock.now() && one.seenAtMs > clock.now() - 3_700_000)) throw wrong('it was not seen when it says')
  const source = sourceText(one.source)
  if (/[^\x20-\x7e]/.test(source) || source.length > 255) throw wrong('the source is not printable')
}

const started = performance.now()
let resolutions = 0
let last: Uint8Array = new Uint8Array(0)
const source = { origin: 'fuzz' }
try {
  for (let i = 0; i < cases; i++) {
    // A good frame about the fuzzed time, so that response times are of today, now and then.
    const kind = random(100)
    last = kind < 2 ? goodFrame(i) : kind < 60 ? damagedInside() : damaged(pick(frames))
    const padding = random(3)
    const bytes = new Uint8Array(last.length + 2 * padding).fill(0xc0)
    bytes.set(last, padding)
    for (const { ingest } of running) ingest.frame(source, bytes, padding, padding + last.length)
    if (i % 500 === 499 || i === cases - 1) {
      await clock.advanceAsync(random(4) === 0 ? 31_000 : 300)
      for (const one of running) {
        checkCounts(one)
        resolutions += one.got.length
        for (const resolution of one.got.splice(0)) checkResolution(resolution)
      }
    }
  }
} catch (error) {
  console.error(`seed ${firstSeed}; last input ${Buffer.from(last).toString('hex')}`)
  throw error
}

function goodFrame(i: number): Uint8Array {
  const qname = `n${i % 1000}.example.org`
  const address = `93.${i & 127}.${(i >> 7) & 255}.${i % 251}`
  return dnstapFrame({
    messageType: pick([4, 6, 8, 10]),
    responseTimeMs: clock.now() - random(2_000_000),
    response: dnsResponse({ qname, answers: [{ owner: qname, type: 'A', value: address }] }),
  })
}

const { counters } = running[0].ingest
const row = {
  cases,
  seed: firstSeed,
  matched: counters.matched,
  unmatched: counters.unmatched,
  'dnstap faults': Object.values(counters.dnstapFaults).reduce((a, b) => a + b, 0),
  'response faults': Object.values(counters.responseFaults).reduce((a, b) => a + b, 0),
  'resolutions checked': resolutions,
  joined: running[1].ingest.counters.linksJoined,
  'wall s': Math.round((performance.now() - started) / 100) / 10,
}
if (process.argv.includes('--json')) console.log(JSON.stringify({ bench: 'ingest-fuzz', rows: [row] }))
else console.table([row])
process.exit(0)
