/**
 * The gateway: pushes what this instance learns to others, and takes what they push.
 *
 *   LEARNT ──▶ PUT /put to every sync peer, each with its own queue          GET /fetch from every sync peer, now and then ──┐
 *   BINDINGS ◀── GET /fetch from a peer                                      PUT /put from a peer ──────────────────────────┴──▶ OFFER
 *
 * It holds no list and no store: the cache says what it has (BINDINGS) and judges every entry (OFFER). What a peer told us is not passed
 * on (the cache leaves it out of LEARNT): it tells the others itself, and a fetch brings it anyway.
 */
import { ADMIN_API, type AdminHandlers } from '@dnstap-bgp/admin-api'
import type { Bus } from '@dnstap-bgp/bus'
import type { Config } from '@dnstap-bgp/config'
import { PeerClient, startPeerServer, type PeerServer } from '@dnstap-bgp/peer-http'
import type { PeerEntry } from '@dnstap-bgp/peer-sync'
import { reasonOf, type Clock, type Closeable, type Log } from '@dnstap-bgp/runtime'
import { HEAD, LEARNT } from '@dnstap-bgp/steering'
import type { Health, Metrics } from '@dnstap-bgp/telemetry'
import { entriesOfCache, peerEntryOf, offerToCache } from './asking-cache.ts'
import { describeGatewayMetrics } from './describe-metrics.ts'
import { Pauses } from './pauses.ts'

export interface StartGatewayDeps {
  readonly bus: Bus
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly health: Health
  readonly handlers: AdminHandlers
}

export interface RunningGateway extends Closeable {
  /** Where peers reach us; undefined when we do not listen. */
  readonly port: number | undefined
  report(): object
}

const PAUSE_MS = 1000
/** For each thousand entries of a fetch. Entries that are still too fast come with the next fetch. */
const MAX_PAUSES = 3

/** Without a [syncer] table there is nothing to do. @throws ListenError */
export async function startSyncGateway(config: Pick<Config, 'syncer'>, deps: StartGatewayDeps): Promise<RunningGateway> {
  const { syncer } = config
  if (syncer === undefined) return { port: undefined, report: () => ({}), close: () => {} }
  const { bus, clock, log, metrics, health, handlers } = deps
  const entries = { taken: 0, unwanted: 0 }
  const pauses = new Pauses(clock)
  const cacheHealth = health.component('sync gateway')
  cacheHealth.ok()
  const cacheAway = (error: unknown) => {
    cacheHealth.degraded(`The cache cannot be asked: ${reasonOf(error)}`)
    throw error
  }
  const offer = async (offered: readonly PeerEntry[], from: string) => {
    const answers = await offerToCache(bus, offered, from).catch(cacheAway)
    cacheHealth.ok()
    return answers
  }
  const entriesOf = async function* () {
    try {
      yield* entriesOfCache(bus)
      cacheHealth.ok()
    } catch (error) {
      cacheAway(error)
    }
  }
  const accept = async (offered: readonly PeerEntry[], from: string) => {
    const answers = await offer(offered, from)
    for (const answer of answers) entries[answer === null ? 'taken' : 'unwanted']++
    return answers.map((answer) => answer?.why)
  }
  /** A fetch may bring more new routes than a list may make at once (newRoutesPerSecond): it waits and goes on. */
  const acceptFetched = async (offered: readonly PeerEntry[], from: string) => {
    let left = offered
    for (let pause = 0; ; pause++) {
      const answers = await offer(left, from)
      const tooFast = left.filter((_, i) => answers[i]?.refusal === 'rate')
      entries.taken += answers.filter((answer) => answer === null).length
      if (tooFast.length === 0 || pause === MAX_PAUSES || pauses.closed) {
        entries.unwanted += answers.filter((answer) => answer !== null).length
        return
      }
      entries.unwanted += answers.filter((answer) => answer !== null).length - tooFast.length
      left = tooFast
      await pauses.pause(PAUSE_MS)
    }
  }

  let server: PeerServer | undefined
  if (syncer.listen !== undefined) {
    server = await startPeerServer(
      { ...syncer, listen: syncer.listen, peers: syncer.peers.map((peer) => peer.host) },
      { entries: entriesOf, accept, clock, log },
    )
    log.info({ port: server.port }, 'The sync gateway listens for other instances.')
  }
  const clients = syncer.peers.map((peer) => {
    const component = health.component(`sync peer ${peer.host}:${peer.port}`)
    const { token, syncIntervalMs } = syncer
    return new PeerClient({ peer, token, syncIntervalMs }, { accept: acceptFetched, health: component, clock, log })
  })
  for (const client of clients) client.start()
  const learnt = bus.subscribe(LEARNT, (resolutions) => {
    const told = resolutions.map(peerEntryOf)
    for (const client of clients) client.push(told)
  })
  let epoch: string | undefined
  const heads = bus.subscribe(HEAD, (head) => {
    // The store lost its memory: fetch what the peers know before the stale routes go.
    if (epoch !== undefined && epoch !== head.epoch) for (const client of clients) client.fetchSoon()
    epoch = head.epoch
  })

  const status = () => clients.map((client) => client.status())
  handlers.add(ADMIN_API.syncPeers, status)
  describeGatewayMetrics(metrics, { entries, server: server?.counts, peers: status })
  return {
    port: server?.port,
    report: () => ({ syncPeers: status().map(({ peer, pushed, queued }) => `${peer}: ${pushed} told, ${queued} waiting`) }),
    async close() {
      pauses.close()
      await learnt.close()
      await heads.close()
      await server?.close()
      await Promise.all(clients.map((client) => client.close()))
    },
  }
}
