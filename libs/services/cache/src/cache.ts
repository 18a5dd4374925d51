/**
 * The cache: the authority on what is routed and until when.
 *
 *   RESOLUTIONS ──▶ admission ──▶ store ──▶ ROUTE_CHANGES ──▶ announcers
 *   (ingest,        lists, never   bindings,  └──▶ LEARNT ──▶ gateways
 *    gateway)       list, age      deadlines
 *                                     ▲
 *       expiry (deadlines) ───────────┤        HEAD every second; SNAPSHOT, TAIL, BINDINGS, EXPLAIN, FORGET on request
 *      auditor (lists changed) ───────┘        EXPLAIN_REQUEST, FORGOTTEN, TELL_HELD_DOWN between replicas; RESOLVERS from ingest
 *
 * This file composes: learning.ts, expiry.ts, auditor.ts, forgetting.ts, route-publisher.ts and head-publisher.ts do the work.
 *
 * Several replicas may run over one store: each change of the store is one atomic step, and the replica that made a change publishes it.
 * Announcers find changes that were published and lost by HEAD and TAIL.
 *
 * Left to others: matching names while they arrive (ingest; we check again), attributes (announcer), sync peers (gateway).
 */
import type { Bus, Subscription } from '@dnstap-bgp/bus'
import { DEFAULTS, neverListOptions, sameRouting } from '@dnstap-bgp/config'
import { StoreError } from '@dnstap-bgp/ip-store'
import type { IpStore, StoreLimits } from '@dnstap-bgp/ip-store'
import { NeverList } from '@dnstap-bgp/policy'
import { Timers, type Clock, type Closeable, type Log } from '@dnstap-bgp/runtime'
import {
  AWAIT_ROUTES,
  BINDINGS,
  EXPLAIN,
  EXPLAIN_REPLY,
  FORGET,
  FORGOTTEN,
  EXPLAIN_REQUEST,
  OFFER,
  RESOLUTIONS,
  RESOLVERS,
  ROUTE_CHANGES,
  SNAPSHOT,
  TAIL,
  TELL_HELD_DOWN,
} from '@dnstap-bgp/steering'
import type { ExplainRequest, OfferAnswer, Resolution, StoreHead } from '@dnstap-bgp/steering'
import { ProtectedAddresses } from './protected-addresses.ts'
import { Admission, type AdmissionConfig } from './admission.ts'
import { Auditor } from './auditor.ts'
import { AwaitedRoutes } from './awaited-routes.ts'
import { limitsOf, wantedAddresses, type CacheConfig } from './cache-config.ts'
import { Clocks } from './clocks.ts'
import { newCacheCounters } from './cache-counters.ts'
import { CrowdedAddresses } from './crowded-addresses.ts'
import { Expiry } from './expiry.ts'
import { Explainer, type Explanation } from './explain.ts'
import { Forgetting, type ForgetReply, type ForgetRequest } from './forgetting.ts'
import { HeadPublisher } from './head-publisher.ts'
import { ExplainReplies } from './explain-replies.ts'
import { IngestClocks } from './ingest-clocks.ts'
import { Learning } from './learning.ts'
import { LimitNotes } from './limit-notes.ts'
import type { CachePolicies, CachePolicy, LoadedCoverage } from './loaded-coverage.ts'
import { NewRouteRates } from './new-route-rates.ts'
import { explainReply, forgetReply } from './operator-requests.ts'
import { previewEdit, type Preview } from './preview.ts'
import { RoutePublisher } from './route-publisher.ts'
import { resolutionOf } from './sent-resolution.ts'
import { StoreOutcomes } from './store-outcomes.ts'

const RETRY_MS = 1000
/** Changes in one answer to TAIL. */
const TAIL_BATCH = 2000

export interface CacheDeps {
  readonly bus: Bus
  readonly store: IpStore
  readonly policies: CachePolicies
  readonly clock: Clock
  readonly log: Log
}

export class CacheService implements Closeable {
  readonly counters = newCacheCounters()
  readonly limitNotes: LimitNotes
  readonly crowded: CrowdedAddresses
  readonly explainer: Explainer

  readonly #deps: CacheDeps
  #policy: CachePolicy
  #limits: StoreLimits
  /** The configuration that the process was started with. */
  readonly #running: CacheConfig
  readonly #clocks: Clocks
  readonly #timers: Timers
  readonly #protected = new ProtectedAddresses()
  readonly #admission: Admission
  readonly #rates: NewRouteRates
  readonly #explainReplies: ExplainReplies
  readonly #routes: RoutePublisher
  readonly #head: HeadPublisher
  readonly #expiry: Expiry
  readonly #auditor: Auditor
  readonly #awaited: AwaitedRoutes
  readonly #learning: Learning
  readonly #forgetting: Forgetting
  readonly #subscriptions: Subscription[] = []
  #opening: Promise<void> | undefined
  #opened = false
  #closed = false

