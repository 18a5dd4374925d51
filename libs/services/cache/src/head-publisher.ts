/**
 * Publishes the store's head every second: by it announcers find changes that were lost on the way.
 *
 * A store in a new epoch has lost something: announcers must not follow the old numbers for a second longer, so its head is published at
 * once.
 */
import type { Bus } from '@dnstap-bgp/bus'
import { StoreError, type IpStore } from '@dnstap-bgp/ip-store'
import type { Clock, Timer } from '@dnstap-bgp/runtime'
import { HEAD, type StoreHead } from '@dnstap-bgp/steering'

const HEAD_PERIOD_MS = 1000
/** A store in a new epoch has lost its routes if it has less than this share of those it had. */
const KEPT_SHARE = 0.5

export interface HeadPublisherDeps {
  readonly bus: Bus
  readonly store: Pick<IpStore, 'head' | 'counts'>
  readonly clock: Clock
  /** The store lost most of its routes. */
  readonly onLoss: () => void
  /** The store is in a new epoch. */
  readonly onNewEpoch: () => void
}

export class HeadPublisher {
  readonly #deps: HeadPublisherDeps
  #head: StoreHead = { epoch: '', revision: 0 }
  /** How many routes the store had at that head. */
  #routes = 0
  #timer: Timer | undefined
  #closed = false

  constructor(deps: HeadPublisherDeps) {
    this.#deps = deps
  }

  /** Publishes the head now and every second. */
  async start(): Promise<void> {
    this.#timer = this.#deps.clock.every(HEAD_PERIOD_MS, () => void this.#publish())
    await this.#publish()
  }

  /** The store may be in a new epoch: it was away, or a change carries this epoch. */
  mayHaveChanged(epoch?: string): void {
    if (this.#timer !== undefined && !this.#closed && epoch !== this.#head.epoch) void this.#publish()
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  /** Reads head and counts. Returns whether the epoch is new. @throws StoreError */
  async read(): Promise<boolean> {
    const { store, onLoss } = this.#deps
    const [head, { routes }] = await Promise.all([store.head(), store.counts()])
    const isNewEpoch = head.epoch !== this.#head.epoch
    if (isNewEpoch && routes < this.#routes * KEPT_SHARE) onLoss()
    this.#head = head
    this.#routes = routes
    return isNewEpoch
  }

  async #publish(): Promise<void> {
    let isNewEpoch: boolean
    try {
      isNewEpoch = await this.read()
    } catch (error) {
      if (error instanceof StoreError) return // while the store is away there is no head to publish
      throw error
    }
    this.#deps.bus.publish(HEAD, this.#head)
    if (isNewEpoch) this.#deps.onNewEpoch()
  }
}
