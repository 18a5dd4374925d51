/** Withdraws stale routes: when their time is over, and at once when the store has withdrawn them itself or they are forgotten by hand. */
import { BusError, type Bus } from '@dnstap-bgp/bus'
import type { RouteSink } from '@dnstap-bgp/route-output'
import type { Clock, Log } from '@dnstap-bgp/runtime'
import { TAIL, type RouteChange, type StoreHead } from '@dnstap-bgp/steering'
import type { SlicedWork } from './sliced-work.ts'
import type { StaleRoutes } from './stale-routes.ts'

export interface StaleWithdrawalDeps {
  readonly bus: Bus
  readonly clock: Clock
  readonly log: Log
  readonly sink: RouteSink
  readonly stale: StaleRoutes
  readonly work: SlicedWork
  /** Has a snapshot that is being loaded named the route? */
  readonly isNamed: (prefix: string) => boolean
  /** Is the cache heard, and can it teach the store? */
  readonly isTimePassing: () => boolean
}

export class StaleWithdrawal {
  readonly #deps: StaleWithdrawalDeps
  #lastTickMs: number
  #isClosed = false

  constructor(deps: StaleWithdrawalDeps) {
    this.#deps = deps
    this.#lastTickMs = deps.clock.monotonic()
  }

  close(): void {
    this.#isClosed = true
  }

  /** Call it every STALE_TICK_MS: withdraws routes whose time is over, never all at one instant. */
  tick(): void {
    const { clock, log, sink, stale, isNamed, isTimePassing } = this.#deps
    const nowMs = clock.monotonic()
    const elapsedMs = Math.min(MAX_TICK_MS, nowMs - this.#lastTickMs)
    this.#lastTickMs = nowMs
    const unconfirmed = stale.takeUnconfirmed(elapsedMs, STALE_PER_TICK, isNamed)
    if (unconfirmed.isOver)
      log.warn({}, 'The cache did not confirm the routes announced before the restart in time. They are withdrawn.')
    for (const prefix of unconfirmed.prefixes) {
      stale.delete(prefix)
      sink.delete(prefix)
    }
    if (!isTimePassing()) return
    stale.pass(elapsedMs)
    const lost = stale.takeLost(STALE_PER_TICK)
    for (const prefix of lost.prefixes) sink.delete(prefix)
    if (lost.isLast) log.info({}, 'Stale routes that the store did not learn again in time are withdrawn.')
  }

  /** A store with a new epoch: a stale route that it learnt and withdrew since is not lost, and goes at once. */
  async dropWithdrawn({ epoch, revision }: StoreHead): Promise<void> {
    const { bus, work } = this.#deps
    try {
      for (let after: StoreHead = { epoch, revision: 0 }; after.revision < revision;) {
        const before = after.revision
        const tail = await bus.ask(TAIL, after)
        if (tail === 'up-to-date' || tail === 'gap' || tail.epoch !== epoch || this.#isClosed) return
        work.inOrder(this.dropIfStale(tail.changes))
        await work.done()
        after = { epoch, revision: tail.firstRevision + tail.changes.length - 1 }
        if (after.revision <= before) return
      }
    } catch (error) {
      if (!(error instanceof BusError)) throw error // no answer: these routes stay stale
    }
  }

  /** Withdraws stale routes that the changes withdraw. Routes that are not stale are left to the follower, which is told as well. */
  *dropIfStale(changes: readonly RouteChange[]): Generator<void> {
    const { sink, stale } = this.#deps
    for (const { prefix, lists } of changes) {
      if (lists.length === 0) {
        if (stale.leftMs(prefix) !== undefined) sink.delete(prefix)
        stale.delete(prefix)
      }
      yield
    }
  }
}

export const STALE_TICK_MS = 100
/** Stale routes withdrawn in one tick. */
const STALE_PER_TICK = 1000
/** After a pause of our own (a machine asleep), only so much of it counts. */
const MAX_TICK_MS = 1000
