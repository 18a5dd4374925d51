/**
 * The cache: the authority on what is routed and until when.
 *
 *   RESOLUTIONS ──▶ admission ──▶ store ──▶ ROUTE_CHANGES ──▶ announcers
 *   (ingest,        lists, never   bindings,  └──▶ LEARNT ──▶ gateways
 *    gateway)       list, age      deadlines
 *                                     ▲
 *        sweep (deadlines) ───────────┤        HEAD every second; SNAPSHOT, TAIL, BINDINGS, EXPLAIN, FORGET on request
 *        audit (lists changed) ───────┘        INQUIRY, FORGOTTEN, TELL_HELD_DOWN between replicas; RESOLVERS from ingest
 *
 * Several replicas may run over one store: every change of the store is one atomic step of the store's, and only who made a change
 * publishes it. What is published and lost is found by the announcers through HEAD and TAIL.
 *
 * Left to others: matching names while they arrive (ingest; we check again), attributes (announcer), peers (gateway).
 */
import type { Bus, Subscription } from '@dnstap-bgp/bus'
import { DEFAULTS, neverListOptions } from '@dnstap-bgp/config'
import { hostPrefix } from '@dnstap-bgp/ip'
import { StoreError } from '@dnstap-bgp/ip-store'
import type { IpStore, Outcome, Sighting, StoreLimits } from '@dnstap-bgp/ip-store'
import { NeverList } from '@dnstap-bgp/policy'
import type { Clock, Closeable, Log, Timer } from '@dnstap-bgp/runtime'
import {
  BINDINGS,
  EXPLAIN,
  FINDINGS,
  FORGET,
  FORGOTTEN,
  HEAD,
  HeardResolvers,
  INQUIRY,
  LEARNT,
  OFFER,
  RESOLUTIONS,
  RESOLVERS,
  ROUTE_CHANGES,
  SNAPSHOT,
  TAIL,
  TELL_HELD_DOWN,
} from '@dnstap-bgp/steering'
import type {
  ForgetRequest,
  Forgotten,
  Inquiry,
  OfferAnswer,
  OperatorAnswer,
  Resolution,
  RouteChanges,
  StoreHead,
  TailPart,
} from '@dnstap-bgp/steering'
import { Admission, isRefused, type Coverage, type NotAdmitted, type Refusal, type Refused } from './admission.ts'
import { audit } from './audit.ts'
import { CrowdedAddresses } from './crowded-addresses.ts'
import { Expiry } from './expiry.ts'
import { Explainer, type Explanation } from './explain.ts'
import { Inquiries } from './inquiries.ts'
import { ALL, LimitNotes } from './limit-notes.ts'
import { Clocks, unixTimeOf, type Instant } from './clocks.ts'
import { NewRouteRates } from './new-route-rates.ts'
import { Rarely } from './rarely.ts'
import { staticKey, staticSightings, type CacheConfig } from './cache-config.ts'

/** Resolutions, sightings or bindings taken at a time, before the loop may get a turn: some 3 ms of it. */
const BATCH = 250
/** The loop is held no longer than about this. */
const SLICE_MS = 5
const RETRY_MS = 1000
/** Clocks of machines may differ by this much before it is worth a word. */
const CLOCK_SKEW_MS = 5_000
const HEAD_PERIOD_MS = 1000
const FORGOTTEN_BY_HAND = 'it was forgotten by hand'
const TAIL_BATCH = 2000
/** Servers of lists change their addresses; they are not forgotten while we run. */
const MAX_IN_USE = 10_000
/** A store in another epoch that has less than this of its routes has lost them. */
const MOST = 0.5

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

/** What the store refused for a rate counts as refused, like what was refused before it came there. */
type CountedOutcome = Exclude<Outcome, 'no-new-route'>
/** It has a ceiling, or a rate, that refused it. */
type Full = Exclude<Outcome, 'new' | 'refreshed' | 'stale'>

