// The store on a local redis-server: npx tsx libs/ip-store-redis/bench/redis-store.ts [--json] [--bindings=1000000]
import { openRedisStore } from '@dnstap-bgp/ip-store-redis'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { startRedis } from '@dnstap-bgp/testkit'
import { execFileSync } from 'node:child_process'

const BINDINGS = Number(process.argv.find((each) => each.startsWith('--bindings='))?.split('=')[1] ?? 1_000_000)
const TOGETHER = BINDINGS / 10
const BATCH = 500
const IN_FLIGHT = 8
const NO_LIMITS = { namesPerPrefix: 64, prefixesPerName: 256, routesPerList: new Map([['vpn', 5e6]]), routes: 5e6 }

const server = await startRedis()
const store = await openRedisStore({ servers: [server] }, { clock: systemClock, log: silentLog })
const results: Record<string, number> = {}
const startMs = Date.now()
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

/** Sends batches, so many at a time; returns how many a second. */
async function observeAll(count: number, sightingOf: (index: number) => ReturnType<typeof sightingAt>): Promise<number> {
  const start = performance.now()
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
  return Math.round((count * 1000) / (performance.now() - start))
}

const memoryMb = (): number => {
  const info = execFileSync('redis-cli', ['-p', String(server.port), 'info', 'memory'], { encoding: 'utf8' })
  return Math.round(Number(/used_memory:(\d+)/.exec(info)?.[1]) / 1e6)
}

const cpuBefore = process.cpuUsage()
results['observe new, per second'] = await observeAll(BINDINGS, (index) =>
  sightingAt(index, startMs, startMs + DAY + (index % 600_000)),
)
const cpu = process.cpuUsage(cpuBefore)
results['observe new, client CPU µs each'] = Math.round(((cpu.user + cpu.system) / BINDINGS) * 100) / 100
results['bytes in Redis per binding'] = Math.round((memoryMb() * 1e6) / BINDINGS)
results['observe refresh, per second'] = await observeAll(BINDINGS / 5, (index) =>
  sightingAt(index, startMs + 1, startMs + DAY + 700_000),
)

let start = performance.now()
let routes = 0
for await (const part of store.snapshot()) routes += part.routes.length
results['snapshot, ms'] = Math.round(performance.now() - start)
results['snapshot, routes'] = routes
start = performance.now()
let bindings = 0
for await (const part of store.bindings()) bindings += part.length
results['all bindings, ms'] = Math.round(performance.now() - start)
results['all bindings'] = bindings

// One tenth falls due at one instant; swept as the cache does it: on the hint or every 100 ms, in slices.
const dueMs = Date.now() + 3000
await Promise.all(
  Array.from({ length: TOGETHER / 10_000 }, (_, at) =>
    store.reschedule(
      Array.from({ length: 10_000 }, (__, within) => ({ ...sightingAt(at * 10_000 + within, 0, 0), expiresAtMs: dueMs })),
    ),
  ),
)
let hints = 0
store.onDeadline(() => hints++)
const lateness: number[] = []
let longestCallMs = 0
while (lateness.length < TOGETHER) {
  const asked = performance.now()
  const { bindings: ended } = await store.expire(Date.now(), 1000)
  longestCallMs = Math.max(longestCallMs, performance.now() - asked)
  const late = Date.now() - dueMs
  for (let count = 0; count < ended; count++) lateness.push(late)
  await new Promise((resolve) => (ended === 1000 ? setImmediate(resolve) : setTimeout(resolve, 50)))
}
results['expire together'] = TOGETHER
results['expire lateness p50, ms'] = lateness[Math.floor(lateness.length * 0.5)] ?? 0
results['expire lateness p99, ms'] = lateness[Math.floor(lateness.length * 0.99)] ?? 0
results['expire, longest call, ms'] = Math.round(longestCallMs)
results['expiry hints meanwhile'] = hints

await store.close()
await server.remove()
if (process.argv.includes('--json')) console.log(JSON.stringify(results))
else console.table(results)
