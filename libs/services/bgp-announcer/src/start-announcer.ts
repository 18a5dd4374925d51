/** Puts the announcer together: follower, route table, speaker, metrics, health, and its part of the admin API. */
import { ADMIN_API, AdminError, type AdminHandlers, type PartOf } from '@dnstap-bgp/admin-api'
import { BgpSpeaker, communityTexts, type PeerStatus, type SpeakerConfig } from '@dnstap-bgp/bgp-speaker'
import type { Bus } from '@dnstap-bgp/bus'
import { neverListOptions, protectHosts, type ConfigWith } from '@dnstap-bgp/config'
import { NeverList } from '@dnstap-bgp/policy'
import { RouteTable } from '@dnstap-bgp/route-table'
import type { Clock, Closeable, Log } from '@dnstap-bgp/runtime'
import { samplesOf, type Health, type Metrics } from '@dnstap-bgp/telemetry'
import { randomInt } from 'node:crypto'
import { dirname, join } from 'node:path'
import { Announcer, type AnnouncerConfig } from './announcer.ts'
import { RouteMemory } from './route-memory.ts'

export type BgpAnnouncerConfig = ConfigWith<'bgp'>

export interface StartAnnouncerDeps {
  readonly bus: Bus
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly health: Health
  readonly handlers: AdminHandlers
}

export interface RunningAnnouncer extends Closeable {
  readonly service: Announcer
  readonly speaker: BgpSpeaker
  readonly table: RouteTable
  reconfigure(config: BgpAnnouncerConfig): void
}

const HEALTH_PERIOD_MS = 1000
/** A start, and the first sessions, may take so long before it is worth a warning. */
const PATIENCE_MS = 15_000
/**
 * So long the cache may take before the routes of before a restart are announced without it; a quarter of the time for which routers keep them,
 * if that is less.
 */
const RECALL_PATIENCE_MS = 10_000

export async function startBgpAnnouncer(config: BgpAnnouncerConfig, deps: StartAnnouncerDeps): Promise<RunningAnnouncer> {
  const { bus, clock, log, health } = deps
  const table = new RouteTable({ seed: randomInt(2 ** 32) })
  const speaker = new BgpSpeaker(speakerConfig(config), {
    clock,
    log,
    table,
    onAddress: (address, what) => announcer.protect(address, what),
  })
  const loadHealth = health.component('routes')
  const peersHealth = health.component('bgp')
  let hadAll = false
  const announcer: Announcer = new Announcer(announcerConfig(config, config), {
    bus,
    table,
    clock,
    log,
    name: config.bgp.bgpIdentifier,
    peersWith: (prefix) => speaker.peersWith(prefix),
    onReady: () => void speaker.start(),
  })
  const path = stateFileOf(config)
  const memory = path === undefined ? undefined : new RouteMemory({ path, clock, log })
  const last = await memory?.load(config.bgp.relearnMs)
  if (last !== undefined) {
    const patienceMs = Math.min(RECALL_PATIENCE_MS, config.bgp.gracefulRestartSeconds * 250)
    await announcer.recall(last.remembered, last.ageMs, patienceMs)
  }
  if (memory !== undefined) announcer.remember(memory)
  const startedMs = clock.monotonic()
  const look = () => {
    const { unconfirmedMs } = announcer
    if (!announcer.loaded && unconfirmedMs === undefined) {
      // Both stay `starting`, which is not ready, until that takes suspiciously long.
      if (clock.monotonic() - startedMs < PATIENCE_MS) return
      loadHealth.degraded('No routes yet: the cache has not answered. No BGP session is opened before.')
      return
    }
    if (unconfirmedMs !== undefined) {
      if (clock.monotonic() - startedMs < PATIENCE_MS) return
      const seconds = Math.ceil(unconfirmedMs / 1000)
      loadHealth.degraded(
        `The cache has not answered since the start: the ${table.size} routes announced before it stay for ${seconds} s more.`,
      )
    } else if (!announcer.heard) loadHealth.degraded('The cache is not heard; sessions and routes stay as they are.')
    else if (announcer.staleRoutes > 0)
      loadHealth.degraded(
        `${announcer.staleRoutes} routes are stale: the store lost its memory and has not learnt them again yet.`,
      )
    else if (memory?.fault !== undefined) loadHealth.degraded(`A restart at a bad moment may lose routes: ${memory.fault}.`)
    else loadHealth.ok()
    const away = speaker.peers().filter((peer) => peer.state !== 'Established')
    const isLate = hadAll || clock.monotonic() - startedMs > PATIENCE_MS
    const faults = [
      speaker.fault,
      config.bgp.peers.length === 0 ? 'No BGP peer is configured: nothing is announced.' : undefined,
      away.length > 0 && isLate ? `Not established: ${away.map(nameAndWhy).join(', ')}.` : undefined,
    ].filter((one) => one !== undefined)
    if (faults.length > 0) peersHealth.degraded(faults.join(' '))
    else if (away.length === 0) peersHealth.ok()
    hadAll ||= away.length === 0
  }
  announcer.start()
  const hosts = protectHosts(config, { ...deps, protect: (address, what) => announcer.protect(address, what) })
  look()
  const timer = clock.every(HEALTH_PERIOD_MS, look)
  describeMetrics(deps.metrics, announcer, speaker, table)
  addHandlers(deps.handlers, announcer, speaker, table)
  return {
    service: announcer,
    speaker,
    table,
    reconfigure(fresh) {
      announcer.reconfigure(announcerConfig(fresh, config))
      hosts.reconfigure(fresh)
    },
    async close() {
      timer.cancel()
      hosts.close()
      await announcer.close()
      const withdraw = config.bgp.onStop === 'withdraw'
      await Promise.all([withdraw ? memory?.forget() : memory?.close(), speaker.close({ withdraw })])
    },
  }
}

