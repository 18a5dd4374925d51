/**
 * What one unit of each service costs on this machine: `npm run sizing -- --measure [--count 100000]`.
 *
 * Real NATS, Redis and BIRD; CPU time and memory are the kernel's count for each process. Each figure is set beside one that anybody can have in the
 * same minute: what fstrm_capture, which only writes frames to a file, takes for a frame.
 */
import { Daemon, waitFor } from '@dnstap-bgp/testkit'
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { frameOf, option, round, startWholePath, type Shape, type WholePath } from '../bench/whole-path.ts'
import { START, unlistedFrames } from './frames.ts'

const COUNT = Number(option('count', '100000'))
const BULK = 1_000_000
const SINGLE = 20_000

type Costs = Record<string, number>

/** CPU time of each process, in µs, for each of `units` of work; `rest` is what it takes a second without any. */
async function cost(
  pids: Readonly<Record<string, number>>,
  units: number,
  work: () => Promise<void>,
  rest: Costs = {},
): Promise<Costs> {
  const before = Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, cpuMicroseconds(pid)]))
  const started = performance.now()
  await work()
  const seconds = (performance.now() - started) / 1000
  return Object.fromEntries(
    Object.entries(pids).map(([name, pid]) => {
      const used = cpuMicroseconds(pid) - before[name] - (rest[name] ?? 0) * seconds
      return [name, round(Math.max(0, used) / units)]
    }),
  )
}

async function measure(shape: Shape): Promise<Record<string, Costs>> {
  const path = await startWholePath(shape, { 'long.example': '24h', 'short.example': '40s' })
  try {
    const pids: Record<string, number> = Object.fromEntries(path.programs.map((one) => [one.name, one.pid]))
    if (path.nats !== undefined) pids['nats-server'] = path.nats.pid
    if (path.redis !== undefined) pids['redis-server'] = path.redis.pid
    await send(path, 0, 5000, 'long.example')
    await arrived(path, 5000)
    const rest = await cost(pids, 10, () => pause(10_000))
    const results: Record<string, Costs> = { 'at rest, CPU µs a second': rest }
    const of = (units: number, work: () => Promise<void>) => cost(pids, units, work, rest)
    const memory = memoryOf(pids, path)
    const heard = await natsHeard(path)
    results['new address, CPU µs'] = await of(COUNT, async () => {
      await send(path, 5000, 5000 + COUNT, 'long.example')
      await arrived(path, 5000 + COUNT)
    })
    const after = memoryOf(pids, path)
    results['new address, octets'] = Object.fromEntries(
      Object.keys(pids).map((name) => [name, Math.round((after[name] - memory[name]) / COUNT)]),
    )
    const heardAfter = await natsHeard(path)
    results['new address, messages into NATS'] = { 'nats-server': round((heardAfter.messages - heard.messages) / COUNT) }
    results['new address, octets into NATS'] = { 'nats-server': Math.round((heardAfter.octets - heard.octets) / COUNT) }
    // A fact is passed on again 5 s after it was told for the first time, and then after 30 s.
    await pause(6000)
    results['known address, passed on, CPU µs'] = await of(COUNT, async () => {
      await send(path, 5000, 5000 + COUNT, 'long.example')
      await quiet(pids)
    })
    // From then on every ten minutes only: whatever is sent now is a repeat, however slow the machine is.
    await pause(31_000)
    await send(path, 5000, 5000 + COUNT, 'long.example')
    await quiet(pids)
    results['known address, repeat, CPU µs'] = await of(COUNT, async () => {
      await send(path, 5000, 5000 + COUNT, 'long.example')
      await quiet(pids)
    })
    await send(path, 5000 + COUNT, 5000 + COUNT + COUNT / 2, 'short.example')
    await arrived(path, 5000 + COUNT + COUNT / 2)
    results['expired address, CPU µs'] = await of(COUNT / 2, () => arrived(path, 5000 + COUNT, 'at most'))
    const bulk = unlistedFrames(BULK)
    results['frame without a listed name, CPU µs'] = await of(BULK, async () => {
      for (const piece of bulk) await path.send(piece)
      await quiet(pids)
    })
    results['frame in a write of its own, CPU µs'] = await of(SINGLE, async () => {
      const piece = bulk[0].subarray(0, 4 + bulk[0].readUInt32BE(0))
      for (let n = 0; n < SINGLE; n += 5) {
        for (let i = 0; i < 5; i++) await path.send(piece)
        await pause(1)
      }
    })
    return results
  } finally {
    await path.close()
  }
}

