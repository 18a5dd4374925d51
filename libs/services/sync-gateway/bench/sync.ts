/**
 * What it costs to keep two instances alike: two gateways over loopback HTTP in one process, with caches that answer at once, so that
 * what is measured is ours and HTTP's (a real store adds what bench of its lib says).
 *
 *   fetch   everything the other has, n entries: what an interval costs
 *   push    k new entries, in batches as between two of ours, or one by one as to dnstap-bgp 1.1
 */
import { AdminHandlers } from '@dnstap-bgp/admin-api'
import { LocalBus } from '@dnstap-bgp/bus'
import { parseConfig } from '@dnstap-bgp/config'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { BINDINGS, LEARNT, OFFER, type Resolution } from '@dnstap-bgp/steering'
import { Health, Metrics } from '@dnstap-bgp/telemetry'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { connect } from 'node:net'
import { startSyncGateway } from '../src/index.ts'

const PART = 1000

interface Row {
  readonly what: string
  readonly entries: number
  readonly bytes: number
  readonly ms: number
  readonly cpuMicrosPerEntry: number
}

const resolutionNo = (n: number): Resolution => ({
  list: 'default',
  name: `host-${n}.service.example.org`,
  rule: 'example.org',
  address: `198.${18 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`,
  ttlSeconds: 300,
  seenAtMs: 1_700_000_000_000 + n,
  source: { kind: 'resolver', identity: 'bench' },
  chain: [`host-${n}.service.example.org`],
})

async function gatewayWith(syncer: string, have: readonly Resolution[]) {
  const bus = new LocalBus({
    pause: (ms) => new Promise((resolve) => (ms === 0 ? setImmediate(resolve) : setTimeout(resolve, ms))),
  })
  const progress = { offered: 0 }
  bus.serveStream(BINDINGS, async function* () {
    for (let at = 0; at < have.length; at += PART) yield await Promise.resolve(have.slice(at, at + PART))
  })
  bus.serve(OFFER, async (resolutions) => {
    progress.offered += resolutions.length
    return resolutions.map(() => null)
  })
  const gateway = await startSyncGateway(parseConfig(syncer, 'bench.toml', {}), {
    bus,
    clock: systemClock,
    log: silentLog,
    metrics: new Metrics({ process: false }),
    health: new Health({ clock: systemClock, log: silentLog }),
    handlers: new AdminHandlers(),
  })
  return { bus, gateway, progress }
}

/** Counts octets both ways between a client and the port behind it. */
async function countingRelay(port: number) {
  const relay = { bytes: 0, port: 0, close: () => {} }
  const sockets = new Set<Socket>()
  const server = createTcpServer((near) => {
    const far = connect(port, '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('data', (chunk) => (relay.bytes += chunk.length))
      from.on('error', () => {})
      from.pipe(to)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  relay.port = (server.address() as AddressInfo).port
  relay.close = () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  return relay
}

async function measured(what: string, entries: number, relay: { bytes: number }, run: () => Promise<void>): Promise<Row> {
  relay.bytes = 0
  const cpu = process.cpuUsage()
  const started = performance.now()
  await run()
  const { user, system } = process.cpuUsage(cpu)
  return {
    what,
    entries,
    bytes: relay.bytes,
    ms: Math.round(performance.now() - started),
    cpuMicrosPerEntry: Math.round(((user + system) / entries) * 10) / 10,
  }
}

const until = async (done: () => boolean) => {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 1))
}

async function fetchOf(n: number): Promise<Row> {
  const have = Array.from({ length: n }, (_, i) => resolutionNo(i))
  const { gateway: server } = await gatewayWith('[syncer]\nlisten = "127.0.0.1:0"\nallow = ["127.0.0.1/32"]\n', have)
  const relay = await countingRelay(server.port ?? 0)
  let asker: Awaited<ReturnType<typeof gatewayWith>> | undefined
  const row = await measured('fetch of n', n, relay, async () => {
    asker = await gatewayWith(`[syncer]\npeers = ["127.0.0.1:${relay.port}"]\n`, [])
    const { progress } = asker
    await until(() => progress.offered === n)
  })
  await asker?.gateway.close()
  relay.close()
  await server.close()
  return row
}

async function pushOf(k: number): Promise<Row> {
  const { gateway: server, progress } = await gatewayWith('[syncer]\nlisten = "127.0.0.1:0"\nallow = ["127.0.0.1/32"]\n', [])
  const relay = await countingRelay(server.port ?? 0)
  const teller = await gatewayWith(`[syncer]\npeers = ["127.0.0.1:${relay.port}"]\nsyncInterval = "0s"\n`, [])
  const row = await measured('push of k to one of ours', k, relay, async () => {
    for (let i = 0; i < k; i += 500)
      teller.bus.publish(
        LEARNT,
        Array.from({ length: Math.min(500, k - i) }, (_, j) => resolutionNo(i + j)),
      )
    await until(() => progress.offered === k)
  })
  await teller.gateway.close()
  relay.close()
  await server.close()
  return row
}

async function pushToAncestor(k: number): Promise<Row> {
  let puts = 0
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      puts++
      response.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const relay = await countingRelay((server.address() as AddressInfo).port)
  const teller = await gatewayWith(`[syncer]\npeers = ["127.0.0.1:${relay.port}"]\nsyncInterval = "0s"\n`, [])
  const row = await measured('push of k one by one', k, relay, async () => {
    for (let i = 0; i < k; i += 500)
      teller.bus.publish(
        LEARNT,
        Array.from({ length: Math.min(500, k - i) }, (_, j) => resolutionNo(i + j)),
      )
    await until(() => puts === k)
  })
  await teller.gateway.close()
  relay.close()
  server.closeAllConnections()
  server.close()
  return row
}

await fetchOf(2000) // warm
const rows = [
  await fetchOf(100_000),
  await pushOf(1000),
  await pushOf(10_000),
  await pushToAncestor(1000),
  await pushToAncestor(10_000),
]
if (process.argv.includes('--json')) console.log(JSON.stringify(rows))
else console.table(rows)
