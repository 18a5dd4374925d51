/**
 * The whole path in both shapes: from a frame written into the dnstap socket to the route in a real BIRD.
 *
 * Usage: tsx tools/bench/path.ts [--json] [--shape all-in-one|services] [--seconds 10] [--count 100000]
 *
 *   latency     5,000 new addresses a second; BIRD's own log (microseconds) says when each was there
 *   throughput  new addresses as fast as they are taken; until BIRD has the last one
 *   repeats     the same answers again: what NATS and Redis hear of them
 *
 * Build first (npm run build). Everything runs on this machine, which the sender, the receivers and BIRD share.
 */
import {
  Daemon,
  dnsResponse,
  dnstapFrame,
  freePort,
  loopbackAddress,
  startNats,
  startProgram,
  startRedis,
  waitFor,
} from '@dnstap-bgp/testkit'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const option = (name: string, otherwise: string) => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? otherwise : process.argv[at + 1]
}
const json = process.argv.includes('--json')
const shapes = option('shape', 'all-in-one,services').split(',')
const seconds = Number(option('seconds', '10'))
const count = Number(option('count', '100000'))
const PER_SECOND = 5000

const u32 = (value: number) => {
  const octets = Buffer.alloc(4)
  octets.writeUInt32BE(value)
  return octets
}
const framed = (frame: Uint8Array) => Buffer.concat([u32(frame.length), frame])
const START = (() => {
  const type = Buffer.from('protobuf:dnstap.Dnstap')
  const body = Buffer.concat([u32(2), u32(1), u32(type.length), type])
  return Buffer.concat([u32(0), u32(body.length), body])
})()
const addressOf = (n: number) => `${20 + ((n >> 24) & 15)}.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`
const frameOf = (n: number) => {
  const qname = `h${n % 500}.z${Math.floor(n / 500)}.listed.example`
  return framed(
    dnstapFrame({
      response: dnsResponse({ qname, answers: [{ owner: qname, type: 'A', value: addressOf(n) }] }),
      identity: 'bench',
    }),
  )
}

const now = () => performance.timeOrigin + performance.now()
const percentile = (sorted: number[], share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
const round = (value: number) => Math.round(value * 100) / 100

/** BIRD that writes down every route it hears, with microseconds. */
async function startLoggingBird(us: string) {
  const address = loopbackAddress()
  const port = await freePort(address)
  const daemon = await Daemon.start({
    name: 'bird',
    prepare(folder) {
      writeFileSync(
        join(folder, 'conf'),
        `log "${folder}/routes.log" { trace };
timeformat log iso long us;
router id 192.0.2.2;
protocol device { }
protocol bgp peer {
  debug { routes };
  local ${address} port ${port} as 64512;
  neighbor ${us} as 64512;
  strict bind yes; multihop 8; passive yes; graceful restart aware;
  ipv4 { import all; export none; };
}
`,
      )
      return { command: 'bird', args: ['-f', '-c', join(folder, 'conf'), '-s', join(folder, 'ctl'), '-P', join(folder, 'pid')] }
    },
    ready: (one) => {
      try {
        return execFileSync('birdc', ['-s', join(one.folder, 'ctl'), 'show', 'status'], {
          stdio: ['ignore', 'pipe', 'ignore'],
        }).includes('up and running')
      } catch {
        return false
      }
    },
  })
  const routes = () =>
    Number(
      /(\d+) imported/.exec(
        execFileSync('birdc', ['-s', join(daemon.folder, 'ctl'), 'show', 'protocols', 'all', 'peer'], { encoding: 'utf8' }),
      )?.[1] ?? 0,
    )
  /** Unix ms by prefix. */
  const times = () => {
    const seen = new Map<string, number>()
    for (const match of readFileSync(join(daemon.folder, 'routes.log'), 'utf8').matchAll(
      /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)\.(\d{6}) .* > added (?:\[best\] )?(\S+\/32)/gm,
    )) {
      const at = new Date(`${match[1]}T${match[2]}`).getTime() + Number(match[3]) / 1000
      if (!seen.has(match[4])) seen.set(match[4], at)
    }
    return seen
  }
  return { daemon, address, port, routes, times }
}

