/**
 * Asks the cache for snapshots and tails, one at a time, and hands the parts to the RouteFollower. A cache that does not answer is asked
 * again; snapshots that lead to further snapshots (two stores in dispute, a log too short) become rarer.
 */
import { BusError, type Bus } from '@dnstap-bgp/bus'
import type { Clock, Timers } from '@dnstap-bgp/runtime'
import { SNAPSHOT, TAIL, type FollowerAction, type RouteFollower, type StoreHead } from '@dnstap-bgp/steering'
import type { SlicedWork } from './sliced-work.ts'

export interface CacheRequestsDeps {
  readonly bus: Bus
  readonly clock: Pick<Clock, 'monotonic'>
  readonly follower: RouteFollower
  readonly work: SlicedWork
  /** Does what the follower answers. */
  readonly act: (actions: readonly FollowerAction[]) => void
  /** The cache has answered. */
  readonly onHeard: () => void
  readonly timers: Timers
}

export class CacheRequests {
  readonly #deps: CacheRequestsDeps
  readonly counters = { tails: 0, failedQuestions: 0 }
  /** The number of the latest request: an answer to an older one is ignored. */
  #latest = 0
  #underWay: 'snapshot' | 'tail' | 'pause' | undefined
  #lastSnapshotMs = -Infinity
  #snapshotsInARow = 0

  constructor(deps: CacheRequestsDeps) {
    this.#deps = deps
  }

  get isIdle(): boolean {
    return this.#underWay === undefined
  }

  /** Ignores all answers from now on. */
  close(): void {
    this.#latest++
  }

  /** Asks for a snapshot, at once or after a pause. */
  snapshot(): void {
    if (this.#underWay === 'pause') return // a bus that comes and goes does not make the pause longer
    const nowMs = this.#deps.clock.monotonic()
    const forgiven = Math.floor((nowMs - this.#lastSnapshotMs) / SNAPSHOT_FORGIVEN_MS)
    const inARow = (this.#snapshotsInARow = Math.max(0, this.#snapshotsInARow - forgiven))
    if (inARow < SNAPSHOTS_AT_ONCE) return void this.#askSnapshot()
    const request = ++this.#latest
    this.#underWay = 'pause'
    this.#deps.timers.after(Math.min(MAX_PAUSE_MS, RETRY_MS * 2 ** (inARow - SNAPSHOTS_AT_ONCE)), () => {
      if (request === this.#latest) void this.#askSnapshot()
    })
  }

  /** Asks for the changes after a revision. */
  async tail(after: StoreHead): Promise<void> {
    const { bus, follower, work, act, onHeard } = this.#deps
    if (this.#underWay === 'snapshot' && follower.state === 'loading') return
    const request = ++this.#latest
    this.#underWay = 'tail'
    this.counters.tails++
    try {
      const tail = await bus.ask(TAIL, after)
      if (request !== this.#latest) return
      onHeard()
      await work.done()
      if (request !== this.#latest) return
      act(follower.tail(tail))
      if (request === this.#latest) this.#underWay = undefined
    } catch (error) {
      this.#failed(request, error)
    }
  }

  async #askSnapshot(): Promise<void> {
    const { bus, clock, follower, work, act, onHeard } = this.#deps
    const request = ++this.#latest
    this.#underWay = 'snapshot'
    this.#snapshotsInARow++
    this.#lastSnapshotMs = clock.monotonic()
    try {
      for await (const chunk of bus.askStream(SNAPSHOT, undefined)) {
        if (request !== this.#latest) return
        onHeard()
        act(follower.snapshotPart(chunk))
        await work.done()
      }
      if (request !== this.#latest) return
      this.#underWay = undefined
      act(follower.snapshotEnded())
    } catch (error) {
      this.#failed(request, error)
    }
  }

  /** Nobody answered: routes stay as they are, and the cache is asked again. */
  #failed(request: number, error: unknown): void {
    if (request !== this.#latest) return
    if (!(error instanceof BusError)) throw error
    const { follower, act, timers } = this.#deps
    this.counters.failedQuestions++
    this.#underWay = undefined
    this.#snapshotsInARow = 0 // a failure has a pause of its own
    follower.askFailed()
    timers.after(RETRY_MS, () => {
      if (request === this.#latest) act(follower.reconnected())
    })
  }
}

const RETRY_MS = 1000
const MAX_PAUSE_MS = 30_000
const SNAPSHOTS_AT_ONCE = 2
/** After each such time without a snapshot one of them no longer counts: a store that restarts now and then is asked at once. */
const SNAPSHOT_FORGIVEN_MS = 10_000
