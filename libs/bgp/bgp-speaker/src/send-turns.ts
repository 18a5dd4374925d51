/**
 * Whose turn it is to encode and send, and to read on what a peer floods us with. Peers with something to do wait here, first come first served; each is called once per turn of
 * the event loop at most, and when they have held the loop for a few milliseconds, the rest wait for the next turn. So neither one large
 * table nor many peers at once keep sockets, timers and everything else in the process waiting.
 */
import type { Clock } from '@dnstap-bgp/runtime'

export class SendTurns {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #defer: (run: () => void) => void
  #waiting: (() => void)[] = []
  #isDue = false

  /** `defer` runs something when the present turn is over. */
  constructor(clock: Pick<Clock, 'monotonic'>, defer: (run: () => void) => void = setImmediate) {
    this.#clock = clock
    this.#defer = defer
  }

  /** Calls it soon, once; whoever is not done then adds itself again. */
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

/** A peer's own share is two (peer.ts), so this is four at most. */
const TURN_MS = 2
