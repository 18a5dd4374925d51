/**
 * What a frame costs ingest: CPU of the receiving process, through a real UNIX socket from another process.
 *
 * Usage: tsx libs/services/dnstap-ingest/bench/ingest.bench.ts [--json] [--frames N] [--repeat N] [--only WORDS]
 *
 * The work is verified by a sentinel in the last frame and by the counters. The list has 100,000 names besides the one that matches. Each
 * figure is the median of `--repeat` runs (3). Growth of memory is counted from the first tenth of the frames to the last one: with
 * `--frames 100000000 --repeat 1 --only "1 %"` it shows that memory stays flat. The last row, a new address through the whole all-in-one,
 * is new-address.ts.
 */
import { LocalBus } from '@dnstap-bgp/bus'
import { parseConfig } from '@dnstap-bgp/config'
import { textToName } from '@dnstap-bgp/dns-wire'
import { Matcher, MatcherBuilder } from '@dnstap-bgp/domain-matcher'
import { RuleKind } from '@dnstap-bgp/domain-list'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { RESOLUTIONS } from '@dnstap-bgp/steering'
import { fork, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startDnstapServer } from '@dnstap-bgp/dnstap-server'
import { optionsFor } from '../../../dns/dnstap-server/testing/options.ts'
import { Ingest } from '../src/index.ts'

interface Case {
  name: string
  frames: number
  matching: number
  fresh?: boolean
  perSecond?: number
  targetMicroseconds: number
}

const json = process.argv.includes('--json')
const option = (name: string) => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? undefined : process.argv[at + 1]
}
const frames = Number(option('frames') ?? 3_000_000)
const repeat = Number(option('repeat') ?? 3)
const only = option('only')

const CASES: Case[] = [
  { name: 'no match', frames, matching: 0, targetMicroseconds: 0.6 },
  { name: '1 % match, known', frames, matching: 0.01, targetMicroseconds: 0.7 },
  { name: '10 % match, known', frames, matching: 0.1, targetMicroseconds: 1.2 },
  { name: '20k/s, one write a frame', frames: 100_000, matching: 0, perSecond: 20_000, targetMicroseconds: 6 },
]

function listOf100k(): Matcher {
  const builder = new MatcherBuilder({ seed: 12345 })
  const list = builder.addList('default')
  list.rule(RuleKind.suffix, 'listed-example.org', false, false)
  for (let i = 0; i < 100_000; i++) list.rule(RuleKind.suffix, `name${i}.bench-list${i % 700}.com`, false, false)
  return new Matcher(builder.build())
}

async function measure(one: Case, matcher: Matcher) {
  const folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-bench-'))
  const path = join(folder, 'dnstap.sock')
  const bus = new LocalBus({
    pause: (ms) => new Promise((resolve) => (ms === 0 ? setImmediate(resolve) : setTimeout(resolve, ms))),
  })
  let sentinelSeen: () => void = () => {}
  const sentinel = new Promise<void>((resolve) => (sentinelSeen = resolve))
  let resolutions = 0
  bus.consume(RESOLUTIONS, async (messages) => {
    for (const message of messages) {
      resolutions += message.length
      if (message.some((resolution) => resolution.address === '93.184.215.250')) sentinelSeen()
    }
  })
  const { lists } = parseConfig('domains = "/nowhere"\n', 'bench.toml', {})
  const ingest = new Ingest(
    { ipv6: true, types: ['CLIENT_RESPONSE'], lists },
    { bus, clock: systemClock, matcher, log: silentLog, seed: [1, 2] },
  )
  const server = await startDnstapServer(optionsFor({ kind: 'unix', path }), {
    clock: systemClock,
    log: silentLog,
    handler: { onFrame: (connection, bytes, start, end) => ingest.frame(connection, bytes, start, end) },
  })
  const work = {
    socket: path,
    frames: one.frames,
    matching: one.matching,
    fresh: one.fresh ?? false,
    perSecond: one.perSecond ?? 0,
  }
  const sender = fork(new URL('./sender.ts', import.meta.url), [JSON.stringify(work)], { execArgv: process.execArgv })
  await new Promise<void>((resolve) => sender.once('message', () => resolve()))
  let rssBefore = 0
  const watching = setInterval(() => {
    if (rssBefore === 0 && ingest.counters.frames > one.frames / 10) rssBefore = process.memoryUsage.rss()
  }, 20)
  const cpu = process.cpuUsage()
  const started = performance.now()
  sender.send('go')
  await sentinel
  const wallMs = performance.now() - started
  const used = process.cpuUsage(cpu)
  const rssAfter = process.memoryUsage.rss()
  clearInterval(watching)
  await server.close()
  await ingest.close()
  sender.kill()
  rmSync(folder, { recursive: true, force: true })
  const received = ingest.counters.frames
  return {
    case: one.name,
    frames: received,
    'CPU µs/frame': round((used.user + used.system) / received),
    target: one.targetMicroseconds,
    'frames/s of CPU': Math.round((received / (used.user + used.system)) * 1e6),
    'wall s': round(wallMs / 1000),
    matched: ingest.counters.matched,
    repeats: ingest.counters.repeats,
    resolutions,
    'RSS growth MB': Math.round((rssAfter - rssBefore) / 1e6),
  }
}

const round = (value: number) => Math.round(value * 1000) / 1000

const matcher = listOf100k()
if (matcher.match(textToName('www.listed-example.org') ?? new Uint8Array(1), 0) < 0)
  throw new Error('the list does not match what it should')
const rows: object[] = []
for (const one of CASES) {
  if (only !== undefined && !one.name.includes(only)) continue
  const runs = []
  for (let i = 0; i < repeat; i++) runs.push(await measure(one, matcher))
  runs.sort((a, b) => a['CPU µs/frame'] - b['CPU µs/frame'])
  rows.push(runs[runs.length >> 1])
}
if (only === undefined) rows.push(...newAddress())
if (json) console.log(JSON.stringify({ bench: 'ingest', rows }))
else console.table(rows)
process.exit(0)

function newAddress(): object[] {
  const script = fileURLToPath(new URL('./new-address.ts', import.meta.url))
  const { stdout, stderr } = spawnSync(process.execPath, [...process.execArgv, script, '--json'], { encoding: 'utf8' })
  try {
    return (JSON.parse(stdout) as { rows: object[] }).rows
  } catch {
    return [{ case: 'a new address', failed: /Error: .*/.exec(stderr)?.[0] ?? stderr.slice(0, 300) }]
  }
}