/** Where announced routes are remembered: where the operator says, beside the store, or where systemd says that state belongs. */
function stateFileOf({ bgp, store }: BgpAnnouncerConfig): string | undefined {
  if (bgp.relearnMs === 0) return undefined
  if (bgp.stateFile !== undefined) return bgp.stateFile
  if (store.kind === 'file') return join(dirname(store.path), 'announced')
  const folder = process.env['STATE_DIRECTORY']?.split(':')[0]
  return folder === undefined || folder === '' ? undefined : join(folder, 'announced')
}

/** `running`: what we were started with; [bgp] is taken over at the next start only. */
function announcerConfig(config: BgpAnnouncerConfig, running: BgpAnnouncerConfig): AnnouncerConfig {
  return {
    lists: config.lists,
    never: new NeverList(neverListOptions(config, running)),
    relearnMs: running.bgp.relearnMs,
  }
}

/** `192.0.2.2:179 (Cease: Maximum Number of Prefixes Reached; left alone for now)` */
function nameAndWhy(peer: PeerStatus): string {
  const why = [peer.lastError?.reason, peer.isDamped ? 'left alone for now' : undefined].filter((one) => one !== undefined)
  return why.length === 0 ? peer.name : `${peer.name} (${why.join('; ')})`
}

function speakerConfig({ bgp }: BgpAnnouncerConfig): SpeakerConfig {
  return { ...bgp, peers: bgp.peers.map((peer) => ({ ...peer, password: peer.password?.reveal() })) }
}

function addHandlers(handlers: AdminHandlers, announcer: Announcer, speaker: BgpSpeaker, table: RouteTable): void {
  handlers.add(ADMIN_API.peers, () => speaker.peers().map(peerRow))
  handlers.add(ADMIN_API.resetPeer, ({ body: { peer, hard } }) => {
    const known = speaker.peers().find(({ name }) => name === peer)
    if (known === undefined) throw noSuchPeer(peer, speaker)
    if (hard === true) speaker.reset(peer)
    else if (!speaker.resend(peer))
      throw new AdminError(409, `there is no session with ${peer}; a hard reset tries again at once`)
    return { peer, done: hard === true ? 'the session begins anew' : 'its routes are sent once more' }
  })
  handlers.add(ADMIN_API.routes, ({ query: { peer } }) => {
    const sent = peer === undefined ? undefined : speaker.routesOut(peer)
    if (peer !== undefined && sent === undefined) throw noSuchPeer(peer, speaker)
    return rows(announcer, sent ?? wantedRows(table))
  })
}

