/**
 * The announcer: keeps the route table equal to what the cache says, and the speaker's peers equal to the route table.
 *
 *   ROUTE_CHANGES ─┐
 *   HEAD ──────────┼─▶ RouteFollower ─▶ never list ─▶ attributes of the owning lists ─▶ RouteTable ─▶ speaker
 *   SNAPSHOT, TAIL ┘
 *
 * No OPEN is sent before the first snapshot is in the table: a router that hears End-of-RIB from us drops what it kept for us across a
 * restart. When the bus or the cache goes away, sessions and routes stay. When the store comes back with another epoch (it lost what it
 * knew), what it does not name is kept for `relearnMs`, while lookups and peers teach it again, and then goes a slice at a time.
 */
import { BusError } from '@dnstap-bgp/bus'
import type { Bus, Subscription } from '@dnstap-bgp/bus'
import type { ListConfig } from '@dnstap-bgp/config'
import type { NeverList } from '@dnstap-bgp/ip'
import type { RouteTable } from '@dnstap-bgp/route-table'
import type { Clock, Closeable, Log, Timer } from '@dnstap-bgp/runtime'
import { HEAD, ROUTE_CHANGES, RouteFollower, SNAPSHOT, TAIL } from '@dnstap-bgp/steering'
import type { FollowerAction, RouteChange, StoreHead } from '@dnstap-bgp/steering'
import { AttributesOfLists } from './route-attributes.ts'

export interface AnnouncerConfig {
  readonly lists: readonly ListConfig[]
  readonly never: NeverList
  readonly relearnMs: number
}

export interface AnnouncerDeps {
  readonly bus: Bus
  readonly table: RouteTable
  readonly clock: Clock
  readonly log: Log
  /** Called once, when the first snapshot is in the table. */
  readonly onLoaded: () => void
}

/** How long a hole in the revisions may stay before the tail is asked for: messages of two replicas cross on the way. */
const HOLE_MS = 50
const RETRY_MS = 1000
/** The cache beats every second; so long without it is worth telling. */
const SILENCE_MS = 5000
/** Routes changed before the loop gets a turn. */
const SLICE = 2000
/** Routes of a lost store withdrawn per second once they may go. */
const STALE_PER_TICK = 1000
const STALE_TICK_MS = 100

export class Announcer implements Closeable {
  readonly counters = { changes: 0, snapshots: 0, tails: 0, neverRefused: 0, failedQuestions: 0 }
  readonly follower = new RouteFollower()
  #config: AnnouncerConfig
  readonly #deps: AnnouncerDeps
  #attributes: AttributesOfLists
  /** During a snapshot: what it has not named yet. */
  #unnamed: Set<string> | undefined
  /** Kept for a store that lost its memory: prefixes, until when. */
  #stale: { readonly prefixes: Set<string>; readonly untilMs: number } | undefined
  #epoch = ''
  #snapshotEpoch = ''
  #loaded = false
  #lastHeardMs: number
  #questions = 0
  #asking: 'snapshot' | 'tail' | undefined
  readonly #subscriptions: Subscription[] = []
  readonly #timers = new Set<Timer>()
  #closed = false

  constructor(config: AnnouncerConfig, deps: AnnouncerDeps) {
    this.#config = config
    this.#deps = deps
    this.#attributes = new AttributesOfLists(config.lists)
    this.#lastHeardMs = deps.clock.monotonic()
  }

  /** Has a first snapshot been loaded? */
  get loaded(): boolean {
    return this.#loaded
  }

  /** Routes held for a store that does not know them (yet). */
  get staleRoutes(): number {
    return this.#stale?.prefixes.size ?? 0
  }

  /** Does the cache let itself be heard? */
  get heard(): boolean {
    return this.#deps.clock.monotonic() - this.#lastHeardMs < SILENCE_MS
  }

