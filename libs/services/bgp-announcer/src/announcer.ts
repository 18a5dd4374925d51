/**
 * The announcer: keeps the route table equal to what the cache says, and the speaker's peers equal to the route table.
 *
 *   ROUTE_CHANGES ─┐
 *   HEAD ──────────┼─▶ RouteFollower ─▶ never list ─▶ attributes of the owning lists ─▶ RouteTable ─▶ speaker
 *   SNAPSHOT, TAIL ┘
 *
 * No OPEN is sent before the first snapshot is in the table, or what was announced before a restart (route-memory.ts): a router that hears
 * End-of-RIB from us drops what it kept for us across a restart. When the bus or the cache goes away, sessions and routes stay. When the store comes back and has lost what it knew (another
 * epoch, or fewer changes than it told of), what it does not name is held for `relearnMs`, while lookups and peers teach it again, and then
 * goes a slice at a time. That time passes only while the cache is heard: nothing can be learnt again from one that is away.
 *
 * A million routes must not hold the loop, so nothing is done to the table in one go: what the follower says is worked off in its order,
 * what walks the whole table (what did a snapshot not name? which attributes are others now?) behind it, and both stop for a turn every
 * few milliseconds (sliced-work.ts).
 */
import { BusError } from '@dnstap-bgp/bus'
import type { Bus, Subscription } from '@dnstap-bgp/bus'
import type { ListConfig } from '@dnstap-bgp/config'
import { hostPrefix, parseAddress, parsePrefix } from '@dnstap-bgp/ip'
import type { NeverList } from '@dnstap-bgp/policy'
import type { RouteTable } from '@dnstap-bgp/route-table'
import type { Clock, Closeable, Log, Timer } from '@dnstap-bgp/runtime'
import {
  EXPLAIN_REPLY,
  FORGOTTEN,
  HEAD,
  HeardResolvers,
  EXPLAIN_REQUEST,
  RESOLVERS,
  ROUTE_CHANGES,
  RouteFollower,
  SNAPSHOT,
  TAIL,
} from '@dnstap-bgp/steering'
import type { FollowerAction, RouteChange, RouteState, StoreHead } from '@dnstap-bgp/steering'
import { CacheComparison } from './cache-comparison.ts'
import { StaleRoutes, type Loss } from './stale-routes.ts'
import { Encoder, type Remembered } from './remembered-routes.ts'
import { RouteAdmission, type WhyRefused } from './route-admission.ts'
import { AttributesOfLists } from './route-attributes.ts'
import type { RouteMemory } from './route-memory.ts'
import { ShardedSet } from './sharded-set.ts'
import { SlicedWork } from './sliced-work.ts'
import { UnconfirmedRoutes } from './unconfirmed-routes.ts'

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
  /** Called once, when the table may be announced: the first snapshot is in it, or what was announced before a restart. */
  readonly onReady: () => void
  /** Who we are and which peers were told a route, for people who ask. */
  readonly name: string
  readonly peersWith: (prefix: string) => readonly string[]
  /** A number from 0 up to, not including, 1; default Math.random. For jitter. */
  readonly dice?: () => number
}

/** How long a hole in the revisions may stay before the tail is asked for: messages of two replicas cross on the way. */
const HOLE_MS = 50
const RETRY_MS = 1000
/** The cache beats every second; so long without it is worth telling. */
const SILENCE_MS = 5000
/** Questions that lead to further snapshots at once (two stores in dispute, a log too short) get rarer, up to this pause. */
const MAX_PAUSE_MS = 30_000
const SNAPSHOTS_AT_ONCE = 2
/** Without a further one for so long, one is forgiven: a store that restarts now and then is asked at once. */
const SNAPSHOT_FORGIVEN_MS = 10_000
/** Routes of a lost store withdrawn per second once they may go. */
const STALE_PER_TICK = 1000
const STALE_TICK_MS = 100
/** Many more than peers have; names that resolve anew each time must not fill the memory. */
const MAX_IN_USE = 10_000
/** After a pause of our own (a machine asleep) that much of it counts. */
const MAX_TICK_MS = 1000

