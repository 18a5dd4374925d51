/** Metrics of the announcer and of its BGP peers. */
import type { BgpSpeaker, PeerStatus } from '@dnstap-bgp/bgp-speaker'
import type { RouteTable } from '@dnstap-bgp/route-table'
import { samplesOf, type Metrics } from '@dnstap-bgp/telemetry'
import type { Announcer } from './announcer.ts'
import type { RouteConfirmer } from './route-confirmer.ts'

export function describeAnnouncerMetrics(metrics: Metrics, announcer: Announcer, speaker: BgpSpeaker, table: RouteTable): void {
  metrics.gauge({ name: 'announcer_routes', help: 'Routes that peers should have.', read: () => table.size })
  metrics.gauge({
    name: 'announcer_stale_routes',
    help: 'Stale routes: announced, but a store that lost its memory does not have them (yet).',
    read: () => announcer.staleRoutes,
  })
  metrics.counter({ name: 'announcer_changes_total', help: 'Route changes applied.', read: () => announcer.counters.changes })
  metrics.counter({
    name: 'announcer_never_refused_total',
    help: 'Routes that the announcer refused: the never list has them, or IPv6 is off.',
    read: () => announcer.counters.neverRefused,
  })
  metrics.counter({
    name: 'announcer_refused_routes_total',
    help: 'Route changes refused because none of their lists may own such a route here.',
    labels: ['reason'],
    read: () => {
      const { unknownList, tooWide } = announcer.counters
      return samplesOf('reason', { 'unknown list': unknownList, 'too wide': tooWide })
    },
  })
  metrics.counter({
    name: 'announcer_repaired_routes_total',
    help: 'Routes that differed from the cache and were repaired.',
    read: () => announcer.comparison.repaired,
  })
  metrics.counter({
    name: 'announcer_questions_total',
    help: 'Requests to the cache.',
    labels: ['kind'],
    read: () => {
      const { snapshots, tails, failedQuestions } = announcer.counters
      return samplesOf('kind', { snapshot: snapshots, tail: tails, failed: failedQuestions })
    },
  })
  const ofPeers = (valueOf: (peer: PeerStatus) => number) => () =>
    samplesOf('peer', Object.fromEntries(speaker.peers().map((peer) => [peer.name, valueOf(peer)])))
  const gauge = (name: string, help: string, valueOf: (peer: PeerStatus) => number) =>
    metrics.gauge({ name, help, labels: ['peer'], read: ofPeers(valueOf) })
  const counter = (name: string, help: string, valueOf: (peer: PeerStatus) => number) =>
    metrics.counter({ name, help, labels: ['peer'], read: ofPeers(valueOf) })
  gauge('bgp_peer_established', 'Is the session with the peer established (1) or not (0)?', ({ state }) =>
    state === 'Established' ? 1 : 0,
  )
  gauge('bgp_peer_routes', 'Routes that the peer has from us.', ({ prefixesOut }) => prefixesOut.ipv4 + prefixesOut.ipv6)
  gauge(
    'bgp_peer_queued_routes',
    'Routes that wait to be compared with what the peer has, or to be sent.',
    ({ queued }) => queued,
  )
  gauge('bgp_peer_suppressed_routes', 'Routes not sent to the peer because of maxRoutes.', ({ suppressed }) => suppressed)
  gauge(
    'bgp_peer_in_flight_bytes',
    "Octets that the peer's TCP has not acknowledged; without socket options, that our kernel has not taken.",
    ({ inFlightBytes }) => inFlightBytes,
  )
  counter('bgp_peer_sessions_total', 'Sessions that came up.', ({ counters }) => counters.sessions)
  counter('bgp_peer_sent_bytes_total', 'Octets sent to the peer.', ({ counters }) => counters.bytesSent)
  counter('bgp_peer_received_bytes_total', 'Octets received from the peer.', ({ counters }) => counters.bytesReceived)
  counter('bgp_peer_announced_total', 'Routes announced to the peer, repeats too.', ({ counters }) => counters.announced)
  counter('bgp_peer_withdrawn_total', 'Routes withdrawn from the peer.', ({ counters }) => counters.withdrawn)
  counter(
    'bgp_peer_flood_messages_total',
    'Messages of the peer that carry nothing, beyond the ordinary rate.',
    ({ counters }) => counters.floodMessages,
  )
  metrics.counter({
    name: 'bgp_refused_connections_total',
    help: 'BGP connections from addresses that no peer has, or without an option that the peer must have.',
    read: () => speaker.refusedConnections,
  })
}

export function describeConfirmations(metrics: Metrics, confirmer: RouteConfirmer): void {
  metrics.counter({
    name: 'announcer_awaited_routes_total',
    help: 'Addresses for which a resolver held its answer back, by what became of the wait.',
    labels: ['result'],
    read: () => {
      const { confirmed, forgotten, refused } = confirmer.counters
      return samplesOf('result', { confirmed, forgotten, refused })
    },
  })
}
