/**
 * The cache: the authority on what is routed and until when.
 *
 *   RESOLUTIONS ──▶ admission ──▶ store ──▶ ROUTE_CHANGES ──▶ announcers
 *   (ingest,        lists, never   bindings,  └──▶ LEARNT ──▶ gateways
 *    gateway)       list, age      deadlines
 *                                     ▲
 *        sweep (deadlines) ───────────┤        HEAD every second; SNAPSHOT, TAIL, BINDINGS, EXPLAIN, FORGET on request
 *        audit (lists changed) ───────┘
 *
 * Several replicas may run over one store: every change of the store is one atomic step of the store's, and only who made a change
 * publishes it. What is published and lost is found by the announcers through HEAD and TAIL.
 *
 * Left to others: matching names while they arrive (ingest; we check again), attributes (announcer), peers (gateway).
 */
import type { Bus, Subscription } from '@dnstap-bgp/bus'
import { neverListOptions } from '@dnstap-bgp/config'
import { NeverList } from '@dnstap-bgp/ip'
import { StoreError } from '@dnstap-bgp/ip-store'
import type { IpStore, Outcome, Sighting, StoreLimits } from '@dnstap-bgp/ip-store'
import type { Clock, Closeable, Log, Timer } from '@dnstap-bgp/runtime'
import {
  BINDINGS,
  EXPLAIN,
  FORGET,
  HEAD,
  HOLD_DOWN,
  LEARNT,
  OFFER,
  RESOLUTIONS,
  ROUTE_CHANGES,
  SNAPSHOT,
  TAIL,
} from '@dnstap-bgp/steering'
import type { ForgetRequest, HoldDown, OfferAnswer, Resolution, RouteChanges, StoreHead, TailPart } from '@dnstap-bgp/steering'
import { Admission, isRefused, type Coverage, type Refusal, type Refused } from './admission.ts'
import { audit } from './audit.ts'
import { CrowdedAddresses } from './crowded-addresses.ts'
import { Explainer } from './explain.ts'
import { ALL, LimitNotes } from './limit-notes.ts'
import { TokenBucket } from './token-bucket.ts'
import { staticKey, staticSightings, type CacheConfig } from './cache-config.ts'

/** Sightings in one step of the store. */
const STORE_BATCH = 1000
/** Bindings ended in one step of the store. */
const EXPIRE_BATCH = 500
/** Bindings held against the lists before the loop may get a turn. */
const AUDIT_BATCH = 250
/** The loop is held no longer than about this. */
const SLICE_MS = 5
const RETRY_MS = 1000
/** A fault of ours is told so often at most. */
const TELL_EVERY_MS = 60_000
const SWEEP_PERIOD_MS = 200
const HEAD_PERIOD_MS = 1000
const TAIL_BATCH = 2000

/** What the lists say now; replaced as a whole when they change. */
export interface ListsView {
  readonly current: LoadedCoverage
  /** Called after `current` was replaced. */
  onChange(listener: () => void): void
}

export interface LoadedCoverage extends Coverage {
  /** Prefixes written in lists that want them routed, by list. */
  readonly addresses: ReadonlyMap<string, readonly string[]>
}

export interface CacheDeps {
  readonly bus: Bus
  readonly store: IpStore
  readonly lists: ListsView
  readonly clock: Clock
  readonly log: Log
}

export interface CacheCounters {
  readonly outcomes: Record<Outcome, number>
  readonly refused: Record<Refusal, number>
  expiredBindings: number
  announced: number
  withdrawn: number
}

export class CacheService implements Closeable {
  readonly counters: CacheCounters = {
    outcomes: {
      new: 0,
      refreshed: 0,
      stale: 0,
      'full-names-per-prefix': 0,
      'full-prefixes-per-name': 0,
      'full-routes-per-list': 0,
      'full-routes': 0,
      'no-new-route': 0,
    },
    refused: {
      'bad-address': 0,
      'bad-name': 0,
      'unknown-list': 0,
      'not-listed': 0,
      'ipv6-off': 0,
      never: 0,
      'too-old': 0,
      'held-down': 0,
      rate: 0,
    },
    expiredBindings: 0,
    announced: 0,
    withdrawn: 0,
  }
  readonly limitNotes: LimitNotes
  readonly crowded: CrowdedAddresses
  readonly explainer: Explainer