export class Announcer implements Closeable {
  readonly counters = { changes: 0, snapshots: 0, tails: 0, neverRefused: 0, unknownList: 0, tooWide: 0, failedQuestions: 0 }
  readonly follower = new RouteFollower()
  #config: AnnouncerConfig
  readonly #deps: AnnouncerDeps
  readonly #work: SlicedWork
  #attributes: AttributesOfLists
  #admission: RouteAdmission
  /** Told once, until the configuration is another. */
  readonly #refusalsTold = new Set<WhyRefused>()
  readonly comparison: CacheComparison
  readonly #resolvers = new HeardResolvers()
  /** Addresses that sessions use and no configuration names: of peers by name or range, our own. */
  readonly #inUse = new Map<string, string>()
  /** The configuration's never list, the resolvers that are heard, and what sessions use. */
  #never: NeverList
  /** From the beginning of a snapshot until the table was compared with it: what it named, and what came since. */
  #named: ShardedSet | undefined
  /** The number of the last snapshot that began; an older one is compared with no more. */
  #snapshot = 0
  readonly #stale = new StaleRoutes()
  #lastTickMs: number
  #reconfigured = 0
  /** Where the routes stand; during a snapshot, where they stood before. */
  #reached: StoreHead = { epoch: '', revision: 0 }
  #snapshotHead: StoreHead = { epoch: '', revision: 0 }
  /** Of the store, since the table was last compared with a snapshot. */
  #loss: 'all' | 'some' | undefined
  #loaded = false
  #isReady = false
  #unconfirmed: UnconfirmedRoutes | undefined
  #lastHeardMs: number
  #questions = 0
  #asking: 'snapshot' | 'tail' | 'pause' | undefined
  #lastSnapshotMs = -Infinity
  #snapshotsInARow = 0
  #watchesHole = false
  readonly #subscriptions: Subscription[] = []
  readonly #timers = new Set<Timer>()
  #closed = false

