/**
 * How long until a real BIRD has our routes, against the floor: a bare writer that only pushes the same UPDATEs, encoded before, into a
 * socket to the same BIRD. And how long a single change takes to BIRD while many others go on; BIRD's own log has the microseconds.
 * `npx tsx to-bird.ts [--json] [routes]`
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { AdjRibOut, ExportProfile, RouteTable, type RouteAttributes } from '@dnstap-bgp/route-table'
import { encodeAttributes, encodeKeepalive, encodeOpen, NO_CAPABILITIES } from '@dnstap-bgp/bgp-wire'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { birdCommand, freePort, loopbackAddress, type Router, startBird } from '@dnstap-bgp/testkit'
import { BgpSpeaker } from '../src/index.ts'

const json = process.argv.includes('--json')
const n = Number(process.argv.find((word) => /^[0-9]+$/.test(word)) ?? 1_000_000)
const A: RouteAttributes = { lists: ['a'], nextHopIpv4: '192.0.2.9', communities: [0xfde80064], largeCommunities: [] }
const B: RouteAttributes = { ...A, med: 5 }
const v4 = (i: number) => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}/32`
const rows: Record<string, number | string> = {}

const here = loopbackAddress()
const there = loopbackAddress()
const port = await freePort(there)
const bird = await startBird({ address: there, port, asn: 65000, peerAddress: here, peerAsn: 65000, families: ['ipv4'] })
const table = new RouteTable({ seed: 42 })
for (let i = 0; i < n; i++) table.set(v4(i), A)
const k = `${n / 1000}k`

try {
  const floor = await bareWriter()
  rows[`floor: bare writer, ${k} routes from Established to the last in BIRD, s`] = floor
  await until(bird, 0)
  const cpu = process.cpuUsage()
  const speaker = newSpeaker()
  await speaker.start()
  await turnUntil(() => speaker.peers()[0].state === 'Established')
  const established = performance.now()
  await until(bird, n)
  const took = seconds(established)
  rows[`speaker: ${k} routes from Established to the last in BIRD, s (target: twice the floor)`] = took
  rows['speaker, in floors (target: 2)'] = took / floor
  const used = process.cpuUsage(cpu)
  rows['speaker: CPU of that, polling BIRD included, s'] = (used.user + used.system) / 1e6

  const changes = Math.min(100_000, n)
  let start = performance.now()
  for (let i = 0; i < changes; i++) table.delete(v4(i))
  await until(bird, n - changes)
  rows[`live session: ${changes} withdrawals until BIRD has done them, s (target: 0.5)`] = seconds(start)
  start = performance.now()
  for (let i = 0; i < changes; i++) table.set(v4(i), B)
  await until(bird, n)
  rows[`live session: ${changes} announcements until BIRD has them, s (target: 0.5)`] = seconds(start)
  const status = speaker.peers()[0]
  rows['Adj-RIB-Out, octets per route and peer (target: 64)'] = status.adjRibOutBytes / n
  rows['route table, octets per route'] = table.sizeBytes / n
  await speaker.close({ withdraw: true })
} finally {
  await bird.remove()
}
await latency()

if (json) console.log(JSON.stringify(rows))
else
  for (const [name, value] of Object.entries(rows))
    console.log(`${name.padEnd(92)} ${typeof value === 'number' ? value.toFixed(3) : value}`)

function newSpeaker(): BgpSpeaker {
  const peer = {
    name: 'bird',
    remote: { kind: 'address', address: there },
    port,
    asn: 65000,
    families: ['ipv4'],
    sourceIpv4: here,
    holdTimeSeconds: 90,
    connectRetrySeconds: 30,
  } as const
  return new BgpSpeaker({ asn: 65000, bgpIdentifier: '10.0.0.1', peers: [peer] }, { clock: systemClock, log: silentLog, table })
}

/** The least that can be done: a connection, two messages, and all UPDATEs in one write. */
async function bareWriter(): Promise<number> {
  const out = new AdjRibOut(table, () => {})
  const block = encodeAttributes(
    'ipv4',
    { asPath: [], nextHop: Uint8Array.of(192, 0, 2, 9), localPref: 100, communities: A.communities },
    true,
  )
  const profile = new ExportProfile(table.attributeSets, () => block)
  out.open({ profile, families: [true, false], maxMessageLength: 4096, maxRoutes: Infinity })
  const chunks: Uint8Array[] = []
  while (out.pending) chunks.push(out.next(65_536) ?? new Uint8Array(0))
  out.detach()
  const all = Buffer.concat(chunks)
  const socket = connect({ host: there, port, localAddress: here })
  await new Promise((resolve) => socket.once('connect', resolve))
  const capabilities = { ...NO_CAPABILITIES, families: ['ipv4'], fourOctetAsn: 65000 } as const
  socket.write(encodeOpen({ asn: 65000, holdTimeSeconds: 90, bgpIdentifier: 0x0a000002, capabilities }))
  await new Promise((resolve) => socket.once('data', resolve))
  socket.write(encodeKeepalive())
  await until(bird, 0, 'Established')
  const start = performance.now()
  socket.resume()
  socket.write(all)
  await until(bird, n)
  const took = seconds(start)
  socket.destroy()
  return took
}

