/** Every name on the bus, in one place. The version is in the name: two versions can run side by side during an upgrade. */
import type { Call, Queue, Subject } from '@dnstap-bgp/bus'
import {
  emptyCodec,
  jsonCodec,
  resolutionsCodec,
  resolversCodec,
  routeChangesCodec,
  routesChunkCodec,
  storeHeadCodec,
  tailPartCodec,
} from './codec.ts'
import { octetsOfResolution, type Resolution } from './resolution.ts'
import type { RouteChanges, RoutesChunk, StoreHead, TailPart } from './route-change.ts'

/** ingest and gateway -> cache. */
export const RESOLUTIONS: Queue<readonly Resolution[]> = {
  name: 'dnstap-bgp.v1.resolutions',
  limits: { maxBytes: 256 * 1024 * 1024, maxAgeSeconds: 3600 },
  octetsOf: (resolutions) => resolutions.reduce((sum, one) => sum + octetsOfResolution(one), 0),
  ...resolutionsCodec,
}

/** cache -> gateways: what was new to the store, or much fresher than it knew. */
export const LEARNT: Subject<readonly Resolution[]> = { name: 'dnstap-bgp.v1.learnt', ...resolutionsCodec }

/** cache -> announcers, in each publisher's order. */
export const ROUTE_CHANGES: Subject<RouteChanges> = { name: 'dnstap-bgp.v1.route-changes', ...routeChangesCodec }

/** cache -> announcers: the heartbeat by which a lost last message is found. */
export const HEAD: Subject<StoreHead> = { name: 'dnstap-bgp.v1.head', ...storeHeadCodec }

/** announcer -> cache: every route. */
export const SNAPSHOT: Call<undefined, RoutesChunk> = {
  name: 'dnstap-bgp.v1.snapshot',
  request: emptyCodec,
  part: routesChunkCodec,
}

/** announcer -> cache: the changes after this head. */
export const TAIL: Call<StoreHead, TailPart> = { name: 'dnstap-bgp.v1.tail', request: storeHeadCodec, part: tailPartCodec }

/** gateway -> cache: every live binding, as resolutions, for peers that ask. */
export const BINDINGS: Call<undefined, readonly Resolution[]> = {
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
  part: jsonCodec(),
}

/** What a person asked for, or a sentence why there is no answer; `status` is HTTP's. */
export type OperatorAnswer = { readonly answer: object } | { readonly status: 400 | 503; readonly error: string }

/** Every program's admin server -> one cache, which asks the others (INQUIRY): what is known of an address or a name. */
export interface ExplainRequest {
  /** An address, a prefix, or a name. */
  readonly subject: string
}
export const EXPLAIN: Call<ExplainRequest, OperatorAnswer> = {
  name: 'dnstap-bgp.v1.explain',
  request: jsonCodec(),
  part: jsonCodec(),
}

export interface ForgetRequest {
  readonly subject: string
  /** Refuse to learn it again for so long; 0: not at all. */
  readonly holdDownMs: number
}
export const FORGET: Call<ForgetRequest, OperatorAnswer> = {
  name: 'dnstap-bgp.v1.forget',
  request: jsonCodec(),
  part: jsonCodec(),
}

/**
 * cache -> ingest, caches, announcers: an operator forgot this by hand, now or before (TELL_HELD_DOWN). Caches end what they have of it and
 * keep it out; an announcer that only holds it, for a store that lost its memory, lets it go; ingest tells it again when it is looked up.
 */
export interface Forgotten {
  /** A name or a prefix, as stored. */
  readonly subject: string
  /** It stays out for so long from now; 0: not at all. No absolute time: clocks of machines differ. */
  readonly holdDownMs: number
}
export const FORGOTTEN: Subject<Forgotten> = { name: 'dnstap-bgp.v1.forgotten', ...jsonCodec<Forgotten>() }

/** cache that starts, or whose bus is back -> caches, itself too: each says by FORGOTTEN what it holds down. */
export const TELL_HELD_DOWN: Subject<undefined> = { name: 'dnstap-bgp.v1.tell-held-down', ...emptyCodec }

/**
 * ingest -> caches, announcers: the addresses of the resolvers it hears from, all of them, whenever there is a new one and every minute.
 * They go on the never list (heard-resolvers.ts).
 */
export const RESOLVERS: Subject<readonly string[]> = { name: 'dnstap-bgp.v1.resolvers', ...resolversCodec }

/**
 * cache -> announcers and the other caches: who knows something of these prefixes? Whoever does publishes FINDINGS, at once. It serves
 * `explain`: whoever asks waits a moment and tells what came.
 */
export interface Inquiry {
  /** Given back with the findings. */
  readonly id: string
  /** A name or a prefix, as stored. */
  readonly subject: string
  /** Prefixes that it may be routed by, itself and wider ones: of these an announcer says what it has. */
  readonly prefixes: readonly string[]
}
export const INQUIRY: Subject<Inquiry> = { name: 'dnstap-bgp.v1.inquiry', ...jsonCodec<Inquiry>() }

/** What an announcer has of a prefix. */
export interface RouteState {
  readonly prefix: string
  /** Which announcer says so: its BGP identifier. */
  readonly announcer: string
  /** Names of the peers that were told the route. */
  readonly peers: readonly string[]
  /** The store does not have it (any more) and it is kept for so long yet, while it may be learnt again; undefined: it is not held. */
  readonly heldForMs?: number
}

export interface Findings {
  readonly id: string
  /** Of an announcer. */
  readonly routes?: readonly RouteState[]
  /** Of another cache: its part of the memory for people; its shape is the cache's own. */
  readonly notes?: readonly unknown[]
}
export const FINDINGS: Subject<Findings> = { name: 'dnstap-bgp.v1.findings', ...jsonCodec<Findings>() }
