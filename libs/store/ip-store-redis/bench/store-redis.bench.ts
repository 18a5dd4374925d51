// The store on a local redis-server: npx tsx libs/store/ip-store-redis/bench/store-redis.bench.ts [--json] [--bindings=1000000]
import { openRedisStore } from '@dnstap-bgp/ip-store-redis'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { startRedis } from '@dnstap-bgp/testkit'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const BINDINGS = Number(process.argv.find((each) => each.startsWith('--bindings='))?.split('=')[1] ?? 1_000_000)
const TOGETHER = BINDINGS / 10
const BATCH = 500
const IN_FLIGHT = 8
const NO_LIMITS = { namesPerPrefix: 64, prefixesPerName: 256, routesPerList: new Map([['vpn', 5e6]]), routes: 5e6 }

const server = await startRedis()
const store = await openRedisStore({ servers: [server] }, { clock: systemClock, log: silentLog })
const results: Record<string, number> = {}
const startMs = Math.floor(store.now())
const DAY = 86_400_000

function sightingAt(index: number, seenAtMs: number, expiresAtMs: number) {
  const name = `host${index >> 1}.example${index % 1000}.org`
  return {
    list: 'vpn',
    name,
    rule: `example${index % 1000}.org`,
    prefix: `${10 + (index >> 24)}.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}/32`,
    seenAtMs,
    expiresAtMs,
    source: 'resolver-1',
    chain: [`www.host${index >> 1}.example${index % 1000}.org`, name],
  }
}

/** Sends batches, so many at a time. */
async function observeAll(count: number, sightingOf: (index: number) => ReturnType<typeof sightingAt>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) {
      const from = next
      next += BATCH
      await store.observe(
        Array.from({ length: Math.min(BATCH, count - from) }, (_, at) => sightingOf(from + at)),
        NO_LIMITS,
      )
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
}

const memoryBytes = (): number => {
  const info = execFileSync('redis-cli', ['-p', String(server.port), 'info', 'memory'], { encoding: 'utf8' })
  return Number(/used_memory:(\d+)/.exec(info)?.[1])
}

const serverCpuMs = (): number => {
  const fields = readFileSync(`/proc/${server.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** Time spent in scripts, by Redis's own count. */
const scriptMicros = (): number => {
  const info = execFileSync('redis-cli', ['-p', String(server.port), 'info', 'commandstats'], { encoding: 'utf8' })
  return Number(/cmdstat_evalsha:calls=\d+,usec=(\d+)/.exec(info)?.[1])
}

/** Runs it; notes how many a second, and the CPU of this process and of Redis for each. */
async function measure(what: string, count: number, work: () => Promise<unknown>): Promise<void> {
  const [start, cpu, serverCpu] = [performance.now(), process.cpuUsage(), serverCpuMs()]
  await work()
  const { user, system } = process.cpuUsage(cpu)
  results[`${what}, per second`] = Math.round((count * 1000) / (performance.now() - start))
  results[`${what}, our CPU µs each`] = Math.round(((user + system) / count) * 100) / 100
  results[`${what}, Redis CPU µs each`] = Math.round((((serverCpuMs() - serverCpu) * 1000) / count) * 100) / 100
}

const memoryBefore = memoryBytes()
await measure('observe, new', BINDINGS, () =>
  observeAll(BINDINGS, (index) => sightingAt(index, startMs, startMs + DAY + (index % 600_000))),
)
results['bytes in Redis per binding'] = Math.round((memoryBytes() - memoryBefore) / BINDINGS)
await measure('observe, refresh', BINDINGS / 5, () =>
  observeAll(BINDINGS / 5, (index) => sightingAt(index, startMs + 1, startMs + DAY + 700_000)),
)
let listed = 0
await measure('snapshot, routes', BINDINGS, async () => {
  for await (const part of store.snapshot()) listed += part.routes.length
})
await measure('all bindings', BINDINGS, async () => {
  for await (const part of store.bindings()) listed += part.length
})
if (listed < 2 * BINDINGS) throw new Error(`listed only ${listed}`)

// One tenth falls due at one instant; swept as the cache does it: on the hint or every 200 ms, the next slice under way while one is
// told on.
const dueMs = store.now() + 15_000
await store.reschedule(
  Array.from({ length: TOGETHER }, (_, index) => sightingAt(index, index < BINDINGS / 5 ? startMs + 1 : startMs, dueMs)),
)
let hints = 0
let wake = () => {}
store.onDeadline(() => {
  hints++
  wake()
})
const lateness: number[] = []
let longestTurnMs = 0
let cpuAtFirst = 0
let usecAtFirst = 0
while (lateness.length < TOGETHER) {
  const next = () => store.expire(store.now(), store.expireBatch)
  let coming = next()
  for (let isLast = false; !isLast;) {
    const { bindings: ended } = await coming
    if (lateness.length === 0) [cpuAtFirst, usecAtFirst] = [serverCpuMs(), scriptMicros()]
    const turnStart = performance.now()
    isLast = ended < store.expireBatch
    if (!isLast) coming = next()
    const late = store.now() - dueMs
    for (let count = 0; count < ended; count++) lateness.push(late)
    await new Promise((resolve) => setImmediate(resolve))
    longestTurnMs = Math.max(longestTurnMs, performance.now() - turnStart)
  }
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, 200)
    wake = () => (clearTimeout(timer), resolve())
  })
}
results['expire together'] = TOGETHER
results['expire, Redis CPU µs each'] = Math.round(((serverCpuMs() - cpuAtFirst) * 1000) / TOGETHER)
results['expire, scripts in Redis µs each'] = Math.round(((scriptMicros() - usecAtFirst) * 100) / TOGETHER) / 100
results['expire lateness p50, ms'] = lateness[Math.floor(lateness.length * 0.5)] ?? 0
results['expire lateness p99, ms'] = lateness[Math.floor(lateness.length * 0.99)] ?? 0
results['expire, longest turn of our loop, ms'] = Math.round(longestTurnMs)
results['expiry hints meanwhile'] = hints

await store.close()
await server.remove()
if (process.argv.includes('--json')) console.log(JSON.stringify(results))
else console.table(results)
