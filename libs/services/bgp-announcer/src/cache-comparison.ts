/**
 * Compares the route table with the cache now and then, and repairs differences: a forged change, or a message that was lost without a
 * trace, does not stay. Sessions, and routes that agree, do not notice.
 *
 * Every 10 minutes, 7.5 to 12.5 at random, so that several announcers do not ask together. A difference is repaired when the changes up to
 * the snapshot's revision are applied: until then it may only be a change that is still under way.
 */
import { BusError, type Bus } from '@dnstap-bgp/bus'
import type { RouteTable } from '@dnstap-bgp/route-table'
import type { Clock, Log, Timer } from '@dnstap-bgp/runtime'
import { SNAPSHOT, type RouteChange, type StoreHead } from '@dnstap-bgp/steering'
import { Comparison } from './comparison.ts'
import type { SlicedWork } from './sliced-work.ts'

export interface CacheComparisonDeps {
  readonly bus: Bus
  readonly table: RouteTable
  readonly clock: Clock
  readonly log: Log
  readonly work: SlicedWork
  /** A random number from 0 up to, not including, 1. */
  readonly random: () => number
  /** The revision up to which changes are applied; undefined while it is unknown, or another request is under way. */
  readonly reached: () => StoreHead | undefined
  readonly isAsWanted: (route: RouteChange) => boolean
  /** Makes the table agree with the cache; false if it shall stay as it is. */
  readonly repair: (route: RouteChange) => boolean
}

export class CacheComparison {
  readonly #deps: CacheComparisonDeps
  #comparison: Comparison | undefined
  #timer: Timer | undefined
  #isClosed = false
  /** Routes repaired. */
  repaired = 0
  comparisons = 0

  constructor(deps: CacheComparisonDeps) {
    this.#deps = deps
  }

  start(): void {
    const { clock, random } = this.#deps
    this.#timer = clock.after(PERIOD_MS * (0.75 + 0.5 * random()), () => {
      void this.#compare().finally(() => {
        this.#comparison = undefined
        if (!this.#isClosed) this.start()
      })
    })
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  /** A change is applied. */
  changed(prefix: string): void {
    this.#comparison?.changed(prefix)
  }

  /** The table is loaded again: the present comparison is void. */
  interrupt(): void {
    if (this.#comparison !== undefined) this.#comparison.isVoid = true
  }

  async #compare(): Promise<void> {
    const { bus, table, work, reached, isAsWanted } = this.#deps
    if (reached() === undefined) return
    const comparison = (this.#comparison = new Comparison(table, isAsWanted))
    let head: StoreHead | undefined
    try {
      for await (const { epoch, revision, routes } of bus.askStream(SNAPSHOT, undefined)) {
        if (head !== undefined && (head.epoch !== epoch || head.revision !== revision)) return
        head = { epoch, revision }
        work.inOrder(comparison.addSnapshot(routes))
        await work.done()
        if (this.#isClosed || comparison.isVoid) return
      }
    } catch (error) {
      if (!(error instanceof BusError)) throw error
      return // no answer: health says so, and the next comparison comes
    }
    if (head === undefined) return
    work.inOrder(comparison.findUnnamed())
    await work.done()
    for (let attempt = 0; attempt < MAX_ATTEMPTS && !comparison.isVoid; attempt++) {
      const now = reached()
      if (now?.epoch === head.epoch && now.revision >= head.revision) return this.#repair(comparison)
      await this.#pause()
    }
  }

  async #repair(comparison: Comparison): Promise<void> {
    const { log, work, repair } = this.#deps
    this.comparisons++
    let count = 0
    let example = ''
    const all = function* (): Generator<void> {
      for (const route of comparison.differences()) {
        if (repair(route) && count++ === 0) example = route.prefix
        yield
      }
    }
    work.inOrder(all())
    await work.done()
    this.repaired += count
    if (count > 0)
      log.warn(
        { routes: count, example },
        'Routes differed from the cache and were repaired: a message was lost, or another program publishes on the bus.',
      )
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => (this.#timer = this.#deps.clock.after(ATTEMPT_MS, resolve)))
  }
}

const PERIOD_MS = 600_000
const ATTEMPT_MS = 1000
const MAX_ATTEMPTS = 60