  #config: CacheConfig
  readonly #deps: CacheDeps
  readonly #admission: Admission
  #limits: StoreLimits
  #buckets: Map<string, TokenBucket>
  readonly #subscriptions: Subscription[] = []
  readonly #timers = new Set<Timer>()
  #head: StoreHead = { epoch: '', revision: 0 }
  #sweeping: Promise<void> | undefined
  #opening: Promise<void> | undefined
  #opened = false
  #auditing: Promise<void> | undefined
  #auditWanted = false
  #auditRetries = false
  #toldFaultMs = -Infinity
  #closed = false

  constructor(config: CacheConfig, deps: CacheDeps) {
    this.#config = config
    this.#deps = deps
    this.#admission = new Admission(admissionConfig(config), deps.lists.current)
    this.#limits = limitsOf(config)
    this.#buckets = bucketsOf(config, deps.clock.monotonic())
    this.limitNotes = new LimitNotes(deps.clock, deps.log)
    this.crowded = new CrowdedAddresses(deps.store, deps.log)
    this.explainer = new Explainer(deps.store, this.#admission, deps.clock)
  }

  /** Is what is in the store checked, and are questions answered? */
  get opened(): boolean {
    return this.#opened
  }

  /**
   * Resolves when what is in the store was checked against deadlines and lists: nothing that may not be routed is told to anybody. When
   * the store is away it resolves at once; the rest follows when the store is there.
   */
  async start(): Promise<void> {
    const { store, lists, log } = this.#deps
    lists.onChange(() => this.listsChanged())
    store.onDeadline(() => this.#sweepSoon())
    store.onState(({ kind }) => {
      // What the store lost while it was away shows in its head: nobody shall follow the old numbers a second longer.
      if (kind !== 'unavailable' && this.#opened && !this.#closed) void this.#beat()
    })
    if (await this.#open()) return
    log.warn({}, 'The store is away; the cache waits for it.')
    const again = () => {
      if (this.#closed) return
      this.#opening = this.#open().then((opened) => {
        if (opened) log.info({}, 'The store is there; the cache works.')
        else this.#later(RETRY_MS, again)
      })
    }
    this.#later(RETRY_MS, again)
  }

  /** False: the store is away. */
  async #open(): Promise<boolean> {
    const { bus, store, clock } = this.#deps
    try {
      await this.#sweep()
      this.#auditWanted = false
      await this.#audit()
      this.#head = await store.head()
    } catch (error) {
      if (error instanceof StoreError) return false
      throw error
    }
    if (this.#closed) return true
    this.#opened = true
    this.#subscriptions.push(
      bus.serve(SNAPSHOT, () => store.snapshot()),
      bus.serve(TAIL, (head) => this.#tail(head)),
      bus.serve(BINDINGS, () => this.#bindings()),
      bus.serve(EXPLAIN, (request) => once(this.explainer.explain(request.subject))),
      bus.serve(FORGET, (request) => once(this.forget(request))),
      bus.serve(OFFER, (resolutions) => once(this.offer(resolutions))),
      bus.subscribe(HOLD_DOWN, (holdDown) => this.#holdDown(holdDown)),
      bus.consume(RESOLUTIONS, (messages) => this.#consume(messages.flat())),
    )
    this.#timers.add(clock.every(SWEEP_PERIOD_MS, () => this.#sweepSoon()))
    this.#timers.add(clock.every(HEAD_PERIOD_MS, () => void this.#beat()))
    await this.#beat()
    if (this.#auditWanted) this.#auditSoon() // the lists changed while we opened
    return true
  }

  /** The configuration was read again: holds, limits, never list; and the lists as they are now, in the same step. */
  reconfigure(config: CacheConfig): void {
    this.#config = config
    this.#limits = limitsOf(config)
    this.#buckets = bucketsOf(config, this.#deps.clock.monotonic(), this.#buckets)
    this.#admission.use(admissionConfig(config), this.#deps.lists.current)
    this.#auditSoon()
  }

  listsChanged(): void {
    this.#admission.use(this.#admission.config, this.#deps.lists.current)
    this.#auditSoon()
  }

  /** However often it is wished for while one runs, one more follows. */
  #auditSoon(): void {
    this.#auditWanted = true
    if (!this.#opened || this.#closed || this.#auditing !== undefined || this.#auditRetries) return
    this.#auditing = this.#auditWhileWanted().finally(() => {
      this.#auditing = undefined
      if (this.#auditWanted && !this.#auditRetries) this.#auditSoon()
    })
  }

  async #auditWhileWanted(): Promise<void> {
    while (this.#auditWanted && !this.#closed) {
      this.#auditWanted = false
      try {
        await this.#audit()
      } catch (error) {
        if (!(error instanceof StoreError)) throw error
        this.#deps.log.warn({ why: error.message }, 'Bindings could not be checked against the lists; trying again.')
        this.#auditRetries = true
        this.#auditWanted = true
        this.#later(RETRY_MS, () => {
          this.#auditRetries = false
          this.#auditSoon()
        })
        return
      }
    }
  }

  /** Takes bindings out by hand, and keeps their subject out for a while if asked to. */
  async forget(request: ForgetRequest): Promise<{ forgotten: number; withdrawn: string[] }> {
    const { store, clock } = this.#deps
    const bindings = await this.explainer.bindingsFor(request.subject)
    const subject = this.explainer.storedAs(request.subject)
    if (request.holdDownMs > 0) {
      const holdDown = { subject, untilMs: clock.now() + request.holdDownMs }
      this.#holdDown(holdDown)
      this.#deps.bus.publish(HOLD_DOWN, holdDown) // to the other replicas
    }
    const changes = await store.forget(bindings)
    this.#publish(changes, 'it was forgotten by hand')
    return {
      forgotten: bindings.length,
      withdrawn: (changes?.changes ?? []).filter((change) => change.lists.length === 0).map((change) => change.prefix),
    }
  }

  #holdDown({ subject, untilMs }: HoldDown): void {
    this.#admission.holdDown(subject, untilMs, this.#deps.clock.now())
  }

  /** Takes what another instance says: each for the list it names, or for all that cover its name. */
  async offer(resolutions: readonly Resolution[]): Promise<readonly OfferAnswer[]> {
    const forLists: Resolution[] = []
    const from: number[] = []
    const answers: OfferAnswer[] = resolutions.map(() => null)
    resolutions.forEach((resolution, i) => {
      const lists = resolution.list === '' ? this.#listsCovering(resolution.name) : [resolution.list]
      if (lists.length === 0) {
        this.counters.refused['not-listed']++
        answers[i] = { refusal: 'not-listed', why: `no list covers ${resolution.name}` }
      }
      for (const list of lists) {
        forLists.push({ ...resolution, list })
        from.push(i)
      }
    })
    const refusals = await this.#learn(forLists)
    for (const [at, refused] of refusals) answers[from[at]] = refused
    // Taken for one list is taken.
    for (let at = 0; at < from.length; at++) if (!refusals.has(at)) answers[from[at]] = null
    return answers
  }

  #listsCovering(name: string): string[] {
    return this.#config.lists
      .map((list) => list.name)
      .filter((list) => this.#admission.coverage.ruleFor(list, name) !== undefined)
  }

  /** How many bindings and routes would go if the lists said this. */
  async preview(coverage: LoadedCoverage): Promise<{ bindings: number; routes: number }> {
    const admission = new Admission(this.#admission.config, coverage)
    const wanted = await this.#staticSightings(coverage.addresses)
    const going = new Map<string, number>()
    let bindings = 0
    for await (const part of this.#deps.store.bindings()) {
      const { gone, passedOn } = audit(part, admission, wanted, this.#deps.clock.now())
      const staying = new Set(passedOn.map(({ prefix }) => prefix))
      for (const { prefix } of gone) {
        if (staying.has(prefix)) continue
        bindings++
        going.set(prefix, (going.get(prefix) ?? 0) + 1)
      }
      await turn(this.#deps.clock)
    }
    let routes = 0
    for (const [prefix, count] of going) if ((await this.#deps.store.bindingsOf(prefix)).length <= count) routes++
    return { bindings, routes }
  }

  /** For the operator's pages. */
  async status(): Promise<{ head: StoreHead; bindings: number; routes: number; routesPerList: Record<string, number> }> {
    const counts = await this.#deps.store.counts()
    return {
      head: await this.#deps.store.head(),
      bindings: counts.bindings,
      routes: counts.routes,
      routesPerList: Object.fromEntries(counts.routesPerList),
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const timer of this.#timers) timer.cancel()
    await Promise.all(this.#subscriptions.map((subscription) => subscription.close()))
    await this.#opening
    await this.#auditing
    await this.#sweeping
    await this.#deps.store.flush()
  }

  /** A rejection brings the messages back: right while the store is away; for anything else it is a fault of ours, and told. */
  async #consume(resolutions: readonly Resolution[]): Promise<void> {
    try {
      await this.#learn(resolutions)
    } catch (error) {
      const { clock, log } = this.#deps
      if (!(error instanceof StoreError) && clock.monotonic() - this.#toldFaultMs >= TELL_EVERY_MS) {
        this.#toldFaultMs = clock.monotonic()
        log.error(
          { error: error instanceof Error ? error.stack : String(error) },
          'Resolutions could not be taken; trying again.',
        )
      }
      throw error
    }
  }

  /** Returns what was refused, by index. */
  async #learn(resolutions: readonly Resolution[]): Promise<Map<number, Refused>> {
    const { store, clock } = this.#deps
    const nowMs = clock.now()
    const refusals = new Map<number, Refused>()
    for (let from = 0; from < resolutions.length; from += STORE_BATCH) {
      const batch = await this.#admit(resolutions, from, nowMs)
      for (const [i, refused] of batch.refused) {
        this.counters.refused[refused.refusal]++
        this.explainer.noteRefusal(resolutions[i], refused, nowMs)
        refusals.set(i, refused)
      }
      if (batch.sightings.length === 0) continue
      const { outcomes, changes } = await store.observe(batch.sightings, this.#limits)
      this.#publish(changes, 'its last binding ended')
      await this.#tell(batch.sightings, outcomes, changes, nowMs)
    }
    return refusals
  }

  /** By the lists and the configuration of one moment, which is the moment in which this returns. */
  async #admit(
    resolutions: readonly Resolution[],
    from: number,
    nowMs: number,
  ): Promise<{ sightings: Sighting[]; refused: Map<number, Refused> }> {
    const end = Math.min(from + STORE_BATCH, resolutions.length)
    for (;;) {
      const { version } = this.#admission
      const sightings: Sighting[] = []
      const refused = new Map<number, Refused>()
      /** What this batch may yet cost, by list that has a rate. */
      const planned = new Map<string, number>()
      for (let i = from; i < end; i++) {
        const answer = this.#admission.admit(resolutions[i], nowMs)
        if (isRefused(answer)) refused.set(i, answer)
        else if (this.#mayMakeRoutes(answer.list, planned) || (await this.#isKnown(answer))) sightings.push(answer)
        else refused.set(i, { refusal: 'rate', why: `list "${answer.list}" makes new routes too fast` })
      }
      if (version === this.#admission.version) return { sightings, refused }
    }
  }

  #mayMakeRoutes(list: string, planned: Map<string, number>): boolean {
    const bucket = this.#buckets.get(list)
    if (bucket === undefined) return true
    const count = (planned.get(list) ?? 0) + 1
    if (bucket.available(this.#deps.clock.monotonic()) < count) return false
    planned.set(list, count)
    return true
  }

  /** Off the usual path: asked only while a list is over its rate, so that what is known still lives on. */
  async #isKnown(sighting: Sighting): Promise<boolean> {
    const bindings = await this.#deps.store.bindingsOf(sighting.prefix)
    return bindings.some((binding) => binding.list === sighting.list)
  }

  /** Counts what became of the sightings and passes on to other instances what we heard first. */
  async #tell(
    sightings: readonly Sighting[],
    outcomes: readonly Outcome[],
    changes: RouteChanges | undefined,
    nowMs: number,
  ): Promise<void> {
    const news: Resolution[] = []
    const crowding = new Set<string>()
    /** Routes that a list came to own by this, each paid for once. */
    const owned = new Set<string>()
    for (const { prefix, lists } of changes?.changes ?? []) for (const list of lists) owned.add(staticKey(list, prefix))
    for (let i = 0; i < outcomes.length; i++) {
      const outcome = outcomes[i]
      const sighting = sightings[i]
      this.counters.outcomes[outcome]++
      if (outcome === 'new') {
        if (owned.delete(staticKey(sighting.list, sighting.prefix))) this.#buckets.get(sighting.list)?.spend(1)
        else if (this.crowded.joined(sighting.prefix)) crowding.add(sighting.prefix)
      }
      // What a peer told us, it tells the others itself.
      if (outcome === 'new' || outcome === 'refreshed') {
        if (!sighting.source.startsWith(PEER_SOURCE)) news.push(toResolution(sighting))
      } else if (outcome !== 'stale') this.#noteFull(sighting, outcome, nowMs)
    }
    if (news.length > 0) this.#deps.bus.publish(LEARNT, news)
    for (const prefix of crowding) await this.crowded.look(prefix)
  }

  #noteFull(sighting: Sighting, outcome: Exclude<Outcome, 'new' | 'refreshed' | 'stale'>, nowMs: number): void {
    const { list, name, prefix } = sighting
    this.explainer.noteRefusal(toResolution(sighting), { refusal: outcome, why: FULL[outcome] }, nowMs)
    if (outcome === 'full-routes') this.limitNotes.refusedRoute(ALL, this.#limits.routes)
    else if (outcome === 'full-routes-per-list')
      this.limitNotes.refusedRoute(list, this.#limits.routesPerList.get(list) ?? Infinity)
    else if (outcome !== 'no-new-route') this.limitNotes.refusedBinding(outcome, name, prefix)
  }

  /** `why`: what ended the routes among them that are gone. */
  #publish(changes: RouteChanges | undefined, why: string): void {
    if (changes === undefined) return
    for (const { prefix, lists } of changes.changes) {
      if (lists.length > 0) this.counters.announced++
      else {
        this.counters.withdrawn++
        this.crowded.withdrawn(prefix)
        this.explainer.noteWithdrawal(prefix, why)
      }
    }
    this.#deps.bus.publish(ROUTE_CHANGES, changes)
  }

  #sweepSoon(): void {
    if (this.#closed || this.#sweeping !== undefined) return
    this.#sweeping = this.#sweep()
      .catch((error: unknown) => {
        // The store says in its own health that it is away; the next sweep is due anyway.
        if (!(error instanceof StoreError)) throw error
      })
      .finally(() => {
        this.#sweeping = undefined
      })
  }

  /** Ends what is due, a slice at a time, so that the loop stays free however much expires together. */
  async #sweep(): Promise<void> {
    const { store, clock } = this.#deps
    for (;;) {
      const nowMs = clock.now()
      const expired = await store.expire(nowMs, EXPIRE_BATCH)
      this.counters.expiredBindings += expired.bindings
      this.#publish(expired.changes, 'its last binding expired')
      if (expired.bindings < EXPIRE_BATCH || this.#closed) break
      await turn(clock)
    }
    if (this.limitNotes.any) this.limitNotes.clear(await store.counts(), this.#limits)
  }

  async #beat(): Promise<void> {
    const before = this.#head
    try {
      this.#head = await this.#deps.store.head()
    } catch (error) {
      if (error instanceof StoreError) return // nothing to tell while the store is away
      throw error
    }
    this.#deps.bus.publish(HEAD, this.#head)
    // A store that lost its memory lost the addresses that lists ask for, too, and no lookup brings those back.
    if (before.epoch !== this.#head.epoch) this.#auditSoon()
  }

  /** Ends what no list covers any more, moves deadlines whose hold time was edited, and keeps the lists' own addresses routed. */
  async #audit(): Promise<void> {
    const { store, clock, log } = this.#deps
    const started = clock.monotonic()
    const version = this.#admission.version
    const wanted = await this.#staticSightings(this.#deps.lists.current.addresses)
    const why = 'no list covers its names any more'
    let forgotten = 0
    let rescheduled = 0
    for await (const bindings of store.bindings()) {
      let sliceMs = clock.monotonic()
      for (let from = 0; from < bindings.length; from += AUDIT_BATCH) {
        if (this.#closed) return
        const slice = bindings.slice(from, from + AUDIT_BATCH)
        const { gone, moved, passedOn } = audit(slice, this.#admission, wanted, clock.now())
        forgotten += gone.length
        rescheduled += moved.length
        // First who owns the route from now on, then who owned it.
        if (passedOn.length > 0) this.#publish((await store.observe(passedOn, this.#limits)).changes, why)
        if (gone.length > 0) this.#publish(await store.forget(gone), why)
        if (moved.length > 0) await store.reschedule(moved)
        if (clock.monotonic() - sliceMs < SLICE_MS) continue
        await this.#turnForMore()
        sliceMs = clock.monotonic()
      }
      await this.#turnForMore()
    }
    // What was wanted by lists of the meantime before is for the audit that follows.
    const missing = version === this.#admission.version ? [...wanted.values()] : []
    for (let from = 0; from < missing.length && !this.#closed; from += STORE_BATCH) {
      const slice = missing.slice(from, from + STORE_BATCH)
      const { outcomes, changes } = await store.observe(slice, this.#limits)
      this.#publish(changes, why)
      outcomes.forEach((outcome, i) => {
        if (outcome !== 'new' && outcome !== 'refreshed' && outcome !== 'stale') this.#noteFull(slice[i], outcome, clock.now())
      })
      await turn(clock)
    }
    if (forgotten > 0 || rescheduled > 0)
      log.info(
        { forgotten, rescheduled, ms: Math.round(clock.monotonic() - started) },
        'Bindings were checked against the lists.',
      )
  }

  /** Lets everybody else have a turn, and deadlines go first. */
  async #turnForMore(): Promise<void> {
    await turn(this.#deps.clock)
    if (this.#opened) await this.#sweeping
  }

  /** The routes that lists ask for by address, a slice at a time: there may be hundreds of thousands. */
  async #staticSightings(addresses: ReadonlyMap<string, readonly string[]>): Promise<Map<string, Sighting>> {
    const { clock } = this.#deps
    const wanted = new Map<string, Sighting>()
    const { never } = this.#admission.config
    let count = 0
    for (const sighting of staticSightings(this.#config, never, addresses, clock.now())) {
      wanted.set(staticKey(sighting.list, sighting.prefix), sighting)
      if (++count % STORE_BATCH === 0) await turn(clock)
    }
    return wanted
  }

  #later(delayMs: number, callback: () => void): void {
    const timer = this.#deps.clock.after(delayMs, () => {
      this.#timers.delete(timer)
      if (!this.#closed) callback()
    })
    this.#timers.add(timer)
  }

  async *#tail(head: StoreHead): AsyncIterable<TailPart> {
    yield await this.#deps.store.changesSince(head, TAIL_BATCH)
  }

  async *#bindings(): AsyncIterable<readonly Resolution[]> {
    for await (const bindings of this.#deps.store.bindings()) {
      const resolutions = bindings.filter((binding) => binding.name !== '').map(toResolution)
      if (resolutions.length > 0) yield resolutions
    }
  }
}

export const PEER_SOURCE = 'peer '

const FULL: Record<Exclude<Outcome, 'new' | 'refreshed' | 'stale'>, string> = {
  'full-names-per-prefix': 'the address already has as many names as it may have',
  'full-prefixes-per-name': 'the name already has as many addresses as it may have',
  'full-routes-per-list': 'the list already has as many routes as it may have',
  'full-routes': 'there are already as many routes as there may be',
  'no-new-route': 'the list makes new routes too fast',
}

function toResolution(binding: Sighting): Resolution {
  return {
    list: binding.list,
    name: binding.name,
    rule: binding.rule,
    address: binding.prefix.slice(0, binding.prefix.indexOf('/')),
    ttlSeconds: 0,
    seenAtMs: binding.seenAtMs,
    source: binding.source,
    chain: binding.chain,
  }
}

function admissionConfig(config: CacheConfig) {
  return {
    ipv6: config.ipv6,
    holds: new Map(config.lists.map((list) => [list.name, list.hold])),
    never: new NeverList(neverListOptions(config)),
  }
}

function limitsOf(config: CacheConfig): StoreLimits {
  return {
    namesPerPrefix: config.limits.namesPerAddress,
    prefixesPerName: config.limits.addressesPerName,
    routes: config.limits.routes,
    routesPerList: new Map(config.lists.filter((list) => list.maxRoutes !== Infinity).map((list) => [list.name, list.maxRoutes])),
  }
}

/** A list whose rate was not edited goes on with the bucket it has. */
function bucketsOf(
  config: CacheConfig,
  nowMs: number,
  before: ReadonlyMap<string, TokenBucket> = new Map(),
): Map<string, TokenBucket> {
  const capped = config.lists.filter((list) => list.newRoutesPerSecond !== Infinity)
  return new Map(
    capped.map(({ name, newRoutesPerSecond, newRoutesBurst }) => {
      const known = before.get(name)
      const isSame = known?.perSecond === newRoutesPerSecond && known.burst === newRoutesBurst
      return [name, isSame ? known : new TokenBucket(newRoutesPerSecond, newRoutesBurst, nowMs)]
    }),
  )
}

/** Lets sockets and timers have their turn. */
function turn(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.after(0, resolve))
}

async function* once<T>(answer: Promise<T>): AsyncIterable<T> {
  yield await answer
}
