// The bus over a local nats-server: npx tsx libs/bus/bus-nats/bench/bus-nats.bench.ts [--json]
import { readFileSync } from 'node:fs'
import { openNatsBus } from '@dnstap-bgp/bus-nats'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { RESOLUTIONS, SNAPSHOT } from '@dnstap-bgp/steering'
import type { Resolution, RouteChange } from '@dnstap-bgp/steering'
import { startNats } from '@dnstap-bgp/testkit'

const MESSAGES = 200_000
const IN_FLIGHT = 4000
const PER_MESSAGE = 50
const ROUTES = 1_000_000
const ROUTES_PER_PART = 2000

const server = await startNats()
const open = () => openNatsBus({ servers: [server.url] }, { clock: systemClock, log: silentLog })
const near = await open()
const far = await open()
const results: Record<string, number> = {}

const serverCpuMs = (): number => {
  const fields = readFileSync(`/proc/${server.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** Runs it; notes how many a second, and the CPU of this process and of the server for each. */
async function measure(what: string, count: number, work: () => Promise<void>): Promise<void> {
  const [start, cpu, serverCpu] = [performance.now(), process.cpuUsage(), serverCpuMs()]
  await work()
  const { user, system } = process.cpuUsage(cpu)
  results[`${what}, per second`] = Math.round((count * 1000) / (performance.now() - start))
  results[`${what}, our CPU µs each`] = Math.round(((user + system) / count) * 100) / 100
  results[`${what}, server CPU µs each`] = Math.round((((serverCpuMs() - serverCpu) * 1000) / count) * 100) / 100
}

const resolution = (index: number): Resolution => ({
  list: 'vpn',
  name: `host${index}.example.org`,
  rule: 'example.org',
  address: `198.51.${(index >> 8) & 255}.${index & 255}`,
  ttlSeconds: 300,
  seenAtMs: 1_790_000_000_000 + index,
  source: { kind: 'resolver', identity: 'resolver-1' },
  chain: [`www.host${index}.example.org`, `host${index}.example.org`],
})

async function enqueueAll(count: number, messageOf: (index: number) => readonly Resolution[]): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) await near.enqueue(RESOLUTIONS, messageOf(next++))
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
}

await near.enqueue(RESOLUTIONS, [resolution(0)])
await measure('enqueue of one resolution', MESSAGES, () => enqueueAll(MESSAGES, (index) => [resolution(index)]))
await measure(`enqueue of resolutions by ${PER_MESSAGE}`, MESSAGES, () =>
  enqueueAll(MESSAGES / PER_MESSAGE, (index) => Array.from({ length: PER_MESSAGE }, (_, at) => resolution(index + at))),
)

let consumed = 0
let messages = 0
await measure('consume, messages', MESSAGES + MESSAGES / PER_MESSAGE + 1, async () => {
  const consumer = far.consume(RESOLUTIONS, async (batch) => {
    messages += batch.length
    for (const resolutions of batch) consumed += resolutions.length
  })
  while (messages < MESSAGES + MESSAGES / PER_MESSAGE + 1) await new Promise((resolve) => setTimeout(resolve, 5))
  await consumer.close()
})
if (consumed !== 2 * MESSAGES + 1) throw new Error(`consumed ${consumed} resolutions`)

far.serveStream(SNAPSHOT, async function* () {
  for (let first = 0; first < ROUTES; first += ROUTES_PER_PART) {
    const routes: RouteChange[] = Array.from({ length: ROUTES_PER_PART }, (_, at) => {
      const index = first + at
      return { prefix: `${10 + (index >> 24)}.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}/32`, lists: ['vpn'] }
    })
    yield { epoch: 'e', revision: ROUTES, routes }
  }
})
await new Promise((resolve) => setTimeout(resolve, 100))
const memoryBefore = process.memoryUsage().rss
let routes = 0
await measure('snapshot, routes', ROUTES, async () => {
  for await (const part of near.askStream(SNAPSHOT, undefined)) routes += part.routes.length
})
if (routes !== ROUTES) throw new Error(`got ${routes} routes`)
results['snapshot of 1M routes, growth of RSS MB'] = Math.round((process.memoryUsage().rss - memoryBefore) / 1e6)

await near.close()
await far.close()
await server.remove()
if (process.argv.includes('--json')) console.log(JSON.stringify(results))
else console.table(results)