  start(): void {
    const { bus, clock } = this.#deps
    this.#subscriptions.push(
      bus.subscribe(ROUTE_CHANGES, (changes) => {
        this.#lastHeardMs = clock.monotonic()
        this.#do(this.follower.changes(changes))
      }),
      bus.subscribe(HEAD, (head) => {
        this.#lastHeardMs = clock.monotonic()
        // The cache is there: no need to sit out the pause after a question that nobody answered.
        if (this.#asking === undefined && this.follower.state === 'loading') this.#do(this.follower.start())
        else this.#do(this.follower.headHeard(head))
      }),
    )
    bus.onState((state) => {
      if (state === 'connected' && !this.#closed) this.#do(this.follower.reconnected())
    })
    this.#timers.add(clock.every(STALE_TICK_MS, () => this.#dropStale()))
    this.#do(this.follower.start())
  }

  /** Lists' attributes or the never list changed: a snapshot brings every route past them again, and what is alike stays as it is. */
  reconfigure(config: AnnouncerConfig): void {
    this.#config = config
    this.#attributes = new AttributesOfLists(config.lists)
    this.#do(this.follower.start())
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#questions++
    for (const timer of this.#timers) timer.cancel()
    await Promise.all(this.#subscriptions.map((subscription) => subscription.close()))
  }

  #do(actions: readonly FollowerAction[]): void {
    for (const action of actions) {
      switch (action.type) {
        case 'apply':
          this.#apply(action.changes)
          break
        case 'snapshot-begins':
          this.#unnamed = this.#prefixes()
          this.#snapshotEpoch = this.follower.head.epoch
          break
        case 'snapshot-ends':
          this.#snapshotEnded()
          break
        case 'ask-snapshot':
          void this.#askSnapshot()
          break
        case 'ask-tail':
          void this.#askTail(action.after)
          break
        case 'watch-hole':
          this.#later(HOLE_MS, () => this.#do(this.follower.holeStays()))
          break
      }
    }
  }

  #apply(changes: readonly RouteChange[]): void {
    this.counters.changes += changes.length
    for (const { prefix, lists } of changes) {
      this.#unnamed?.delete(prefix)
      this.#stale?.prefixes.delete(prefix)
      this.#route(prefix, lists)
    }
  }

  #route(prefix: string, lists: readonly string[]): void {
    const { table } = this.#deps
    if (lists.length === 0) {
      table.delete(prefix)
    } else if (this.#config.never.refuses(prefix) !== undefined) {
      // The cache should not have let it pass; perhaps its configuration is another.
      this.counters.neverRefused++
      table.delete(prefix)
    } else table.set(prefix, this.#attributes.of(lists))
  }

  #snapshotEnded(): void {
    const { clock, log } = this.#deps
    this.counters.snapshots++
    const unnamed = this.#unnamed ?? new Set<string>()
    this.#unnamed = undefined
    const lostMemory = this.#loaded && this.#snapshotEpoch !== this.#epoch
    this.#epoch = this.#snapshotEpoch
    if (lostMemory && unnamed.size > 0 && this.#config.relearnMs > 0) {
      // Twice in a row: what was held already keeps its time.
      const untilMs = this.#stale?.untilMs ?? clock.monotonic() + this.#config.relearnMs
      this.#stale = { prefixes: unnamed, untilMs }
      log.warn(
        { routes: unnamed.size },
        'The store came back without routes that are announced; they are held while they are learnt again.',
      )
    } else {
      const held = this.#stale?.prefixes
      for (const prefix of unnamed) if (held?.has(prefix) !== true) this.#deps.table.delete(prefix)
    }
    if (this.#loaded) return
    this.#loaded = true
    log.info({ routes: this.#deps.table.size }, 'The routes are loaded.')
    this.#deps.onLoaded()
  }

  #prefixes(): Set<string> {
    const prefixes = new Set<string>()
    for (const [prefix] of this.#deps.table.entries()) prefixes.add(prefix)
    return prefixes
  }

  /** Withdraws what a lost store has not learnt again in time, never all in one instant. */
  #dropStale(): void {
    const stale = this.#stale
    if (stale === undefined) return
    if (this.#deps.clock.monotonic() >= stale.untilMs) {
      let count = 0
      for (const prefix of stale.prefixes) {
        if (count++ >= STALE_PER_TICK) break
        stale.prefixes.delete(prefix)
        this.#deps.table.delete(prefix)
      }
      if (stale.prefixes.size === 0) this.#deps.log.info({}, 'What the store did not learn again is withdrawn.')
    }
    if (stale.prefixes.size === 0) this.#stale = undefined
  }

  async #askSnapshot(): Promise<void> {
    const question = ++this.#questions
    this.#asking = 'snapshot'
    try {
      for await (const chunk of this.#deps.bus.ask(SNAPSHOT, undefined)) {
        if (question !== this.#questions) return
        this.#lastHeardMs = this.#deps.clock.monotonic()
        this.#do(this.follower.snapshotPart({ ...chunk, routes: chunk.routes.slice(0, SLICE) }))
        for (let from = SLICE; from < chunk.routes.length && question === this.#questions; from += SLICE) {
          await this.#turn()
          this.#do(this.follower.snapshotPart({ ...chunk, routes: chunk.routes.slice(from, from + SLICE) }))
        }
        await this.#turn()
      }
      if (question !== this.#questions) return
      this.#asking = undefined
      this.#do(this.follower.snapshotEnded())
    } catch (error) {
      this.#askFailed(question, error)
    }
  }

  async #askTail(after: StoreHead): Promise<void> {
    if (this.#asking === 'snapshot' && this.follower.state === 'loading') return
    const question = ++this.#questions
    this.#asking = 'tail'
    this.counters.tails++
    try {
      for await (const part of this.#deps.bus.ask(TAIL, after)) {
        if (question !== this.#questions) return
        this.#lastHeardMs = this.#deps.clock.monotonic()
        this.#do(this.follower.tail(part))
      }
      if (question === this.#questions) this.#asking = undefined
    } catch (error) {
      this.#askFailed(question, error)
    }
  }

  /** Nobody answered: what we have stays, and we ask again in a while. */
  #askFailed(question: number, error: unknown): void {
    if (question !== this.#questions) return
    if (!(error instanceof BusError)) throw error
    this.counters.failedQuestions++
    this.#asking = undefined
    this.#unnamed = undefined
    this.follower.askFailed()
    this.#later(RETRY_MS, () => {
      if (question === this.#questions) this.#do(this.follower.reconnected())
    })
  }

  #later(delayMs: number, callback: () => void): void {
    const timer = this.#deps.clock.after(delayMs, () => {
      this.#timers.delete(timer)
      if (!this.#closed) callback()
    })
    this.#timers.add(timer)
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.#deps.clock.after(0, resolve))
  }
}
