/**
 * Ingest: from a frame to what the cache should know.
 *
 *   frame ─▶ dnstap ─▶ type wanted? ─▶ DNS response ─▶ chain, QNAME first ─▶ matcher ─▶ coalescer ─▶ outbox ─▶ RESOLUTIONS
 *
 * Everything up to the matcher works on the bytes in place and allocates nothing; what is dropped on the way is counted by reason. For
 * each list the first name on the chain that it covers is the binding's name, and the addresses at or behind that name are its
 * addresses. Objects are made only for facts that pass the coalescer.
 *
 * The matcher here is a filter for speed: the cache holds the lists too and decides.
 */
import type { Bus, Subscription } from '@dnstap-bgp/bus'
import { lifetimeMsOf, type Lifetime, type ListConfig } from '@dnstap-bgp/config'
import { DnstapDecoder, dnstapFaultName, MessageType, messageTypeName } from '@dnstap-bgp/dnstap'
import { nameToText, ResponseReader, responseFaultName, textToName } from '@dnstap-bgp/dns-wire'
import { formatAddress } from '@dnstap-bgp/ip'
import { RateLimitedLog, type Clock, type Closeable, type Log, type Timer } from '@dnstap-bgp/runtime'
import { FORGOTTEN, HEAD, RESOLVERS, type Forgotten } from '@dnstap-bgp/steering'
import { Coalescer, Verdict } from './coalescer.ts'
import { beginKey, endKey, factKey } from './fact-key.ts'
import { Outbox } from './outbox.ts'
import { PieceMemory, type Piece } from './piece-memory.ts'
import { ResolverAddresses } from './resolver-addresses.ts'
import { ResolverClocks, type ResolverClock } from './resolver-clocks.ts'
import { Senders, type FrameSource } from './senders.ts'

/** What the matcher must offer; verdict objects are the same for the same id. */
export interface NameMatcher {
  /** The verdict on the uncompressed wire-format name at `offset`; negative: no list wants it. */
  match(bytes: Uint8Array, offset: number): number
  verdict(id: number): readonly Rule[]
}

interface Rule {
  readonly list: string
  readonly rule: string
}

/** A list as each fact needs it. */
interface ListFacts {
  readonly number: number
  readonly lifetime: Lifetime
}

export interface IngestConfig {
  readonly ipv6: boolean
  readonly types: readonly string[]
  readonly lists: readonly ListConfig[]
  /** The resolvers' addresses as the operator names them; undefined: they are learnt. */
  readonly resolvers?: readonly string[] | undefined
}

export interface IngestDeps {
  readonly bus: Bus
  readonly clock: Clock
  readonly matcher: NameMatcher
  readonly log: Log
  /** 32 random bits, twice. */
  readonly seed: readonly [number, number]
}

const COALESCER_CAPACITY = 1 << 20
/** A sighting is passed on when it makes a fact live longer by this share of its hold time, or by ten minutes; never by less than a second. */
const WORTH_SHARE = 8
const MAX_WORTH_SECONDS = 600
/** Coarse time, for the coalescer and the list of senders. */
const TICK_MS = 250
/** A resolver's clock that is further from ours is worth a line in the log. */
const CLOCK_DIFFERENCE_MS = 5_000
/** An answer so old was kept by a resolver that could not send it; a batch of one that is well is younger. */
const LATE_MS = 3_000
/** So long after the last late answer more of them may come. */
const LATE_FOR_MS = 500
/** The resolvers' addresses are told again, for whoever came to listen meanwhile. */
const TELL_RESOLVERS_MS = 60_000
/** A hold-down may end so much later at the cache than here: it heard of it later. */
const HOLD_DOWN_LAG_MS = 1_000

/** What we know of a connection beyond what it shows. */
interface SenderNotes {
  readonly clocks: ResolverClocks
  /** Of the resolver whose frame we looked at last. */
  heard: ResolverClock | undefined
  /** Frames it had sent when we looked last. */
  frames: number
}

