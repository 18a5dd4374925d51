/**
 * Says when facts that the cache was told must count as new again, because the cache may not know them any more:
 *
 *   HEAD of another epoch            the store lost its memory
 *   FORGOTTEN without a hold-down    somebody ended bindings by hand
 *   FORGOTTEN with a hold-down       when the hold-down is over: until then the cache refuses them
 */
import type { Bus, Subscription } from '@dnstap-bgp/bus'
import { FORGOTTEN, HEAD, type Forgotten } from '@dnstap-bgp/steering'
import type { CoarseClock } from './coarse-clock.ts'

/** The cache may hear of a hold-down later than we do, and then ends it so much later. */
const HOLD_DOWN_LAG_MS = 1_000

export interface RelearningDeps {
  readonly bus: Bus
  readonly time: CoarseClock
  /** The store lost its memory: nothing that was told before counts. */
  readonly onLoss: () => void
  /** Facts may be told again. */
  readonly onForgotten: () => void
}

export class Relearning {
  readonly #deps: RelearningDeps
  readonly #subscriptions: readonly Subscription[]
  #epoch: string | undefined
  /** The seconds in which hold-downs end: one entry for all that end in the same second. */
  readonly #heldDownUntil = new Set<number>()

  constructor(deps: RelearningDeps) {
    this.#deps = deps
    this.#subscriptions = [
      deps.bus.subscribe(HEAD, ({ epoch }) => this.#headHeard(epoch)),
      deps.bus.subscribe(FORGOTTEN, (forgotten) => this.#forgottenHeard(forgotten)),
    ]
  }

  /** Called once a tick: are hold-downs over? */
  tick(): void {
    const { time, onForgotten } = this.#deps
    const sizeBefore = this.#heldDownUntil.size
    for (const second of this.#heldDownUntil) if (second <= time.nowSeconds) this.#heldDownUntil.delete(second)
    if (this.#heldDownUntil.size < sizeBefore) onForgotten()
  }

  async close(): Promise<void> {
    for (const subscription of this.#subscriptions) await subscription.close()
  }

  #headHeard(epoch: string): void {
    if (this.#epoch !== undefined && this.#epoch !== epoch) this.#deps.onLoss()
    this.#epoch = epoch
  }

  #forgottenHeard({ holdDownMs }: Forgotten): void {
    if (holdDownMs <= 0) this.#deps.onForgotten()
    else this.#heldDownUntil.add(this.#deps.time.secondAfter(holdDownMs + HOLD_DOWN_LAG_MS))
  }
}
