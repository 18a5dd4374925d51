/**
 * What waits to go to the cache: news before refreshes, bounded by number and by size, never in the way of a socket.
 *
 * A batch leaves as soon as the loop has nothing more urgent. While the bus is away or slow, news go first; what finds no room is dropped,
 * counted, and reported back so that the coalescer lets it through again.
 */
import { BusError } from '@dnstap-bgp/bus'
import type { Bus } from '@dnstap-bgp/bus'
import type { Clock, Closeable, Log, Timer } from '@dnstap-bgp/runtime'
import { RESOLUTIONS } from '@dnstap-bgp/steering'
import { FactQueue, type OutgoingFact, type QueueLimits } from './fact-queue.ts'

export interface OutboxLimits {
  readonly news: QueueLimits
  readonly refreshes: QueueLimits
}

const DEFAULT_LIMITS: OutboxLimits = {
  news: { facts: 200_000, characters: 64_000_000 },
  refreshes: { facts: 50_000, characters: 16_000_000 },
}
const MAX_IN_FLIGHT = 16
const RETRY_MS = 500
/** Closing waits so long for a bus that does not take what is left. */
const DRAIN_MS = 3_000

export class Outbox implements Closeable {
  readonly counters = { sentNews: 0, sentRefreshes: 0, droppedNews: 0, droppedRefreshes: 0, retries: 0 }
  readonly #bus: Bus
  readonly #clock: Clock
  readonly #log: Log
  readonly #onDrop: (fact: OutgoingFact) => void
  readonly #news: FactQueue
  readonly #refreshes: FactQueue
  #inFlight = 0
  #scheduled: Timer | undefined
  #failing = false
  #closed = false

  constructor(bus: Bus, clock: Clock, log: Log, onDrop: (fact: OutgoingFact) => void, limits: OutboxLimits = DEFAULT_LIMITS) {
    this.#bus = bus
    this.#clock = clock
    this.#log = log
    this.#onDrop = onDrop
    this.#news = new FactQueue(limits.news)
    this.#refreshes = new FactQueue(limits.refreshes)
  }

  get waiting(): number {
    return this.#news.length + this.#refreshes.length
  }

  /** Does the bus refuse what we give it? */
  get failing(): boolean {
    return this.#failing
  }

  news(fact: OutgoingFact): void {
    if (this.#news.push(fact)) this.#schedule(0)
    else this.#dropped(fact, true)
  }

  refresh(fact: OutgoingFact): void {
    if (this.#refreshes.push(fact)) this.#schedule(0)
    else this.#dropped(fact, false)
  }

  /** Sends what waits, for as long as the bus takes it. */
  async close(): Promise<void> {
    this.#closed = true
    const deadline = this.#clock.monotonic() + DRAIN_MS
    this.#scheduled?.cancel()
    this.#scheduled = undefined
    while ((this.waiting > 0 || this.#inFlight > 0) && this.#clock.monotonic() < deadline) {
      this.#flush()
      await new Promise<void>((resolve) => this.#clock.after(5, resolve))
    }
    if (this.waiting > 0) this.#log.warn({ facts: this.waiting }, 'Facts were left behind: the bus did not take them in time.')
  }

  #schedule(delayMs: number): void {
    if (this.#scheduled !== undefined || this.#closed) return
    this.#scheduled = this.#clock.after(delayMs, () => {
      this.#scheduled = undefined
      this.#flush()
    })
  }

  #flush(): void {
    while (this.waiting > 0 && this.#inFlight < MAX_IN_FLIGHT) {
      const isNews = this.#news.length > 0
      const facts = (isNews ? this.#news : this.#refreshes).take()
      this.#inFlight++
      this.#bus
        .enqueue(
          RESOLUTIONS,
          facts.map((fact) => fact.resolution),
        )
        .then(
          () => this.#sent(facts, isNews),
          (error: unknown) => this.#refused(facts, isNews, error),
        )
    }
  }

  #sent(facts: readonly OutgoingFact[], isNews: boolean): void {
    this.#inFlight--
    if (isNews) this.counters.sentNews += facts.length
    else this.counters.sentRefreshes += facts.length
    if (this.#failing) {
      this.#failing = false
      this.#log.info({ waiting: this.waiting }, 'The bus takes facts again.')
    }
    if (this.waiting > 0) this.#schedule(0)
  }

  #refused(facts: readonly OutgoingFact[], isNews: boolean, error: unknown): void {
    if (!(error instanceof BusError)) throw error
    this.#inFlight--
    this.counters.retries++
    if (!this.#failing) {
      this.#failing = true
      this.#log.warn({ error: error.message }, 'The bus does not take facts; they wait here.')
    }
    const excess = (isNews ? this.#news : this.#refreshes).putBack(facts)
    for (const fact of excess) this.#dropped(fact, isNews)
    this.#schedule(RETRY_MS)
  }

  #dropped(fact: OutgoingFact, isNews: boolean): void {
    if (isNews) this.counters.droppedNews++
    else this.counters.droppedRefreshes++
    this.#onDrop(fact)
  }
}
