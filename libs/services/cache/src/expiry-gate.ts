/**
 * Facts first, deadlines second: up to which time deadlines may count.
 *
 * A binding may end at its deadline when every fact seen until then is in the store. After NATS, Redis, a cache or a frozen process comes
 * back, such facts wait: in sockets, in outboxes, in the queue, at a replica that died. So when something is due, a round is made:
 *
 *   startRound() ─▶ CATCH_UP to every ingest ─▶ all have answered ─▶ the queue is worked off up to its end at that time ─▶ upToMs = the round's start
 *
 * With everything up a round takes a few milliseconds. The wait is bounded: a binding ends WAIT_MS after its deadline, or WAIT_MS after the
 * part that was away is back, whichever is later. An ingest that is silent for WAIT_MS is no longer awaited. While the bus is away nothing
 * ends: announcers cannot be told, and new lookups do not reach us. Nor does anything end while an ingest says that the queue does not take its
 * facts (NOT_YET): nats-server may be reached and refuse messages, as when its disk is full.
 *
 * Times of deadlines are store time; everything else is measured by the monotonic clock.
 */
import { BusError } from '@dnstap-bgp/bus'
import type { Bus, Subscription } from '@dnstap-bgp/bus'
import { Timers, type Clock } from '@dnstap-bgp/runtime'
import { CATCH_UP, CAUGHT_UP, NOT_YET, RESOLUTIONS, type CaughtUp } from '@dnstap-bgp/steering'
import type { IngestClocks } from './ingest-clocks.ts'

/** The longest that a deadline waits for facts. */
export const WAIT_MS = 30_000
/** After a start with bindings in the store: resolvers connect again within 5 s (libfstrm), and ingests find the bus again in as long. */
export const START_MS = 6_000

export interface ExpiryGateDeps {
  readonly bus: Pick<Bus, 'state' | 'onState' | 'publish' | 'subscribe' | 'progress'>
  readonly clock: Clock
  /** Store time. */
  readonly storeNow: () => number
  /** This run of the cache, among all that ask. */
  readonly id: string
  /** Told of each question and answer. */
  readonly ingestClocks: Pick<IngestClocks, 'asked' | 'answered'>
  /** More deadlines may count now. */
  readonly onOpened: () => void
}

/** Ingests are asked this often, whether a deadline is near or not, so that a silent one is known beforehand. */
const ASK_MS = 1_000
/** When a turn of the loop comes later than this, the process stood still, and facts wait in its sockets. */
const STALL_MS = 2_000
/** Between two rounds. */
const PACE_MS = 50
/** Before the queue's progress is asked for again; twice as long each time. */
const FIRST_POLL_MS = 5
const MAX_POLL_MS = 200
const MAX_INGESTS = 10_000

interface Round {
  readonly number: number
  /** Store time when it began. */
  readonly storeMs: number
  readonly startedMs: number
  /** Ingests that have not answered. */
  readonly awaited: Set<string>
  /** The queue must have worked off its messages up to this one. */
  mark: number | undefined
  pollMs: number
  polling: boolean
}

export class ExpiryGate {
  readonly #deps: ExpiryGateDeps
  /** Store time until which every fact is known to be in the store. */
  #passedMs = -Infinity
  /** Since when facts can reach us; undefined while the bus is away. */
  #thereSinceMs: number | undefined
  /** No round starts for this long after that. */
  #quietMs = START_MS
  /** When an ingest last said that the queue does not take its facts. */
  #refusedAtMs = -Infinity
  /** When each ingest was heard last. */
  readonly #ingests = new Map<string, number>()
  #round: Round | undefined
  #roundEndedMs = -Infinity
  #startsLater = false
  #lastNumber = 0
  #lastTurnMs: number
  readonly #timers: Timers
  readonly #subscription: Subscription
  #closed = false

  constructor(deps: ExpiryGateDeps) {
    this.#deps = deps
    const { bus, clock } = deps
    this.#lastTurnMs = clock.monotonic()
    if (bus.state === 'connected') this.#thereSinceMs = this.#lastTurnMs
    bus.onState((state) => {
      this.#round = undefined
      this.#thereSinceMs = state === 'connected' ? clock.monotonic() : undefined
    })
    this.#subscription = bus.subscribe(CAUGHT_UP, (answer) => this.#answered(answer))
    this.#timers = new Timers(clock)
    this.#timers.every(ASK_MS, () => this.#onTick())
    this.#ask(++this.#lastNumber)
  }

