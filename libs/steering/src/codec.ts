/**
 * Resolutions and routes, to and from steering.proto. Only the bus between processes comes here; LocalBus passes the objects themselves.
 *
 * What arrives was written by another process, perhaps of another version: it is checked here, once (checked.ts), so that nobody behind
 * has to.
 */
import type { Codec } from '@dnstap-bgp/bus'
import {
  addressOf,
  amountOf,
  checkedCodec,
  cut,
  listOf,
  octetsOf,
  prefixOf,
  prefixToWire,
  revisionOf,
  SteeringError,
  textOf,
  timeOf,
  wordOf,
  wordOrNothingOf,
} from './checked.ts'
import { dnstapbgp } from './generated/steering.js'
import type { Resolution } from './resolution.ts'
import { sourceOf, sourceText } from './resolution-source.ts'
import type { RouteChange, RouteChanges, RoutesChunk, StoreHead, TailPart } from './route-change.ts'
import type { SettledHow, SettledRoutes } from './settled-routes.ts'

const v1 = dnstapbgp.v1

/** An answer's chain has at most 33 names (dns-wire). */
const MAX_CHAIN = 256
/** Lists that own one route. */
const MAX_OWNERS = 10_000
const MAX_EPOCH = 128
/** By the number on the wire. What a later version says ends the wait, too. */
const SETTLED_HOW: readonly SettledHow[] = ['routed', 'before', 'refused']
/** One answer has a few addresses. */
const MAX_AWAITED = 10_000
const MAX_TTL_SECONDS = 0xffff_ffff

export const resolutionsCodec: Codec<readonly Resolution[]> = checkedCodec(
  v1.Resolutions,
  // Those of one message were heard by one ingest.
  (resolutions): dnstapbgp.v1.IResolutions => ({
    resolutions: resolutions.map(resolutionToWire),
    ingest: resolutions.at(0)?.seenBy?.ingest ?? '',
  }),
  (wire) => {
    const ingest = textOf(wire.ingest, 'ingest')
    return listOf(wire.resolutions, 'resolutions', (one) => resolutionFromWire(one, ingest))
  },
)

export const routeChangesCodec: Codec<RouteChanges> = checkedCodec(v1.RouteChanges, changesToWire, changesFromWire)

export const storeHeadCodec: Codec<StoreHead> = checkedCodec(v1.StoreHead, (head): dnstapbgp.v1.IStoreHead => head, headOf)

export const routesChunkCodec: Codec<RoutesChunk> = checkedCodec(
  v1.RoutesChunk,
  ({ epoch, revision, routes }): dnstapbgp.v1.IRoutesChunk => ({ epoch, revision, routes: routes.map(routeToWire) }),
  (wire) => ({ ...headOf(wire), routes: listOf(wire.routes, 'routes', routeFromWire) }),
)

export const tailPartCodec: Codec<TailPart> = checkedCodec(
  v1.TailPart,
  (part): dnstapbgp.v1.ITailPart => {
    if (part === 'up-to-date') return { kind: v1.TailPart.Kind.UP_TO_DATE }
    if (part === 'gap') return { kind: v1.TailPart.Kind.GAP }
    return { kind: v1.TailPart.Kind.CHANGES, changes: changesToWire(part) }
  },
  ({ kind, changes }) => {
    if (kind === v1.TailPart.Kind.UP_TO_DATE) return 'up-to-date'
    if ((kind ?? v1.TailPart.Kind.CHANGES) === v1.TailPart.Kind.CHANGES) return changesFromWire(changes ?? {})
    // GAP, or what a later version says in place of changes: a snapshot tells everything.
    return 'gap'
  },
)

export const resolversCodec: Codec<readonly string[]> = checkedCodec(
  v1.Resolvers,
  (addresses): dnstapbgp.v1.IResolvers => ({ addresses: addresses.map(octetsOf) }),
  (wire) => listOf(wire.addresses, 'addresses', addressOf),
)

export const awaitedRoutesCodec: Codec<readonly string[]> = checkedCodec(
  v1.AwaitedRoutes,
  (addresses): dnstapbgp.v1.IAwaitedRoutes => ({ addresses: addresses.map(octetsOf) }),
  (wire) => listOf(wire.addresses, 'addresses', addressOf, MAX_AWAITED),
)

export const settledRoutesCodec: Codec<SettledRoutes> = checkedCodec(
  v1.SettledRoutes,
  ({ addresses, how }): dnstapbgp.v1.ISettledRoutes => ({ addresses: addresses.map(octetsOf), how: SETTLED_HOW.indexOf(how) }),
  (wire) => ({
    addresses: listOf(wire.addresses, 'addresses', addressOf, MAX_AWAITED),
    how: SETTLED_HOW[wire.how ?? 0] ?? 'before',
  }),
)

export const emptyCodec: Codec<undefined> = checkedCodec(
  v1.Empty,
  (): dnstapbgp.v1.IEmpty => ({}),
  () => undefined,
)

function resolutionToWire({ matchedBy: _, ...one }: Resolution): dnstapbgp.v1.IResolution {
  return {
    ...one,
    seenSteadyMs: one.seenBy?.steadyMs ?? 0,
    rule: cut(one.rule),
    address: octetsOf(one.address),
    source: cut(sourceText(one.source)),
    chain: [...one.chain],
  }
}

function resolutionFromWire(wire: dnstapbgp.v1.IResolution, ingest: string): Resolution {
  const steadyMs = timeOf(wire.seenSteadyMs, 'seen_steady_ms')
  return {
    list: wordOrNothingOf(wire.list, 'list'),
    name: wordOf(wire.name, 'name'),
    rule: textOf(wire.rule, 'rule'),
    address: addressOf(wire.address),
    ttlSeconds: amountOf(wire.ttlSeconds, 'ttl_seconds', MAX_TTL_SECONDS),
    seenAtMs: timeOf(wire.seenAtMs, 'seen_at_ms'),
    ...(ingest === '' || steadyMs === 0 ? {} : { seenBy: { ingest, steadyMs } }),
    source: sourceOf(textOf(wire.source, 'source')),
    chain: listOf(wire.chain, 'chain', (name) => wordOf(name, 'a name of the chain'), MAX_CHAIN),
  }
}

function changesToWire(changes: RouteChanges): dnstapbgp.v1.IRouteChanges {
  return { epoch: changes.epoch, firstRevision: changes.firstRevision, changes: changes.changes.map(routeToWire) }
}

function changesFromWire(wire: dnstapbgp.v1.IRouteChanges): RouteChanges {
  const changes = listOf(wire.changes, 'changes', routeFromWire)
  if (changes.length === 0) throw new SteeringError('route changes without a change')
  const firstRevision = revisionOf(wire.firstRevision)
  revisionOf(firstRevision + changes.length)
  return { epoch: epochOf(wire.epoch), firstRevision, changes }
}

function routeToWire(route: RouteChange): dnstapbgp.v1.IRouteChange {
  return { ...prefixToWire(route.prefix), lists: [...route.lists] }
}

function routeFromWire(wire: dnstapbgp.v1.IRouteChange): RouteChange {
  return { prefix: prefixOf(wire), lists: listOf(wire.lists, 'lists', (list) => wordOf(list, 'a list'), MAX_OWNERS) }
}

function headOf(wire: { epoch?: string | null; revision?: number | null }): StoreHead {
  return { epoch: epochOf(wire.epoch), revision: revisionOf(wire.revision) }
}

/** An empty one would void all that is known. */
function epochOf(value: string | null | undefined): string {
  return wordOf(value, 'epoch', MAX_EPOCH)
}
