/**
 * The whole path in both shapes: from a frame written into the dnstap socket to the route in a real BIRD.
 *
 * Usage: tsx tools/bench/path.bench.ts [--json] [--shape all-in-one|services] [--seconds 10] [--count 100000]
 *
 *   latency     5,000 new addresses a second; BIRD's own log (microseconds) says when each was there
 *   throughput  new addresses as fast as they are taken; until BIRD has the last one
 *   repeats     the same answers again: what NATS and Redis hear of them
 */
import { waitFor } from '@dnstap-bgp/testkit'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { addressOf, frameOf, now, option, percentile, round, startWholePath, type Shape } from './whole-path.ts'

const json = process.argv.includes('--json')
const shapes = option('shape', 'all-in-one,services').split(',')
const seconds = Number(option('seconds', '10'))
const count = Number(option('count', '100000'))
const PER_SECOND = 5000
const DOMAIN = 'listed.example'

async function measure(shape: Shape) {
  const path = await startWholePath(shape, { [DOMAIN]: '24h' })
  const { bird, programs, redis } = path

  // Warm up, then latency.
  let next = 0
  const written = new Map<string, number>()
  const paced = async (total: number) => {
    const started = performance.now()
    const from = next
    while (next - from < total) {
      const due = Math.min(total, Math.floor(((performance.now() - started) / 1000) * PER_SECOND))
      for (; next - from < due; next++) {
        const frame = frameOf(next, DOMAIN)
        written.set(`${addressOf(next)}/32`, now())
        void path.send(frame)
      }
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    await waitFor(() => bird.routes() >= next, {
      timeoutMs: 60_000,
      what: () => `${next} routes in BIRD; it has ${bird.routes()}`,
    })
  }
  await paced(PER_SECOND)
  written.clear()
  await paced(PER_SECOND * seconds)
  const arrived = bird.times('added')
  const delays = [...written].map(([prefix, at]) => (arrived.get(prefix) ?? Infinity) - at).sort((a, b) => a - b)

  // Throughput: frames are made before the clock starts.
  const cpuOf = () => programs.reduce((sum, one) => sum + cpuSeconds(one.pid), 0)
  const frames = Array.from({ length: count }, () => frameOf(next++, DOMAIN))
  const cpuBefore = cpuOf()
  const started = performance.now()
  for (let i = 0; i < frames.length; i += 200) await path.send(Buffer.concat(frames.slice(i, i + 200)))
  await waitFor(() => bird.routes() >= next, {
    timeoutMs: 120_000,
    what: () => `${next} routes in BIRD; it has ${bird.routes()}`,
  })
  const tookMs = performance.now() - started
  const cpu = cpuOf() - cpuBefore

  // Repeats: the same again, against the same span of idleness.
  const heard = async () => ({
    nats:
      path.natsUrl === undefined
        ? 0
        : ((await (await fetch(`http://127.0.0.1:${path.natsMonitor}/varz`)).json()) as { in_msgs: number }).in_msgs,
    redis:
      redis === undefined
        ? 0
        : Number(
            /total_commands_processed:(\d+)/.exec(
              execFileSync('redis-cli', ['-h', redis.host, '-p', String(redis.port), 'info', 'stats'], { encoding: 'utf8' }),
            )?.[1],
          ),
  })
  const idle = async (ms: number) => {
    const before = await heard()
    await new Promise((resolve) => setTimeout(resolve, ms))
    const after = await heard()
    return { nats: after.nats - before.nats, redis: after.redis - before.redis }
  }
  const quiet = await idle(3000)
  const repeating = idle(3000)
  for (let i = 0; i < frames.length; i += 200) await path.send(Buffer.concat(frames.slice(i, i + 200)))
  const busy = await repeating
  await path.close()
  return {
    shape,
    'latency p50 ms': round(percentile(delays, 0.5)),
    'p99 ms': round(percentile(delays, 0.99)),
    'max ms': round(delays[delays.length - 1]),
    'new bindings/s': Math.round((count / tookMs) * 1000),
    'CPU µs each': round((cpu / count) * 1e6),
    'NATS messages for repeats': busy.nats - quiet.nats,
    'Redis commands for repeats': busy.redis - quiet.redis,
    repeats: count,
  }
}

function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

const rows = []
for (const shape of shapes) rows.push(await measure(shape as Shape))
if (json) console.log(JSON.stringify({ bench: 'path', rows }))
else console.table(rows)
process.exit(0)
