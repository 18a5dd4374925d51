/**
 * The clocks of the resolvers that one connection carries: usually one; a relay brings many, each with its own time and identity.
 *
 * A resolver's times are held against two clocks of ours, and an answer is as old as the one says that makes it younger. Our wall clock may
 * be set at any moment: ahead, and against it every resolver elsewhere is late at once. Our steady clock is never set, but a resolver on
 * this machine has our wall clock: set back, and against the steady one that resolver is late. Nothing that happens here makes answers old
 * against both; the resolver's own steps do.
 *
 * Found by the identity's bytes, so that nothing is made for an answer. Bounded: when there is no room, the one that came first is learnt
 * anew, which makes its next answers of now.
 */
import { SenderClock } from './sender-clock.ts'

const MAX_RESOLVERS = 64
const MAX_IDENTITY_BYTES = 255

export class ResolverClock {
  /** The log says that it is off. */
  isLogged = false
  readonly identity: Uint8Array
  readonly #byWall = new SenderClock()
  readonly #bySteady = new SenderClock()

  constructor(identity: Uint8Array) {
    this.identity = identity
  }

  /** How far it is behind our wall clock (negative: ahead), once it was heard for a minute. */
  get behindMs(): number | undefined {
    return this.#byWall.behindMs
  }

  /** The age of an answer given at `responseMs`, when it is `wallMs` and, never set, `steadyMs`. Once for each answer. */
  ageMs(responseMs: number, wallMs: number, steadyMs: number, nowSeconds: number): number {
    return Math.min(this.#byWall.ageMs(wallMs - responseMs, nowSeconds), this.#bySteady.ageMs(steadyMs - responseMs, nowSeconds))
  }
}

export class ResolverClocks {
  readonly #clocks: ResolverClock[] = []
  #last: ResolverClock | undefined
  #evict = 0

  /** The clock of who calls itself `bytes[start..end)`; no octets are a name too. */
  of(bytes: Uint8Array, start: number, end: number): ResolverClock {
    const stop = Math.min(end, start + MAX_IDENTITY_BYTES)
    if (this.#last !== undefined && isSame(this.#last.identity, bytes, start, stop)) return this.#last
    for (const clock of this.#clocks) if (isSame(clock.identity, bytes, start, stop)) return (this.#last = clock)
    return (this.#last = this.#add(bytes.slice(start, stop)))
  }

  #add(identity: Uint8Array): ResolverClock {
    const clock = new ResolverClock(identity)
    if (this.#clocks.length < MAX_RESOLVERS) this.#clocks.push(clock)
    else {
      this.#clocks[this.#evict] = clock
      this.#evict = (this.#evict + 1) % MAX_RESOLVERS
    }
    return clock
  }
}

/** From the end on: the names of a fleet begin alike. */
function isSame(identity: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (identity.length !== end - start) return false
  for (let i = identity.length - 1; i >= 0; i--) if (identity[i] !== bytes[start + i]) return false
  return true
}
