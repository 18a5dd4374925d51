/** What the tests here share: a speaker of ours opposite a real router, on addresses of their own. */
import { freePort, loopbackAddress, type Router, type RouterKind, type RouterOptions, startRouter } from '@dnstap-bgp/testkit'
import { RouteTable, type RouteAttributes } from '@dnstap-bgp/route-table'
import { type Log, silentLog, systemClock } from '@dnstap-bgp/runtime'
import { loadSocketCalls, type SocketCalls } from '../src/socket-calls.ts'
import { BgpSpeaker, type SpeakerConfig, type SpeakerPeerConfig } from '../src/index.ts'
import { TIMES } from './times.ts'

export const PLAIN: RouteAttributes = {
  lists: ['default'],
  nextHopIpv4: '192.0.2.9',
  nextHopIpv6: '2001:db8::9',
  communities: [],
  largeCommunities: [],
}

export interface Opposite {
  readonly transport?: 'ipv4' | 'ipv6'
  /** The router connects to us. */
  readonly routerConnects?: boolean
  readonly external?: boolean
  readonly router?: Partial<RouterOptions>
  readonly peer?: Partial<SpeakerPeerConfig>
  readonly speaker?: Partial<SpeakerConfig>
}

export interface Pair {
  readonly router: Router
  readonly table: RouteTable
  readonly speaker: BgpSpeaker
  readonly speakerConfig: SpeakerConfig
  close(): Promise<void>
}

/** A router, and a speaker not yet started. */
export async function pair(kind: RouterKind, opposite: Opposite = {}, log: Log = silentLog): Promise<Pair> {
  const isIpv6 = opposite.transport === 'ipv6'
  const ours = isIpv6 ? '::1' : loopbackAddress()
  const theirs = isIpv6 ? '::1' : loopbackAddress()
  const ourPort = await freePort(ours)
  const theirPort = await freePort(theirs)
  const asn = opposite.external === true ? 65001 : 65000
  const routerConnects = opposite.routerConnects === true
  const router = await startRouter(kind, {
    address: theirs,
    port: theirPort,
    asn,
    peerAddress: ours,
    peerPort: ourPort,
    peerAsn: 65000,
    passive: !routerConnects,
    ...opposite.router,
  })
  const peer: SpeakerPeerConfig = {
    name: kind,
    remote: { kind: 'address', address: theirs },
    port: theirPort,
    asn,
    passive: routerConnects,
    sourceIpv4: isIpv6 ? undefined : ours,
    sourceIpv6: isIpv6 ? ours : undefined,
    ...TIMES,
    connectRetrySeconds: 2,
    ...opposite.peer,
  }
  const speakerConfig: SpeakerConfig = {
    asn: 65000,
    bgpIdentifier: '10.0.0.1',
    gracefulRestartSeconds: 60,
    ...(routerConnects ? { listen: { host: ours, port: ourPort } } : {}),
    peers: [peer],
    ...opposite.speaker,
  }
  const table = new RouteTable()
  const speaker = new BgpSpeaker(speakerConfig, { clock: systemClock, log, table })
  return {
    router,
    table,
    speaker,
    speakerConfig,
    async close() {
      await speaker.close()
      await router.remove()
    },
  }
}

/** The system's own calls, but for these. */
export async function callsWith(others: Partial<SocketCalls>): Promise<SocketCalls> {
  const calls = await loadSocketCalls()
  const get = (_target: SocketCalls, name: string | symbol) => {
    const call = others[name as keyof SocketCalls] ?? calls[name as keyof SocketCalls]
    return typeof call === 'function' ? (call as () => unknown).bind(calls) : call // no `then`: it is awaited
  }
  return new Proxy(calls, { get })
}

/** A log that keeps its lines: `warn BGP session ended: …`. */
export function collectLog(): { lines: string[]; log: Log } {
  const lines: string[] = []
  const at = (level: string) => (_fields: object, sentence: string) => void lines.push(`${level} ${sentence}`)
  const log: Log = { debug() {}, info: at('info'), warn: at('warn'), error: at('error'), child: () => log }
  return { lines, log }
}
