/** The names on the bus, with those of operator.ts. The version is in the name: two versions can run side by side during an upgrade. */
import type { Call, Queue, StreamCall, Subject } from '@dnstap-bgp/bus'
import { catchUpCodec, caughtUpCodec, type CatchUp, type CaughtUp } from './catch-up.ts'
import {
  awaitedRoutesCodec,
  emptyCodec,
  resolutionsCodec,
  resolversCodec,
  routeChangesCodec,
  routesChunkCodec,
  settledRoutesCodec,
  storeHeadCodec,
  tailPartCodec,
} from './codec.ts'
import { offerAnswersCodec } from './operator-codec.ts'
import { octetsOfResolution, type Resolution } from './resolution.ts'
import type { RouteChanges, RoutesChunk, StoreHead, TailPart } from './route-change.ts'
import type { SettledRoutes } from './settled-routes.ts'

/** ingest and gateway -> cache. */
export const RESOLUTIONS: Queue<readonly Resolution[]> = {
  name: 'dnstap-bgp.v1.resolutions',
  limits: { maxBytes: 256 * 1024 * 1024, maxAgeSeconds: 3600 },
  octetsOf: (resolutions) => resolutions.reduce((sum, one) => sum + octetsOfResolution(one), 0),
  ...resolutionsCodec,
}

/** cache -> gateways: resolutions that were new to the store, or much fresher than those it had. */
export const LEARNT: Subject<readonly Resolution[]> = { name: 'dnstap-bgp.v1.learnt', ...resolutionsCodec }

/** cache -> announcers, in each publisher's order. */
export const ROUTE_CHANGES: Subject<RouteChanges> = { name: 'dnstap-bgp.v1.route-changes', ...routeChangesCodec }

/** cache -> announcers: the heartbeat by which a lost last message is found. */
export const HEAD: Subject<StoreHead> = { name: 'dnstap-bgp.v1.head', ...storeHeadCodec }

/** cache -> ingests, every second and before deadlines count: answer when everything that you have heard is in the queue. */
export const CATCH_UP: Subject<CatchUp> = { name: 'dnstap-bgp.v1.catch-up', ...catchUpCodec }

/** ingest -> caches: it is. */
export const CAUGHT_UP: Subject<CaughtUp> = { name: 'dnstap-bgp.v1.caught-up', ...caughtUpCodec }

/** announcer -> cache: every route. */
export const SNAPSHOT: StreamCall<undefined, RoutesChunk> = {
  name: 'dnstap-bgp.v1.snapshot',
  request: emptyCodec,
  part: routesChunkCodec,
}

/** announcer -> cache: the changes after this head. */
export const TAIL: Call<StoreHead, TailPart> = { name: 'dnstap-bgp.v1.tail', request: storeHeadCodec, reply: tailPartCodec }

/** gateway, ingest -> cache: every live binding, as resolutions, for peers that ask and for names that are to stay warm. */
export const BINDINGS: StreamCall<undefined, readonly Resolution[]> = {
  name: 'dnstap-bgp.v1.bindings',
  request: emptyCodec,
  part: resolutionsCodec,
}

/** Why a resolution was not taken; null: it was. */
export type OfferAnswer = { readonly refusal: string; readonly why: string } | null

/**
 * gateway -> cache: what another instance says, with an answer for each. Another instance knows no lists of ours: a resolution whose
 * `list` is empty is taken for every list that covers its name.
 */
export const OFFER: Call<readonly Resolution[], readonly OfferAnswer[]> = {
  name: 'dnstap-bgp.v1.offer',
  request: resolutionsCodec,
  reply: offerAnswersCodec,
}

/** cache that starts, or whose bus is back -> caches, itself too: each says by FORGOTTEN what it holds down. */
export const TELL_HELD_DOWN: Subject<undefined> = { name: 'dnstap-bgp.v1.tell-held-down', ...emptyCodec }

/**
 * ingest -> caches, announcers: the addresses of the resolvers it hears from, all of them, whenever there is a new one and every minute.
 * They go on the never list (heard-resolvers.ts).
 */
export const RESOLVERS: Subject<readonly string[]> = { name: 'dnstap-bgp.v1.resolvers', ...resolversCodec }

/** ingest -> announcers, caches: a resolver holds an answer back until the routers have these addresses. */
export const AWAIT_ROUTES: Subject<readonly string[]> = { name: 'dnstap-bgp.v1.await-routes', ...awaitedRoutesCodec }

/** announcer or cache -> ingests: what was awaited is there, or will not come. */
export const ROUTES_SETTLED: Subject<SettledRoutes> = { name: 'dnstap-bgp.v1.routes-settled', ...settledRoutesCodec }