export interface CacheCounters {
  readonly outcomes: Record<CountedOutcome, number>
  readonly refused: Record<Refusal, number>
  /** Seen later than now: the clock of who saw it is ahead of ours. */
  fromTheFuture: number
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
    fromTheFuture: 0,
    expiredBindings: 0,
    announced: 0,
    withdrawn: 0,
  }
  readonly limitNotes: LimitNotes
  readonly crowded: CrowdedAddresses
  readonly explainer: Explainer

  #config: CacheConfig
  /** What the process was started with. */
  readonly #running: CacheConfig
  readonly #deps: CacheDeps
  readonly #admission: Admission
  readonly #clocks: Clocks
  readonly #inquiries: Inquiries
  readonly #resolvers = new HeardResolvers()
  /** Addresses of hosts that the configuration names by name, and what they are. */
  readonly #inUse = new Map<string, string>()
  readonly #rarely: Rarely
  readonly #expiry: Expiry
  #limits: StoreLimits
  readonly #rates: NewRouteRates
  readonly #subscriptions: Subscription[] = []
  readonly #timers = new Set<Timer>()
  #head: StoreHead = { epoch: '', revision: 0 }
  /** At that head. */
  #routes = 0
  #opening: Promise<void> | undefined
  #opened = false
  #tellsSoon = false
  #auditing: Promise<void> | undefined
  #auditWanted = false
  #auditRetries = false
  #closed = false

  constructor(config: CacheConfig, deps: CacheDeps) {
    this.#config = config
    this.#running = config
    this.#deps = deps
    this.#admission = new Admission(this.#admissionConfig(), deps.lists.current)
    this.#clocks = new Clocks(deps.store, deps.clock)
    this.#inquiries = new Inquiries(deps.bus, deps.clock)
    this.#rarely = new Rarely(deps.clock)
    this.#limits = limitsOf(config)
    this.#rates = new NewRouteRates(config, deps.clock.monotonic())
    this.limitNotes = new LimitNotes(deps.clock, deps.log)
    this.crowded = new CrowdedAddresses(deps.store, deps.log)
    this.explainer = new Explainer(deps.store, this.#admission, this.#clocks)
    this.#expiry = new Expiry({
      bus: deps.bus,
      store: deps.store,
      clock: deps.clock,
      onExpired: ({ bindings, changes }) => {
        this.counters.expiredBindings += bindings
        this.#publish(changes, 'its last binding expired')
      },
      onSwept: async () => {
        if (this.limitNotes.any) this.limitNotes.clear(await deps.store.counts(), this.#limits)
      },
    })
  }

  /** What deadlines have been waiting for, in words; undefined: they do not wait. */
  get expiryWaitsFor(): string | undefined {
    return this.#expiry.waitsFor
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
    const { bus, store, lists, log } = this.#deps
    // Before anything is asked: what is said from now on must not be missed.
    this.#subscriptions.push(
      bus.subscribe(FORGOTTEN, (forgotten) => this.#forgottenHeard(forgotten)),
      bus.subscribe(TELL_HELD_DOWN, () => this.#heldDownAsked()),
      bus.subscribe(RESOLVERS, (addresses) => this.#resolversHeard(addresses)),
    )
    // What was said while the bus was away is lost.
    bus.onState((state) => {
      if (state === 'connected' && !this.#closed) bus.publish(TELL_HELD_DOWN, undefined)
    })
    if (bus.state === 'connected') bus.publish(TELL_HELD_DOWN, undefined)
    lists.onChange(() => this.listsChanged())
    store.onDeadline(() => this.#expiry.sweepSoon())
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
      await this.#lookAtStore()
      // What falls due while a large store is looked through does not wait for the end of that.
      await this.#expiry.start()
      this.#auditWanted = false
      await this.#audit()
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
      bus.serve(EXPLAIN, ({ subject }) => once(this.#answer(subject, () => this.explain(subject)))),
      bus.serve(FORGET, (request) => once(this.#answer(request.subject, () => this.forget(request)))),
      bus.serve(OFFER, (resolutions) => once(this.offer(resolutions))),
      bus.subscribe(INQUIRY, (inquiry) => this.#inquiryHeard(inquiry)),
      bus.subscribe(FINDINGS, (findings) => this.#inquiries.heard(findings)),
      bus.subscribe(ROUTE_CHANGES, (changes) => this.#changesHeard(changes)),
      bus.consume(RESOLUTIONS, (messages) => this.#consume(messages.flat())),
    )
    this.#timers.add(clock.every(HEAD_PERIOD_MS, () => void this.#beat()))
    await this.#beat()
    if (this.#auditWanted) this.#auditSoon() // the lists changed while we opened
    return true
  }

  /** The configuration was read again: holds, limits, never list; and the lists as they are now, in the same step. */
  reconfigure(config: CacheConfig): void {
    this.#config = config
    this.#limits = limitsOf(config)
    this.#rates.reconfigure(config, this.#deps.clock.monotonic())
    this.#admission.use(this.#admissionConfig(), this.#deps.lists.current)
    this.#auditSoon()
  }

  #admissionConfig(config = this.#config) {
    const resolvers = this.#resolvers.addresses.map((address) => [address, 'a resolver that we hear from'] as const)
    return {
      ipv6: config.ipv6,
      lifetimes: new Map(config.lists.map((list) => [list.name, list.lifetime])),
      never: new NeverList(neverListOptions(config, this.#running)).with([...this.#inUse, ...resolvers]),
    }
  }

  /** The way to a resolver is not steered by an answer; what was bound before is ended. */
  #resolversHeard(addresses: readonly string[]): void {
    if (!this.#resolvers.hear(addresses, this.#deps.clock.monotonic())) return
    this.#admission.use(this.#admissionConfig(), this.#admission.coverage)
    this.#auditSoon()
  }

  /** From now on no route may catch this address; what was bound to it before is ended. */
  protect(address: string, what: string): void {
    if (this.#inUse.has(address) || this.#inUse.size >= MAX_IN_USE) return
    const isNews = this.#admission.config.never.refuses(hostPrefix(address)) === undefined
    this.#inUse.set(address, what)
    if (!isNews) return
    this.#admission.use(this.#admissionConfig(), this.#admission.coverage)
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

  /** What a person asked for, or why there is no answer. */
  async #answer(subject: string, give: () => Promise<object>): Promise<OperatorAnswer> {
    if (!this.explainer.isSubject(subject))
      return { status: 400, error: `${JSON.stringify(subject)} is no address, prefix or name` }
    try {
      return { answer: await give() }
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      return { status: 503, error: `The store cannot be asked: ${error.message}` }
    }
  }

  /** What we know of an address or a name, what the announcers have of it, and what other replicas remember. */
  async explain(subject: string): Promise<Explanation> {
    const looked = await this.explainer.look(subject)
    const findings = await this.#inquiries.ask(this.explainer.storedAs(subject), looked.prefixes)
    return this.explainer.tell(subject, looked, findings)
  }

  #inquiryHeard({ id, subject }: Inquiry): void {
    if (this.#inquiries.isOurs(id)) return
    const notes = this.explainer.notesOf(subject)
    if (notes.length > 0) this.#deps.bus.publish(FINDINGS, { id, notes })
  }

  /** Who ended a route has noted it, by whichever replica it was. */
  #changesHeard({ changes }: RouteChanges): void {
    for (const { prefix, lists } of changes) {
      if (lists.length > 0) continue
      this.crowded.withdrawn(prefix)
      this.explainer.withdrawalHeard(prefix)
    }
  }

  /**
   * Takes bindings out by hand, and keeps their subject out for a while if asked to. First it is kept out, and then taken out: what is
   * learnt in between would stay. The others hear of it when what there was is gone, and end what they were storing meanwhile.
   */
  async forget(request: ForgetRequest): Promise<{ forgotten: number; withdrawn: string[] }> {
    const forgotten: Forgotten = { subject: this.explainer.storedAs(request.subject), holdDownMs: request.holdDownMs }
    this.#holdDown(forgotten)
    try {
      return await this.#end(forgotten.subject)
    } catch (error) {
      if (error instanceof StoreError) this.#auditSoon() // which waits for the store
      throw error
    } finally {
      this.#deps.bus.publish(FORGOTTEN, forgotten)
    }
  }

  async #end(subject: string): Promise<{ forgotten: number; withdrawn: string[] }> {
    const bindings = await this.explainer.bindingsFor(subject)
    const changes = await this.#deps.store.forget(bindings)
    this.#publish(changes, FORGOTTEN_BY_HAND)
    // Of a prefix, what was published is noted.
    if (bindings.some(({ name }) => name === subject)) this.explainer.noteWithdrawal(subject, FORGOTTEN_BY_HAND)
    return {
      forgotten: bindings.length,
      withdrawn: withdrawnBy(changes),
    }
  }

  /** By whichever replica, also this one. What we were storing meanwhile, by what we knew before, is ended too. */
  #forgottenHeard(forgotten: Forgotten): void {
    const { subject, holdDownMs } = forgotten
    const isHeldDown = holdDownMs > 0
    if (isHeldDown && !this.#holdDown(forgotten)) return // nothing of it came in since it is known
    this.#deps.store.forgottenElsewhere?.(subject)
    if (!isHeldDown) return
    if (!this.#opened) return this.#auditSoon() // the audit of the start may be past it
    this.#end(subject).catch((error: unknown) => {
      if (!(error instanceof StoreError)) throw error
      this.#auditSoon() // which waits for the store
    })
  }

  /** False: it is held down already, for about as long. */
  #holdDown(forgotten: Forgotten): boolean {
    const { subject, holdDownMs } = forgotten
    if (!this.#admission.heldDown.set(forgotten, this.#deps.clock.monotonic())) return false
    // An address that stands in a list is wanted again when the time is over, and no lookup brings it. A timer may be a little early.
    this.#later(holdDownMs + 1, () => {
      if ([...this.#deps.lists.current.addresses.values()].some((prefixes) => prefixes.includes(subject))) this.#auditSoon()
    })
    return true
  }

  /**
   * Somebody starts, or was cut off, perhaps we ourselves: who heard nothing meanwhile was not heard either, so all tell all they have.
   * Questions that come together have one answer.
   */
  #heldDownAsked(): void {
    if (this.#tellsSoon) return
    this.#tellsSoon = true
    this.#later(0, () => {
      this.#tellsSoon = false
      this.#tellHeldDown(this.#admission.heldDown.all(this.#deps.clock.monotonic()))
    })
  }

  #tellHeldDown(heldDown: readonly Forgotten[]): void {
    for (const forgotten of heldDown.slice(0, BATCH)) this.#deps.bus.publish(FORGOTTEN, forgotten)
    if (heldDown.length > BATCH) this.#later(0, () => this.#tellHeldDown(heldDown.slice(BATCH)))
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

  /** How many bindings and routes would go if the lists and the configuration said this. */
  async preview(coverage: LoadedCoverage, config: CacheConfig = this.#config): Promise<{ bindings: number; routes: number }> {
    const { store, clock } = this.#deps
    const admission = new Admission(this.#admissionConfig(config), coverage)
    const wanted = await this.#staticSightings(coverage.addresses, config, admission)
    const written = new Set([...wanted.values()].map(({ prefix }) => prefix))
    const going = new Map<string, number>()
    let bindings = 0
    for await (const part of store.bindings()) {
      const { gone, passedOn } = audit(part, admission, wanted, this.#clocks.now())
      const staying = new Set(passedOn.map(({ prefix }) => prefix))
      for (const { prefix } of gone) {
        if (staying.has(prefix) || written.has(prefix)) continue
        bindings++
        going.set(prefix, (going.get(prefix) ?? 0) + 1)
      }
      await turn(clock)
    }
    let routes = 0
    const prefixes = [...going.keys()]
    for (let from = 0; from < prefixes.length; from += BATCH) {
      const part = prefixes.slice(from, from + BATCH)
      const bound = await Promise.all(part.map((prefix) => store.bindingsOf(prefix)))
      routes += part.filter((prefix, i) => bound[i].length <= (going.get(prefix) ?? 0)).length
      await turn(clock)
    }
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
    const swept = this.#expiry.close()
    for (const timer of this.#timers) timer.cancel()
    await Promise.all(this.#subscriptions.map((subscription) => subscription.close()))
    await this.#opening
    await this.#auditing
    await swept
    await this.#deps.store.flush().catch((error: unknown) => {
      if (!(error instanceof StoreError)) throw error // what cannot be written now the store tells when it is closed
    })
  }

  /** A rejection brings the messages back: right while the store is away; for anything else it is a fault of ours, and told. */
  async #consume(resolutions: readonly Resolution[]): Promise<void> {
    try {
      await this.#learn(resolutions)
    } catch (error) {
      if (!(error instanceof StoreError) && this.#rarely.isTime('fault'))
        this.#deps.log.error(
          { error: error instanceof Error ? error.stack : String(error) },
          'Resolutions could not be taken; trying again.',
        )
      throw error
    }
  }

  /** Returns what was refused, by index: before it came to the store, or by it. */
  async #learn(resolutions: readonly Resolution[]): Promise<Map<number, Refused>> {
    const { clock } = this.#deps
    const refusals = new Map<number, Refused>()
    let sliceMs = clock.monotonic()
    for (let from = 0; from < resolutions.length; from += BATCH) {
      if (clock.monotonic() - sliceMs >= SLICE_MS) {
        await turn(clock)
        sliceMs = clock.monotonic()
      }
      const batch = Array.from({ length: Math.min(BATCH, resolutions.length - from) }, (_, i) => from + i)
      const left = await this.#take(resolutions, batch, refusals, 'first')
      if (left.length > 0) await this.#take(resolutions, left, refusals, 'second')
    }
    return refusals
  }

  /**
   * Takes those with these indexes. Which of them make a route is known when the store has answered: until then each that might counts
   * for its list's rate. Returns those that were refused for it while it had room after all, for a second try.
   */
  async #take(
    resolutions: readonly Resolution[],
    batch: readonly number[],
    refusals: Map<number, Refused>,
    tried: 'first' | 'second',
  ): Promise<number[]> {
    const { store } = this.#deps
    const now = this.#clocks.now()
    const { sightings, indexes, refused } = this.#admit(resolutions, batch, now)
    if (tried === 'first') for (const i of batch) this.#lookAtTime(resolutions[i], now, refused.get(i)?.refusal === 'too-old')
    for (const [i, one] of refused) {
      this.counters.refused[one.refusal]++
      this.explainer.noteRefusal(resolutions[i], one)
      refusals.set(i, one)
    }
    if (sightings.length === 0) return []
    // Nothing may happen between admission and the store: the sightings follow the lists and lifetimes of one instant.
    const { outcomes, changes } = await store.observe(sightings, this.#limits)
    this.#publish(changes, 'its last binding ended')
    await this.#tell(sightings, outcomes, changes, now)
    const left: number[] = []
    const planned = new Map<string, number>()
    outcomes.forEach((outcome, at) => {
      const sighting = sightings[at]
      if (tried === 'first' && outcome === 'no-new-route' && this.#rates.mayMake(sighting.list, planned, now.monotonicMs)) {
        left.push(indexes[at])
        return
      }
      const full = this.#count(sighting, outcome)
      if (full !== undefined) refusals.set(indexes[at], full)
    })
    return left
  }

  #admit(
    resolutions: readonly Resolution[],
    batch: readonly number[],
    now: Instant,
  ): { sightings: Sighting[]; indexes: number[]; refused: Map<number, NotAdmitted> } {
    const sightings: Sighting[] = []
    const indexes: number[] = []
    const refused = new Map<number, NotAdmitted>()
    /** What this batch may yet cost, by list that has a rate. */
    const planned = new Map<string, number>()
    for (const i of batch) {
      const answer = this.#admission.admit(resolutions[i], now)
      if (isRefused(answer)) {
        refused.set(i, answer)
        continue
      }
      sightings.push(this.#rates.mayMake(answer.list, planned, now.monotonicMs) ? answer : { ...answer, noNewRoute: true })
      indexes.push(i)
    }
    return { sightings, indexes, refused }
  }

  /** Machines whose clocks differ steer for too long, or not at all: nothing else shows it. */
  #lookAtTime({ seenAtMs, source }: Resolution, now: Instant, isTooOld: boolean): void {
    // A peer tells everything that it has, also what our lists hold for less long.
    if (isTooOld && !source.startsWith(PEER_SOURCE) && this.#rarely.isTime('too-old'))
      this.#deps.log.warn(
        { source, seconds: Math.round((unixTimeOf(now.storeMs, now) - seenAtMs) / 1000) },
        'Resolutions come later than their list holds them: they waited on the way, or the clocks of this machine and of the one that saw them differ.',
      )
    const aheadMs = seenAtMs - unixTimeOf(now.storeMs, now)
    if (aheadMs <= CLOCK_SKEW_MS) return
    this.counters.fromTheFuture++
    if (this.#rarely.isTime('future'))
      this.#deps.log.warn(
        { source, seconds: Math.round(aheadMs / 1000) },
        'Resolutions come from the future: the clocks of this machine and of the one that saw them differ. They count as of now.',
      )
  }

  /** The refusal, when a ceiling or the list's rate refused it. */
  #count(sighting: Sighting, outcome: Outcome): Refused | undefined {
    if (outcome === 'no-new-route') this.counters.refused.rate++
    else this.counters.outcomes[outcome]++
    return outcome === 'new' || outcome === 'refreshed' || outcome === 'stale' ? undefined : this.#noteFull(sighting, outcome)
  }

  /** Lets the routes be paid for, and passes on to other instances what we heard first. */
  async #tell(
    sightings: readonly Sighting[],
    outcomes: readonly Outcome[],
    changes: RouteChanges | undefined,
    now: Instant,
  ): Promise<void> {
    const news: Resolution[] = []
    const crowding = new Set<string>()
    /** Routes that a list came to own by this, each paid for once. */
    const owned = new Set<string>()
    for (const { prefix, lists } of changes?.changes ?? []) for (const list of lists) owned.add(staticKey(list, prefix))
    for (let i = 0; i < outcomes.length; i++) {
      const outcome = outcomes[i]
      const sighting = sightings[i]
      if (outcome === 'new') {
        if (owned.delete(staticKey(sighting.list, sighting.prefix))) this.#rates.pay(sighting.list, now.monotonicMs)
        else if (this.crowded.joined(sighting.prefix)) crowding.add(sighting.prefix)
      }
      // What a peer told us, it tells the others itself.
      if (outcome === 'new' || outcome === 'refreshed') {
        if (!sighting.source.startsWith(PEER_SOURCE)) news.push(toResolution(sighting, now))
      }
    }
    if (news.length > 0) this.#deps.bus.publish(LEARNT, news)
    for (const prefix of crowding) await this.crowded.look(prefix)
  }

  #noteFull(sighting: Sighting, outcome: Full): Refused {
    const { list, name, prefix } = sighting
    const refused: Refused =
      outcome === 'no-new-route'
        ? { refusal: 'rate', why: `list "${list}" makes new routes too fast` }
        : { refusal: outcome, why: FULL[outcome] }
    this.explainer.noteRefusal({ ...sighting, address: addressOf(prefix) }, refused)
    if (outcome === 'full-routes') this.limitNotes.refusedRoute(ALL, this.#limits.routes)
    else if (outcome === 'full-routes-per-list')
      this.limitNotes.refusedRoute(list, this.#limits.routesPerList.get(list) ?? Infinity)
    else if (outcome !== 'no-new-route') this.limitNotes.refusedBinding(outcome, name, prefix)
    return refused
  }

  /** `why`: what ended the routes among them that are gone. */
  #publish(changes: RouteChanges | undefined, why: string): void {
    if (changes === undefined) return
    for (const { prefix, lists } of changes.changes) {
      if (lists.length > 0) this.counters.announced++
      else {
        this.counters.withdrawn++
        this.explainer.noteWithdrawal(prefix, why)
      }
    }
    this.#deps.bus.publish(ROUTE_CHANGES, changes)
    if (this.#opened && changes.epoch !== this.#head.epoch) void this.#beat()
  }

  async #beat(): Promise<void> {
    let isAnother: boolean
    try {
      isAnother = await this.#lookAtStore()
    } catch (error) {
      if (error instanceof StoreError) return // nothing to tell while the store is away
      throw error
    }
    this.#deps.bus.publish(HEAD, this.#head)
    // A store that lost its memory lost the addresses that lists ask for, too, and no lookup brings those back.
    if (isAnother) this.#auditSoon()
  }

  /** Is it in another epoch than before? */
  async #lookAtStore(): Promise<boolean> {
    const { store, clock } = this.#deps
    const [head, { routes }] = await Promise.all([store.head(), store.counts()])
    const isAnother = head.epoch !== this.#head.epoch
    // Announcers hold what the store does not know any more while it is learnt again.
    if (isAnother && routes < this.#routes * MOST) {
      const nowMs = clock.monotonic()
      this.#rates.raise(this.#config, nowMs, nowMs + (this.#config.bgp?.relearnMs ?? DEFAULTS.bgp.relearnMs))
    }
    this.#head = head
    this.#routes = routes
    return isAnother
  }

  /** Ends what no list covers any more, moves deadlines whose hold time was edited, and keeps the lists' own addresses routed. */
  async #audit(): Promise<void> {
    const { store, clock, log } = this.#deps
    const started = clock.monotonic()
    const version = this.#admission.version
    const wanted = await this.#staticSightings(this.#deps.lists.current.addresses)
    const why = 'no list covers its names any more'
    let ended = 0
    let withdrawn = 0
    let rescheduled = 0
    for await (const bindings of store.bindings()) {
      let sliceMs = clock.monotonic()
      for (let from = 0; from < bindings.length; from += BATCH) {
        if (this.#closed) return
        const slice = bindings.slice(from, from + BATCH)
        const { gone, moved, passedOn } = audit(slice, this.#admission, wanted, this.#clocks.now())
        ended += gone.length
        rescheduled += moved.length
        // First who owns the route from now on, then who owned it.
        if (passedOn.length > 0) this.#publish((await store.observe(passedOn, this.#limits)).changes, why)
        if (gone.length > 0) {
          const changes = await store.forget(gone)
          withdrawn += withdrawnBy(changes).length
          this.#publish(changes, why)
        }
        if (moved.length > 0) await store.reschedule(moved)
        if (clock.monotonic() - sliceMs < SLICE_MS) continue
        await this.#turnForMore()
        sliceMs = clock.monotonic()
      }
      await this.#turnForMore()
    }
    // What was wanted by lists of the meantime before is for the audit that follows.
    const missing = version === this.#admission.version ? [...wanted.values()] : []
    for (let from = 0; from < missing.length && !this.#closed; from += BATCH) {
      const slice = missing
        .slice(from, from + BATCH)
        .filter(({ prefix }) => !this.#admission.heldDown.has('', prefix, clock.monotonic()))
      const { outcomes, changes } = await store.observe(slice, this.#limits)
      this.#publish(changes, why)
      outcomes.forEach((outcome, i) => this.#count(slice[i], outcome))
      await turn(clock)
    }
    const ms = Math.round(clock.monotonic() - started)
    if (ended > 0)
      log.info({ bindings: ended, routesWithdrawn: withdrawn, ms }, 'Bindings that no list covers any more have ended.')
    if (rescheduled > 0) log.info({ bindings: rescheduled, ms }, "Bindings expire by their list's new hold time.")
  }

  /** Lets everybody else have a turn, and deadlines go first. */
  async #turnForMore(): Promise<void> {
    await turn(this.#deps.clock)
    await this.#expiry.sweeping
  }

  /** The routes that lists ask for by address, a slice at a time: there may be hundreds of thousands. */
  async #staticSightings(
    addresses: ReadonlyMap<string, readonly string[]>,
    config = this.#config,
    admission = this.#admission,
  ): Promise<Map<string, Sighting>> {
    const { clock } = this.#deps
    const wanted = new Map<string, Sighting>()
    let count = 0
    for (const sighting of staticSightings(config, admission, addresses, this.#clocks.now())) {
      wanted.set(staticKey(sighting.list, sighting.prefix), sighting)
      if (++count % BATCH === 0) await turn(clock)
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
      const now = this.#clocks.now()
      const resolutions = bindings.filter(({ name }) => name !== '').map((binding) => toResolution(binding, now))
      if (resolutions.length > 0) yield resolutions
    }
  }
}

export const PEER_SOURCE = 'peer '

const FULL: Record<Exclude<Full, 'no-new-route'>, string> = {
  'full-names-per-prefix': 'the address already has as many names as it may have',
  'full-prefixes-per-name': 'the name already has as many addresses as it may have',
  'full-routes-per-list': 'the list already has as many routes as it may have',
  'full-routes': 'there are already as many routes as there may be',
}

function addressOf(prefix: string): string {
  return prefix.slice(0, prefix.indexOf('/'))
}

/** As it leaves us: with Unix time. */
function toResolution(binding: Sighting, now: Instant): Resolution {
  return {
    list: binding.list,
    name: binding.name,
    rule: binding.rule,
    address: addressOf(binding.prefix),
    ttlSeconds: 0,
    seenAtMs: unixTimeOf(binding.seenAtMs, now),
    source: binding.source,
    chain: binding.chain,
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

/** Lets sockets and timers have their turn. */
function turn(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.after(0, resolve))
}

async function* once<T>(answer: Promise<T>): AsyncIterable<T> {
  yield await answer
}

/** The prefixes that nobody owns any more. */
function withdrawnBy(changes: RouteChanges | undefined): string[] {
  return (changes?.changes ?? []).filter((change) => change.lists.length === 0).map((change) => change.prefix)
}
