/**
 * Facts that wait for the bus: news before refreshes, bounded by number and by size. They never delay a socket.
 *
 * Batches leave as soon as the loop has nothing more urgent, up to sixteen at a time. When the bus refuses one, all wait; then a single batch
 * tries the bus again, with growing pauses and jitter, and at once when the bus says that it is back. Facts that find no room are dropped and
 * counted, and the coalescer lets them through again.
 */
import { BusError } from '@dnstap-bgp/bus'
import type { Bus } from '@dnstap-bgp/bus'
import { GrowingPause, type Clock, type Closeable, type Log, type Timer } from '@dnstap-bgp/runtime'
import { RESOLUTIONS } from '@dnstap-bgp/steering'
import type { FactObserver } from './fact-filter.ts'
import { FactQueue, type FactBatch, type OutgoingFact, type QueueLimits } from './fact-queue.ts'

export interface OutboxLimits {
  readonly news: QueueLimits
  readonly refreshes: QueueLimits
}

export interface OutboxDeps {
  readonly bus: Bus
  readonly clock: Clock
  readonly log: Log
  readonly onDrop: (fact: OutgoingFact, isNews: boolean) => void
  /** From 0 to 1, for the jitter. */
  readonly random: () => number
  readonly limits?: OutboxLimits
}

/** Facts up to here are waited for. */
interface Mark {
  readonly news: number
  readonly refreshes: number
  readonly reached: () => void
}

export const OUTBOX_LIMITS: OutboxLimits = {
  news: { facts: 200_000, octets: 100_000_000 },
  refreshes: { facts: 50_000, octets: 25_000_000 },
}
const MAX_IN_FLIGHT = 16
const RETRY = { firstMs: 250, longestMs: 4_000 }
/** After a refusal the bus counts as failing for this long: it may take one batch and refuse the next. */
const CALM_MS = 10_000
/** Closing waits this long for a bus that does not take the rest. */
const DRAIN_MS = 3_000

export class Outbox implements FactObserver, Closeable {
  readonly counters = { sentNews: 0, sentRefreshes: 0, droppedNews: 0, droppedRefreshes: 0, refusedBatches: 0 }
  readonly #deps: OutboxDeps
  readonly #news: FactQueue
  readonly #refreshes: FactQueue
  #inFlight = 0
  /** Batches that may be in flight: one when the bus refused, then twice as many with each that it took. */
  #window = MAX_IN_FLIGHT
  #scheduled: Timer | undefined
  #retry: Timer | undefined
  readonly #pause: GrowingPause
  #refusedLast = false
  #refusedAtMs = -Infinity
  #droppedAtMs = -Infinity
  #onEmpty: (() => void) | undefined
  #marks: Mark[] = []
  #closed = false

