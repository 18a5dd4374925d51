/**
 * Now and then compares the route table with what the cache has, and puts right what differs: a change that was forged, or a message that
 * was lost without a trace, does not stay. By difference: sessions, and routes that agree, do not notice.
 *
 * Every 10 minutes, 7.5 to 12.5 by dice, so that several announcers do not ask together. What was found is put right when the changes up to
 * the snapshot's revision are applied: until then a difference may only be news that is still under way.
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
  /** A number from 0 up to, not including, 1. */
  readonly dice: () => number
  /** Up to where changes are applied; undefined while that is not known, or something else is being asked. */
  readonly reached: () => StoreHead | undefined
  readonly isAsWanted: (route: RouteChange) => boolean
  /** Makes the table have this; false where it is to stay as it is. */
  readonly putRight: (route: RouteChange) => boolean
}

export class CacheComparison {
  readonly #deps: CacheComparisonDeps
  #comparison: Comparison | undefined
  #timer: Timer | undefined
  #isClosed = false
  /** Routes put right. */
  repaired = 0
  comparisons = 0

  constructor(deps: CacheComparisonDeps) {
    this.#deps = deps
  }

  start(): void {
    const { clock, dice } = this.#deps
    this.#timer = clock.after(PERIOD_MS * (0.75 + 0.5 * dice()), () => {
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

  /** The table is loaded anew: what is being compared says nothing any more. */
  interrupt(): void {
    if (this.#comparison !== undefined) this.#comparison.isVoid = true
  }

  async #compare(): Promise<void> {
    const { bus, table, work, reached, isAsWanted } = this.#deps
    if (reached() === undefined) return
    const comparison = (this.#comparison = new Comparison(table, isAsWanted))
    let head: StoreHead | undefined
    try {
      for await (const { epoch, revision, routes } of bus.ask(SNAPSHOT, undefined)) {
        if (head !== undefined && (head.epoch !== epoch || head.revision !== revision)) return
        head = { epoch, revision }
        work.inOrder(comparison.look(routes))
        await work.done()
        if (this.#isClosed || comparison.isVoid) return
      }
    } catch (error) {
      if (!(error instanceof BusError)) throw error
      return // nobody answers; health says so, and there is a next time
    }
    if (head === undefined) return
    work.inOrder(comparison.lookForMore())
    await work.done()
    for (let look = 0; look < LOOKS && !comparison.isVoid; look++) {
      const now = reached()
      if (now?.epoch === head.epoch && now.revision >= head.revision) return this.#putRight(comparison)
      await this.#pause()
    }
  }

  async #putRight(comparison: Comparison): Promise<void> {
    const { log, work, putRight } = this.#deps
    this.comparisons++
    let count = 0
    let example = ''
    const all = function* (): Generator<void> {
      for (const route of comparison.differences()) {
        if (putRight(route) && count++ === 0) example = route.prefix
        yield
      }
    }
    work.inOrder(all())
    await work.done()
    this.repaired += count
    if (count > 0)
      log.warn(
        { routes: count, example },
        'Routes were other than the cache has them, and were put right: a message was lost, or somebody else publishes on the bus.',
      )
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => (this.#timer = this.#deps.clock.after(LOOK_MS, resolve)))
  }
}

const PERIOD_MS = 600_000
const LOOK_MS = 1000
const LOOKS = 60
