/**
 * Compares the table with a snapshot of the cache: a route that the snapshot does not name goes. If the store has lost its memory since,
 * such a route stays as stale for a while instead; see stale-routes.ts.
 */
import type { RouteTable } from '@dnstap-bgp/route-table'
import type { RouteSink } from '@dnstap-bgp/route-output'
import type { Log } from '@dnstap-bgp/runtime'
import type { StoreHead } from '@dnstap-bgp/steering'
import { ShardedSet } from './sharded-set.ts'
import type { SlicedWork } from './sliced-work.ts'
import type { Loss, StaleRoutes } from './stale-routes.ts'

export interface SnapshotReconcilerDeps {
  readonly table: RouteTable
  readonly sink: RouteSink
  readonly stale: StaleRoutes
  readonly work: SlicedWork
  readonly log: Log
  /** A store with a new epoch came back without some routes. */
  readonly onMemoryLost: (head: StoreHead) => void
  readonly onReconciled: () => void
}

export class SnapshotReconciler {
  readonly #deps: SnapshotReconcilerDeps
  snapshots = 0
  /** The prefixes of the snapshot, and of changes since it began; undefined when no comparison is under way. */
  #named: ShardedSet | undefined
  /** The number of the last snapshot that began: a comparison with an older one stops. */
  #latest = 0
  /** What the store lost since the last comparison. */
  #loss: 'all' | 'some' | undefined

  constructor(deps: SnapshotReconcilerDeps) {
    this.#deps = deps
  }

  get isUnderWay(): boolean {
    return this.#named !== undefined
  }

  isNamed(prefix: string): boolean {
    return this.#named?.has(prefix) === true
  }

  /** The cache says that the route exists. */
  name(prefix: string): void {
    this.#named?.add(prefix)
  }

  /** Does the snapshot's store lack what it once told us? With another epoch it lost everything, with a lower revision its last changes. */
  noteLoss(head: StoreHead, reached: StoreHead): void {
    if (head.epoch !== reached.epoch) this.#loss = 'all'
    else if (head.revision < reached.revision) this.#loss ??= 'some'
  }

  /** A snapshot begins. */
  *begin(): Generator<void> {
    this.#latest++
    this.#named = this.#deps.table.size > 0 ? new ShardedSet() : undefined
  }

  /** The snapshot is in the table: compares behind other work. */
  *end(head: StoreHead, relearnMs: number): Generator<void> {
    this.snapshots++
    this.#deps.work.walk(this.#compare(this.#latest, head, relearnMs))
  }

  *#compare(snapshot: number, head: StoreHead, relearnMs: number): Generator<void> {
    const { log, table, sink, stale, onMemoryLost, onReconciled } = this.#deps
    const loss = this.#loss
    const lost: Loss = { prefixes: new ShardedSet(), leftMs: relearnMs }
    const losses = [...stale.losses]
    if (loss !== undefined) stale.add(lost)
    if (this.#named !== undefined) {
      for (const [prefix] of table.entries()) {
        if (snapshot !== this.#latest) return // the comparison with the newer snapshot will see the rest
        if (!this.#named.has(prefix) && !losses.some(({ prefixes }) => prefixes.has(prefix))) {
          if (loss !== undefined) lost.prefixes.add(prefix)
          else sink.delete(prefix)
        }
        yield
      }
    }
    if (snapshot !== this.#latest) return
    this.#named = undefined
    this.#loss = undefined
    stale.confirmed()
    if (lost.prefixes.size > 0) {
      log.warn(
        { routes: lost.prefixes.size },
        'The store came back without routes that are announced. They are kept as stale while the store learns them again.',
      )
      if (loss === 'all') onMemoryLost(head)
    }
    onReconciled()
  }
}
