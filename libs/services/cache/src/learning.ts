/**
 * Learns: resolutions that are admitted become sightings in the store, and the gateways are told what was new to the store.
 *
 *   resolutions ──▶ admission ──▶ store.observe() ──▶ route changes, LEARNT, outcomes
 *                      │ refused         │ refused for its list's rate: a second try if the rate turned out to have room
 */
import type { Bus } from '@dnstap-bgp/bus'
import { StoreError, type IpStore, type Outcome, type Sighting, type StoreLimits } from '@dnstap-bgp/ip-store'
import { ONCE_A_MINUTE, RateLimitedLog, type Clock, type Log } from '@dnstap-bgp/runtime'
import { LEARNT, sourceOf, sourceText } from '@dnstap-bgp/steering'
import type { OfferAnswer, Resolution, RouteChanges } from '@dnstap-bgp/steering'
import { isRefused, type Admission, type NotAdmitted, type Refused } from './admission.ts'
import { staticKey } from './cache-config.ts'
import { unixTimeOf, type Clocks, type Instant } from './clocks.ts'
import type { CacheCounters } from './cache-counters.ts'
import type { CrowdedAddresses } from './crowded-addresses.ts'
import type { NewRouteRates } from './new-route-rates.ts'
import type { RoutePublisher } from './route-publisher.ts'
import type { IngestClocks } from './ingest-clocks.ts'
import { resolutionOf } from './sent-resolution.ts'
import type { StoreOutcomes } from './store-outcomes.ts'
import { yieldLoop } from './yield-loop.ts'

/** Resolutions given to the store at a time: some 3 ms of work. */
const BATCH = 250
/** The loop is held no longer than about this. */
const SLICE_MS = 5
/** A time is believed as it is when it is off by no more. */
const CLOCK_JITTER_MS = 1_000
/** Clocks of machines may differ by this much before a warning. */
const CLOCK_SKEW_MS = 5_000

export interface LearningDeps {
  readonly bus: Bus
  readonly store: IpStore
  readonly clock: Clock
  readonly clocks: Clocks
  readonly ingestClocks: IngestClocks
  readonly log: Log
  readonly admission: Admission
  readonly rates: NewRouteRates
  readonly limits: () => StoreLimits
  readonly counters: CacheCounters
  readonly crowded: CrowdedAddresses
  readonly routes: RoutePublisher
  readonly outcomes: StoreOutcomes
}

export class Learning {
  readonly #deps: LearningDeps
  readonly #log: RateLimitedLog

  constructor(deps: LearningDeps) {
    this.#deps = deps
    this.#log = new RateLimitedLog(deps.log, deps.clock, ONCE_A_MINUTE)
  }

  /** Takes what the queue hands over. A rejection brings the messages back: right while the store is away; else it is a bug, and logged. */
  async consume(resolutions: readonly Resolution[]): Promise<void> {
    try {
      await this.#learn(this.#dated(resolutions))
    } catch (error) {
      if (!(error instanceof StoreError)) this.#log.error({ error }, 'Resolutions could not be taken; trying again.', 'fault')
      throw error
    }
  }

  /** Takes what another instance says: each for the list it names, or for all that cover its name. */
  async offer(resolutions: readonly Resolution[]): Promise<readonly OfferAnswer[]> {
    const forLists: Resolution[] = []
    const from: number[] = []
    const answers: OfferAnswer[] = resolutions.map(() => null)
    resolutions.forEach((resolution, i) => {
      const lists = resolution.list === '' ? this.#deps.admission.listsCovering(resolution.name) : [resolution.list]
      if (lists.length === 0) {
        this.#deps.counters.refused['not-listed']++
        answers[i] = { refusal: 'not-listed', why: `no list covers ${resolution.name}` }
      }
      for (const list of lists) {
        forLists.push({ ...resolution, list })
        from.push(i)
      }
    })
    const refusals = await this.#learn(forLists)
    for (const [at, refused] of refusals) answers[from[at]] = refused
    // A resolution taken for one list is taken.
    for (let at = 0; at < from.length; at++) if (!refusals.has(at)) answers[from[at]] = null
    return answers
  }

