/**
 * What ingest knows of each sender beyond its frames: its identity, its clock, whether it lags behind, and the resolvers' addresses.
 *
 * Looked at four times a second for each connection, not for each frame. ageMs() is the exception: each fact that may be new needs its age.
 */
import type { Bus } from '@dnstap-bgp/bus'
import type { DnstapDecoder } from '@dnstap-bgp/dnstap'
import { RateLimitedLog, type Clock, type Log, type Timer } from '@dnstap-bgp/runtime'
import { RESOLVERS } from '@dnstap-bgp/steering'
import type { CoarseClock } from './coarse-clock.ts'
import { ResolverAddresses } from './resolver-addresses.ts'
import { ResolverClocks, type ResolverClock } from './resolver-clocks.ts'
import { Senders, type FrameSender } from './sender-identities.ts'

/** A larger difference between a resolver's clock and ours is logged. */
const CLOCK_DIFFERENCE_MS = 5_000
/** A resolver that is well sends an answer sooner. An older one waited because the resolver could not send. */
const LATE_MS = 3_000
/** After a late answer, more of them may come for this long. */
const LATE_FOR_MS = 500
/** The resolvers' addresses are published again, for services that started meanwhile. */
const PUBLISH_PERIOD_MS = 60_000

/** Our notes on a connection. */
interface SenderNotes {
  readonly clocks: ResolverClocks
  /** The clock of the resolver whose frame was looked at last. */
  lastClock: ResolverClock | undefined
  /** Frames it had sent when it was looked at last, without those about our own questions. */
  frames: number
}

export interface SenderWatchDeps {
  readonly bus: Bus
  readonly clock: Clock
  readonly log: Log
  /** Holds the message at hand. */
  readonly decoder: DnstapDecoder
  readonly time: CoarseClock
}

export class SenderWatch {
  readonly senders = new Senders()
  readonly resolverAddresses = new ResolverAddresses()
  readonly #deps: SenderWatchDeps
  readonly #clockLog: RateLimitedLog
  readonly #notes = new WeakMap<FrameSender, SenderNotes>()
  readonly #publisher: Timer
  #isPublished = true
  /** When a late answer came last, by the monotonic clock. */
  #lateAtMs = -Infinity
  /** The message's age, and the frame that it was read for. */
  #ageMs = 0
  #ageOfFrame = 0

  constructor(deps: SenderWatchDeps) {
    this.#deps = deps
    this.#clockLog = new RateLimitedLog(deps.log, deps.clock)
    this.#publisher = deps.clock.every(PUBLISH_PERIOD_MS, () => this.#publishResolvers())
  }

  /** Is a sender still sending answers that it could not send in time, as after a stall of ours? */
  get isBehind(): boolean {
    return this.#deps.clock.monotonic() - this.#lateAtMs < LATE_FOR_MS
  }

  /** How far the clock of the resolver that a connection brought last is behind ours (negative: ahead); undefined in its first minute. */
  clockBehindMs(sender: FrameSender): number | undefined {
    return this.#notes.get(sender)?.lastClock?.behindMs
  }

  /** The resolvers' addresses as the operator names them; undefined: they are learnt. */
  nameResolvers(addresses: readonly string[] | undefined): void {
    this.resolverAddresses.name(addresses)
    this.#isPublished = false
  }

  /** Called once a tick. */
  tick(): void {
    if (!this.#isPublished) this.#publishResolvers()
  }

  /** Reads identity, addresses and time from the frame at hand. `frame` is its number. */
  look(sender: FrameSender, bytes: Uint8Array, frame: number): void {
    const { decoder, clock, time } = this.#deps
    const notes = this.#notesOf(sender)
    const frames = sender.frames === undefined ? notes.frames + 1 : sender.frames - (sender.ownFrames ?? 0)
    this.senders.hear(sender, decoder, bytes, clock.now(), frames - notes.frames)
    notes.frames = frames
    // A sender that connects anew is the same sender.
    const name = sender.address ?? sender.listener ?? sender.origin
    if (this.resolverAddresses.learn(name, decoder, bytes, time.nowSeconds)) this.#isPublished = false
    if (this.ageMs(sender, bytes, frame) >= LATE_MS) this.#lateAtMs = clock.monotonic()
    const resolverClock = notes.clocks.of(bytes, decoder.identityStart, decoder.identityEnd)
    notes.lastClock = resolverClock
    const { behindMs } = resolverClock
    if (resolverClock.isLogged || behindMs === undefined || Math.abs(behindMs) < CLOCK_DIFFERENCE_MS) return
    resolverClock.isLogged = true
    this.#clockLog.warn(
      { sender: this.nameOf(sender, bytes), peer: sender.origin, seconds: Math.round(Math.abs(behindMs) / 1000) },
      `A resolver's clock is ${behindMs > 0 ? 'behind' : 'ahead of'} ours. Its answers are dated by the difference; one of the two is wrong.`,
    )
  }

  /** How long ago the resolver gave the answer at hand. Read once for each frame: two frames move a clock that was set, one read twice must not. */
  ageMs(sender: FrameSender, bytes: Uint8Array, frame: number): number {
    if (this.#ageOfFrame === frame) return this.#ageMs
    this.#ageOfFrame = frame
    const { decoder, clock, time } = this.#deps
    const { responseTimeSec, responseTimeNsec } = decoder
    if (responseTimeSec === 0) return (this.#ageMs = 0)
    const resolverClock = this.#notesOf(sender).clocks.of(bytes, decoder.identityStart, decoder.identityEnd)
    const responseMs = responseTimeSec * 1000 + responseTimeNsec / 1e6
    return (this.#ageMs = resolverClock.ageMs(responseMs, clock.now(), time.steadyWallMs(), time.nowSeconds))
  }

  /** The identity in the message at hand, or where its connection comes from. */
  nameOf(sender: FrameSender, bytes: Uint8Array): string {
    return this.senders.nameOf(sender, this.#deps.decoder, bytes)
  }

  close(): void {
    this.#publisher.cancel()
  }

  #notesOf(sender: FrameSender): SenderNotes {
    let notes = this.#notes.get(sender)
    if (notes === undefined) this.#notes.set(sender, (notes = { clocks: new ResolverClocks(), lastClock: undefined, frames: 0 }))
    return notes
  }

  #publishResolvers(): void {
    const { bus, time } = this.#deps
    this.#isPublished = true
    this.resolverAddresses.forgetOld(time.nowSeconds)
    if (this.resolverAddresses.size > 0) bus.publish(RESOLVERS, this.resolverAddresses.all)
  }
}
