/** A peer that floods, beside a real BIRD with a short hold time, in one process. The flooder runs in a thread of its own. */
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, test } from 'vitest'
import { encodeKeepalive, encodeOpen, encodeRouteRefresh, NO_CAPABILITIES } from '@dnstap-bgp/bgp-wire'
import { RouteTable } from '@dnstap-bgp/route-table'
import { systemClock } from '@dnstap-bgp/runtime'
import { freePort, isInstalled, loopbackAddress, waitFor } from '@dnstap-bgp/testkit'
import { BgpSpeaker, type SpeakerPeerConfig } from '../src/index.ts'
import { collectLog, pair, type Pair, PLAIN } from '../testing/routers.ts'
import { TIMES } from '../testing/times.ts'

let current: Pair | undefined
let flooder: Worker | undefined

afterEach(async () => {
  await flooder?.terminate()
  await current?.close()
  flooder = current = undefined
})

const EMPTY_UPDATE = Uint8Array.of(...new Array<number>(16).fill(255), 0, 23, 2, 0, 0, 0, 0)

describe.skipIf(!isInstalled('bird'))('beside BIRD (skipped where bird2 is not installed)', () => {
  test.each([
    ['KEEPALIVEs', encodeKeepalive()],
    ['ROUTE-REFRESHes', encodeRouteRefresh('ipv4', 0)],
    ['empty UPDATEs', EMPTY_UPDATE],
  ])('a peer that sends %s as fast as it can is told Cease, and the other session stays', async (_name, message) => {
    const bird = (current = await pair('bird', { router: { holdTimeSeconds: 3 }, peer: { holdTimeSeconds: 3 } }))
    const [host, from] = [loopbackAddress(), loopbackAddress()]
    const port = await freePort(host)
    const flooding: SpeakerPeerConfig = {
      name: 'flooder',
      remote: { kind: 'address', address: from },
      port: 179,
      asn: 65000,
      passive: true,
      ...TIMES,
    }
    const { log, lines } = collectLog()
    const table = new RouteTable()
    for (let n = 0; n < 20_000; n++) table.set(`10.1.${n >> 8}.${n & 255}/32`, PLAIN)
    const speaker = new BgpSpeaker(
      { ...bird.speakerConfig, listen: { host, port }, peers: [...bird.speakerConfig.peers, flooding] },
      { clock: systemClock, log, table },
    )
    await speaker.start()
    await bird.router.waitForCount(20_000)
    flooder = flood(host, port, from, message)
    let cease = ''
    flooder.on('message', (notification: string) => (cease = notification))
    const ofFlooder = () => speaker.peers()[1]
    await waitFor(() => ofFlooder().lastError?.reason.includes('Out of Resources'), { what: 'the Cease', timeoutMs: 60_000 })
    await waitFor(() => cease !== '', { what: 'the flooder to hear it', timeoutMs: 60_000 })
    expect(cease).toBe('0608')
    expect(ofFlooder().counters.floodMessages).toBeGreaterThan(10_000)
    // The first table, and three answers at most.
    expect(ofFlooder().counters.announced).toBeLessThanOrEqual(4 * 20_000)
    expect(lines.filter((line) => line.includes('floods us with messages that carry nothing. If'))).toHaveLength(1)
    // Whatever it does next, BIRD's session lives.
    table.set('10.2.0.1/32', PLAIN)
    await bird.router.waitForCount(20_001)
    expect(speaker.peers()[0]).toMatchObject({ state: 'Established', counters: { sessions: 1 } })
    await speaker.close()
  })
})

/** Opens a session and then writes the message as fast as the socket takes it; posts code and subcode of the NOTIFICATION it gets. */
function flood(host: string, port: number, from: string, message: Uint8Array): Worker {
  const hello = Buffer.concat([
    encodeOpen({
      asn: 65000,
      holdTimeSeconds: 90,
      bgpIdentifier: 0x0a000002,
      capabilities: { ...NO_CAPABILITIES, families: ['ipv4'], fourOctetAsn: 65000, routeRefresh: true },
    }),
    encodeKeepalive(),
  ])
  return new Worker(FLOODER, { eval: true, workerData: { host, port, from, hello, message } })
}

const FLOODER = `
const { parentPort, workerData } = require('node:worker_threads')
const { host, port, from, hello, message } = workerData
const socket = require('node:net').createConnection({ host, port, localAddress: from })
const block = Buffer.concat(Array.from({ length: 20000 }, () => message))
let heard = Buffer.alloc(0)
socket.on('error', () => {})
socket.on('data', (chunk) => {
  heard = Buffer.concat([heard, chunk])
  while (heard.length >= 19 && heard.length >= heard.readUInt16BE(16)) {
    const length = heard.readUInt16BE(16)
    if (heard[18] === 3) parentPort.postMessage(heard.subarray(19, 21).toString('hex'))
    heard = heard.subarray(length)
  }
})
const more = () => { while (!socket.destroyed && socket.writable && socket.write(block)); }
socket.on('drain', more)
socket.write(hello)
more()
`