  constructor(deps: OutboxDeps) {
    this.#deps = deps
    this.#pause = new GrowingPause({ ...RETRY, random: deps.random })
    const limits = deps.limits ?? OUTBOX_LIMITS
    this.#news = new FactQueue(limits.news)
    this.#refreshes = new FactQueue(limits.refreshes)
    deps.bus.onState((state) => {
      if (state === 'connected' && this.#retry !== undefined) this.#tryAgain()
    })
  }

  get waiting(): number {
    return this.#news.length + this.#refreshes.length
  }

  /** Did the bus refuse a batch just now, or a moment ago? */
  get failing(): boolean {
    return this.#refusedLast || this.#deps.clock.monotonic() - this.#refusedAtMs < CALM_MS
  }

  /** How long ago a fact was dropped; Infinity: never. */
  get sinceDroppedMs(): number {
    return this.#deps.clock.monotonic() - this.#droppedAtMs
  }

  /** Calls back when every fact that waits now, or is on its way, has arrived at the queue or was dropped. */
  whenSent(reached: () => void): void {
    this.#marks.push({ news: this.#news.pushed, refreshes: this.#refreshes.pushed, reached })
    this.#lookAtMarks()
  }

  onFact(fact: OutgoingFact, isNew: boolean): void {
    if (isNew) this.news(fact)
    else this.refresh(fact)
  }

  news(fact: OutgoingFact): void {
    if (this.#news.push(fact)) this.#schedule()
    else this.#dropped(fact, true)
  }

  refresh(fact: OutgoingFact): void {
    if (this.#refreshes.push(fact)) this.#schedule()
    else this.#dropped(fact, false)
  }

  /** Sends what waits, for as long as the bus takes it, or may take it soon. */
  async close(): Promise<void> {
    const { clock, log } = this.#deps
    if (this.#retry !== undefined) this.#tryAgain()
    else this.#flush()
    if (this.#inFlight > 0 || this.waiting > 0)
      await new Promise<void>((resolve) => {
        const deadline = clock.after(DRAIN_MS, resolve)
        this.#onEmpty = () => {
          deadline.cancel()
          resolve()
        }
      })
    this.#closed = true
    this.#scheduled?.cancel()
    this.#retry?.cancel()
    if (this.#inFlight > 0 || this.waiting > 0)
      log.warn(
        { facts: this.waiting, batchesUnderWay: this.#inFlight },
        'Facts were left behind: the bus did not take them in time.',
      )
  }

  #schedule(): void {
    if (this.#scheduled !== undefined || this.#retry !== undefined || this.#closed) return
    this.#scheduled = this.#deps.clock.after(0, () => {
      this.#scheduled = undefined
      this.#flush()
    })
  }

  #tryAgain(): void {
    this.#retry?.cancel()
    this.#retry = undefined
    this.#flush()
  }

  #flush(): void {
    while (this.#inFlight < this.#window && this.#retry === undefined) {
      const isNews = this.#news.length > 0
      const batch = (isNews ? this.#news : this.#refreshes).take()
      if (batch === undefined) return
      this.#inFlight++
      const resolutions = batch.facts.map((fact) => fact.resolution)
      this.#deps.bus.enqueue(RESOLUTIONS, resolutions).then(
        () => this.#sent(batch, isNews),
        (error: unknown) => this.#refused(batch, isNews, error),
      )
    }
  }

  #sent(batch: FactBatch, isNews: boolean): void {
    this.#inFlight--
    const queue = isNews ? this.#news : this.#refreshes
    queue.sent(batch)
    this.counters[isNews ? 'sentNews' : 'sentRefreshes'] += batch.facts.length
    this.#refusedLast = false
    this.#pause.reset()
    this.#window = Math.min(2 * this.#window, MAX_IN_FLIGHT)
    if (this.waiting > 0) this.#schedule()
    else if (this.#inFlight === 0) this.#onEmpty?.()
    this.#lookAtMarks()
  }

  #lookAtMarks(): void {
    if (this.#marks.length === 0) return
    const [news, refreshes] = [this.#news.gone, this.#refreshes.gone]
    const marks = this.#marks
    this.#marks = marks.filter((mark) => news < mark.news || refreshes < mark.refreshes)
    for (const mark of marks) if (news >= mark.news && refreshes >= mark.refreshes) mark.reached()
  }

  #refused(batch: FactBatch, isNews: boolean, error: unknown): void {
    if (!(error instanceof BusError)) throw error
    const { clock } = this.#deps
    this.#inFlight--
    this.counters.refusedBatches++
    this.#refusedLast = true
    this.#refusedAtMs = clock.monotonic()
    this.#window = 1
    for (const fact of (isNews ? this.#news : this.#refreshes).putBack(batch)) this.#dropped(fact, isNews)
    this.#lookAtMarks()
    if (this.#retry !== undefined || this.#closed) return
    this.#retry = clock.after(this.#pause.nextMs(), () => this.#tryAgain())
  }

  #dropped(fact: OutgoingFact, isNews: boolean): void {
    this.counters[isNews ? 'droppedNews' : 'droppedRefreshes']++
    this.#droppedAtMs = this.#deps.clock.monotonic()
    this.#deps.onDrop(fact, isNews)
  }
}
