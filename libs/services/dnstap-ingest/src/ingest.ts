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
import type { Hold, ListConfig } from '@dnstap-bgp/config'
import { DnstapDecoder, dnstapFaultName, messageTypeName } from '@dnstap-bgp/dnstap'
import { nameToText, ResponseReader, responseFaultName, textToName } from '@dnstap-bgp/dns-wire'
import { formatAddress } from '@dnstap-bgp/ip'
import type { Clock, Closeable, Log, Timer } from '@dnstap-bgp/runtime'
import { HEAD, type Resolution } from '@dnstap-bgp/steering'
import { Coalescer, Verdict } from './coalescer.ts'
import { beginKey, endKey, factKey } from './fact-key.ts'
import { Outbox } from './outbox.ts'
import { PieceMemory } from './piece-memory.ts'

/** What the matcher must offer; verdict objects are the same for the same id. */
export interface NameMatcher {
  /** The verdict on the uncompressed wire-format name at `offset`; negative: no list wants it. */
  match(bytes: Uint8Array, offset: number): number
  verdict(id: number): readonly { readonly list: string; readonly rule: string }[]
}

/** Who sent a frame. */
export interface FrameSource {
  /** For explanation when the frame has no identity: `unix`, or the peer's address. */
  readonly peer: string
}

export interface IngestConfig {
  readonly ipv6: boolean
  readonly types: readonly string[]
  readonly lists: readonly ListConfig[]
}

export interface IngestDeps {
  readonly bus: Bus
  readonly clock: Clock
  /** The wall clock as resolvers on this machine see it: response times are read against it. */
  readonly wallNow: () => number
  readonly matcher: NameMatcher
  readonly log: Log
  /** 32 random bits, twice. */
  readonly seed: readonly [number, number]
}

const COALESCER_CAPACITY = 1 << 20
/** A refresh is passed on when this share of the hold time has gone by, and at least every ten minutes. */
const REFRESH_SHARE = 8
const MAX_REFRESH_SECONDS = 600
/** Coarse time for the coalescer. */
const TICK_MS = 250
/** A response that says it is older than this has a clock that cannot be believed; or it waited somewhere for too long. */
const MAX_AGE_MS = 3_600_000

export class Ingest implements Closeable {
  readonly counters = {
    frames: 0,
    otherTypes: 0,
    noResponse: 0,
    unmatched: 0,
    matched: 0,
    withoutAddress: 0,
    repeats: 0,
    ipv6Off: 0,
    resolverAddress: 0,
    offChainRecords: 0,
    malformedRecords: 0,
    truncated: 0,
    piecesJoined: 0,
    dnstapFaults: {} as Record<string, number>,
    responseFaults: {} as Record<string, number>,
  }
  /** Frames by message type, for metrics. */
  readonly framesByType = new Float64Array(16)
  /** Senders by identity and version, as last heard. */
  readonly senders = new Map<string, { version: string; lastSeenMs: number }>()
  readonly outbox: Outbox

  #config: IngestConfig
  #matcher: NameMatcher
  readonly #deps: IngestDeps
  readonly #decoder = new DnstapDecoder()
  readonly #reader = new ResponseReader()
  readonly #coalescer = new Coalescer(COALESCER_CAPACITY)
  readonly #pieces = new PieceMemory()
  /** By dnstap message type. */
  #wanted = new Uint8Array(16)
  #wantsPieces = false
  #lists = new Map<string, { readonly number: number; readonly hold: Hold }>()
  #nowSeconds = 1
  readonly #startedMs: number
  readonly #ticker: Timer
  readonly #headSubscription: Subscription
  #epoch: string | undefined