export class Ingest implements Closeable {
  readonly counters = {
    frames: 0,
    otherTypes: 0,
    noResponse: 0,
    unmatched: 0,
    matched: 0,
    withoutAddress: 0,
    repeats: 0,
    tooOld: 0,
    ipv6Off: 0,
    resolverAddress: 0,
    offChainRecords: 0,
    otherClassRecords: 0,
    malformedRecords: 0,
    excessRecords: 0,
    truncated: 0,
    loopedChains: 0,
    piecesJoined: 0,
    dnstapFaults: {} as Record<string, number>,
    responseFaults: {} as Record<string, number>,
  }
  /** Frames by message type, for metrics; 0 is a type we do not know. */
  readonly framesByType = new Float64Array(16)
  readonly senders = new Senders()
  readonly outbox: Outbox

  #config: IngestConfig
  #matcher: NameMatcher
  readonly #deps: IngestDeps
  readonly #decoder = new DnstapDecoder()
  readonly #reader = new ResponseReader()
  readonly #coalescer = new Coalescer(COALESCER_CAPACITY)
  readonly #pieces = new PieceMemory()
  readonly #notes = new WeakMap<FrameSource, SenderNotes>()
  readonly #resolverAddresses = new ResolverAddresses()
  #resolversTold = true
  /** By dnstap message type. */
  #wanted = new Uint8Array(16)
  #lists = new Map<string, ListFacts>()
  #nowSeconds = 1
  /** Counts up with each tick. */
  #tick = 1
  #tickedMs: number
  /** When a late answer came last, by the monotonic clock. */
  #lateAtMs = -Infinity
  readonly #startedMs: number
  readonly #startedWallMs: number
  readonly #ticker: Timer
  readonly #resolverTeller: Timer
  readonly #clockLog: RateLimitedLog
  readonly #subscriptions: readonly Subscription[]
  #epoch: string | undefined
  /** When hold-downs are over, in seconds as #nowSeconds counts them: one for all that end in the same second. */
  readonly #heldDownUntil = new Set<number>()
  /** The message's chain in text, made when a fact first needs it: names up to one of them, and in which frame. */
  #chain: readonly string[] = []
  #chainOfFrame = 0
  /** Of the fact that #isWorthTelling() let through. */
  #address = ''
  /** The message's age, read when it is first needed, and in which frame. */
  #ageMs = 0
  #ageOfFrame = 0

  constructor(config: IngestConfig, deps: IngestDeps) {
    this.#config = config
    this.#deps = deps
    this.#matcher = deps.matcher
    this.#startedMs = this.#tickedMs = deps.clock.monotonic()
    this.#startedWallMs = deps.clock.now()
    this.outbox = new Outbox({
      bus: deps.bus,
      clock: deps.clock,
      log: deps.log,
      random: Math.random,
      onDrop: (fact, isNews) => this.#coalescer.dropped(fact.keyLow, fact.keyHigh, isNews, this.#nowSeconds),
    })
    this.#clockLog = new RateLimitedLog(deps.log, deps.clock)
    this.reconfigure(config)
    this.#ticker = deps.clock.every(TICK_MS, () => {
      this.#readClock(deps.clock.monotonic())
      if (!this.#resolversTold) this.#tellResolvers()
      this.#endHoldDowns()
    })
    this.#resolverTeller = deps.clock.every(TELL_RESOLVERS_MS, () => this.#tellResolvers())
    this.#subscriptions = [
      deps.bus.subscribe(HEAD, (head) => this.#epochHeard(head.epoch)),
      deps.bus.subscribe(FORGOTTEN, (forgotten) => this.#forgottenHeard(forgotten)),
    ]
  }

  /** What was forgotten before its time, for lack of room. */
  get evicted(): { readonly facts: number; readonly targets: number; readonly identities: number; readonly resolvers: number } {
    return {
      facts: this.#coalescer.evicted,
      targets: this.#pieces.evicted,
      identities: this.senders.evicted,
      resolvers: this.#resolverAddresses.evicted,
    }
  }

  /** Addresses of resolvers that are known and kept from being steered. */
  get resolverAddresses(): number {
    return this.#resolverAddresses.size
  }

