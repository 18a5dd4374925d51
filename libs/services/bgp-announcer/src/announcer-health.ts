/** Tells health whether routes are known and confirmed, and whether BGP peers have a session. */
import type { BgpSpeaker, PeerStatus } from '@dnstap-bgp/bgp-speaker'
import type { Clock } from '@dnstap-bgp/runtime'
import type { Health } from '@dnstap-bgp/telemetry'
import type { Announcer } from './announcer.ts'
import type { RouteMemory } from './route-memory.ts'

export interface AnnouncerHealthDeps {
  readonly health: Health
  readonly clock: Clock
  readonly announcer: Announcer
  readonly speaker: BgpSpeaker
  readonly memory: RouteMemory | undefined
  /** Does the configuration name any peer? */
  readonly hasPeers: boolean
}

/** Call the answer now and then. */
export function announcerHealth({ health, clock, announcer, speaker, memory, hasPeers }: AnnouncerHealthDeps): () => void {
  const routes = health.component('routes')
  const peers = health.component('bgp')
  const startedMs = clock.monotonic()
  const isLate = () => clock.monotonic() - startedMs >= PATIENCE_MS
  let hadAll = false
  return () => {
    const { loaded, unconfirmedMs } = announcer
    if (!loaded && unconfirmedMs === undefined) {
      // Both stay `starting`, which is not ready, for a while.
      if (isLate()) routes.degraded('No routes yet: the cache has not answered. No BGP session is opened before that.')
      return
    }
    if (unconfirmedMs !== undefined && !isLate()) return
    const fault = routesFault(announcer, memory)
    if (fault === undefined) routes.ok()
    else routes.degraded(fault)
    const away = speaker.peers().filter((peer) => peer.state !== 'Established')
    const faults = [
      speaker.fault,
      hasPeers ? undefined : 'No BGP peer is configured: nothing is announced.',
      away.length > 0 && (hadAll || isLate()) ? `Not established: ${away.map(nameAndWhy).join(', ')}.` : undefined,
    ].filter((one) => one !== undefined)
    if (faults.length > 0) peers.degraded(faults.join(' '))
    else if (away.length === 0) peers.ok()
    hadAll ||= away.length === 0
  }
}

function routesFault(announcer: Announcer, memory: RouteMemory | undefined): string | undefined {
  const { unconfirmedMs, staleRoutes } = announcer
  if (unconfirmedMs !== undefined)
    return `The cache has not answered since the start: the ${staleRoutes} routes announced before it stay for ${Math.ceil(unconfirmedMs / 1000)} s more.`
  if (!announcer.heard) return 'The cache is not heard; sessions and routes stay as they are.'
  if (staleRoutes > 0) return `${staleRoutes} routes are stale: the store lost its memory and has not learnt them again yet.`
  return memory?.fault === undefined ? undefined : `A restart at a bad moment may lose routes: ${memory.fault}.`
}

/** `192.0.2.2:179 (Cease: Maximum Number of Prefixes Reached; left alone for now)` */
function nameAndWhy(peer: PeerStatus): string {
  const why = [peer.lastError?.reason, peer.isDamped ? 'left alone for now' : undefined].filter((one) => one !== undefined)
  return why.length === 0 ? peer.name : `${peer.name} (${why.join('; ')})`
}

/** A start and the first sessions may take this long before they are worth a warning. */
const PATIENCE_MS = 15_000
