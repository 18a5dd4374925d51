/**
 * Bindings ended by hand, and the hold-downs that keep their subject out for a while.
 *
 * The subject is held down first and taken out second: else a sighting in between would stay. Then the other replicas hear of it (FORGOTTEN)
 * and end bindings that they stored meanwhile. A replica that starts, or whose bus is back, asks for all hold-downs (TELL_HELD_DOWN).
 */
import type { Bus } from '@dnstap-bgp/bus'
import { StoreError, type IpStore } from '@dnstap-bgp/ip-store'
import type { Clock, Timers } from '@dnstap-bgp/runtime'
import { FORGOTTEN, TELL_HELD_DOWN, type Forgotten } from '@dnstap-bgp/steering'
import type { Admission } from './admission.ts'
import type { Explainer } from './explain.ts'
import type { CachePolicy } from './loaded-coverage.ts'
import { withdrawnBy, type RoutePublisher } from './route-publisher.ts'

/** Hold-downs published before the event loop may do something else. */
const BATCH = 250
const FORGOTTEN_BY_HAND = 'it was forgotten by hand'

export interface ForgettingDeps {
  readonly bus: Bus
  readonly store: IpStore
  readonly clock: Clock
  readonly timers: Timers
  readonly admission: Admission
  readonly explainer: Explainer
  readonly routes: RoutePublisher
  /** Has the first audit run? Before, it may have passed the subject already. */
  readonly isOpened: () => boolean
  /** Asks for an audit. The audit ends bindings that are held down, and waits while the store is away. */
  readonly auditSoon: () => void
  /** An address that a list asks for was ended. */
  readonly addressForgotten: () => void
  readonly policy: () => CachePolicy
}

export interface ForgetRequest {
  /** An address, a prefix or a name, as a person writes it. */
  readonly subject: string
  /** For how long the subject is not learnt again; 0: it may be learnt at once. */
  readonly holdDownMs: number
}

export interface ForgetReply {
  readonly forgotten: number
  readonly withdrawn: readonly string[]
}

export class Forgetting {
  readonly #deps: ForgettingDeps
  #tellsSoon = false

  constructor(deps: ForgettingDeps) {
    this.#deps = deps
  }

  /** Ends the bindings of a subject, and holds it down if asked to. @throws StoreError */
  async forget(request: ForgetRequest): Promise<ForgetReply> {
    const subject = this.#deps.explainer.storedAs(request.subject)
    const forgotten: Forgotten = { subject, holdDownMs: request.holdDownMs }
    this.#holdDown(forgotten)
    try {
      return await this.#end(subject)
    } catch (error) {
      if (error instanceof StoreError) this.#deps.auditSoon()
      throw error
    } finally {
      this.#deps.bus.publish(FORGOTTEN, forgotten)
    }
  }

  /** A replica forgot a subject, this one perhaps. Bindings that we stored meanwhile end too. */
  forgottenHeard(forgotten: Forgotten): void {
    const { store, isOpened, auditSoon } = this.#deps
    const { subject, holdDownMs } = forgotten
    const isHeldDown = holdDownMs > 0
    if (isHeldDown && !this.#holdDown(forgotten)) return // held down already, so nothing of it came in
    store.forgottenElsewhere?.(subject)
    if (!isHeldDown) return
    if (!isOpened()) return auditSoon() // the first audit may have passed the subject
    this.#end(subject).catch((error: unknown) => {
      if (!(error instanceof StoreError)) throw error
      auditSoon()
    })
  }

  /**
   * A replica, perhaps this one, asks for the hold-downs. Every replica tells all of its own, because one that was cut off could not tell them before.
   * Requests that come together get one answer.
   */
  heldDownAsked(): void {
    if (this.#tellsSoon) return
    this.#tellsSoon = true
    this.#deps.timers.after(0, () => {
      this.#tellsSoon = false
      this.#tellHeldDown(this.#deps.admission.heldDown.all(this.#deps.clock.monotonic()))
    })
  }

  askHeldDown(): void {
    this.#deps.bus.publish(TELL_HELD_DOWN, undefined)
  }

  #tellHeldDown(heldDown: readonly Forgotten[]): void {
    for (const forgotten of heldDown.slice(0, BATCH)) this.#deps.bus.publish(FORGOTTEN, forgotten)
    if (heldDown.length > BATCH) this.#deps.timers.after(0, () => this.#tellHeldDown(heldDown.slice(BATCH)))
  }

  /** False: the subject is held down already, for about as long. */
  #holdDown(forgotten: Forgotten): boolean {
    const { policy, clock, timers, admission, auditSoon } = this.#deps
    const { subject, holdDownMs } = forgotten
    if (!admission.heldDown.set(forgotten, clock.monotonic())) return false
    // No lookup brings back an address that stands in a list, so an audit does. A timer may be a little early: 1 ms more.
    timers.after(holdDownMs + 1, () => {
      const { coverage } = policy().lists
      if ([...coverage.addresses.values()].some((prefixes) => prefixes.includes(subject))) auditSoon()
    })
    return true
  }

  async #end(subject: string): Promise<ForgetReply> {
    const { store, explainer, routes, addressForgotten } = this.#deps
    const bindings = await explainer.bindingsFor(subject)
    const changes = await store.forget(bindings)
    routes.publish(changes, FORGOTTEN_BY_HAND)
    if (bindings.some(({ name }) => name === '')) addressForgotten()
    // publish() notes prefixes; a name is noted here.
    if (bindings.some(({ name }) => name === subject)) explainer.noteWithdrawal(subject, FORGOTTEN_BY_HAND)
    return { forgotten: bindings.length, withdrawn: withdrawnBy(changes) }
  }
}