  /** Ingests tell how long ago they heard an answer: it counts where their wall clock or ours is wrong, or was set meanwhile. */
  #dated(resolutions: readonly Resolution[]): readonly Resolution[] {
    const { clocks, ingestClocks } = this.#deps
    const now = clocks.now()
    const unixMs = unixTimeOf(now.storeMs, now)
    return resolutions.map((resolution) => {
      const ageMs = ingestClocks.ageMs(resolution.seenBy, now.monotonicMs)
      const offMs = ageMs === undefined ? 0 : unixMs - ageMs - resolution.seenAtMs
      if (Math.abs(offMs) <= CLOCK_JITTER_MS) return resolution
      if (Math.abs(offMs) > CLOCK_SKEW_MS)
        this.#log.warn(
          { source: sourceText(resolution.source), seconds: Math.round(Math.abs(offMs) / 1000) },
          `The clock of a dnstap-ingest is ${offMs > 0 ? 'behind' : 'ahead of'} ours, or one of the two was set. Its answers are dated by how long ago they came.`,
          'ingest-clock',
        )
      return { ...resolution, seenAtMs: resolution.seenAtMs + offMs }
    })
  }

  /** Returns what admission or the store refused, by index. */
  async #learn(resolutions: readonly Resolution[]): Promise<Map<number, Refused>> {
    const { clock } = this.#deps
    const refusals = new Map<number, Refused>()
    let sliceMs = clock.monotonic()
    for (let from = 0; from < resolutions.length; from += BATCH) {
      if (clock.monotonic() - sliceMs >= SLICE_MS) {
        await yieldLoop(clock)
        sliceMs = clock.monotonic()
      }
      const batch = Array.from({ length: Math.min(BATCH, resolutions.length - from) }, (_, i) => from + i)
      const left = await this.#take(resolutions, batch, refusals, 'first')
      if (left.length > 0) await this.#take(resolutions, left, refusals, 'second')
    }
    return refusals
  }

  /**
   * Takes the resolutions with these indexes. Only the store's answer tells which of them make a route: until then each that might counts
   * against its list's rate. Returns those that were refused for the rate although it turned out to have room, for a second try.
   */
  async #take(
    resolutions: readonly Resolution[],
    batch: readonly number[],
    refusals: Map<number, Refused>,
    tried: 'first' | 'second',
  ): Promise<number[]> {
    const { store, clocks, limits, rates, routes, outcomes } = this.#deps
    const now = clocks.now()
    const { sightings, indexes, refused } = this.#admit(resolutions, batch, now)
    if (tried === 'first') for (const i of batch) this.#checkTime(resolutions[i], now, refused.get(i)?.refusal === 'too-old')
    for (const [i, refusal] of refused) {
      outcomes.notAdmitted(resolutions[i], refusal)
      refusals.set(i, refusal)
    }
    if (sightings.length === 0) return []
    // Nothing may be awaited between admission and the store: the sightings follow the lists and lifetimes of one instant.
    const observed = await store.observe(sightings, limits())
    routes.publish(observed.changes, 'its last binding ended')
    await this.#stored(sightings, observed.outcomes, observed.changes, now)
    const left: number[] = []
    const planned = new Map<string, number>()
    observed.outcomes.forEach((outcome, at) => {
      const sighting = sightings[at]
      if (tried === 'first' && outcome === 'no-new-route' && rates.mayMake(sighting.list, planned, now.monotonicMs)) {
        left.push(indexes[at])
        return
      }
      const full = outcomes.answered(sighting, outcome)
      if (full !== undefined) refusals.set(indexes[at], full)
    })
    return left
  }

  #admit(
    resolutions: readonly Resolution[],
    batch: readonly number[],
    now: Instant,
  ): { sightings: Sighting[]; indexes: number[]; refused: Map<number, NotAdmitted> } {
    const { admission, rates } = this.#deps
    const sightings: Sighting[] = []
    const indexes: number[] = []
    const refused = new Map<number, NotAdmitted>()
    /** New routes that this batch may make, by list that has a rate. */
    const planned = new Map<string, number>()
    for (const i of batch) {
      const answer = admission.admit(resolutions[i], now)
      if (isRefused(answer)) {
        refused.set(i, answer)
        continue
      }
      sightings.push(rates.mayMake(answer.list, planned, now.monotonicMs) ? answer : { ...answer, noNewRoute: true })
      indexes.push(i)
    }
    return { sightings, indexes, refused }
  }

  /** Charges new routes to their lists' rates, watches for crowded addresses, and tells the gateways what we learnt. */
  async #stored(
    sightings: readonly Sighting[],
    outcomes: readonly Outcome[],
    changes: RouteChanges | undefined,
    now: Instant,
  ): Promise<void> {
    const { bus, rates, crowded } = this.#deps
    const learnt: Resolution[] = []
    const crowding = new Set<string>()
    /** Routes that a list came to own, each charged once. */
    const owned = new Set<string>()
    for (const { prefix, lists } of changes?.changes ?? []) for (const list of lists) owned.add(staticKey(list, prefix))
    for (let i = 0; i < outcomes.length; i++) {
      const outcome = outcomes[i]
      const sighting = sightings[i]
      if (outcome === 'new') {
        if (owned.delete(staticKey(sighting.list, sighting.prefix))) rates.pay(sighting.list, now.monotonicMs)
        else if (crowded.joined(sighting.prefix)) crowding.add(sighting.prefix)
      }
      // A sync peer tells the others itself.
      if ((outcome === 'new' || outcome === 'refreshed') && sourceOf(sighting.source).kind !== 'sync-peer')
        learnt.push(resolutionOf(sighting, now))
    }
    if (learnt.length > 0) bus.publish(LEARNT, learnt)
    for (const prefix of crowding) await crowded.check(prefix)
  }

  /** Where clocks of machines differ, routes last too long or are never made: only these warnings show it. */
  #checkTime({ seenAtMs, source }: Resolution, now: Instant, isTooOld: boolean): void {
    const { counters } = this.#deps
    const unixMs = unixTimeOf(now.storeMs, now)
    // A sync peer sends everything it has, older than our lists' lifetimes or not.
    if (isTooOld && source.kind !== 'sync-peer')
      this.#log.warn(
        { source: sourceText(source), seconds: Math.round((unixMs - seenAtMs) / 1000) },
        "Resolutions arrive older than their list's lifetime: they waited on the way, or the clocks of this machine and of the one that saw them differ.",
        'too-old',
      )
    const aheadMs = seenAtMs - unixMs
    if (aheadMs <= CLOCK_SKEW_MS) return
    counters.fromTheFuture++
    this.#log.warn(
      { source: sourceText(source), seconds: Math.round(aheadMs / 1000) },
      'Resolutions come from the future: the clocks of this machine and of the one that saw them differ. They count as of now.',
      'future',
    )
  }
}
