/**
 * The clocks of the resolvers that one connection carries: usually one; a relay brings many, each with its own time and identity.
 *
 * A resolver's times are compared with two clocks of ours, and the younger of the two ages counts. Our wall clock may be set at any moment:
 * when it is set ahead, every resolver elsewhere seems late by it. Our steady clock is never set, but a resolver on this machine uses our
 * wall clock: when that is set back, this resolver seems late by the steady clock. No setting of our clock makes answers old by both; a
 * step of the resolver's own clock does.
 *
 * A clock is found by the identity's bytes, so that no string is made for an answer. Bounded: when there is no room, the oldest clock is
 * learnt anew, and its next answers count as of now.
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

  /** The clock of the resolver with the identity `bytes[start..end)`, which may be empty. */
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

/** Compares from the end: the identities of a fleet begin alike. */
function isSame(identity: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (identity.length !== end - start) return false
  for (let i = identity.length - 1; i >= 0; i--) if (identity[i] !== bytes[start + i]) return false
  return true
}
