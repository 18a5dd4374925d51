/**
 * Checks every binding against the lists and the configuration after they changed (audit.ts decides), and keeps the addresses that lists
 * ask for routed.
 *
 * One audit runs at a time. A change while it runs causes one more audit, however many changes there were. While the store is away the
 * audit is tried again every second.
 */
import { StoreError, type IpStore, type Sighting, type StoreLimits } from '@dnstap-bgp/ip-store'
import type { Clock, Log, Timers } from '@dnstap-bgp/runtime'
import type { Admission } from './admission.ts'
import { audit } from './audit.ts'
import { wantedAddresses } from './cache-config.ts'
import type { Clocks } from './clocks.ts'
import type { CachePolicy } from './loaded-coverage.ts'
import { withdrawnBy, type RoutePublisher } from './route-publisher.ts'
import type { StoreOutcomes } from './store-outcomes.ts'
import { yieldLoop } from './yield-loop.ts'

/** Bindings checked before the clock is read again: some 3 ms of work. */
const BATCH = 250
/** The loop is held no longer than about this. */
const SLICE_MS = 5
const RETRY_MS = 1000
const NOT_LISTED = 'no list covers its names any more'

export interface AuditorDeps {
  readonly store: IpStore
  readonly clock: Clock
  readonly clocks: Clocks
  readonly timers: Timers
  readonly log: Log
  readonly admission: Admission
  readonly policy: () => CachePolicy
  readonly limits: () => StoreLimits
  readonly routes: RoutePublisher
  readonly outcomes: StoreOutcomes
  /** Resolves when no deadline that has passed is being worked on: deadlines come before audits. */
  readonly whenExpired: () => Promise<void> | undefined
}

export class Auditor {
  readonly #deps: AuditorDeps
  #running: Promise<void> | undefined
  #isWanted = false
  #retriesLater = false
  #lacksAddresses = false
  #started = false
  #closed = false

  constructor(deps: AuditorDeps) {
    this.#deps = deps
  }

  /** The first audit, before anything in the store is told to others. Audits asked for meanwhile wait for start(). @throws StoreError */
  async first(): Promise<void> {
    this.#isWanted = false
    await this.#audit()
  }

  /** Is an address that a list asks for not bound, because it was refused or forgotten? No lookup brings it back. */
  get lacksAddresses(): boolean {
    return this.#lacksAddresses
  }

  /** An address that a list asks for was forgotten by hand. The next reload binds it again. */
  addressForgotten(): void {
    this.#lacksAddresses = true
  }

  start(): void {
    this.#started = true
    if (this.#isWanted) this.soon()
  }

  soon(): void {
    this.#isWanted = true
    if (!this.#started || this.#closed || this.#running !== undefined || this.#retriesLater) return
    this.#running = this.#runWhileWanted().finally(() => {
      this.#running = undefined
      if (this.#isWanted && !this.#retriesLater) this.soon()
    })
  }

  /** Resolves when the audit that runs has stopped. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#running
  }

  async #runWhileWanted(): Promise<void> {
    while (this.#isWanted && !this.#closed) {
      this.#isWanted = false
      try {
        await this.#audit()
      } catch (error) {
        if (!(error instanceof StoreError)) throw error
        this.#deps.log.warn({ why: error.message }, 'Bindings could not be checked against the lists; trying again.')
        this.#retriesLater = true
        this.#isWanted = true
        this.#deps.timers.after(RETRY_MS, () => {
          this.#retriesLater = false
          this.soon()
        })
        return
      }
    }
  }

  async #audit(): Promise<void> {
    const { store, clock, log, admission } = this.#deps
    const { config, lists } = this.#deps.policy()
    const startedMs = clock.monotonic()
    const { version } = admission
    const wanted = await wantedAddresses(config, admission, lists.coverage.addresses, this.#deps.clocks, clock)
    const ended = { bindings: 0, routesWithdrawn: 0 }
    let rescheduled = 0
    for await (const bindings of store.bindings()) {
      let sliceMs = clock.monotonic()
      for (let from = 0; from < bindings.length; from += BATCH) {
        if (this.#closed) return
        const { gone, moved, passedOn } = audit(bindings.slice(from, from + BATCH), admission, wanted, this.#deps.clocks.now())
        ended.bindings += gone.length
        rescheduled += moved.length
        // The new owners get the route before the old ones lose it, so that it stays.
        if (passedOn.length > 0)
          this.#deps.routes.publish((await store.observe(passedOn, this.#deps.limits())).changes, NOT_LISTED)
        if (gone.length > 0) {
          const changes = await store.forget(gone)
          ended.routesWithdrawn += withdrawnBy(changes).length
          this.#deps.routes.publish(changes, NOT_LISTED)
        }
        if (moved.length > 0) await store.reschedule(moved)
        if (clock.monotonic() - sliceMs < SLICE_MS) continue
        await this.#yieldToDeadlines()
        sliceMs = clock.monotonic()
      }
      await this.#yieldToDeadlines()
    }
    // If the lists changed meanwhile, `wanted` is out of date: the next audit binds the missing addresses.
    if (version === admission.version) {
      this.#lacksAddresses = false
      await this.#bind([...wanted.values()])
    }
    const ms = Math.round(clock.monotonic() - startedMs)
    if (ended.bindings > 0) log.info({ ...ended, ms }, 'Bindings that no list covers any more have ended.')
    if (rescheduled > 0) log.info({ bindings: rescheduled, ms }, "Bindings expire by their list's new lifetime.")
  }

  /** Makes bindings for addresses that are written in lists. */
  async #bind(missing: readonly Sighting[]): Promise<void> {
    const { store, clock, admission, limits, routes, outcomes } = this.#deps
    for (let from = 0; from < missing.length && !this.#closed; from += BATCH) {
      const slice = missing
        .slice(from, from + BATCH)
        .filter(({ prefix }) => !admission.heldDown.has('', prefix, clock.monotonic()))
      const observed = await store.observe(slice, limits())
      routes.publish(observed.changes, NOT_LISTED)
      observed.outcomes.forEach((outcome, i) => {
        if (outcomes.answered(slice[i], outcome) !== undefined) this.#lacksAddresses = true
      })
      await yieldLoop(clock)
    }
  }

  async #yieldToDeadlines(): Promise<void> {
    await yieldLoop(this.#deps.clock)
    await this.#deps.whenExpired()
  }
}
