/**
 * steering.proto to and from our types. Only the bus between processes comes here; LocalBus passes the objects themselves.
 *
 * What arrives was written by another process, perhaps of another version: it is checked here, once, so that nobody behind has to.
 */
import { formatAddress, formatPrefix, parseAddress, parsePrefix } from '@dnstap-bgp/ip'
import type { Codec } from '@dnstap-bgp/bus'
import { dnstapbgp } from './generated/steering.js'
import type { Resolution } from './resolution.ts'
import type { RouteChange, RouteChanges, RoutesChunk, StoreHead, TailPart } from './route-change.ts'

const v1 = dnstapbgp.v1

/** The bytes are not the message they were said to be. */
export class SteeringError extends Error {
  override readonly name = 'SteeringError'
}

export const resolutionsCodec: Codec<readonly Resolution[]> = {
  encode: (resolutions) =>
    v1.Resolutions.encode({
      resolutions: resolutions.map((one) => ({ ...one, address: octetsOf(one.address), chain: [...one.chain] })),
    }).finish(),
  decode: (bytes) =>
    v1.Resolutions.decode(bytes).resolutions.map((one) => ({
      list: one.list ?? '',
      name: one.name ?? '',
      rule: one.rule ?? '',
      address: addressOf(one.address),
      ttlSeconds: one.ttlSeconds ?? 0,
      seenAtMs: finite(one.seenAtMs, 'seen_at_ms'),
      source: one.source ?? '',
      chain: one.chain ?? [],
    })),
}

export const routeChangesCodec: Codec<RouteChanges> = {
  encode: (changes) => v1.RouteChanges.encode(toWire(changes)).finish(),
  decode: (bytes) => fromWire(v1.RouteChanges.decode(bytes)),
}

export const storeHeadCodec: Codec<StoreHead> = {
  encode: (head) => v1.StoreHead.encode(head).finish(),
  decode: (bytes) => headOf(v1.StoreHead.decode(bytes)),
}

export const routesChunkCodec: Codec<RoutesChunk> = {
  encode: (chunk) =>
    v1.RoutesChunk.encode({ epoch: chunk.epoch, revision: chunk.revision, routes: chunk.routes.map(routeToWire) }).finish(),
  decode(bytes) {
    const chunk = v1.RoutesChunk.decode(bytes)
    return { ...headOf(chunk), routes: (chunk.routes ?? []).map(routeFromWire) }
  },
}

export const tailPartCodec: Codec<TailPart> = {
  encode(part) {
    if (part === 'up-to-date') return v1.TailPart.encode({ kind: v1.TailPart.Kind.UP_TO_DATE }).finish()
    if (part === 'gap') return v1.TailPart.encode({ kind: v1.TailPart.Kind.GAP }).finish()
    return v1.TailPart.encode({ kind: v1.TailPart.Kind.CHANGES, changes: toWire(part) }).finish()
  },
  decode(bytes) {
    const part = v1.TailPart.decode(bytes)
    if (part.kind === v1.TailPart.Kind.UP_TO_DATE) return 'up-to-date'
    if (part.kind === v1.TailPart.Kind.GAP) return 'gap'
    return fromWire(part.changes ?? {})
  },
}

export const resolversCodec: Codec<readonly string[]> = {
  encode: (addresses) => v1.Resolvers.encode({ addresses: addresses.map(octetsOf) }).finish(),
  decode: (bytes) => (v1.Resolvers.decode(bytes).addresses ?? []).map(addressOf),
}

export const emptyCodec: Codec<undefined> = {
  encode: () => v1.Empty.encode({}).finish(),
  decode: () => undefined,
}

/** For what only people read: the value travels as JSON text. */
export function jsonCodec<T>(): Codec<T> {
  return {
    encode: (value) => v1.Json.encode({ json: JSON.stringify(value) }).finish(),
    decode: (bytes) => JSON.parse(v1.Json.decode(bytes).json ?? 'null') as T,
  }
}

function toWire(changes: RouteChanges): dnstapbgp.v1.IRouteChanges {
  return { epoch: changes.epoch, firstRevision: changes.firstRevision, changes: changes.changes.map(routeToWire) }
}

function fromWire(message: dnstapbgp.v1.IRouteChanges): RouteChanges {
  const changes = (message.changes ?? []).map(routeFromWire)
  if (changes.length === 0) throw new SteeringError('route changes without a change')
  return { epoch: message.epoch ?? '', firstRevision: revisionOf(message.firstRevision), changes }
}

function routeToWire(route: RouteChange): dnstapbgp.v1.IRouteChange {
  const prefix = parsePrefix(route.prefix)
  if (prefix === undefined) throw new SteeringError(`not a prefix: ${route.prefix}`)
  return { address: prefix.bytes, lengthBits: prefix.lengthBits, lists: [...route.lists] }
}

function routeFromWire(message: dnstapbgp.v1.IRouteChange): RouteChange {
  const text = `${addressOf(message.address)}/${message.lengthBits ?? 0}`
  const prefix = parsePrefix(text)
  if (prefix === undefined) throw new SteeringError(`not a prefix: ${text}`)
  return { prefix: formatPrefix(prefix), lists: message.lists ?? [] }
}

function headOf(message: { epoch?: string | null; revision?: number | null }): StoreHead {
  return { epoch: message.epoch ?? '', revision: revisionOf(message.revision) }
}

function revisionOf(value: number | null | undefined): number {
  const revision = value ?? 0
  if (!Number.isSafeInteger(revision) || revision < 0) throw new SteeringError(`not a revision: ${revision}`)
  return revision
}

function octetsOf(address: string): Uint8Array {
  const octets = parseAddress(address)
  if (octets === undefined) throw new SteeringError(`not an address: ${address}`)
  return octets
}

function addressOf(octets: Uint8Array | null | undefined): string {
  if (octets?.length !== 4 && octets?.length !== 16)
    throw new SteeringError(`an address of ${octets?.length ?? 0} octets, 4 or 16 expected`)
  return formatAddress(octets, 0, octets.length)
}

function finite(value: number | null | undefined, field: string): number {
  if (value === null || value === undefined || !Number.isFinite(value))
    throw new SteeringError(`${field} is not a time: ${value}`)
  return value
}