/** A change until BIRD has looked at it, while 10,000 other changes a second go on. */
async function latency(): Promise<void> {
  const samplesWanted = 2000
  const address = loopbackAddress()
  const options = {
    address,
    port: await freePort(address),
    asn: 65000,
    peerAddress: here,
    peerAsn: 65000,
    families: ['ipv4'] as const,
  }
  const router = await startBird(options)
  // It writes down the samples alone, with microseconds; to log every route would cost it more than the routes do.
  const path = join(router.folder, 'conf')
  const filter = 'import filter { if net ~ 192.168.0.0/16 then print "heard ", net; accept; }'
  const text = readFileSync(path, 'utf8')
    .replace('import all', filter)
    .replace('log stderr all;', 'log stderr { info };\ntimeformat log iso long us;')
  writeFileSync(path, text)
  await birdCommand(router.folder, 'configure')
  const churned = new RouteTable()
  const peer = {
    name: 'bird',
    remote: { kind: 'address', address },
    port: options.port,
    asn: 65000,
    sourceIpv4: here,
    families: ['ipv4'],
    holdTimeSeconds: 90,
    connectRetrySeconds: 1,
  } as const
  const speaker = new BgpSpeaker(
    { asn: 65000, bgpIdentifier: '10.0.0.1', nextHopIpv4: '192.0.2.9', peers: [peer] },
    { clock: systemClock, log: silentLog, table: churned },
  )
  await speaker.start()
  await turnUntil(() => speaker.peers()[0].tableSent)
  const made = new Map<string, number>()
  let churn = 0
  const started = performance.now()
  for (let i = 0; i < samplesWanted; i++) {
    const due = ((performance.now() - started) / 1000) * 10_000
    for (; churn < due; churn++) churned.set(v4(churn % 50_000), churn % 3 === 0 ? A : B)
    const prefix = `192.168.${(i >> 8) & 255}.${i & 255}/32`
    made.set(prefix, performance.timeOrigin + performance.now())
    churned.set(prefix, A)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  const heard = () => [...router.log().matchAll(/^(\S+ \S+)\.(\d{6}) .*heard (\S+)$/gm)]
  while (heard().length < samplesWanted) await new Promise((resolve) => setTimeout(resolve, 50))
  const samples = heard()
    .map(([, second, micros, prefix]) => new Date(second).getTime() + Number(micros) / 1000 - (made.get(prefix) ?? NaN))
    .sort((a, b) => a - b)
  rows['single change to BIRD, 10k changes/s beside, p50 ms (target: 0.5)'] = samples[samples.length >> 1]
  rows['single change to BIRD, 10k changes/s beside, p99 ms (target: 3)'] = samples[Math.floor(samples.length * 0.99)]
  await speaker.close()
  await router.remove()
}

async function until(router: Router, count: number, state?: string): Promise<void> {
  for (;;) {
    const text = await birdCommand(router.folder, 'show protocols all peer')
    const imported = Number(/Routes:\s+(\d+) imported/.exec(text)?.[1] ?? 0)
    if (imported === count && (state === undefined || text.includes(`BGP state:          ${state}`))) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

async function turnUntil(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

function seconds(since: number): number {
  return (performance.now() - since) / 1000
}