  /** Does a sender go on with answers that it could not send in time, as after a stall of ours? */
  get isBehind(): boolean {
    return this.#deps.clock.monotonic() - this.#lateAtMs < LATE_FOR_MS
  }

  /** How far the clock of the resolver that a connection brought last is behind ours (negative: ahead); undefined in its first minute. */
  clockBehindMs(source: FrameSource): number | undefined {
    return this.#notes.get(source)?.heard?.behindMs
  }

  /** The lists' settings were read again. */
  reconfigure(config: IngestConfig): void {
    this.#config = config
    this.#lists = new Map(config.lists.map((list, number) => [list.name, { number, lifetime: list.lifetime }]))
    this.#wanted = new Uint8Array(16)
    for (let type = 1; type < 16; type++) if (config.types.includes(messageTypeName(type) ?? '')) this.#wanted[type] = 1
    this.#resolverAddresses.name(config.resolvers)
    this.#resolversTold = false
    this.forgetAll()
  }

  /** The lists changed: what was no news before may be now. */
  use(matcher: NameMatcher): void {
    this.#matcher = matcher
    this.forgetAll()
  }

  forgetAll(): void {
    this.#coalescer.clear()
    this.#pieces.clear()
  }

  /**
   * A socket was read: its frames follow. After a stall that happens before timers run, and coarse time would be of before the stall: the
   * age of answers would count twice, and what refreshes would look like a repeat.
   */
  onRead(): void {
    const nowMs = this.#deps.clock.monotonic()
    if (nowMs - this.#tickedMs >= TICK_MS) this.#readClock(nowMs)
  }

  /** One dnstap frame: `bytes[start..end)`. Nothing of it is kept. */
  frame(source: FrameSource, bytes: Uint8Array, start: number, end: number): void {
    const counters = this.counters
    counters.frames++
    const decoder = this.#decoder
    const fault = decoder.decode(bytes, start, end)
    if (fault !== 0) {
      countFault(counters.dnstapFaults, dnstapFaultName(fault))
      return
    }
    if (source.heardAt !== this.#tick) {
      source.heardAt = this.#tick
      this.#lookAt(source, bytes)
    }
    this.framesByType[decoder.messageType]++
    if (this.#wanted[decoder.messageType] === 0) {
      counters.otherTypes++
      return
    }
    if (decoder.responseMessageEnd === decoder.responseMessageStart) {
      counters.noResponse++
      return
    }
    const reader = this.#reader
    const responseFault = reader.read(bytes, decoder.responseMessageStart, decoder.responseMessageEnd)
    if (responseFault !== 0) {
      countFault(counters.responseFaults, responseFaultName(responseFault))
      return
    }
    counters.offChainRecords += reader.offChainRecords
    counters.otherClassRecords += reader.otherClassRecords
    counters.malformedRecords += reader.malformedRecords
    counters.excessRecords += reader.excessRecords
    if (reader.truncated) counters.truncated++
    if (reader.looped) counters.loopedChains++
    // A client is told the whole chain; what a resolver asked others comes link by link.
    const inPieces = decoder.messageType !== MessageType.CLIENT_RESPONSE
    const matcher = this.#matcher
    let matched = false
    for (let index = 0; index < reader.chainLength; index++) {
      const verdict = matcher.match(reader.chainBytes(index), reader.chainOffset(index))
      if (verdict < 0) continue
      this.#nameMatched(source, bytes, index, verdict, matched, inPieces)
      matched = true
    }
    if (inPieces && this.#joinPieces(source, bytes)) matched = true
    if (!matched) counters.unmatched++
    else {
      counters.matched++
      if (reader.addressCount === 0) counters.withoutAddress++
    }
  }

  async close(): Promise<void> {
    this.#ticker.cancel()
    this.#resolverTeller.cancel()
    for (const subscription of this.#subscriptions) await subscription.close()
    await this.outbox.close()
  }

  #readClock(nowMs: number): void {
    this.#tick++
    this.#tickedMs = nowMs
    this.#nowSeconds = 1 + Math.floor((nowMs - this.#startedMs) / 1000)
  }

  /** Four times a second for each connection that sends: what its frames tell of the sender, whatever else they carry. */
  #lookAt(source: FrameSource, bytes: Uint8Array): void {
    const decoder = this.#decoder
    const notes = this.#notesOf(source)
    const frames = source.frames ?? notes.frames + 1
    this.senders.hear(source, decoder, bytes, this.#deps.clock.now(), frames - notes.frames)
    notes.frames = frames
    // A sender that connects anew is the same sender.
    const sender = source.address ?? source.listener ?? source.peer
    if (this.#resolverAddresses.learn(sender, decoder, bytes, this.#nowSeconds)) this.#resolversTold = false
    this.#readAge(source, bytes)
    if (this.#ageMs >= LATE_MS) this.#lateAtMs = this.#deps.clock.monotonic()
    const clock = notes.clocks.of(bytes, decoder.identityStart, decoder.identityEnd)
    notes.heard = clock
    const { behindMs } = clock
    if (clock.told || behindMs === undefined || Math.abs(behindMs) < CLOCK_DIFFERENCE_MS) return
    clock.told = true
    this.#clockLog.warn(
      { sender: this.senders.nameOf(source, decoder, bytes), peer: source.peer, seconds: Math.round(Math.abs(behindMs) / 1000) },
      `A resolver's clock is ${behindMs > 0 ? 'behind' : 'ahead of'} ours. Its answers are dated by the difference; one of the two is wrong.`,
    )
  }

  #notesOf(source: FrameSource): SenderNotes {
    let notes = this.#notes.get(source)
    if (notes === undefined) this.#notes.set(source, (notes = { clocks: new ResolverClocks(), heard: undefined, frames: 0 }))
    return notes
  }

  #tellResolvers(): void {
    this.#resolversTold = true
    this.#resolverAddresses.forgetOld(this.#nowSeconds)
    if (this.#resolverAddresses.size > 0) this.#deps.bus.publish(RESOLVERS, this.#resolverAddresses.all)
  }

  /** The name at `index` is listed: its addresses, for each list that did not have an earlier name of this chain. */
  #nameMatched(
    source: FrameSource,
    bytes: Uint8Array,
    index: number,
    verdict: number,
    notFirst: boolean,
    inPieces: boolean,
  ): void {
    const reader = this.#reader
    if (reader.addressCount === 0 && !inPieces) return
    const rules = this.#matcher.verdict(verdict)
    for (let r = 0; r < rules.length; r++) {
      const rule = rules[r]
      const list = this.#lists.get(rule.list)
      if (list === undefined || (notFirst && this.#hadEarlierName(rule.list, index))) continue
      this.#beginKey(list.number, index)
      const nameLow = factKey.low
      const nameHigh = factKey.high
      for (let a = 0; a < reader.addressCount; a++) {
        if (reader.addressOwner[a] < index) continue
        const verdict = this.#isWorthTelling(source, bytes, a, list.lifetime, reader.addressTtl[a], nameLow, nameHigh)
        if (verdict === Verdict.repeat) continue
        const chain = this.#chainTo(reader.addressOwner[a])
        this.#tell(source, bytes, verdict, rule, chain[index], reader.addressTtl[a], chain)
      }
      if (inPieces) this.#rememberTarget(index, rule)
    }
  }

  /** Off the usual path: the chain has two listed names. */
  #hadEarlierName(list: string, index: number): boolean {
    for (let earlier = 0; earlier < index; earlier++) {
      const verdict = this.#matcher.match(this.#reader.chainBytes(earlier), this.#reader.chainOffset(earlier))
      if (verdict >= 0 && this.#matcher.verdict(verdict).some((rule) => rule.list === list)) return true
    }
    return false
  }

  /**
   * Does the address at `a` teach the cache something? If so it counts as told, and #tell() must follow: `factKey`, #address and #ageMs are
   * the fact's. The usual answer is no, and costs a look into the coalescer.
   */
  #isWorthTelling(
    source: FrameSource,
    bytes: Uint8Array,
    a: number,
    lifetime: Lifetime,
    ttlSeconds: number,
    nameLow: number,
    nameHigh: number,
  ): Verdict {
    const reader = this.#reader
    const offset = reader.addressOffset[a]
    const lengthBytes = reader.addressLength[a]
    if (lengthBytes === 16 && !this.#config.ipv6) {
      this.counters.ipv6Off++
      return Verdict.repeat
    }
    endKey(nameLow, nameHigh, bytes, offset, lengthBytes)
    const { low, high } = factKey
    const coalescer = this.#coalescer
    const nowSeconds = this.#nowSeconds
    const lifetimeSeconds = lifetimeMsOf(lifetime, ttlSeconds) / 1000
    const worthSeconds = Math.max(1, Math.min(MAX_WORTH_SECONDS, lifetimeSeconds / WORTH_SHARE))
    let verdict = coalescer.judge(low, high, nowSeconds, nowSeconds + lifetimeSeconds, worthSeconds)
    if (verdict === Verdict.repeat) {
      this.counters.repeats++
      return verdict
    }
    // Now exactly. After a stall of ours or the sender's, answers come that are old.
    this.#readAge(source, bytes)
    const untilSeconds = nowSeconds + lifetimeSeconds - this.#ageMs / 1000
    if (untilSeconds <= nowSeconds) {
      this.counters.tooOld++
      return Verdict.repeat
    }
    verdict = coalescer.judge(low, high, nowSeconds, untilSeconds, worthSeconds)
    if (verdict === Verdict.repeat) {
      this.counters.repeats++
      return verdict
    }
    this.#address = formatAddress(bytes, offset, lengthBytes)
    const resolvers = this.#resolverAddresses
    if (resolvers.has(this.#address) || resolvers.isOfMessage(this.#decoder, bytes, offset, lengthBytes)) {
      this.counters.resolverAddress++
      return Verdict.repeat
    }
    coalescer.passed(low, high, verdict, nowSeconds, untilSeconds)
    return verdict
  }

  #tell(
    source: FrameSource,
    bytes: Uint8Array,
    verdict: Verdict,
    rule: Rule,
    name: string,
    ttlSeconds: number,
    chain: readonly string[],
  ): void {
    const fact = {
      resolution: {
        list: rule.list,
        name,
        rule: rule.rule,
        address: this.#address,
        ttlSeconds,
        seenAtMs: Math.round(this.#deps.clock.now() - this.#ageMs),
        source: { kind: 'resolver' as const, identity: this.senders.nameOf(source, this.#decoder, bytes) },
        chain,
      },
      keyLow: factKey.low,
      keyHigh: factKey.high,
    }
    if (verdict === Verdict.news) this.outbox.news(fact)
    else this.outbox.refresh(fact)
  }

  /** How long ago the resolver answered. Once for each frame: its clock is set when two frames say so, not one twice. */
  #readAge(source: FrameSource, bytes: Uint8Array): void {
    if (this.#ageOfFrame === this.counters.frames) return
    this.#ageOfFrame = this.counters.frames
    this.#ageMs = 0
    const { responseTimeSec, responseTimeNsec, identityStart, identityEnd } = this.#decoder
    if (responseTimeSec === 0) return
    const { clock } = this.#deps
    const steadyMs = this.#startedWallMs + clock.monotonic() - this.#startedMs
    this.#ageMs = this.#notesOf(source)
      .clocks.of(bytes, identityStart, identityEnd)
      .ageMs(responseTimeSec * 1000 + responseTimeNsec / 1e6, clock.now(), steadyMs, this.#nowSeconds)
  }

  /** The names from QNAME to the one at `last`. */
  #chainTo(last: number): readonly string[] {
    if (this.#chainOfFrame === this.counters.frames && this.#chain.length === last + 1) return this.#chain
    const chain: string[] = []
    for (let i = 0; i <= last; i++) chain.push(nameToText(this.#reader.chainBytes(i), this.#reader.chainOffset(i)))
    this.#chain = chain
    this.#chainOfFrame = this.counters.frames
    return chain
  }

  /** The chain ends without an address, or further links may come: whoever answers for its last name answers for the listed one. */
  #rememberTarget(index: number, rule: Rule): void {
    const reader = this.#reader
    const last = reader.chainLength - 1
    if (last === index) return
    const chain = this.#chainTo(last)
    this.#beginKey(NO_LIST, last)
    this.#pieces.remember(
      {
        target: chain[last],
        list: rule.list,
        name: chain[index],
        rule: rule.rule,
        chain,
        ttlSeconds: reader.chainTtl(last),
      },
      factKey.low,
      this.#nowSeconds,
    )
  }

  /** Does this answer go on where a listed chain ended a moment ago? */
  #joinPieces(source: FrameSource, bytes: Uint8Array): boolean {
    const reader = this.#reader
    this.#beginKey(NO_LIST, 0)
    if (!this.#pieces.mayKnow(factKey.low)) return false
    const pieces = this.#pieces.of(this.#chainTo(0)[0], this.#nowSeconds)
    if (pieces.length === 0) return false
    this.counters.piecesJoined++
    for (const piece of pieces) {
      const list = this.#lists.get(piece.list)
      if (list === undefined) continue
      this.#joinAddresses(source, bytes, piece, list)
      const last = reader.chainLength - 1
      if (last === 0) continue
      const chain = this.#chainTo(last)
      this.#beginKey(NO_LIST, last)
      this.#pieces.remember(
        {
          target: chain[last],
          list: piece.list,
          name: piece.name,
          rule: piece.rule,
          chain: [...piece.chain, ...chain.slice(1)],
          ttlSeconds: Math.min(piece.ttlSeconds, reader.chainTtl(last)),
        },
        factKey.low,
        this.#nowSeconds,
      )
    }
    return true
  }

  #joinAddresses(source: FrameSource, bytes: Uint8Array, piece: Piece, list: ListFacts): void {
    const reader = this.#reader
    const name = textToName(piece.name)
    if (name === undefined) return
    beginKey(this.#deps.seed[0], this.#deps.seed[1], list.number, name, 0)
    const nameLow = factKey.low
    const nameHigh = factKey.high
    for (let a = 0; a < reader.addressCount; a++) {
      const ttlSeconds = Math.min(piece.ttlSeconds, reader.addressTtl[a])
      const verdict = this.#isWorthTelling(source, bytes, a, list.lifetime, ttlSeconds, nameLow, nameHigh)
      if (verdict === Verdict.repeat) continue
      const chain = [...piece.chain, ...this.#chainTo(reader.addressOwner[a]).slice(1)]
      this.#tell(source, bytes, verdict, piece, piece.name, ttlSeconds, chain)
    }
  }

  /** Begins a key, in `factKey`, with a name of the chain. */
  #beginKey(list: number, index: number): void {
    beginKey(this.#deps.seed[0], this.#deps.seed[1], list, this.#reader.chainBytes(index), this.#reader.chainOffset(index))
  }

  /** Another epoch: the store does not know what we told the last one. */
  #epochHeard(epoch: string): void {
    if (this.#epoch !== undefined && this.#epoch !== epoch) this.forgetAll()
    this.#epoch = epoch
  }

  /** The cache ended what it had been told: the next lookup is news to it, or the first after the hold-down. */
  #forgottenHeard({ holdDownMs }: Forgotten): void {
    if (holdDownMs <= 0) this.#coalescer.clear()
    else {
      const ageMs = this.#deps.clock.monotonic() - this.#startedMs
      this.#heldDownUntil.add(1 + Math.ceil((ageMs + holdDownMs + HOLD_DOWN_LAG_MS) / 1000))
    }
  }

  #endHoldDowns(): void {
    const sizeBefore = this.#heldDownUntil.size
    for (const second of this.#heldDownUntil) if (second <= this.#nowSeconds) this.#heldDownUntil.delete(second)
    if (this.#heldDownUntil.size < sizeBefore) this.#coalescer.clear()
  }
}

/** Fewer than any list's number. */
const NO_LIST = -1

function countFault(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1
}