/** fstrm_capture on the same unlisted frames: the yardstick, in µs a frame. */
async function yardstick(): Promise<number> {
  const capture = await Daemon.start({
    name: 'fstrm_capture',
    prepare: (folder) => ({
      command: 'fstrm_capture',
      args: ['-t', 'protobuf:dnstap.Dnstap', '-u', join(folder, 'tap.sock'), '-w', '/dev/null'],
    }),
    ready: (one) => readdirSync(one.folder).includes('tap.sock'),
  })
  try {
    const socket = connect(join(capture.folder, 'tap.sock'))
    await new Promise((resolve) => socket.once('connect', resolve))
    socket.write(START.ready)
    await new Promise((resolve) => socket.once('data', resolve))
    socket.write(START.start)
    const pids = { capture: capture.pid }
    const bulk = unlistedFrames(BULK)
    const { capture: each } = await cost(pids, BULK, async () => {
      for (const piece of bulk)
        if (!socket.write(piece)) await new Promise<void>((resolve) => socket.once('drain', () => resolve()))
      await quiet(pids)
    })
    socket.destroy()
    return each
  } finally {
    await capture.remove()
  }
}

async function send(path: WholePath, from: number, to: number, domain: string): Promise<void> {
  for (let n = from; n < to; n += 200) {
    const frames = Array.from({ length: Math.min(200, to - n) }, (_, i) => frameOf(n + i, domain))
    await path.send(Buffer.concat(frames))
  }
}

async function arrived(path: WholePath, count: number, what: 'at least' | 'at most' = 'at least'): Promise<void> {
  const done = () => (what === 'at least' ? path.bird.routes() >= count : path.bird.routes() <= count)
  await waitFor(done, { timeoutMs: 300_000, intervalMs: 200, what: () => `${what} ${count} routes in BIRD` })
}

/** Until nothing takes more than a twentieth of a processor. */
async function quiet(pids: Readonly<Record<string, number>>): Promise<void> {
  const busy = () => Object.values(pids).reduce((sum, pid) => sum + cpuMicroseconds(pid), 0)
  let before = busy()
  await waitFor(
    async () => {
      await pause(1000)
      const now = busy()
      const used = now - before
      before = now
      return used < 150_000
    },
    { timeoutMs: 300_000, what: 'the work to be done' },
  )
}

async function natsHeard(path: WholePath): Promise<{ messages: number; octets: number }> {
  if (path.nats === undefined) return { messages: 0, octets: 0 }
  const answer = await fetch(`http://127.0.0.1:${path.natsMonitor}/varz`)
  const { in_msgs, in_bytes } = (await answer.json()) as { in_msgs: number; in_bytes: number }
  return { messages: in_msgs, octets: in_bytes }
}

/** All threads, to the nanosecond (schedstat's first number). */
function cpuMicroseconds(pid: number): number {
  let sum = 0
  for (const thread of readdirSync(`/proc/${pid}/task`))
    sum += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]) / 1000
  return sum
}

function memoryOf(pids: Readonly<Record<string, number>>, path: WholePath): Costs {
  const resident = (pid: number) => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024
  const all: Costs = Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, resident(pid)]))
  if (path.redis !== undefined) {
    const info = execFileSync('redis-cli', ['-h', path.redis.host, '-p', String(path.redis.port), 'info', 'memory'], {
      encoding: 'utf8',
    })
    all['redis-server'] = Number(/used_memory:(\d+)/.exec(info)?.[1])
  }
  return all
}

const frame = await yardstick()
console.log(`fstrm_capture: ${frame} µs of CPU a frame\n`)
for (const shape of option('shape', 'all-in-one,services').split(',')) {
  console.log(shape)
  console.table(await measure(shape as Shape))
}
process.exit(0)