  /** A binding whose deadline is this store time, or before it, may end. */
  get upToMs(): number {
    const nowMs = this.#noticeStall()
    if (this.#thereSinceMs === undefined) return this.#passedMs
    if (nowMs - Math.max(this.#thereSinceMs, this.#refusedAtMs) < WAIT_MS) return this.#passedMs
    return Math.max(this.#passedMs, this.#deps.storeNow() - WAIT_MS)
  }

  /** Why deadlines wait, in words; undefined: they do not wait, or not for long. */
  get waitsFor(): string | undefined {
    const round = this.#round
    if (round === undefined || this.#deps.clock.monotonic() - round.startedMs < WAIT_MS / 2) return undefined
    if (round.awaited.size > 0) return `${round.awaited.size} dnstap-ingest have not confirmed that no fact waits there`
    return 'messages in the queue of resolutions are not processed'
  }

  /** A deadline has passed: starts a round, unless one is under way. */
  startRound(): void {
    const nowMs = this.#noticeStall()
    if (this.#closed || this.#round !== undefined || this.#thereSinceMs === undefined) return
    if (nowMs - this.#thereSinceMs < this.#quietMs) return
    if (nowMs - this.#roundEndedMs < PACE_MS) return this.#startLater()
    const round: Round = {
      number: ++this.#lastNumber,
      storeMs: this.#deps.storeNow(),
      startedMs: nowMs,
      awaited: new Set(this.#ingests.keys()),
      mark: undefined,
      pollMs: FIRST_POLL_MS,
      polling: false,
    }
    this.#round = round
    this.#ask(round.number)
    if (round.awaited.size === 0) void this.#pollQueue(round)
  }

  /** The store was empty at the start: no waiting fact can extend its bindings. */
  startedEmpty(): void {
    this.#quietMs = 0
  }

  /** The store was away: facts for it wait. */
  storeWasAway(): void {
    if (this.#thereSinceMs !== undefined) this.#thereSinceMs = this.#deps.clock.monotonic()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#round = undefined
    this.#timers.close()
    await this.#subscription.close()
  }

  #startLater(): void {
    if (this.#startsLater) return
    this.#startsLater = true
    this.#timers.after(PACE_MS, () => {
      this.#startsLater = false
      this.startRound()
    })
  }

  #ask(number: number): void {
    this.#deps.ingestClocks.asked(number, this.#deps.clock.monotonic())
    this.#deps.bus.publish(CATCH_UP, { asker: this.#deps.id, number })
  }

  #onTick(): void {
    const nowMs = this.#noticeStall()
    if (this.#thereSinceMs === undefined) return
    for (const [ingest, heardMs] of this.#ingests) {
      if (nowMs - Math.max(heardMs, this.#thereSinceMs) <= WAIT_MS) continue
      this.#ingests.delete(ingest)
      this.#answeredBy(ingest)
    }
    // Ask again while a round waits: the question or its answer may have been lost.
    this.#ask(this.#round?.number ?? ++this.#lastNumber)
  }

  #answered(answer: CaughtUp): void {
    const { asker, number, ingest } = answer
    const nowMs = this.#deps.clock.monotonic()
    this.#deps.ingestClocks.answered(answer, asker === this.#deps.id, nowMs)
    if (this.#ingests.has(ingest) || this.#ingests.size < MAX_INGESTS) this.#ingests.set(ingest, nowMs)
    if (asker !== this.#deps.id) return
    if (number === NOT_YET) this.#refusedAtMs = nowMs
    else if (number === this.#round?.number) this.#answeredBy(ingest)
  }

  #answeredBy(ingest: string): void {
    const round = this.#round
    if (round === undefined || !round.awaited.delete(ingest) || round.awaited.size > 0) return
    void this.#pollQueue(round)
  }

  async #pollQueue(round: Round): Promise<void> {
    if (round !== this.#round || round.polling) return
    round.polling = true
    let isDone = false
    try {
      const { newest, done } = await this.#deps.bus.progress(RESOLUTIONS)
      // A queue that was lost and made anew counts from 1 again.
      if (round.mark === undefined || newest < round.mark) round.mark = newest
      isDone = done >= round.mark
    } catch (error) {
      if (!(error instanceof BusError)) throw error
      // Like a bus that is away: ingests do not reach the queue either.
      if (round === this.#round) this.storeWasAway()
    }
    round.polling = false
    if (round !== this.#round) return
    if (isDone) return this.#passed(round)
    this.#timers.after(round.pollMs, () => void this.#pollQueue(round))
    round.pollMs = Math.min(MAX_POLL_MS, 2 * round.pollMs)
  }

  #passed(round: Round): void {
    this.#round = undefined
    this.#roundEndedMs = this.#deps.clock.monotonic()
    this.#passedMs = round.storeMs
    this.#quietMs = 0
    this.#deps.onOpened()
  }

  /** Returns the time. */
  #noticeStall(): number {
    const nowMs = this.#deps.clock.monotonic()
    if (nowMs - this.#lastTurnMs > STALL_MS && this.#thereSinceMs !== undefined) this.#thereSinceMs = nowMs
    this.#lastTurnMs = nowMs
    return nowMs
  }
}
