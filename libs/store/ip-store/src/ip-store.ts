/**
 * The IP store: bindings, the routes they own, and the numbered log of what changed. A port: MemoryIpStore here, files and Redis in
 * libs of their own; ipStoreConformance() holds all three to this page.
 *
 *   binding  (list, name, prefix)  lives until expiresAtMs; seen again, it lives longer
 *   route    prefix                exists while at least one binding owns it; its owners are those bindings' lists
 *   revision                       each change of the set of routes, or of a route's owning lists, takes the next number
 *
 * Every method that changes something is one atomic step: bindings, deadlines, routes, revision and log move together or not at all.
 * All times are store time (docs/decisions/0009-store-time.md): now() tells it, and no wall clock moves it. A store keeps bounds; which prefixes
 * may be routed is decided by the cache service (lists, never list).
 */
import type { RouteChanges, RoutesChunk, StoreHead } from '@dnstap-bgp/steering'

/** One name was seen to resolve to one address, checked and with its deadline worked out. */
export interface Sighting {
  readonly list: string
  readonly name: string
  readonly rule: string
  /** Canonical text with length: `192.0.2.1/32`. */
  readonly prefix: string
  readonly seenAtMs: number
  /** Infinity for what stays until forgotten (addresses written in a list). */
  readonly expiresAtMs: number
  /** Who told us, as text. */
  readonly source: string
  readonly chain: readonly string[]
  /** The list may not come to own one more route by this sighting (its rate is used up). */
  readonly noNewRoute?: boolean
}

/** A sighting that was kept. `seenAtMs` is the latest; `rule`, `source` and `chain` are of the sighting with that time. */
export interface Binding extends Omit<Sighting, 'noNewRoute'> {
  /** Of the sighting that made the binding. */
  readonly firstSeenMs: number
}

export interface BindingKey {
  readonly list: string
  readonly name: string
  readonly prefix: string
}

/** A deadline for a binding as it was read. If the binding was seen since, `seenAtMs` differs, and its deadline stays. */
export interface NewDeadline extends BindingKey {
  readonly seenAtMs: number
  readonly expiresAtMs: number
}

/** Ceilings, so that strangers' answers cannot fill us. Infinity: none. */
export interface StoreLimits {
  /** Bindings a prefix may have; a name on two lists counts twice. */
  readonly namesPerPrefix: number
  /** Bindings a name may have, over all lists; what has no name (addresses written in lists) is not held to it. */
  readonly prefixesPerName: number
  /** Routes a list may own; a list not named here has no ceiling. */
  readonly routesPerList: ReadonlyMap<string, number>
  readonly routes: number
}

/**
 * What became of a sighting:
 * `new` a binding was made; `refreshed` its deadline or its time last seen moved on; `stale` the sighting brought nothing newer;
 * `full-*` the first ceiling, in this order, that refused it (a known binding is always refreshed, ceilings or not);
 * `no-new-route` it bore that flag, and its list does not own the prefix yet.
 */
export type Outcome =
  | 'new'
  | 'refreshed'
  | 'stale'
  | 'full-names-per-prefix'
  | 'full-prefixes-per-name'
  | 'full-routes-per-list'
  | 'full-routes'
  | 'no-new-route'

export interface Observed {
  /** One for each sighting, same order. */
  readonly outcomes: readonly Outcome[]
  /** Undefined when no route changed. */
  readonly changes: RouteChanges | undefined
}

export interface Expired {
  readonly changes: RouteChanges | undefined
  /** How many bindings went; equal to the limit: call again at once. */
  readonly bindings: number
  /** The earliest deadline left; undefined when there is none. */
  readonly nextDeadlineMs: number | undefined
}

export interface StoreCounts {
  readonly bindings: number
  readonly routes: number
  /** Of each list that has bindings. */
  readonly routesPerList: ReadonlyMap<string, number>
}

export interface IpStore {
  /**
   * Store time: milliseconds that only grow, with time that really passes, and go on after a restart. It starts at the wall clock's
   * time and may be any distance from it later.
   */
  now(): number
  /** So many bindings are best ended by one expire(): more would hold the store, or our loop, too long. */
  readonly expireBatch: number

  head(): Promise<StoreHead>
  counts(): Promise<StoreCounts>

  /** Makes or refreshes bindings. Of two sightings of one binding the later `expiresAtMs` stands, whichever came first. */
  observe(sightings: readonly Sighting[], limits: StoreLimits): Promise<Observed>
  /** Ends bindings with `expiresAtMs <= nowMs`, earliest first, at most `limit` of them. */
  expire(nowMs: number, limit: number): Promise<Expired>
  /** Ends these bindings whatever their deadline; unknown keys are skipped. */
  forget(keys: readonly BindingKey[]): Promise<RouteChanges | undefined>
  /**
   * Another process on the same store forgot this name or prefix (as stored) by hand: if the store loses its last writes, earlier sightings of
   * it are not stored again. Absent: the store has no other users.
   */
  forgottenElsewhere?(subject: string): void
  /**
   * Gives these bindings these deadlines, earlier or later than they were (a list's lifetime was edited);
   * unknown keys, and bindings seen since they were read, are skipped. No route changes.
   */
  reschedule(deadlines: readonly NewDeadline[]): Promise<void>

  /** All bindings, in parts of bounded size; what changes meanwhile may or may not be among them. */
  bindings(): AsyncIterable<readonly Binding[]>
  bindingsOf(prefix: string): Promise<readonly Binding[]>
  bindingsNamed(name: string): Promise<readonly Binding[]>

  /**
   * Every route in parts of bounded size, all bearing the head as it was when the first part was made; one empty part when there
   * are no routes. Revision 0 is how the store was at the start of its epoch, which need not be empty.
   */
  snapshot(): AsyncIterable<RoutesChunk>
  /**
   * At most `limit` changes after `head`; `up-to-date`; or `gap` when the log does not reach back that far, the epoch differs, or
   * `head` is ahead of us.
   */
  changesSince(head: StoreHead, limit: number): Promise<RouteChanges | 'up-to-date' | 'gap'>

  /** Whether the backend reaches its storage. */
  readonly state: StoreState
  onState(listener: (state: StoreState) => void): void
  /** Called when the backend noticed a deadline pass (Redis notifications): a hint to call expire() now, never the truth. */
  onDeadline(listener: () => void): void
  /** Waits until everything answered so far is durable. */
  flush(): Promise<void>
  close(): Promise<void>
}

/**
 * `ready` with a `concern`: it works, and an operator should put something right. `memory-only`: it works, but changes do not survive a
 * restart (disk full, say). `concern` and `why` are sentences.
 */
export type StoreState =
  | { readonly kind: 'ready'; readonly concern?: string }
  | { readonly kind: 'memory-only'; readonly why: string }
  | { readonly kind: 'unavailable'; readonly why: string }

/** The store cannot do this now; trying again later may work. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
}