  constructor(config: AnnouncerConfig, deps: AnnouncerDeps) {
    this.#config = config
    this.#deps = deps
    this.#work = new SlicedWork(deps.clock)
    this.#attributes = new AttributesOfLists(config.lists)
    this.#admission = new RouteAdmission(config.lists)
    this.#never = config.never
    this.comparison = new CacheComparison({
      ...deps,
      dice: deps.dice ?? Math.random,
      work: this.#work,
      reached: () => (this.#loaded && this.follower.state === 'following' ? this.follower.head : undefined),
      isAsWanted: (route) => this.#isAsWanted(route),
      putRight: (route) => this.#putRight(route),
    })
    this.#lastHeardMs = this.#lastTickMs = deps.clock.monotonic()
  }

  /** Has a first snapshot been loaded? */
  get loaded(): boolean {
    return this.#loaded
  }

  /** Routes held for a store that does not know them (yet). */
  get staleRoutes(): number {
    return this.#unconfirmed === undefined ? this.#stale.size : this.#deps.table.size
  }

  /** How long the routes of the run before may stay yet; undefined: the cache has confirmed what there is, or there were none. */
  get unconfirmedMs(): number | undefined {
    return this.#unconfirmed?.leftMs
  }

  /** How long a prefix is held yet; undefined: it is not. */
  staleForMs(prefix: string): number | undefined {
    if (this.#unconfirmed !== undefined) return this.#deps.table.has(prefix) ? this.#unconfirmed.leftMs : undefined
    return this.#stale.leftMs(prefix)
  }

  /** Does the cache let itself be heard? */
  get heard(): boolean {
    return this.#deps.clock.monotonic() - this.#lastHeardMs < SILENCE_MS
  }

  /**
   * Before start(): takes up what was announced before a restart, as far as this configuration and the never list let it. The routes are
   * announced when the cache has not answered for `patienceMs`; what it does not confirm goes as if we had been there all the time.
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
    this.#unconfirmed = new UnconfirmedRoutes(table, leftMs)
    this.#later(patienceMs, () => this.#becomeReady())
    log.info({ routes: table.size, seconds: Math.ceil(leftMs / 1000) }, 'The routes announced before the restart are known.')
  }

  /** From now on the file follows what is announced. */
  remember(memory: RouteMemory): void {
    const { table } = this.#deps
    const isAging = () => this.staleRoutes > 0
    memory.follow({
      table,
      work: this.#work,
      encoder: () =>
        this.#loaded || this.#unconfirmed !== undefined
          ? new Encoder(table, this.#stale.losses, this.#reached, this.#unconfirmed?.leftMs)
          : undefined,
      get isAging() {
        return isAging()
      },
    })
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
      bus.subscribe(FORGOTTEN, ({ subject }) => this.#work.inOrder(this.#forget(subject))),
      bus.subscribe(RESOLVERS, (addresses) => {
        if (this.#resolvers.hear(addresses, clock.monotonic())) this.#neverAlso(addresses)
      }),
      bus.subscribe(EXPLAIN_REQUEST, ({ id, prefixes }) => {
        const routes = prefixes.flatMap((prefix) => this.#routeState(prefix))
        if (routes.length > 0) bus.publish(EXPLAIN_REPLY, { id, routes })
      }),
    )
    bus.onState((state) => {
      if (state === 'connected' && !this.#closed) this.#do(this.follower.reconnected())
    })
    this.#timers.add(clock.every(STALE_TICK_MS, () => this.#dropStale()))
    this.comparison.start()
    this.#do(this.follower.start())
  }

  /** Lists' attributes or the never list changed: every route is looked at again, and what is alike stays as it is. */
  reconfigure(config: AnnouncerConfig): void {
    this.#config = config
    this.#attributes = new AttributesOfLists(config.lists)
    this.#admission = new RouteAdmission(config.lists)
    this.#refusalsTold.clear()
    this.#neverAlso([])
    this.#work.walk(this.#lookAgain(++this.#reconfigured))
    // What was refused so far is not in the table; only the cache knows it.
    const { neverRefused, unknownList, tooWide } = this.counters
    if (neverRefused + unknownList + tooWide > 0) this.#do(this.follower.start())
  }

  /** From now on no route may catch this address. */
  protect(address: string, what: string): void {
    if (this.#inUse.has(address) || parseAddress(address) === undefined) return
    this.#inUse.set(address, what)
    for (const [oldest] of this.#inUse) if (this.#inUse.size > MAX_IN_USE) this.#inUse.delete(oldest)
    // Most are in the file, too. Else what covers it goes before the session says anything.
    if (this.#never.refuses(hostPrefix(address)) === undefined) this.#neverAlso([address])
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#questions++
    for (const timer of this.#timers) timer.cancel()
    this.comparison.close()
    this.#work.close()
    await Promise.all(this.#subscriptions.map((subscription) => subscription.close()))
  }

  /** What sessions use or the resolvers that are heard are others now; routes that cover an address new among them go at once. */
  #neverAlso(addresses: readonly string[]): void {
    const { table } = this.#deps
    const added = addresses.filter((address) => this.#never.refuses(hostPrefix(address)) === undefined)
    const resolvers = this.#resolvers.addresses.map((one) => [one, 'a resolver we hear from'] as const)
    const also = [...this.#inUse, ...resolvers]
    this.#never = also.length === 0 ? this.#config.never : this.#config.never.with(also)
    for (const prefix of added.flatMap((address) => table.covering(address)))
      if (table.delete(prefix)) this.counters.neverRefused++
  }

  /** For `explain`. */
  #routeState(prefix: string): RouteState[] {
    const { name, table, peersWith } = this.#deps
    const peers = peersWith(prefix)
    if (peers.length === 0 && !table.has(prefix)) return []
    const staleForMs = this.staleForMs(prefix)
    return [{ prefix, announcer: name, peers, ...(staleForMs === undefined ? {} : { staleForMs: Math.ceil(staleForMs) }) }]
  }

  #do(actions: readonly FollowerAction[]): void {
    for (const action of actions) {
      switch (action.type) {
        case 'apply':
          this.#work.inOrder(this.#apply(action.changes))
          break
        case 'snapshot-begins':
          this.#snapshotHead = this.follower.head
          this.comparison.interrupt()
          this.#work.inOrder(this.#beginSnapshot())
          break
        case 'snapshot-ends':
          this.#noteLoss(this.#snapshotHead)
          this.#work.inOrder(this.#endSnapshot(this.#snapshotHead))
          break
        case 'ask-snapshot':
          this.#askSnapshotSoon()
          break
        case 'ask-tail':
          void this.#askTail(action.after)
          break
        case 'watch-hole':
          if (this.#watchesHole) break
          this.#watchesHole = true
          this.#later(HOLE_MS, () => {
            this.#watchesHole = false
            this.#do(this.follower.holeStays())
          })
          break
      }
    }
    if (this.follower.state !== 'loading') this.#reached = this.follower.head
  }

  /** Does a snapshot come from a store that lost what it knew? With another epoch all of it, else its last changes. */
  #noteLoss({ epoch, revision }: StoreHead): void {
    if ((!this.#loaded && this.#unconfirmed === undefined) || this.#config.relearnMs === 0) return
    if (epoch !== this.#reached.epoch) this.#loss = 'all'
    else if (revision < this.#reached.revision) this.#loss ??= 'some'
  }

  *#apply(changes: readonly RouteChange[]): Generator<void> {
    for (const { prefix, lists } of changes) {
      this.counters.changes++
      if (lists.length > 0) this.#named?.add(prefix)
      this.comparison.changed(prefix)
      const owners = lists.length === 0 ? lists : this.#admitted(prefix, lists)
      if (owners !== undefined) {
        this.#stale.delete(prefix)
        this.#route(prefix, owners)
      }
      yield
    }
  }

  /**
   * The lists that may own the route; undefined: the change is refused. What is announced then stays as it is: where a list is new, the
   * cache has read the configuration before us, and its routes must not be withdrawn until we have.
   */
  #admitted(prefix: string, lists: readonly string[]): readonly string[] | undefined {
    const owners = this.#admission.ownersOf(prefix, lists)
    if (typeof owners !== 'string') return owners
    this.counters[owners === 'too wide' ? 'tooWide' : 'unknownList']++
    if (!this.#refusalsTold.has(owners)) {
      this.#refusalsTold.add(owners)
      this.#deps.log.warn(
        { prefix, lists },
        owners === 'too wide'
          ? 'A route is refused: it is wider than its lists may have it. The cache has another configuration, or somebody else publishes on the bus. Others like it are only counted.'
          : 'A route is refused: none of its lists is configured here. The cache has another configuration, or somebody else publishes on the bus. Others like it are only counted.',
      )
    }
    return undefined
  }

  /** For the comparison with the cache: is the table as it says, or is there a reason why not? */
  #isAsWanted({ prefix, lists }: RouteChange): boolean {
    const owners = this.#admission.ownersOf(prefix, lists)
    if (typeof owners === 'string' || this.#never.refuses(prefix) !== undefined) return true
    const now = this.#deps.table.get(prefix)?.lists
    const wanted = this.#attributes.of(owners).lists
    return now?.length === wanted.length && wanted.every((list, index) => now[index] === list)
  }

  #putRight({ prefix, lists }: RouteChange): boolean {
    if (lists.length === 0 && (this.staleForMs(prefix) !== undefined || !this.#deps.table.has(prefix))) return false
    const owners = lists.length === 0 ? lists : this.#admission.ownersOf(prefix, lists)
    if (typeof owners === 'string') return false
    this.#stale.delete(prefix)
    this.#route(prefix, owners)
    return true
  }

  #route(prefix: string, lists: readonly string[]): void {
    const { table } = this.#deps
    if (lists.length === 0) {
      table.delete(prefix)
    } else if (this.#never.refuses(prefix) !== undefined) {
      // The cache should not have let it pass; perhaps its configuration is another.
      this.counters.neverRefused++
      table.delete(prefix)
    } else table.set(prefix, this.#attributes.of(lists))
  }

  *#recall(remembered: Remembered, ageMs: number): Generator<void> {
    const losses = new Map<number, Loss>()
    for (const { prefix, owners, staleMs } of remembered.routes()) {
      const admitted = parsePrefix(prefix) === undefined ? 'too wide' : this.#admission.ownersOf(prefix, owners)
      if (typeof admitted !== 'string') {
        this.#route(prefix, admitted)
        if (staleMs !== undefined) {
          const leftMs = Math.max(0, Math.min(this.#config.relearnMs, staleMs) - ageMs)
          const lost = losses.get(staleMs) ?? { prefixes: new ShardedSet(), leftMs }
          lost.prefixes.add(prefix)
          losses.set(staleMs, lost)
        }
      }
      yield
    }
    for (const lost of [...losses.values()].sort((a, b) => a.leftMs - b.leftMs)) this.#stale.add(lost)
  }

  *#beginSnapshot(): Generator<void> {
    this.#snapshot++
    this.#named = this.#deps.table.size > 0 ? new ShardedSet() : undefined
  }

  *#endSnapshot(head: StoreHead): Generator<void> {
    this.counters.snapshots++
    this.#work.walk(this.#compare(this.#snapshot, head))
  }

  /** What the snapshot did not name is gone; or, after a loss of memory, held. */
  *#compare(snapshot: number, head: StoreHead): Generator<void> {
    const { log, table } = this.#deps
    const loss = this.#loss
    const lost: Loss = { prefixes: new ShardedSet(), leftMs: this.#config.relearnMs }
    const held = [...this.#stale.losses]
    if (loss !== undefined) this.#stale.add(lost)
    if (this.#named !== undefined) {
      for (const [prefix] of table.entries()) {
        if (snapshot !== this.#snapshot) return // another has begun; it will see what is left
        if (!this.#named.has(prefix) && !held.some(({ prefixes }) => prefixes.has(prefix))) {
          if (loss !== undefined) lost.prefixes.add(prefix)
          else table.delete(prefix)
        }
        yield
      }
    }
    if (snapshot !== this.#snapshot) return
    this.#named = undefined
    this.#loss = undefined
    this.#unconfirmed = undefined
    if (lost.prefixes.size > 0) {
      log.warn(
        { routes: lost.prefixes.size },
        'The store came back without routes that are announced. They are kept as stale while the store learns them again.',
      )
      // What has changed since it began anew, and is not there, was withdrawn by it and is not lost.
      if (loss === 'all') void this.#letGoWhatWasWithdrawn(head)
    }
    if (this.#loaded) return
    this.#loaded = true
    log.info({ routes: table.size }, 'The routes are loaded.')
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
      // None of its owners is configured any more: the cache is about to say who owns it now, or that nobody does.
      const isKnown = this.#config.lists.some(({ name }) => lists.includes(name))
      if (isKnown || this.#never.refuses(prefix) !== undefined) this.#route(prefix, lists)
      yield
    }
  }

  async #letGoWhatWasWithdrawn({ epoch, revision }: StoreHead): Promise<void> {
    try {
      for (let after: StoreHead = { epoch, revision: 0 }; after.revision < revision;) {
        const before = after.revision
        for await (const part of this.#deps.bus.ask(TAIL, after)) {
          if (part === 'up-to-date' || part === 'gap' || part.epoch !== epoch || this.#closed) return
          this.#work.inOrder(this.#letGo(part.changes))
          await this.#work.done()
          after = { epoch, revision: part.firstRevision + part.changes.length - 1 }
        }
        if (after.revision <= before) return
      }
    } catch (error) {
      if (!(error instanceof BusError)) throw error // nobody tells: they are held
    }
  }

  /** Withdraws what is only held and was withdrawn; what was announced is told to the follower as well. */
  *#letGo(changes: readonly RouteChange[]): Generator<void> {
    for (const { prefix, lists } of changes) {
      if (lists.length === 0) {
        if (this.staleForMs(prefix) !== undefined) this.#deps.table.delete(prefix)
        this.#stale.delete(prefix)
      }
      yield
    }
  }

  /** Forgotten by hand: what is held of it, or may be about to be by a comparison under way, goes at once. */
  *#forget(subject: string): Generator<void> {
    if (this.#named !== undefined && parsePrefix(subject) !== undefined && !this.#named.has(subject))
      this.#deps.table.delete(subject)
    yield* this.#letGo([{ prefix: subject, lists: [] }])
  }

  /** Withdraws what a lost store has not learnt again in time, never all in one instant. */
  #dropStale(): void {
    const { clock, log, table } = this.#deps
    const nowMs = clock.monotonic()
    const elapsedMs = Math.min(MAX_TICK_MS, nowMs - this.#lastTickMs)
    this.#lastTickMs = nowMs
    this.#dropUnconfirmed(elapsedMs)
    if (!this.heard || this.follower.state === 'loading') return
    this.#stale.pass(elapsedMs)
    const before = this.#stale.losses.length
    const due = this.#stale.take(STALE_PER_TICK)
    for (const prefix of due) table.delete(prefix)
    if (due.length > 0 && this.#stale.losses.length < before) log.info({}, 'What the store did not learn again is withdrawn.')
  }

  #dropUnconfirmed(elapsedMs: number): void {
    const unconfirmed = this.#unconfirmed
    if (unconfirmed === undefined) return
    if (unconfirmed.leftMs > 0 && elapsedMs >= unconfirmed.leftMs)
      this.#deps.log.warn({}, 'The cache did not confirm the routes announced before the restart in time; they are withdrawn.')
    unconfirmed.pass(elapsedMs)
    for (const prefix of unconfirmed.take(STALE_PER_TICK, (one) => this.#named?.has(one) === true)) {
      this.#stale.delete(prefix)
      this.#deps.table.delete(prefix)
    }
  }

  #askSnapshotSoon(): void {
    if (this.#asking === 'pause') return // a bus that comes and goes does not lengthen it
    const nowMs = this.#deps.clock.monotonic()
    const forgiven = Math.floor((nowMs - this.#lastSnapshotMs) / SNAPSHOT_FORGIVEN_MS)
    const inARow = (this.#snapshotsInARow = Math.max(0, this.#snapshotsInARow - forgiven))
    if (inARow < SNAPSHOTS_AT_ONCE) return void this.#askSnapshot()
    const question = ++this.#questions
    this.#asking = 'pause'
    this.#later(Math.min(MAX_PAUSE_MS, RETRY_MS * 2 ** (inARow - SNAPSHOTS_AT_ONCE)), () => {
      if (question === this.#questions) void this.#askSnapshot()
    })
  }

  async #askSnapshot(): Promise<void> {
    const question = ++this.#questions
    this.#asking = 'snapshot'
    this.#snapshotsInARow++
    this.#lastSnapshotMs = this.#deps.clock.monotonic()
    try {
      for await (const chunk of this.#deps.bus.ask(SNAPSHOT, undefined)) {
        if (question !== this.#questions) return
        this.#lastHeardMs = this.#deps.clock.monotonic()
        this.#do(this.follower.snapshotPart(chunk))
        await this.#work.done()
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
        await this.#work.done()
        if (question !== this.#questions) return
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
    this.#snapshotsInARow = 0 // this has a pause of its own
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
}
