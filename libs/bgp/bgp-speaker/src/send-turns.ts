/**
 * Shares the event loop among peers that have UPDATEs to send, or much to read. They wait here, first come first served. Each is called once
 * per turn of the event loop at most; after a few milliseconds the others wait for the next turn. So neither one large table nor many peers
 * at once block sockets, timers and the rest of the process.
 */
import type { Clock } from '@dnstap-bgp/runtime'

export class SendTurns {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #defer: (run: () => void) => void
  #waiting: (() => void)[] = []
  #isDue = false

  /** `defer` calls back after the present turn. */
  constructor(clock: Pick<Clock, 'monotonic'>, defer: (run: () => void) => void = setImmediate) {
    this.#clock = clock
    this.#defer = defer
  }

  /** Calls `send` soon, once; a peer with more to do adds itself again. */
  add(send: () => void): void {
    this.#waiting.push(send)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isDue) return
    this.#isDue = true
    this.#defer(() => {
      this.#isDue = false
      this.#turn()
    })
  }

  #turn(): void {
    const now = this.#waiting
    this.#waiting = []
    const startedAt = this.#clock.monotonic()
    let called = 0
    while (called < now.length && (called === 0 || this.#clock.monotonic() - startedAt < TURN_MS)) now[called++]()
    if (called < now.length) this.#waiting = [...now.slice(called), ...this.#waiting]
    if (this.#waiting.length > 0) this.#schedule()
  }
}

/** One peer's share is two (update-sender.ts), so a turn takes four at most. */
const TURN_MS = 2