  constructor(config: CacheConfig, deps: CacheDeps) {
    const { bus, store, policies, clock, log } = deps
    const { counters } = this
    this.#deps = deps
    const policy = (this.#policy = policies.current)
    this.#running = config
    this.#limits = limitsOf(policy.config)
    const limits = () => this.#limits
    const timers = (this.#timers = new Timers(clock))
    const clocks = (this.#clocks = new Clocks(store, clock))
    const admission = (this.#admission = new Admission(this.#admissionConfig(policy.config), policy.lists.coverage))
    const rates = (this.#rates = new NewRouteRates(policy.config, clock.monotonic()))
    const explainer = (this.explainer = new Explainer(store, admission, clocks))
    const crowded = (this.crowded = new CrowdedAddresses(store, log))
    this.limitNotes = new LimitNotes(clock, log)
    this.#explainReplies = new ExplainReplies(bus, clock)
    this.#head = new HeadPublisher({
      bus,
      store,
      clock,
      onLoss: () => this.#raiseRates(),
      // A store that lost its memory also lost the addresses that lists ask for, and no lookup brings those back.
      onNewEpoch: () => this.#auditor.soon(),
    })
    const onPublished = (epoch: string) => this.#head.mayHaveChanged(epoch)
    const routes = (this.#routes = new RoutePublisher({ bus, counters, explainer, crowded, onPublished }))
    const ingestClocks = new IngestClocks()
    this.#expiry = new Expiry({
      ...{ bus, store, clock, ingestClocks },
      onExpired: ({ bindings, changes }) => {
        counters.expiredBindings += bindings
        routes.publish(changes, 'its last binding expired')
      },
      onSwept: async () => {
        if (this.limitNotes.any) this.limitNotes.clear(await store.counts(), this.#limits)
      },
    })
    this.#awaited = new AwaitedRoutes({ bus, clock })
    const outcomes = new StoreOutcomes({ awaited: this.#awaited, counters, explainer, limitNotes: this.limitNotes, limits })
    this.#auditor = new Auditor({
      ...{ store, clock, clocks, timers, log, admission, limits, routes, outcomes },
      policy: () => this.#policy,
      whenExpired: () => this.#expiry.sweeping,
    })
    this.#learning = new Learning({
      ...{ bus, store, clock, clocks, ingestClocks, log, admission, rates, limits, counters, crowded, routes, outcomes },
    })
    this.#forgetting = new Forgetting({
      ...{ bus, store, clock, timers, admission, explainer, routes },
      policy: () => this.#policy,
      isOpened: () => this.#opened,
      auditSoon: () => this.#auditor.soon(),
      addressForgotten: () => this.#auditor.addressForgotten(),
    })
  }

  /** Why deadlines that have passed wait, in words; undefined: they do not wait. */
  get expiryWaitsFor(): string | undefined {
    return this.#expiry.waitsFor
  }

  /** Was the store's content checked, and are calls served? */
  get opened(): boolean {
    return this.#opened
  }

  /**
   * Resolves when the store's content was checked against deadlines and lists: nothing that may not be routed is told to others. When the
   * store is away it resolves at once, and the cache opens when the store is there.
   */
  async start(): Promise<void> {
    const { bus, store, policies, log } = this.#deps
    // Subscribe before asking: nothing said from now on may be missed.
    this.#subscriptions.push(
      bus.subscribe(FORGOTTEN, (forgotten) => this.#forgetting.forgottenHeard(forgotten)),
      bus.subscribe(TELL_HELD_DOWN, () => this.#forgetting.heldDownAsked()),
      bus.subscribe(RESOLVERS, (addresses) => this.#resolversHeard(addresses)),
      bus.subscribe(AWAIT_ROUTES, (addresses) => this.#awaited.hear(addresses)),
    )
    // Messages sent while the bus was away are lost: ask again.
    bus.onState((state) => {
      if (state === 'connected' && !this.#closed) this.#forgetting.askHeldDown()
    })
    if (bus.state === 'connected') this.#forgetting.askHeldDown()
    policies.onChange((policy) => this.#use(policy))
    store.onDeadline(() => this.#expiry.sweepSoon())
    // A store that lost something while it was away is in a new epoch.
    store.onState(({ kind }) => {
      if (kind !== 'unavailable') this.#head.mayHaveChanged()
    })
    if (await this.#open()) return
    log.warn({}, 'The store is away; the cache waits for it.')
    const again = () => {
      this.#opening = this.#open().then((opened) => {
        if (opened) log.info({}, 'The store is there; the cache works.')
        else this.#timers.after(RETRY_MS, again)
      })
    }
    this.#timers.after(RETRY_MS, again)
  }

  /** False: the store is away. */
  async #open(): Promise<boolean> {
    const { bus, store } = this.#deps
    try {
      await this.#head.read()
      // Deadlines first: they must not wait until a large store has been checked.
      await this.#expiry.start()
      await this.#auditor.first()
    } catch (error) {
      if (error instanceof StoreError) return false
      throw error
    }
    if (this.#closed) return true
    this.#opened = true
    this.#subscriptions.push(
      bus.serveStream(SNAPSHOT, () => store.snapshot()),
      bus.serve(TAIL, (head) => store.changesSince(head, TAIL_BATCH)),
      bus.serveStream(BINDINGS, () => this.#bindings()),
      bus.serve(EXPLAIN, (request) => explainReply(this, request)),
      bus.serve(FORGET, (request) => forgetReply(this, request)),
      bus.serve(OFFER, (resolutions) => this.offer(resolutions)),
      bus.subscribe(EXPLAIN_REQUEST, (request) => this.#explainRequestHeard(request)),
      bus.subscribe(EXPLAIN_REPLY, (reply) => this.#explainReplies.heard(reply)),
      bus.subscribe(ROUTE_CHANGES, (changes) => this.#routes.heard(changes)),
      bus.consume(RESOLUTIONS, (messages) => this.#learning.consume(messages.flat())),
    )
    await this.#head.start()
    this.#auditor.start()
    return true
  }

  /** The configuration was read again, or the lists changed. Bindings are checked only if the change may end or move some. */
  #use(policy: CachePolicy): void {
    const before = this.#policy
    const { config, lists } = policy
    this.#policy = policy
    this.#limits = limitsOf(config)
    if (config !== before.config) this.#rates.reconfigure(config, this.#deps.clock.monotonic())
    if (lists.coverage === before.lists.coverage && sameRouting(config, before.config) && !this.#auditor.lacksAddresses) return
    this.#admission.use(this.#admissionConfig(config), lists.coverage)
    this.#auditor.soon()
  }

  /** From now on no route may cover this address; bindings to it end. `what`: what the address is, for people. */
  protect(address: string, what: string): void {
    if (this.#protected.addHost(address, what, this.#admission.config.never)) this.#neverListGrew()
  }

  /** No answer may steer the way to a resolver. */
  #resolversHeard(addresses: readonly string[]): void {
    if (this.#protected.hearResolvers(addresses, this.#deps.clock.monotonic())) this.#neverListGrew()
  }

  #neverListGrew(): void {
    this.#admission.use(this.#admissionConfig(this.#policy.config), this.#admission.coverage)
    this.#auditor.soon()
  }

  #admissionConfig(config: CacheConfig): AdmissionConfig {
    return {
      ipv6: config.ipv6,
      lifetimes: new Map(config.lists.map((list) => [list.name, list.lifetime])),
      never: this.#protected.addTo(new NeverList(neverListOptions(config, this.#running))),
    }
  }

  /** Announcers keep routes that the store lost while they are learnt again: until then lists may make new routes faster. */
  #raiseRates(): void {
    const nowMs = this.#deps.clock.monotonic()
    this.#rates.raise(this.#policy.config, nowMs, nowMs + (this.#policy.config.bgp?.relearnMs ?? DEFAULTS.bgp.relearnMs))
  }

  /** Our bindings and refusals of an address or a name, the announcers' routes, and the other replicas' notes. */
  async explain(subject: string): Promise<Explanation> {
    const found = await this.explainer.find(subject)
    const replies = await this.#explainReplies.collect(this.explainer.storedAs(subject), found.prefixes)
    return this.explainer.explain(subject, found, replies)
  }

  #explainRequestHeard({ id, subject }: ExplainRequest): void {
    if (this.#explainReplies.isOurs(id)) return
    const notes = this.explainer.notesOf(subject)
    if (notes.length > 0) this.#deps.bus.publish(EXPLAIN_REPLY, { id, notes })
  }

  /** Ends bindings by hand, and keeps their subject out for a while if asked to. @throws StoreError */
  forget(request: ForgetRequest): Promise<ForgetReply> {
    return this.#forgetting.forget(request)
  }

  /** Takes what another instance says. */
  offer(resolutions: readonly Resolution[]): Promise<readonly OfferAnswer[]> {
    return this.#learning.offer(resolutions)
  }

  /** How many bindings and routes would go if the lists and the configuration said this. */
  async preview(coverage: LoadedCoverage, config: CacheConfig = this.#policy.config): Promise<Preview> {
    const { store, clock } = this.#deps
    const clocks = this.#clocks
    const admission = new Admission(this.#admissionConfig(config), coverage)
    const wanted = await wantedAddresses(config, admission, coverage.addresses, clocks, clock)
    return previewEdit({ store, clock, clocks }, admission, wanted)
  }

  /** For operators. @throws StoreError */
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
    const expired = this.#expiry.close()
    const audited = this.#auditor.close()
    this.#head.close()
    this.#timers.close()
    await Promise.all(this.#subscriptions.map((subscription) => subscription.close()))
    await this.#opening
    await audited
    await expired
    await this.#deps.store.flush().catch((error: unknown) => {
      if (!(error instanceof StoreError)) throw error // the store reports unwritten data when it is closed
    })
  }

  /** Addresses written in lists have no name, and other instances have lists of their own. */
  async *#bindings(): AsyncIterable<readonly Resolution[]> {
    for await (const bindings of this.#deps.store.bindings()) {
      const now = this.#clocks.now()
      const resolutions = bindings.filter(({ name }) => name !== '').map((binding) => resolutionOf(binding, now))
      if (resolutions.length > 0) yield resolutions
    }
  }
}
