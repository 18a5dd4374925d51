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
import { NeverList, parsePrefix } from '@dnstap-bgp/ip'
import { StoreError } from '@dnstap-bgp/ip-store'
import type { Binding, IpStore, Outcome, Sighting, StoreLimits } from '@dnstap-bgp/ip-store'
import type { Clock, Closeable, Log, Timer } from '@dnstap-bgp/runtime'
import { BINDINGS, EXPLAIN, FORGET, HEAD, LEARNT, OFFER, RESOLUTIONS, ROUTE_CHANGES, SNAPSHOT, TAIL } from '@dnstap-bgp/steering'
import type { ForgetRequest, OfferAnswer, Resolution, RouteChanges, StoreHead, TailPart } from '@dnstap-bgp/steering'
import { Admission, isRefused, type Coverage, type Refusal, type Refused } from './admission.ts'
import { audit } from './audit.ts'
import { Explainer } from './explain.ts'
import { TokenBucket } from './token-bucket.ts'
import { staticSightings, type CacheConfig } from './cache-config.ts'

/** Sightings in one step of the store. */
const STORE_BATCH = 1000
/** Bindings ended in one step of the store. */
const EXPIRE_BATCH = 1000
const SWEEP_PERIOD_MS = 200
const HEAD_PERIOD_MS = 1000
const TAIL_BATCH = 5000

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
  /** Ceilings and caps that refuse new routes now, by list or `all`; for health. */
  readonly limitsReached = new Map<string, string>()
  readonly explainer: Explainer

  #config: CacheConfig
  readonly #deps: CacheDeps
  readonly #admission: Admission
  #limits: StoreLimits
  #buckets: Map<string, TokenBucket>
  readonly #subscriptions: Subscription[] = []
  readonly #timers: Timer[] = []
  #head: StoreHead = { epoch: '', revision: 0 }
  #sweeping: Promise<void> | undefined
  #auditing: Promise<void> = Promise.resolve()
  #auditNumber = 0
  #closed = false

  constructor(config: CacheConfig, deps: CacheDeps) {
    this.#config = config
    this.#deps = deps
    this.#admission = new Admission(admissionConfig(config), deps.lists.current)
    this.#limits = limitsOf(config)
    this.#buckets = bucketsOf(config, deps.clock.monotonic())
    this.explainer = new Explainer(deps.store, this.#admission, deps.clock)
  }

  /** Resolves when what is in the store was checked against the lists: nothing that may not be routed is told to anybody. */
  async start(): Promise<void> {
    const { bus, store, lists, clock } = this.#deps
    await this.#sweep()
    await this.#audit()
    this.#head = await store.head()
    lists.onChange(() => this.listsChanged())
    store.onDeadline(() => this.#sweepSoon())
    this.#subscriptions.push(
      bus.serve(SNAPSHOT, () => store.snapshot()),
      bus.serve(TAIL, (head) => this.#tail(head)),
      bus.serve(BINDINGS, () => this.#bindings()),
      bus.serve(EXPLAIN, (request) => once(this.explainer.explain(request.subject))),
      bus.serve(FORGET, (request) => once(this.forget(request))),
      bus.serve(OFFER, (resolutions) => once(this.offer(resolutions))),
      bus.consume(RESOLUTIONS, async (messages) => {
        await this.#learn(messages.flat())
      }),
    )
    this.#timers.push(
      clock.every(SWEEP_PERIOD_MS, () => this.#sweepSoon()),
      clock.every(HEAD_PERIOD_MS, () => void this.#beat()),
    )
    await this.#beat()
  }

  /** The configuration was read again: holds, limits, never list. */
  reconfigure(config: CacheConfig): void {
    this.#config = config
    this.#admission.config = admissionConfig(config)
    this.#limits = limitsOf(config)
    this.#buckets = bucketsOf(config, this.#deps.clock.monotonic())
    this.listsChanged()
  }

  listsChanged(): void {
    this.#admission.coverage = this.#deps.lists.current
    this.#auditing = this.#auditing
      .then(() => this.#audit())
      .catch((error: unknown) => {
        this.#deps.log.error(
          { error: String(error) },
          'The bindings could not be checked against the changed lists; trying again.',
        )
        if (!this.#closed) this.#timers.push(this.#deps.clock.after(5000, () => this.listsChanged()))
      })
  }

  /** Takes bindings out by hand, and keeps their subject out for a while if asked to. */
  async forget(request: ForgetRequest): Promise<{ forgotten: number; withdrawn: string[] }> {
    const { store, clock } = this.#deps
    const prefix = parsePrefix(request.subject)
    const bindings = await this.explainer.bindingsFor(request.subject)
    const subject = prefix === undefined ? this.explainer.nameOf(request.subject) : this.explainer.prefixOf(request.subject)
    if (request.holdDownMs > 0) this.#admission.heldDown.set(subject, clock.now() + request.holdDownMs)
    const changes = await store.forget(bindings)
    this.#publish(changes)
    return {
      forgotten: bindings.length,
      withdrawn: (changes?.changes ?? []).filter((change) => change.lists.length === 0).map((change) => change.prefix),
    }
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
    const wanted = staticSightings(this.#config, coverage.addresses, this.#deps.clock.now())
    const going = new Map<string, number>()
    let bindings = 0
    for await (const part of this.#deps.store.bindings()) {
      for (const { prefix } of audit(part, admission, wanted).gone) {
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
    this.#auditNumber++
    await this.#auditing
    await this.#sweeping
    await this.#deps.store.flush()
  }

  /** Returns what was refused, by index. */
  async #learn(resolutions: readonly Resolution[]): Promise<Map<number, Refused>> {
    const { store, clock } = this.#deps
    const nowMs = clock.now()
    const refusals = new Map<number, Refused>()
    const refuse = (i: number, refused: Refused) => {
      this.counters.refused[refused.refusal]++
      this.explainer.noteRefusal(resolutions[i], refused, nowMs)
      refusals.set(i, refused)
    }
    for (let from = 0; from < resolutions.length; from += STORE_BATCH) {
      const learnt: Resolution[] = []
      const sightings: Sighting[] = []
      const end = Math.min(from + STORE_BATCH, resolutions.length)
      for (let i = from; i < end; i++) {
        const resolution = resolutions[i]
        const answer = this.#admission.admit(resolution, nowMs)
        if (isRefused(answer)) refuse(i, answer)
        else if (this.#mayMakeRoutes(answer.list) || (await this.#isKnown(answer))) {
          learnt.push(resolution)
          sightings.push(answer)
        } else refuse(i, { refusal: 'rate', why: `list "${answer.list}" makes new routes too fast` })
      }
      if (sightings.length === 0) continue
      const { outcomes, changes } = await store.observe(sightings, this.#limits)
      this.#publish(changes)
      this.#tell(learnt, outcomes, nowMs)
    }
    return refusals
  }

  #mayMakeRoutes(list: string): boolean {
    const bucket = this.#buckets.get(list)
    return bucket === undefined || bucket.available(this.#deps.clock.monotonic()) > 0
  }

  /** Off the usual path: asked only while a list is over its rate, so that what is known still lives on. */
  async #isKnown(sighting: Sighting): Promise<boolean> {
    const bindings = await this.#deps.store.bindingsOf(sighting.prefix)
    return bindings.some((binding) => binding.list === sighting.list)
  }

  /** Counts what became of the resolutions and passes on to other instances what we heard first. */
  #tell(resolutions: readonly Resolution[], outcomes: readonly Outcome[], nowMs: number): void {
    const news: Resolution[] = []
    for (let i = 0; i < outcomes.length; i++) {
      const outcome = outcomes[i]
      const resolution = resolutions[i]
      this.counters.outcomes[outcome]++
      if (outcome === 'new') this.#buckets.get(resolution.list)?.spend(1)
      if (outcome === 'new' || outcome === 'refreshed') {
        // What a peer told us, it tells the others itself.
        if (!resolution.source.startsWith(PEER_SOURCE)) news.push(resolution)
      } else if (outcome !== 'stale') this.explainer.noteRefusal(resolution, { refusal: outcome, why: FULL[outcome] }, nowMs)
      this.#noteLimit(resolution.list, outcome)
    }
    if (news.length > 0) this.#deps.bus.publish(LEARNT, news)
  }

  #noteLimit(list: string, outcome: Outcome): void {
    const where = outcome === 'full-routes' ? 'all' : outcome === 'full-routes-per-list' ? list : undefined
    if (where === undefined || this.limitsReached.has(where)) return
    const sentence =
      where === 'all'
        ? `All lists together have their ${this.#limits.routes} routes.`
        : `List "${list}" has its ${this.#limits.routesPerList.get(list)} routes.`
    this.limitsReached.set(where, sentence)
    this.#deps.log.warn({ list: where }, `Limit reached: ${sentence} New addresses are not routed.`)
  }

  async #clearLimits(): Promise<void> {
    if (this.limitsReached.size === 0) return
    const counts = await this.#deps.store.counts()
    for (const where of this.limitsReached.keys()) {
      const full =
        where === 'all'
          ? counts.routes >= this.#limits.routes
          : (counts.routesPerList.get(where) ?? 0) >= (this.#limits.routesPerList.get(where) ?? Infinity)
      if (full) continue
      this.limitsReached.delete(where)
      this.#deps.log.info({ list: where }, 'There is room for new routes again.')
    }
  }

  #publish(changes: RouteChanges | undefined): void {
    if (changes === undefined) return
    for (const change of changes.changes) {
      if (change.lists.length === 0) this.counters.withdrawn++
      else this.counters.announced++
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
      this.#publish(expired.changes)
      if (expired.bindings < EXPIRE_BATCH || this.#closed) break
      await turn(clock)
    }
    await this.#clearLimits()
  }

  async #beat(): Promise<void> {
    try {
      this.#head = await this.#deps.store.head()
    } catch (error) {
      if (error instanceof StoreError) return // nothing to tell while the store is away
      throw error
    }
    this.#deps.bus.publish(HEAD, this.#head)
  }

  /** Ends what no list covers any more, moves deadlines whose hold time was edited, and keeps the lists' own addresses routed. */
  async #audit(): Promise<void> {
    const number = ++this.#auditNumber
    const { store, lists, clock, log } = this.#deps
    const abandoned = () => number !== this.#auditNumber
    const started = clock.monotonic()
    const wanted = staticSightings(this.#config, lists.current.addresses, clock.now())
    let forgotten = 0
    let rescheduled = 0
    for await (const bindings of store.bindings()) {
      if (abandoned()) return
      const { gone, moved } = audit(bindings, this.#admission, wanted)
      forgotten += gone.length
      rescheduled += moved.length
      if (gone.length > 0) this.#publish(await store.forget(gone))
      if (moved.length > 0) await store.reschedule(moved)
      await turn(clock)
    }
    const missing = [...wanted.values()]
    for (let from = 0; from < missing.length && !abandoned(); from += STORE_BATCH) {
      const slice = missing.slice(from, from + STORE_BATCH)
      this.#publish((await store.observe(slice, this.#limits)).changes)
      await turn(clock)
    }
    if (forgotten > 0 || rescheduled > 0)
      log.info(
        { forgotten, rescheduled, ms: Math.round(clock.monotonic() - started) },
        'Bindings were checked against the lists.',
      )
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
}

function toResolution(binding: Binding): Resolution {
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

function bucketsOf(config: CacheConfig, nowMs: number): Map<string, TokenBucket> {
  const capped = config.lists.filter((list) => list.newRoutesPerSecond !== Infinity)
  return new Map(capped.map((list) => [list.name, new TokenBucket(list.newRoutesPerSecond, list.newRoutesBurst, nowMs)]))
}

/** Lets sockets and timers have their turn. */
function turn(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.after(0, resolve))
}

async function* once<T>(answer: Promise<T>): AsyncIterable<T> {
  yield await answer
}
