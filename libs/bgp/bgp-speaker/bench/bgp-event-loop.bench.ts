/**
 * How long the event loop is held while a million routes come, go out to two BIRDs, change and go: the longest turn, and the CPU.
 * `npx tsx event-loop.ts [--json] [routes]`
 *
 * A turn is one pass from setImmediate to setImmediate. How long it was held by us is at most its wall time, which holds what other
 * programs took, and at most its CPU time, which holds what the collector and the compiler did in other threads: the lesser is told.
 */
import { RouteTable, type RouteAttributes } from '@dnstap-bgp/route-table'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { freePort, loopbackAddress, startBird } from '@dnstap-bgp/testkit'
import { BgpSpeaker, type SpeakerPeerConfig } from '../src/index.ts'

const json = process.argv.includes('--json')
const n = Number(process.argv.find((word) => /^[0-9]+$/.test(word)) ?? 1_000_000)
const A: RouteAttributes = { lists: ['a'], nextHopIpv4: '192.0.2.9', communities: [0xfde80064], largeCommunities: [] }
const B: RouteAttributes = { ...A, med: 5 }
const v4 = (i: number) => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}/32`
/** As the announcer loads a snapshot. */
const SLICE = 2000
const rows: object[] = []

const turn = () => new Promise((resolve) => setImmediate(resolve))

let isWatching = false
async function watched(what: string, work: () => Promise<void>): Promise<void> {
  await turn()
  const cpuStart = process.cpuUsage()
  const start = performance.now()
  let walls = 0
  const held: number[] = []
  isWatching = true
  const watching = (async () => {
    while (isWatching) {
      const wall = performance.now()
      const cpu = process.cpuUsage()
      await turn()
      const used = process.cpuUsage(cpu)
      const wallMs = performance.now() - wall
      walls = Math.max(walls, wallMs)
      held.push(Math.min(wallMs, (used.user + used.system) / 1000))
    }
  })()
  await work()
  isWatching = false
  await watching
  const used = process.cpuUsage(cpuStart)
  const tenths = (ms: number) => Math.round(ms * 10) / 10
  rows.push({
    what,
    'took s': Math.round(performance.now() - start) / 1000,
    'CPU s': (used.user + used.system) / 1e6,
    turns: held.length,
    'longest turn by the wall clock, ms': tenths(walls),
    'longest held by us, ms': tenths(held.reduce((most, each) => Math.max(most, each), 0)),
    'over 10 ms': held.filter((each) => each > 10).length,
  })
}

async function sliced(change: (i: number) => void): Promise<void> {
  for (let i = 0; i < n; i++) {
    change(i)
    if (i % SLICE === SLICE - 1) await turn()
  }
}

const here = loopbackAddress()
const birds = await Promise.all(
  [0, 1].map(async () => {
    const address = loopbackAddress()
    const port = await freePort(address)
    return startBird({ address, port, asn: 65000, peerAddress: here, peerAsn: 65000, families: ['ipv4'] })
  }),
)
const table = new RouteTable({ seed: 42 })
const peers = birds.map(({ options }, i): SpeakerPeerConfig => ({
  name: `bird ${i}`,
  remote: { kind: 'address', address: options.address },
  port: options.port,
  asn: 65000,
  families: ['ipv4'],
  sourceIpv4: here,
  holdTimeSeconds: 90,
  connectRetrySeconds: 1,
}))
const speaker = new BgpSpeaker({ asn: 65000, bgpIdentifier: '10.0.0.1', peers }, { clock: systemClock, log: silentLog, table })
const until = async (condition: () => boolean) => {
  while (!condition()) await turn()
}
const out = (count: number) => () =>
  speaker
    .peers()
    .every(({ prefixesOut, queued, inFlightBytes }) => prefixesOut.ipv4 === count && queued === 0 && inFlightBytes === 0)

try {
  await watched('load the table', () => sliced((i) => table.set(v4(i), A)))
  await watched('two new sessions get the table', async () => {
    await speaker.start()
    await until(() => speaker.peers().every((peer) => peer.tableSent) && out(n)())
  })
  await watched('every route changes', async () => {
    await sliced((i) => table.set(v4(i), B))
    await until(out(n))
  })
  await watched('nothing happens, for a second', () => new Promise((resolve) => setTimeout(resolve, 1000)))
  await watched('a session is reset and comes back', async () => {
    speaker.reset('bird 0')
    await until(() => !out(n)())
    await until(out(n))
  })
  await watched('every route goes', async () => {
    await sliced((i) => table.delete(v4(i)))
    await until(out(0))
  })
  await watched('the same routes come again', async () => {
    await sliced((i) => table.set(v4(i), A))
    await until(out(n))
  })
  await watched('close, withdrawing all', () => speaker.close({ withdraw: true }))
} finally {
  await Promise.all(birds.map((bird) => bird.remove()))
}
if (json) console.log(JSON.stringify({ bench: 'event-loop', rows }))
else console.table(rows)