async function measure(shape: string) {
  const us = loopbackAddress()
  const bird = await startLoggingBird(us)
  const work = mkdtempSync(join(tmpdir(), 'dnstap-bgp-path-'))
  writeFileSync(join(work, 'domains.txt'), 'listed.example\n')
  const monitor = await freePort('127.0.0.1')
  const nats = shape === 'services' ? await startNats({ extra: `http: "127.0.0.1:${monitor}"` }) : undefined
  const redis = shape === 'services' ? await startRedis() : undefined
  const config = () =>
    `
[[list]]
name = "bench"
source = "${work}/domains.txt"
newRoutesPerSecond = 1000000
newRoutesBurst = 10000000
[limits]
addressesPerName = 1000000
routes = 10000000
[dnstap]
listen = "./tap.sock"
[bgp]
as = 64512
routerID = "192.0.2.1"
sourceIP = "${us}"
nextHop = "192.0.2.9"
peers = ["${bird.address}:${bird.port}"]
[admin]
listen = "./admin.sock"
${nats === undefined ? '' : `[bus]\nservers = ["nats://${nats.url}"]`}
${redis === undefined ? '[store]\n' : `[store]\nredis = "${redis.host}:${redis.port}"`}
`.replace('[store]\n\n', '')
  const text = shape === 'services' ? config : () => `cache = "cache"\n${config().replace(/\[store\]\s*$/, '')}`
  const apps = shape === 'services' ? ['cache', 'bgp-announcer', 'dnstap-ingest'] : ['all-in-one']
  const programs: Daemon[] = []
  for (const app of apps) programs.push(await startProgram({ app, config: text }))
  const tap = programs[programs.length - 1]
  await waitFor(
    () =>
      execFileSync('birdc', ['-s', join(bird.daemon.folder, 'ctl'), 'show', 'protocols'], { encoding: 'utf8' }).includes(
        'Established',
      ),
    { what: 'the BGP session' },
  )
  const socket: Socket = connect(join(tap.folder, 'tap.sock'))
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()))
  socket.resume()
  socket.write(START)

  // Warm up, then latency.
  let next = 0
  const written = new Map<string, number>()
  const paced = async (total: number) => {
    const started = performance.now()
    const from = next
    while (next - from < total) {
      const due = Math.min(total, Math.floor(((performance.now() - started) / 1000) * PER_SECOND))
      for (; next - from < due; next++) {
        const frame = frameOf(next)
        written.set(`${addressOf(next)}/32`, now())
        socket.write(frame)
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
  const arrived = bird.times()
  const delays = [...written].map(([prefix, at]) => (arrived.get(prefix) ?? Infinity) - at).sort((a, b) => a - b)

  // Throughput: frames are made before the clock starts.
  const cpuOf = () => programs.reduce((sum, one) => sum + cpuSeconds(one.pid), 0)
  const frames = Array.from({ length: count }, () => frameOf(next++))
  const cpuBefore = cpuOf()
  const started = performance.now()
  for (let i = 0; i < frames.length; i += 200) {
    if (!socket.write(Buffer.concat(frames.slice(i, i + 200))))
      await new Promise<void>((resolve) => socket.once('drain', () => resolve()))
  }
  await waitFor(() => bird.routes() >= next, {
    timeoutMs: 120_000,
    what: () => `${next} routes in BIRD; it has ${bird.routes()}`,
  })
  const tookMs = performance.now() - started
  const cpu = cpuOf() - cpuBefore

  // Repeats: the same again, against the same span of idleness.
  const heard = async () => ({
    nats:
      nats === undefined ? 0 : ((await (await fetch(`http://127.0.0.1:${monitor}/varz`)).json()) as { in_msgs: number }).in_msgs,
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
  for (let i = 0; i < frames.length; i += 200) {
    if (!socket.write(Buffer.concat(frames.slice(i, i + 200))))
      await new Promise<void>((resolve) => socket.once('drain', () => resolve()))
  }
  const busy = await repeating
  socket.destroy()
  for (const program of programs.reverse()) await program.remove()
  await Promise.all([nats?.remove(), redis?.remove(), bird.daemon.remove()])
  rmSync(work, { recursive: true, force: true })
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
for (const shape of shapes) rows.push(await measure(shape))
if (json) console.log(JSON.stringify({ bench: 'path', rows }))
else console.table(rows)
process.exit(0)
