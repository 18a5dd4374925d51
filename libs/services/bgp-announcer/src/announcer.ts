/**
 * The announcer: keeps the route table, the desired state of every output, equal to what the cache says.
 *
 *   ROUTE_CHANGES ─┐
 *   HEAD ──────────┼─▶ RouteFollower ─▶ RouteGate ─▶ attributes of the owning lists ─▶ RouteSink ─▶ RouteTable ─▶ outputs
 *   SNAPSHOT, TAIL ┘   (cache-requests.ts asks)
 *
 * No output starts before the table holds the first snapshot, or the routes from before a restart (route-memory.ts): a router that receives
 * End-of-RIB drops the routes that it kept for us across the restart. If the bus or the cache goes away, all routes stay. If the store
 * comes back without its memory (another epoch, or a lower revision), routes that it does not name become stale (stale-routes.ts).
 *
 * A million routes must not block the event loop, so nothing is done to the whole table in one go. Changes are applied in their order; walks
 * through the table (compare with a snapshot, renew attributes) run behind them; both pause every few milliseconds (sliced-work.ts).
 */
import type { Bus, Subscription } from '@dnstap-bgp/bus'
import { parsePrefix } from '@dnstap-bgp/ip'
import { routeChain, type RouteSink, type RouteStage } from '@dnstap-bgp/route-output'
import type { RouteTable } from '@dnstap-bgp/route-table'
import { Timers, type Clock, type Closeable, type Log } from '@dnstap-bgp/runtime'
import { EXPLAIN_REQUEST, EXPLAIN_REPLY, FORGOTTEN, HEAD, RESOLVERS, ROUTE_CHANGES, RouteFollower } from '@dnstap-bgp/steering'
import type { FollowerAction, RouteChange, RouteState, StoreHead } from '@dnstap-bgp/steering'
import { CacheComparison } from './cache-comparison.ts'
import { CacheRequests } from './cache-requests.ts'
import { Encoder, type Remembered } from './remembered-routes.ts'
import { AttributesOfLists } from './list-attributes.ts'
import { RouteGate, type RouteGateConfig } from './route-gate.ts'
import type { RouteMemory } from './route-memory.ts'
import { ShardedSet } from './sharded-set.ts'
import { SlicedWork } from './sliced-work.ts'
import { SnapshotReconciler } from './snapshot-reconciler.ts'
import { StaleRoutes, type Loss } from './stale-routes.ts'
import { STALE_TICK_MS, StaleWithdrawal } from './stale-withdrawal.ts'

export interface AnnouncerConfig extends RouteGateConfig {
  /** How long a stale route may stay. */
  readonly relearnMs: number
}

export interface AnnouncerDeps {
  readonly bus: Bus
  readonly table: RouteTable
  /** Between the announcer and the table. */
  readonly stages?: readonly RouteStage[]
  readonly clock: Clock
  readonly log: Log
  /** Called once, when outputs may start: the table holds the first snapshot, or the routes from before a restart. */
  readonly onReady: () => void
  /** This announcer's name, and which receivers were told a route, for `explain`. */
  readonly name: string
  readonly receiversWith: (prefix: string) => readonly string[]
  /** A random number from 0 up to, not including, 1, for jitter; default Math.random. */
  readonly random?: () => number
}

export class Announcer implements Closeable {
  readonly follower = new RouteFollower()
  readonly comparison: CacheComparison
  readonly #deps: AnnouncerDeps
  #config: AnnouncerConfig
  readonly #gate: RouteGate
  #attributes: AttributesOfLists
  readonly #sink: RouteSink
  readonly #stale: StaleRoutes
  readonly #work: SlicedWork
  readonly #requests: CacheRequests
  readonly #reconciler: SnapshotReconciler
  readonly #withdrawal: StaleWithdrawal
  #changes = 0
  /** The store's epoch and revision that the table has reached; while a snapshot is loaded, those from before it. */
  #reached: StoreHead = { epoch: '', revision: 0 }
  #snapshotHead: StoreHead = { epoch: '', revision: 0 }
  #loaded = false
  #isReady = false
  #lastHeardMs: number
  /** Counts reconfigurations: a walk for an older one stops. */
  #reconfigured = 0
  #watchesHole = false
  readonly #subscriptions: Subscription[] = []
  readonly #timers: Timers
  #closed = false

