/**
 * What the cache tells the announcers: who wants which prefix, from now on.
 *
 * A route carries the names of the lists that own it, not BGP attributes: every announcer reads the same configuration and makes
 * the attributes there (docs/decisions). No list left means the route is gone.
 */
export interface RouteChange {
  /** Canonical text, e.g. `192.0.2.1/32`. */
  readonly prefix: string
  /** Names of the owning lists, in the order of their names; empty: withdrawn. */
  readonly lists: readonly string[]
}

/** The store's life and how many changes it has seen. A different epoch voids everything known. */
export interface StoreHead {
  readonly epoch: string
  /** Number of the last change; 0 before the first. */
  readonly revision: number
}

/** Consecutive changes: `changes[i]` has revision `firstRevision + i`. Never empty. */
export interface RouteChanges {
  readonly epoch: string
  readonly firstRevision: number
  readonly changes: readonly RouteChange[]
}

/** One part of a snapshot; all parts together are every route as of `revision`, plus perhaps later changes applied twice. */
export interface RoutesChunk extends StoreHead {
  readonly routes: readonly RouteChange[]
}

/** Changes after a head, or why there are none: nothing is missing, or the log does not reach back that far. */
export type TailPart = RouteChanges | 'up-to-date' | 'gap'