  constructor(config: IngestConfig, deps: IngestDeps) {
    this.#config = config
    this.#deps = deps
    this.#matcher = deps.matcher
    this.#startedMs = deps.clock.monotonic()
    this.outbox = new Outbox(deps.bus, deps.clock, deps.log, (fact) => this.#coalescer.forget(fact.keyLow, fact.keyHigh))
    this.reconfigure(config)
    this.#ticker = deps.clock.every(TICK_MS, () => {
      this.#nowSeconds = 1 + Math.floor((deps.clock.monotonic() - this.#startedMs) / 1000)
    })
    this.#headSubscription = deps.bus.subscribe(HEAD, (head) => this.#epochHeard(head.epoch))
  }

  /** The lists' settings were read again. */
  reconfigure(config: IngestConfig): void {
    this.#config = config
    this.#lists = new Map(config.lists.map((list, number) => [list.name, { number, hold: list.hold }]))
    this.#wanted = new Uint8Array(16)
    for (let type = 1; type < 16; type++) if (config.types.includes(messageTypeName(type) ?? '')) this.#wanted[type] = 1
    this.#wantsPieces = config.types.some((type) => type !== 'CLIENT_RESPONSE')
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
    this.framesByType[decoder.messageType & 15]++
    if (this.#wanted[decoder.messageType & 15] === 0) {
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
    counters.malformedRecords += reader.malformedRecords
    if (reader.truncated) counters.truncated++
    const matcher = this.#matcher
    let matched = false
    for (let index = 0; index < reader.chainLength; index++) {
      const verdict = matcher.match(reader.chainBytes(index), reader.chainOffset(index))
      if (verdict < 0) continue
      this.#nameMatched(source, bytes, index, verdict, matched)
      matched = true
    }
    if (!matched && this.#wantsPieces) matched = this.#joinPieces(source, bytes)
    if (matched) counters.matched++
    else counters.unmatched++
  }

  async close(): Promise<void> {
    this.#ticker.cancel()
    await this.#headSubscription.close()
    await this.outbox.close()
  }

  /** The name at `index` is listed: its addresses, for each list that did not have an earlier name of this chain. */
  #nameMatched(source: FrameSource, bytes: Uint8Array, index: number, verdict: number, notFirst: boolean): void {
    const reader = this.#reader
    const rules = this.#matcher.verdict(verdict)
    if (reader.addressCount === 0 && !this.#wantsPieces) {
      if (!notFirst) this.counters.withoutAddress++
      return
    }
    for (let r = 0; r < rules.length; r++) {
      const rule = rules[r]
      const list = this.#lists.get(rule.list)
      if (list === undefined || (notFirst && this.#hadEarlierName(rule.list, index))) continue
      beginKey(this.#deps.seed[0], this.#deps.seed[1], list.number, reader.chainBytes(index), reader.chainOffset(index))
      const nameLow = factKey.low
      const nameHigh = factKey.high
      for (let a = 0; a < reader.addressCount; a++) {
        if (reader.addressOwner[a] < index) continue
        this.#address(source, bytes, a, index, rule, list.hold, nameLow, nameHigh)
      }
      if (this.#wantsPieces) this.#rememberTarget(index, rule)
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

  #address(
    source: FrameSource,
    bytes: Uint8Array,
    a: number,
    nameIndex: number,
    rule: { readonly list: string; readonly rule: string },
    hold: Hold,
    nameLow: number,
    nameHigh: number,
  ): void {
    const reader = this.#reader
    const offset = reader.addressOffset[a]
    const lengthBytes = reader.addressLength[a]
    if (lengthBytes === 16 && !this.#config.ipv6) {
      this.counters.ipv6Off++
      return
    }
    endKey(nameLow, nameHigh, bytes, offset, lengthBytes)
    const keyLow = factKey.low
    const keyHigh = factKey.high
    const ttlSeconds = reader.addressTtl[a]
    const verdict = this.#coalescer.pass(keyLow, keyHigh, this.#nowSeconds, refreshSeconds(hold, ttlSeconds))
    if (verdict === Verdict.repeat) {
      this.counters.repeats++
      return
    }
    if (this.#isResolver(bytes, offset, lengthBytes)) {
      this.counters.resolverAddress++
      return
    }
    const chain: string[] = []
    for (let i = 0; i <= reader.addressOwner[a]; i++) chain.push(nameToText(reader.chainBytes(i), reader.chainOffset(i)))
    this.#pass(verdict, keyLow, keyHigh, {
      list: rule.list,
      name: chain[nameIndex],
      rule: rule.rule,
      address: formatAddress(bytes, offset, lengthBytes),
      ttlSeconds,
      seenAtMs: this.#seenAtMs(),
      source: this.#identity(source, bytes),
      chain,
    })
  }

  #pass(verdict: Verdict, keyLow: number, keyHigh: number, resolution: Resolution): void {
    const fact = { resolution, keyLow, keyHigh }
    if (verdict === Verdict.news) this.outbox.news(fact)
    else this.outbox.refresh(fact)
  }

  /** Is the address the resolver's that gave the answer? Whoever it is, the way to it must not be steered by an answer. */
  #isResolver(bytes: Uint8Array, offset: number, lengthBytes: number): boolean {
    const { responseAddressStart: from, responseAddressEnd: to } = this.#decoder
    if (to - from !== lengthBytes) return false
    for (let i = 0; i < lengthBytes; i++) if (bytes[from + i] !== bytes[offset + i]) return false
    return true
  }

  /** When the resolver answered, by our clock: its own word on how long ago that was is taken, its clock's zero is not. */
  #seenAtMs(): number {
    const nowMs = this.#deps.clock.now()
    const decoder = this.#decoder
    if (decoder.responseTimeSec === 0) return nowMs
    const ageMs = this.#deps.wallNow() - (decoder.responseTimeSec * 1000 + decoder.responseTimeNsec / 1e6)
    return ageMs > 0 && ageMs < MAX_AGE_MS ? Math.round(nowMs - ageMs) : nowMs
  }

  #identity(source: FrameSource, bytes: Uint8Array): string {
    const decoder = this.#decoder
    const text = (from: number, to: number) =>
      Buffer.from(bytes.buffer, bytes.byteOffset + from, Math.min(to - from, MAX_IDENTITY_BYTES)).toString('utf8')
    if (decoder.identityEnd === decoder.identityStart) return source.peer
    const identity = printable(text(decoder.identityStart, decoder.identityEnd))
    const sender = this.senders.get(identity)
    if (sender !== undefined) sender.lastSeenMs = this.#deps.clock.now()
    else if (this.senders.size < MAX_SENDERS)
      this.senders.set(identity, {
        version: printable(text(decoder.versionStart, decoder.versionEnd)),
        lastSeenMs: this.#deps.clock.now(),
      })
    return identity
  }

  #rememberTarget(index: number, rule: { readonly list: string; readonly rule: string }): void {
    const reader = this.#reader
    const last = reader.chainLength - 1
    if (last === index) return
    const chain: string[] = []
    for (let i = 0; i <= last; i++) chain.push(nameToText(reader.chainBytes(i), reader.chainOffset(i)))
    this.#hashName(last)
    const piece = {
      target: chain[last],
      list: rule.list,
      name: chain[index],
      rule: rule.rule,
      chain,
      ttlSeconds: reader.chainTtl(last),
    }
    this.#pieces.remember(piece, factKey.low, this.#nowSeconds)
  }

  /** Does this answer go on where a listed chain ended a moment ago? */
  #joinPieces(source: FrameSource, bytes: Uint8Array): boolean {
    const reader = this.#reader
    this.#hashName(0)
    if (!this.#pieces.mayKnow(factKey.low)) return false
    const qname = nameToText(reader.chainBytes(0), reader.chainOffset(0))
    const pieces = this.#pieces.of(qname, this.#nowSeconds)
    if (pieces.length === 0) return false
    this.counters.piecesJoined++
    const names: string[] = []
    for (let i = 0; i < reader.chainLength; i++) names.push(nameToText(reader.chainBytes(i), reader.chainOffset(i)))
    for (const piece of pieces) {
      const list = this.#lists.get(piece.list)
      if (list === undefined) continue
      for (let a = 0; a < reader.addressCount; a++) this.#joinedAddress(source, bytes, a, piece, names, list)
      if (reader.chainLength > 1) {
        this.#hashName(reader.chainLength - 1)
        const { untilSeconds: _, ...rest } = piece
        const ttlSeconds = Math.min(piece.ttlSeconds, reader.chainTtl(reader.chainLength - 1))
        this.#pieces.remember(
          { ...rest, target: names[names.length - 1], chain: [...piece.chain, ...names.slice(1)], ttlSeconds },
          factKey.low,
          this.#nowSeconds,
        )
      }
    }
    return true
  }

  #joinedAddress(
    source: FrameSource,
    bytes: Uint8Array,
    a: number,
    piece: { list: string; name: string; rule: string; chain: readonly string[]; ttlSeconds: number },
    names: readonly string[],
    list: { readonly number: number; readonly hold: Hold },
  ): void {
    const reader = this.#reader
    const offset = reader.addressOffset[a]
    const lengthBytes = reader.addressLength[a]
    if (lengthBytes === 16 && !this.#config.ipv6) {
      this.counters.ipv6Off++
      return
    }
    if (this.#isResolver(bytes, offset, lengthBytes)) {
      this.counters.resolverAddress++
      return
    }
    const name = textToName(piece.name)
    if (name === undefined) return
    beginKey(this.#deps.seed[0], this.#deps.seed[1], list.number, name, 0)
    endKey(factKey.low, factKey.high, bytes, offset, lengthBytes)
    const keyLow = factKey.low
    const keyHigh = factKey.high
    const ttlSeconds = Math.min(piece.ttlSeconds, reader.addressTtl[a])
    const verdict = this.#coalescer.pass(keyLow, keyHigh, this.#nowSeconds, refreshSeconds(list.hold, ttlSeconds))
    if (verdict === Verdict.repeat) {
      this.counters.repeats++
      return
    }
    this.#pass(verdict, keyLow, keyHigh, {
      list: piece.list,
      name: piece.name,
      rule: piece.rule,
      address: formatAddress(bytes, offset, lengthBytes),
      ttlSeconds,
      seenAtMs: this.#seenAtMs(),
      source: this.#identity(source, bytes),
      chain: [...piece.chain, ...names.slice(1, reader.addressOwner[a] + 1)],
    })
  }

  /** Leaves the hash of a name of the chain in `factKey`. */
  #hashName(index: number): void {
    beginKey(this.#deps.seed[0], this.#deps.seed[1], NO_LIST, this.#reader.chainBytes(index), this.#reader.chainOffset(index))
  }

  /** Another epoch: the store does not know what we told the last one. */
  #epochHeard(epoch: string): void {
    if (this.#epoch !== undefined && this.#epoch !== epoch) this.forgetAll()
    this.#epoch = epoch
  }
}

/** Fewer than any list's number. */
const NO_LIST = -1
const MAX_IDENTITY_BYTES = 255
const MAX_SENDERS = 1000

function refreshSeconds(hold: Hold, ttlSeconds: number): number {
  const holdMs = hold.kind === 'idle' ? hold.ttlMs : Math.min(Math.max(ttlSeconds * 1000, hold.minMs), hold.maxMs) + hold.graceMs
  return Math.min(MAX_REFRESH_SECONDS, holdMs / 1000 / REFRESH_SHARE)
}

function countFault(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?')
}
