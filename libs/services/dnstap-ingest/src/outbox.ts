/**
 * What waits to go to the cache: news before refreshes, bounded, never in the way of a socket.
 *
 * A batch leaves as soon as the loop has nothing more urgent. While the bus is away or slow, news push refreshes aside, and what finds
 * no room is dropped, counted, and reported back so that the coalescer lets it through again.
 */
import { BusError } from '@dnstap-bgp/bus'
import type { Bus } from '@dnstap-bgp/bus'
import type { Clock, Closeable, Log, Timer } from '@dnstap-bgp/runtime'
import { RESOLUTIONS, type Resolution } from '@dnstap-bgp/steering'

/** A resolution and the coalescer's key for it. */
export interface OutgoingFact {
  readonly resolution: Resolution
  readonly keyLow: number
  readonly keyHigh: number
}

export interface OutboxLimits {
  readonly news: number
  readonly refreshes: number
}

const DEFAULT_LIMITS: OutboxLimits = { news: 200_000, refreshes: 50_000 }
const MAX_BATCH_FACTS = 500
/** Keeps a batch far under NATS's message limit (1 MiB) whatever the names. */
const MAX_BATCH_CHARACTERS = 200_000
const MAX_IN_FLIGHT = 16
const RETRY_MS = 500
/** Closing waits so long for a bus that does not take what is left. */
const DRAIN_MS = 3_000

export class Outbox implements Closeable {
  readonly counters = { sentNews: 0, sentRefreshes: 0, droppedNews: 0, droppedRefreshes: 0, retries: 0 }
  readonly #bus: Bus
  readonly #clock: Clock
  readonly #log: Log
  readonly #limits: OutboxLimits
  readonly #onDrop: (fact: OutgoingFact) => void
  #news: OutgoingFact[] = []
  #refreshes: OutgoingFact[] = []
  #inFlight = 0
  #scheduled: Timer | undefined
  #failing = false
  #closed = false

  constructor(bus: Bus, clock: Clock, log: Log, onDrop: (fact: OutgoingFact) => void, limits: OutboxLimits = DEFAULT_LIMITS) {
    this.#bus = bus
    this.#clock = clock
    this.#log = log
    this.#onDrop = onDrop
    this.#limits = limits
  }

  get waiting(): number {
    return this.#news.length + this.#refreshes.length
  }

  /** Does the bus refuse what we give it? */
  get failing(): boolean {
    return this.#failing
  }

  news(fact: OutgoingFact): void {
    if (this.#news.length >= this.#limits.news) {
      this.counters.droppedNews++
      this.#onDrop(fact)
      return
    }
    this.#news.push(fact)
    this.#schedule(0)
  }

  refresh(fact: OutgoingFact): void {
    if (this.#refreshes.length >= this.#limits.refreshes) {
      this.counters.droppedRefreshes++
      this.#onDrop(fact)
      return
    }
    this.#refreshes.push(fact)
    this.#schedule(0)
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
      const batch = take(isNews ? this.#news : this.#refreshes)
      if (isNews) this.#news = batch.rest
      else this.#refreshes = batch.rest
      this.#inFlight++
      this.#bus
        .enqueue(
          RESOLUTIONS,
          batch.facts.map((fact) => fact.resolution),
        )
        .then(
          () => this.#sent(batch.facts, isNews),
          (error: unknown) => this.#refused(batch.facts, isNews, error),
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

  #refused(facts: OutgoingFact[], isNews: boolean, error: unknown): void {
    if (!(error instanceof BusError)) throw error
    this.#inFlight--
    this.counters.retries++
    if (!this.#failing) {
      this.#failing = true
      this.#log.warn({ error: error.message }, 'The bus does not take facts; they wait here.')
    }
    if (isNews) this.#news = this.#back(facts, this.#news, this.#limits.news, 'droppedNews')
    else this.#refreshes = this.#back(facts, this.#refreshes, this.#limits.refreshes, 'droppedRefreshes')
    this.#schedule(RETRY_MS)
  }

  #back(
    facts: OutgoingFact[],
    waiting: OutgoingFact[],
    limit: number,
    counter: 'droppedNews' | 'droppedRefreshes',
  ): OutgoingFact[] {
    const all = [...facts, ...waiting]
    for (const fact of all.slice(limit)) {
      this.counters[counter]++
      this.#onDrop(fact)
    }
    return all.slice(0, limit)
  }
}

function take(waiting: OutgoingFact[]): { facts: OutgoingFact[]; rest: OutgoingFact[] } {
  let count = 0
  let characters = 0
  while (count < waiting.length && count < MAX_BATCH_FACTS && characters < MAX_BATCH_CHARACTERS) {
    const { name, rule, chain } = waiting[count++].resolution
    characters += name.length + rule.length + 100
    for (let i = 0; i < chain.length; i++) characters += chain[i].length
  }
  if (count === waiting.length) return { facts: waiting, rest: [] }
  return { facts: waiting.slice(0, count), rest: waiting.slice(count) }
}
