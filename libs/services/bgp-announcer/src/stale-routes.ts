/**
 * Stale routes (RFC 4724's word): announced, though the store does not have them. Lookups and sync peers may teach the store again; a route
 * that it does not learn in time goes, a share at a time. Two kinds:
 *
 *   lost          the store came back without them: each loss of memory has a time of its own, which passes only while the cache is heard
 *   unconfirmed   all routes, recalled from before a restart, until the cache's first snapshot; this time passes always
 */
import type { RouteTable } from '@dnstap-bgp/route-table'
import { ShardedSet } from './sharded-set.ts'
import { UnconfirmedRoutes } from './unconfirmed-routes.ts'

/** The routes that the store lost at one time. */
export interface Loss {
  readonly prefixes: ShardedSet
  /** How long they may stay. */
  leftMs: number
}

export class StaleRoutes {
  readonly #table: RouteTable
  /** The latest is last: it has the most time left. */
  readonly #losses: Loss[] = []
  #unconfirmed: UnconfirmedRoutes | undefined

  constructor(table: RouteTable) {
    this.#table = table
  }

  get size(): number {
    if (this.#unconfirmed !== undefined) return this.#table.size
    return this.#losses.reduce((sum, { prefixes }) => sum + prefixes.size, 0)
  }

  get losses(): readonly Loss[] {
    return this.#losses
  }

  /** How long recalled routes may still stay; undefined: the cache has confirmed them, or there were none. */
  get unconfirmedMs(): number | undefined {
    return this.#unconfirmed?.leftMs
  }

  /** How long a stale route may still stay; undefined: the prefix is not stale. */
  leftMs(prefix: string): number | undefined {
    if (this.#unconfirmed !== undefined) return this.#table.has(prefix) ? this.#unconfirmed.leftMs : undefined
    return this.#losses.find(({ prefixes }) => prefixes.has(prefix))?.leftMs
  }

  /** A loss later than those before. */
  add(loss: Loss): void {
    this.#losses.push(loss)
  }

  /** The prefix is not stale any more. */
  delete(prefix: string): void {
    for (const { prefixes } of this.#losses) prefixes.delete(prefix)
  }

  /** Every route of the table is recalled and not confirmed. */
  recalled(leftMs: number): void {
    this.#unconfirmed = new UnconfirmedRoutes(this.#table, leftMs)
  }

  /** The cache has said which routes there are. */
  confirmed(): void {
    this.#unconfirmed = undefined
  }

  /** Time passes, with the cache heard. */
  pass(elapsedMs: number): void {
    for (const loss of this.#losses) loss.leftMs = Math.max(0, loss.leftMs - elapsedMs)
  }

  /** Takes out lost routes whose time is over, up to `most`. `isLast`: a loss is dealt with. */
  takeLost(most: number): { readonly prefixes: readonly string[]; readonly isLast: boolean } {
    const taken: string[] = []
    const before = this.#losses.length
    for (const { prefixes, leftMs } of this.#losses) {
      if (leftMs > 0) break // later losses have more time left
      for (const prefix of prefixes) {
        if (taken.length === most) return { prefixes: taken, isLast: false }
        prefixes.delete(prefix)
        taken.push(prefix)
      }
    }
    while (this.#losses[0]?.prefixes.size === 0 && this.#losses[0].leftMs === 0) this.#losses.shift()
    return { prefixes: taken, isLast: taken.length > 0 && this.#losses.length < before }
  }

  /**
   * Time passes for unconfirmed routes, whether or not the cache is heard. Takes out some whose time is over, but none for which
   * `isConfirmed`. `isOver`: the time has just ended.
   */
  takeUnconfirmed(
    elapsedMs: number,
    most: number,
    isConfirmed: (prefix: string) => boolean,
  ): { readonly prefixes: readonly string[]; readonly isOver: boolean } {
    const unconfirmed = this.#unconfirmed
    if (unconfirmed === undefined) return { prefixes: [], isOver: false }
    const isOver = unconfirmed.leftMs > 0 && elapsedMs >= unconfirmed.leftMs
    unconfirmed.pass(elapsedMs)
    return { prefixes: unconfirmed.take(most, isConfirmed), isOver }
  }
}