function noSuchPeer(peer: string, speaker: BgpSpeaker): AdminError {
  const names = speaker.peers().map(({ name }) => name)
  const known = names.length === 0 ? 'none is configured' : `there are ${names.join(', ')}`
  return new AdminError(404, `there is no peer named ${JSON.stringify(peer)}; ${known}`)
}

function* wantedRows(table: RouteTable) {
  for (const [prefix, { communities, largeCommunities, ...rest }] of table.entries())
    yield { prefix, ...rest, communities: communityTexts(communities, largeCommunities) }
}

/** Routes, and of those that are held for how long. */
async function* rows(
  announcer: Announcer,
  routes: Iterable<PartOf<typeof ADMIN_API.routes>>,
): AsyncIterable<PartOf<typeof ADMIN_API.routes>> {
  for (const route of routes) {
    const staleForMs = announcer.staleForMs(route.prefix)
    yield staleForMs === undefined ? route : { ...route, staleForSeconds: Math.ceil(staleForMs / 1000) }
  }
}

function peerRow(peer: PeerStatus): PartOf<typeof ADMIN_API.peers> {
  const { since, lastError, nextAttemptAt, ...rest } = peer
  return {
    ...rest,
    since: new Date(since).toISOString(),
    lastError: lastError === undefined ? null : `${lastError.reason} (${new Date(lastError.at).toISOString()})`,
    nextAttempt: nextAttemptAt === undefined ? null : new Date(nextAttemptAt).toISOString(),
  }
}

function describeMetrics(metrics: Metrics, announcer: Announcer, speaker: BgpSpeaker, table: RouteTable): void {
  const { counters } = announcer
  metrics.gauge({ name: 'announcer_routes', help: 'Routes that should be out.', read: () => table.size })
  metrics.gauge({
    name: 'announcer_stale_routes',
    help: 'Stale routes: announced, but a store that lost its memory does not have them (yet).',
    read: () => announcer.staleRoutes,
  })
  metrics.counter({ name: 'announcer_changes_total', help: 'Route changes applied.', read: () => counters.changes })
  metrics.counter({
    name: 'announcer_never_refused_total',
    help: 'Routes refused by the never list at the announcer.',
    read: () => counters.neverRefused,
  })
  metrics.counter({
    name: 'announcer_refused_routes_total',
    help: 'Route changes refused because no list here can make them.',
    labels: ['reason'],
    read: () => samplesOf('reason', { 'unknown list': counters.unknownList, 'too wide': counters.tooWide }),
  })
  metrics.counter({
    name: 'announcer_repaired_routes_total',
    help: 'Routes that were other than the cache has them, and were put right.',
    read: () => announcer.comparison.repaired,
  })
  metrics.counter({
    name: 'announcer_questions_total',
    help: 'Questions to the cache.',
    labels: ['kind'],
    read: () => samplesOf('kind', { snapshot: counters.snapshots, tail: counters.tails, failed: counters.failedQuestions }),
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
  gauge('bgp_peer_routes', 'Routes that the peer was told.', ({ prefixesOut }) => prefixesOut.ipv4 + prefixesOut.ipv6)
  gauge('bgp_peer_queued_routes', 'Routes that wait to be sent to the peer, or looked at.', ({ queued }) => queued)
  gauge('bgp_peer_suppressed_routes', 'Routes kept from the peer by maxRoutes.', ({ suppressed }) => suppressed)
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
    'Messages of the peer that carry nothing, beyond what is ordinary.',
    ({ counters }) => counters.floodMessages,
  )
  metrics.counter({
    name: 'bgp_refused_connections_total',
    help: 'BGP connections from addresses that no peer has, or without an option that the peer must have.',
    read: () => speaker.refusedConnections,
  })
}
