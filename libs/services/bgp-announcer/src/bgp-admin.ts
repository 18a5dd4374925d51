/** The announcer's part of the admin API: peers, their resets, and routes. */
import { ADMIN_API, AdminError, type AdminHandlers, type PartOf } from '@dnstap-bgp/admin-api'
import { communityTexts, type BgpSpeaker, type PeerStatus } from '@dnstap-bgp/bgp-speaker'
import type { RouteTable } from '@dnstap-bgp/route-table'
import type { Announcer } from './announcer.ts'

export function addBgpHandlers(handlers: AdminHandlers, announcer: Announcer, speaker: BgpSpeaker, table: RouteTable): void {
  handlers.add(ADMIN_API.peers, () => speaker.peers().map(peerRow))
  handlers.add(ADMIN_API.resetPeer, ({ body: { peer, hard } }) => {
    const known = speaker.peers().find(({ name }) => name === peer)
    if (known === undefined) throw noSuchPeer(peer, speaker)
    if (hard === true) speaker.reset(peer)
    else if (!speaker.resend(peer))
      throw new AdminError(409, `there is no session with ${peer}; a hard reset tries again at once`)
    return { peer, done: hard === true ? 'the session starts again' : 'its routes are sent again' }
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

/** Routes; a stale one with the time that it may still stay. */
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
