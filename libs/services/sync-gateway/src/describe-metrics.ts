/** The gateway's numbers for Prometheus. */
import type { PeerServerCounts, SyncPeerStatus } from '@dnstap-bgp/peer-http'
import { samplesOf, type Metrics } from '@dnstap-bgp/telemetry'

export interface GatewayNumbers {
  /** Of both ways in: put by a peer, or fetched from it. */
  readonly entries: Readonly<{ taken: number; unwanted: number }>
  /** Undefined when we do not listen. */
  readonly server: Readonly<PeerServerCounts> | undefined
  readonly peers: () => readonly SyncPeerStatus[]
}

export function describeGatewayMetrics(metrics: Metrics, { entries, server, peers }: GatewayNumbers): void {
  const ofPeers = (read: (peer: SyncPeerStatus) => number) => () =>
    samplesOf('sync_peer', Object.fromEntries(peers().map((peer) => [peer.peer, read(peer)])))
  metrics.counter({
    name: 'gateway_entries_total',
    help: 'Entries of other instances, put by them or fetched from them, by what became of them.',
    labels: ['result'],
    read: () => {
      const fetched = peers().reduce((sum, peer) => sum + peer.fetchedMalformed, 0)
      return samplesOf('result', { ...entries, malformed: fetched + (server?.entriesMalformed ?? 0) })
    },
  })
  if (server !== undefined) {
    metrics.counter({
      name: 'gateway_requests_total',
      help: 'Requests of other instances, by what became of them: `fetches` and `puts` were let in, the others refused.',
      labels: ['result'],
      read: () => {
        const { fetches, puts, forbidden, unauthorized, malformed, unavailable } = server
        return samplesOf('result', { fetches, puts, forbidden, unauthorized, malformed, unavailable })
      },
    })
  }
  metrics.counter({
    name: 'gateway_pushed_total',
    help: 'Entries told to a sync peer.',
    labels: ['sync_peer'],
    read: ofPeers((peer) => peer.pushed),
  })
  metrics.counter({
    name: 'gateway_push_failures_total',
    help: 'Times a sync peer could not be told something; it is told again.',
    labels: ['sync_peer'],
    read: ofPeers((peer) => peer.pushFailures),
  })
  metrics.counter({
    name: 'gateway_push_lost_total',
    help: 'Entries a sync peer was not told: it would not have them, or too much waited. Its own fetch brings them.',
    labels: ['sync_peer'],
    read: ofPeers((peer) => peer.refused + peer.dropped),
  })
  metrics.gauge({
    name: 'gateway_queued',
    help: 'Entries waiting for a sync peer.',
    labels: ['sync_peer'],
    read: ofPeers((peer) => peer.queued),
  })
  metrics.counter({
    name: 'gateway_fetches_total',
    help: 'Times a sync peer told us everything it has.',
    labels: ['sync_peer'],
    read: ofPeers((peer) => peer.fetches),
  })
  metrics.counter({
    name: 'gateway_fetch_failures_total',
    help: 'Fetches from a sync peer that failed.',
    labels: ['sync_peer'],
    read: ofPeers((peer) => peer.fetchFailures),
  })
}
