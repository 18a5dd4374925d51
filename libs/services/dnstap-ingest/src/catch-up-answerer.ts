/**
 * Tells caches when no fact waits here: before a cache ends a binding at its deadline, it asks (CATCH_UP).
 *
 *   asked ─▶ read what the sockets hold ─▶ no sender is late ─▶ the outbox has sent what it holds ─▶ CAUGHT_UP
 *
 * While the bus refuses facts, each question is answered NOT_YET at once: caches then go on waiting for us.
 *
 * Sockets: the event loop turns until a turn reads nothing. Late: after a stall a resolver first sends the answers that it kept. A cache does
 * not wait for ever, so an answer needs no time limit here.
 */
import type { Bus, Subscription } from '@dnstap-bgp/bus'
import { Timers, type Clock, type Closeable } from '@dnstap-bgp/runtime'
import { CATCH_UP, CAUGHT_UP, NOT_YET, type CatchUp } from '@dnstap-bgp/steering'

export interface CatchUpDeps {
  readonly bus: Bus
  readonly clock: Clock
  /** This run of ingest, among all that answer. */
  readonly id: string
  /** How often sockets were read so far. */
  readonly reads: () => number
  /** Is a sender still sending answers that it could not send in time? */
  readonly isBehind: () => boolean
  /** Has the bus refused facts a moment ago? */
  readonly isRefused: () => boolean
  /** Calls back when the facts that wait in the outbox now have left it. */
  readonly whenSent: (reached: () => void) => void
}

/** One turn may end before a socket has had its own. */
const MIN_TURNS = 2
/** Under load every turn reads something. After this many turns, everything that waited when we were asked has been read. */
const MAX_TURNS = 16
const LOOK_AGAIN_MS = 100
/** Caches ask again every second, each of them. */
const MAX_QUESTIONS = 64

export class CatchUpAnswerer implements Closeable {
  readonly #deps: CatchUpDeps
  readonly #subscription: Subscription
  readonly #timers: Timers
  /** Questions without an answer yet. */
  readonly #open = new Set<string>()

  constructor(deps: CatchUpDeps) {
    this.#deps = deps
    this.#timers = new Timers(deps.clock)
    this.#subscription = deps.bus.subscribe(CATCH_UP, (question) => this.#asked(question))
    // Without a question: from now on caches wait for us.
    this.#answer({ asker: deps.id, number: 0 })
  }

  async close(): Promise<void> {
    await this.#subscription.close()
    this.#timers.close()
  }

  #asked(question: CatchUp): void {
    if (this.#deps.isRefused()) this.#answer({ asker: question.asker, number: NOT_YET })
    const key = `${question.number} ${question.asker}`
    if (this.#open.has(key) || this.#open.size >= MAX_QUESTIONS) return
    this.#open.add(key)
    this.#readOn(1, this.#deps.reads(), () => {
      this.#whenNobodyIsLate(() =>
        this.#deps.whenSent(() => {
          this.#open.delete(key)
          this.#answer(question)
        }),
      )
    })
  }

  #answer({ asker, number }: CatchUp): void {
    const { bus, clock, id } = this.#deps
    bus.publish(CAUGHT_UP, { asker, number, ingest: id, steadyMs: clock.monotonic() })
  }

  /** Goes round the loop until a turn reads nothing. */
  #readOn(turn: number, readsBefore: number, done: () => void): void {
    this.#timers.after(0, () => {
      const reads = this.#deps.reads()
      if ((turn >= MIN_TURNS && reads === readsBefore) || turn >= MAX_TURNS) done()
      else this.#readOn(turn + 1, reads, done)
    })
  }

  #whenNobodyIsLate(done: () => void): void {
    if (this.#deps.isBehind()) this.#timers.after(LOOK_AGAIN_MS, () => this.#whenNobodyIsLate(done))
    else done()
  }
}
