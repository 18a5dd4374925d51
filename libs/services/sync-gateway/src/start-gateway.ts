/**
 * The gateway: tells other instances what this one learns, and takes what they say.
 *
 *   LEARNT ──▶ PUT /put to every sync peer, each with its own queue          GET /fetch from every sync peer, now and then ──┐
 *   BINDINGS ◀── GET /fetch from a peer                                      PUT /put from a peer ──────────────────────────┴──▶ OFFER
 *
 * It holds no list and no store: the cache says what it has (BINDINGS) and judges every entry (OFFER).
 */
import type { Bus } from '@dnstap-bgp/bus'
import type { Config } from '@dnstap-bgp/config'
import { PeerClient, startPeerServer, type PeerServer } from '@dnstap-bgp/peer-http'
import type { PeerEntry } from '@dnstap-bgp/peer-sync'
import type { Clock, Closeable, Log } from '@dnstap-bgp/runtime'
import { BINDINGS, LEARNT, OFFER, type OfferAnswer, type Resolution } from '@dnstap-bgp/steering'
import { samplesOf, type AdminRoutes, type Health, type Metrics } from '@dnstap-bgp/telemetry'

export interface StartGatewayDeps {
  readonly bus: Bus
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly health: Health
  readonly routes: AdminRoutes
}

export interface RunningGateway extends Closeable {
  /** Where peers reach us; undefined when we do not listen. */
  readonly port: number | undefined
  report(): object
}

/** Entries in one question to the cache. */
const OFFER_BATCH = 500

/** Without a [syncer] table there is nothing to do. @throws PeerListenError, one sentence */
export async function startSyncGateway(config: Pick<Config, 'syncer'>, deps: StartGatewayDeps): Promise<RunningGateway> {
  const { syncer } = config
  if (syncer === undefined) return { port: undefined, report: () => ({}), close: () => {} }
  const { bus, clock, log, metrics, health, routes } = deps
  const accept = (entries: readonly PeerEntry[], from: string) => offer(bus, entries, from)

  let server: PeerServer | undefined
  if (syncer.listen !== undefined) {
    server = await startPeerServer(
      { listen: syncer.listen, peers: syncer.peers.map((peer) => peer.host), allow: syncer.allow, token: syncer.token },
      { entries: () => entries(bus), accept, clock, log },
    )
  }
  const clients = syncer.peers.map(
    (peer) =>
      new PeerClient(
        { peer, token: syncer.token, syncIntervalMs: syncer.syncIntervalMs },
        { accept, health: health.component(`sync peer ${peer.host}:${peer.port}`), clock, log },
      ),
  )
  for (const client of clients) client.start()
  const learnt = bus.subscribe(LEARNT, (resolutions) => {
    const told = resolutions.map(entryOf)
    for (const client of clients) client.push(told)
  })

  const status = () => clients.map((client) => client.status())
  routes.set('GET /api/sync-peers', status)
  if (server !== undefined) {
    const { counts } = server
    metrics.counter({
      name: 'gateway_requests_total',
      help: 'Requests of other instances, by what became of them.',
      labels: ['result'],
      read: () => samplesOf('result', { ...counts }),
    })
  }
  metrics.counter({
    name: 'gateway_pushed_total',
    help: 'Entries told to a sync peer.',
    labels: ['peer'],
    read: () => samplesOf('peer', Object.fromEntries(status().map((one) => [one.peer, one.pushed]))),
  })
  metrics.gauge({
    name: 'gateway_queued',
    help: 'Entries waiting for a sync peer.',
    labels: ['peer'],
    read: () => samplesOf('peer', Object.fromEntries(status().map((one) => [one.peer, one.queued]))),
  })
  return {
    port: server?.port,
    report: () => ({ syncPeers: status().map(({ peer, pushed, queued }) => `${peer}: ${pushed} told, ${queued} waiting`) }),
    async close() {
      await learnt.close()
      await server?.close()
      await Promise.all(clients.map((client) => client.close()))
    },
  }
}

/** What the cache has, for a peer that asks. */
async function* entries(bus: Bus): AsyncIterable<readonly PeerEntry[]> {
  for await (const part of bus.ask(BINDINGS, undefined)) yield part.map(entryOf)
}

/** Asks the cache about each entry; undefined: taken, else why not. @throws BusError when the cache cannot be asked */
async function offer(bus: Bus, entries: readonly PeerEntry[], from: string): Promise<(string | undefined)[]> {
  const reasons: (string | undefined)[] = []
  for (let at = 0; at < entries.length; at += OFFER_BATCH) {
    const resolutions = entries.slice(at, at + OFFER_BATCH).map((entry) => resolutionOf(entry, from))
    let answers: readonly OfferAnswer[] = []
    for await (const part of bus.ask(OFFER, resolutions)) answers = part
    for (let i = 0; i < resolutions.length; i++) reasons.push(answers[i]?.why)
  }
  return reasons
}

function entryOf({ address, name, seenAtMs }: Resolution): PeerEntry {
  return { address, name, seenAtMs }
}

/** A peer knows no list of ours and no TTL: the cache finds the lists, and their hold time counts. */
function resolutionOf({ address, name, seenAtMs }: PeerEntry, from: string): Resolution {
  return { list: '', name, rule: '', address, ttlSeconds: 0, seenAtMs, source: `peer ${from}`, chain: [name] }
}
