/** The speaker is an output: the port's suite, against a router in memory. */
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { routeOutputConformance } from '@dnstap-bgp/route-output/conformance'
import { MemoryRouter, ROUTER_ASN } from '../testing/memory-router.ts'
import { MemoryTransport } from '../testing/memory-transport.ts'
import { TIMES } from '../testing/times.ts'
import { BgpSpeaker, type SpeakerConfig } from './index.ts'
import type { SocketCalls } from './socket-calls.ts'

const CONFIG: SpeakerConfig = {
  asn: ROUTER_ASN,
  bgpIdentifier: '192.0.2.1',
  nextHopIpv4: '192.0.2.9',
  gracefulRestartSeconds: 120,
  peers: [{ name: 'router', remote: { kind: 'address', address: '192.0.2.2' }, port: 179, asn: ROUTER_ASN, ...TIMES }],
}

routeOutputConformance('BgpSpeaker', async (table) => {
  const router = new MemoryRouter()
  const transport = new MemoryTransport()
  transport.onConnect = (far) => router.speakOn(far)
  const speaker = new BgpSpeaker(CONFIG, {
    clock: systemClock,
    log: silentLog,
    table,
    transport: () => transport,
    loadSocketCalls: () => Promise.resolve({} as SocketCalls),
  })
  return {
    output: speaker,
    received: () => router.routes,
    remove: () => speaker.close(),
  }
})