  constructor(config: AnnouncerConfig, deps: AnnouncerDeps) {
    const { bus, table, clock, log } = deps
    this.#config = config
    this.#deps = deps
    this.#timers = new Timers(clock)
    this.#work = new SlicedWork(clock)
    this.#attributes = new AttributesOfLists(config.lists)
    this.#gate = new RouteGate(config, log)
    this.#sink = routeChain(table, deps.stages ?? [])
    this.#stale = new StaleRoutes(table)
    this.#lastHeardMs = clock.monotonic()
    this.comparison = new CacheComparison({
      ...deps,
      random: deps.random ?? Math.random,
      work: this.#work,
      reached: () => (this.#loaded && this.follower.state === 'following' ? this.follower.head : undefined),
      isAsWanted: (route) => this.#isAsWanted(route),
      repair: (route) => this.#repair(route),
    })
    this.#requests = new CacheRequests({
      bus,
      clock,
      follower: this.follower,
      work: this.#work,
      act: (actions) => this.#act(actions),
      onHeard: () => (this.#lastHeardMs = clock.monotonic()),
      timers: this.#timers,
    })
    this.#reconciler = new SnapshotReconciler({
      table,
      sink: this.#sink,
      stale: this.#stale,
      work: this.#work,
      log,
      onMemoryLost: (head) => void this.#withdrawal.dropWithdrawn(head),
      onReconciled: () => this.#reconciled(),
    })
    this.#withdrawal = new StaleWithdrawal({
      ...deps,
      sink: this.#sink,
      stale: this.#stale,
      work: this.#work,
      isNamed: (prefix) => this.#reconciler.isNamed(prefix),
      isTimePassing: () => this.heard && this.follower.state !== 'loading',
    })
  }

  get counters() {
    const { snapshots } = this.#reconciler
    return { changes: this.#changes, snapshots, ...this.#requests.counters, ...this.#gate.counters }
  }

  /** Has a first snapshot been loaded? */
  get loaded(): boolean {
    return this.#loaded
  }

  get staleRoutes(): number {
    return this.#stale.size
  }

  /** How long routes from before a restart may still stay; undefined: the cache has confirmed them, or there were none. */
  get unconfirmedMs(): number | undefined {
    return this.#stale.unconfirmedMs
  }

  /** How long a stale route may still stay; undefined: the prefix is not stale. */
  staleForMs(prefix: string): number | undefined {
    return this.#stale.leftMs(prefix)
  }

  /** Has the cache been heard lately? */
  get heard(): boolean {
    return this.#deps.clock.monotonic() - this.#lastHeardMs < SILENCE_MS
  }

  /**
   * Before start(): loads the routes that were announced before a restart, as far as the configuration allows. If the cache has not answered
   * after `patienceMs`, outputs start with them. They are stale until the cache confirms them.
   */
  async recall(remembered: Remembered, ageMs: number, patienceMs: number): Promise<void> {
    const { table, log } = this.#deps
    const { relearnMs } = this.#config
    const leftMs = Math.min(relearnMs, remembered.unconfirmedMs ?? relearnMs) - ageMs
    if (leftMs <= 0) return
    this.#work.inOrder(this.#recall(remembered, ageMs))
    await this.#work.done()
    if (table.size === 0) return
    this.#reached = remembered.head
    this.#stale.recalled(leftMs)
    this.#timers.after(patienceMs, () => this.#becomeReady())
    log.info({ routes: table.size, seconds: Math.ceil(leftMs / 1000) }, 'The routes announced before the restart are loaded.')
  }

  /** From now on the file follows the table. */
  remember(memory: RouteMemory): void {
    const { table } = this.#deps
    const stale = this.#stale
    memory.follow({
      table,
      work: this.#work,
      encoder: () =>
        this.#loaded || stale.unconfirmedMs !== undefined
          ? new Encoder(table, stale.losses, this.#reached, stale.unconfirmedMs)
          : undefined,
      get isAging() {
        return stale.size > 0
      },
    })
  }

  start(): void {
    const { bus, clock } = this.#deps
    this.#subscriptions.push(
      bus.subscribe(ROUTE_CHANGES, (changes) => {
        this.#lastHeardMs = clock.monotonic()
        this.#act(this.follower.changes(changes))
      }),
      bus.subscribe(HEAD, (head) => {
        this.#lastHeardMs = clock.monotonic()
        // The cache is there, so do not wait out the pause after an unanswered request.
        if (this.#requests.isIdle && this.follower.state === 'loading') this.#act(this.follower.start())
        else this.#act(this.follower.headHeard(head))
      }),
      bus.subscribe(FORGOTTEN, ({ subject }) => this.#work.inOrder(this.#forget(subject))),
      bus.subscribe(RESOLVERS, (addresses) => this.#withdrawCovering(this.#gate.hear(addresses, clock.monotonic()))),
      bus.subscribe(EXPLAIN_REQUEST, ({ id, prefixes }) => {
        const routes = prefixes.flatMap((prefix) => this.#routeState(prefix))
        if (routes.length > 0) bus.publish(EXPLAIN_REPLY, { id, routes })
      }),
    )
    bus.onState((state) => {
      if (state === 'connected' && !this.#closed) this.#act(this.follower.reconnected())
    })
    this.#timers.every(STALE_TICK_MS, () => this.#withdrawal.tick())
    this.comparison.start()
    this.#act(this.follower.start())
  }

  /** Lists' attributes or the never list changed: looks at every route again; routes that need no change do not notice. */
  reconfigure(config: AnnouncerConfig): void {
    this.#config = config
    this.#attributes = new AttributesOfLists(config.lists)
    this.#gate.reconfigure(config)
    this.#work.walk(this.#lookAgain(++this.#reconfigured))
    if (this.#gate.hasRefused) this.#act(this.follower.start())
  }

  /** No route may cover this address from now on. */
  protect(address: string, what: string): void {
    this.#withdrawCovering(this.#gate.protect(address, what))
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#requests.close()
    this.#withdrawal.close()
    this.#timers.close()
    this.comparison.close()
    this.#work.close()
    await Promise.all(this.#subscriptions.map((subscription) => subscription.close()))
  }

  #withdrawCovering(addresses: readonly string[]): void {
    for (const prefix of addresses.flatMap((address) => this.#deps.table.covering(address)))
      if (this.#sink.delete(prefix)) this.#gate.counters.neverRefused++
  }

  /** For `explain`. */
  #routeState(prefix: string): RouteState[] {
    const { name, table, receiversWith } = this.#deps
    const peers = receiversWith(prefix)
    if (peers.length === 0 && !table.has(prefix)) return []
    const staleForMs = this.staleForMs(prefix)
    return [{ prefix, announcer: name, peers, ...(staleForMs === undefined ? {} : { staleForMs: Math.ceil(staleForMs) }) }]
  }

  #act(actions: readonly FollowerAction[]): void {
    for (const action of actions) {
      switch (action.type) {
        case 'apply':
          this.#work.inOrder(this.#apply(action.changes))
          break
        case 'snapshot-begins':
          this.#snapshotHead = this.follower.head
          this.comparison.interrupt()
          this.#work.inOrder(this.#reconciler.begin())
          break
        case 'snapshot-ends': {
          const { relearnMs } = this.#config
          const hadRoutes = this.#loaded || this.#stale.unconfirmedMs !== undefined
          if (hadRoutes && relearnMs > 0) this.#reconciler.noteLoss(this.#snapshotHead, this.#reached)
          this.#work.inOrder(this.#reconciler.end(this.#snapshotHead, relearnMs))
          break
        }
        case 'ask-snapshot':
          this.#requests.snapshot()
          break
        case 'ask-tail':
          void this.#requests.tail(action.after)
          break
        case 'watch-hole':
          if (this.#watchesHole) break
          this.#watchesHole = true
          this.#timers.after(HOLE_MS, () => {
            this.#watchesHole = false
            this.#act(this.follower.holeStays())
          })
          break
      }
    }
    if (this.follower.state !== 'loading') this.#reached = this.follower.head
  }

  *#apply(changes: readonly RouteChange[]): Generator<void> {
    for (const { prefix, lists } of changes) {
      this.#changes++
      if (lists.length > 0) this.#reconciler.name(prefix)
      this.comparison.changed(prefix)
      // A refused change leaves the route as it is: if one of its lists is new, the cache has read the configuration before us, and the
      // route must not be withdrawn until we have read it, too.
      const owners = lists.length === 0 ? lists : this.#gate.admit(prefix, lists)
      if (owners !== undefined) {
        this.#stale.delete(prefix)
        this.#route(prefix, owners)
      }
      yield
    }
  }

  /** For the comparison with the cache: does the table agree, or is there a reason why it does not? */
  #isAsWanted({ prefix, lists }: RouteChange): boolean {
    const owners = this.#gate.ownersOf(prefix, lists)
    if (typeof owners === 'string' || this.#gate.isRefused(prefix)) return true
    const now = this.#deps.table.get(prefix)?.lists
    const wanted = this.#attributes.of(owners).lists
    return now?.length === wanted.length && wanted.every((list, index) => now[index] === list)
  }

  #repair({ prefix, lists }: RouteChange): boolean {
    if (lists.length === 0 && (this.staleForMs(prefix) !== undefined || !this.#deps.table.has(prefix))) return false
    const owners = lists.length === 0 ? lists : this.#gate.ownersOf(prefix, lists)
    if (typeof owners === 'string') return false
    this.#stale.delete(prefix)
    this.#route(prefix, owners)
    return true
  }

  #route(prefix: string, owners: readonly string[]): void {
    if (owners.length === 0) this.#sink.delete(prefix)
    else if (this.#gate.isRefused(prefix)) {
      this.#gate.counters.neverRefused++
      this.#sink.delete(prefix)
    } else this.#sink.set(prefix, this.#attributes.of(owners))
  }

  *#recall(remembered: Remembered, ageMs: number): Generator<void> {
    const losses = new Map<number, Loss>()
    for (const { prefix, owners, staleMs } of remembered.routes()) {
      const admitted = parsePrefix(prefix) === undefined ? 'too wide' : this.#gate.ownersOf(prefix, owners)
      if (typeof admitted !== 'string') {
        this.#route(prefix, admitted)
        if (staleMs !== undefined) {
          const leftMs = Math.max(0, Math.min(this.#config.relearnMs, staleMs) - ageMs)
          const loss = losses.get(staleMs) ?? { prefixes: new ShardedSet(), leftMs }
          loss.prefixes.add(prefix)
          losses.set(staleMs, loss)
        }
      }
      yield
    }
    for (const loss of [...losses.values()].sort((a, b) => a.leftMs - b.leftMs)) this.#stale.add(loss)
  }

  #reconciled(): void {
    if (this.#loaded) return
    this.#loaded = true
    this.#deps.log.info({ routes: this.#deps.table.size }, 'The routes are loaded.')
    this.#becomeReady()
  }

  #becomeReady(): void {
    if (this.#isReady) return
    this.#isReady = true
    this.#deps.onReady()
  }

  *#lookAgain(number: number): Generator<void> {
    for (const [prefix, { lists }] of this.#deps.table.entries()) {
      if (number !== this.#reconfigured) return
      // If none of its owners is configured any more, the route stays as it is: the cache is about to say who owns it now.
      const isKnown = this.#config.lists.some(({ name }) => lists.includes(name))
      if (isKnown || this.#gate.isRefused(prefix)) this.#route(prefix, lists)
      yield
    }
  }

  /** Forgotten by hand: a route that is stale, or that a comparison under way may make stale, goes at once. */
  *#forget(subject: string): Generator<void> {
    if (this.#reconciler.isUnderWay && parsePrefix(subject) !== undefined && !this.#reconciler.isNamed(subject))
      this.#sink.delete(subject)
    yield* this.#withdrawal.dropIfStale([{ prefix: subject, lists: [] }])
  }
}

/** How long a hole in the revisions may stay before the tail is asked for: messages of two replicas may arrive out of order. */
const HOLE_MS = 50
/** The cache sends a heartbeat every second; a longer silence degrades health. */
const SILENCE_MS = 5000
