/**
 * Ingest: from a frame to what the cache should know.
 *
 *   frame ─▶ dnstap ─▶ type wanted? ─▶ DNS response ─▶ chain, QNAME first ─▶ matcher ─▶ fact filter ─▶ outbox ─▶ RESOLUTIONS
 *
 * Everything up to the matcher works on the bytes in place and allocates nothing; frames that are dropped are counted by reason. For
 * each list the first name on the chain that it covers is the binding's name, and the addresses at or behind that name are its
 * addresses. The cache holds the lists too and decides: it takes what was matched by the lists that it has, and matches anything else again.
 *
 * This file is the frame's path. fact-filter.ts stops repeats, split-chains.ts joins chains that arrive link by link, sender-watch.ts knows the
 * senders, relearning.ts says when the cache has forgotten.
 */
import type { Bus } from '@dnstap-bgp/bus'
import type { ListConfig } from '@dnstap-bgp/config'
import { DnstapDecoder, dnstapFaultName, MessageType, messageTypeName } from '@dnstap-bgp/dnstap'
import { ResponseReader, responseFaultName } from '@dnstap-bgp/dns-wire'
import { formatAddress } from '@dnstap-bgp/ip'
import type { ListsVersion } from '@dnstap-bgp/policy'
import { AskedFor, type ResolverProbes } from '@dnstap-bgp/resolver-probe'
import type { Clock, Closeable, Log, Timer } from '@dnstap-bgp/runtime'
import { randomUUID } from 'node:crypto'
import { ChainText } from './chain-text.ts'
import { CoarseClock, TICK_MS } from './coarse-clock.ts'
import { Novelty } from './coalescer.ts'
import { newIngestCounters } from './ingest-counters.ts'
import { FactFilter, type FactObserver, type Listed } from './fact-filter.ts'
import { beginKey, factKey } from './fact-key.ts'
import type { HoldDesk } from './hold-desk.ts'
import { ticketOf } from './hold-wire.ts'
import { Outbox } from './outbox.ts'
import { Relearning } from './relearning.ts'
import { SenderWatch } from './sender-watch.ts'
import type { FrameSender, Senders } from './sender-identities.ts'
import { SplitChains, type ListFacts } from './split-chains.ts'

/** What the matcher must offer; verdict objects are the same for the same id. */
export interface NameMatcher {
  /** The verdict on the uncompressed wire-format name at `offset`; negative: no list wants it. */
  match(bytes: Uint8Array, offset: number): number
  verdict(id: number): readonly Listed[]
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
  /** Of the matcher's lists; without it the cache matches each name again. */
  readonly version?: ListsVersion | undefined
  readonly log: Log
  /** 32 random bits, twice. */
  readonly seed: readonly [number, number]
  /** For answers that hooks hold back; undefined: nobody is told. */
  readonly holds?: HoldDesk
  /** Told of each fact after the outbox. */
  readonly observers?: readonly FactObserver[]
  /** Know the frames that are about questions of our own; absent: we ask none. */
  readonly probes?: Pick<ResolverProbes, 'onRead' | 'askerOf'> | undefined
}

const NONE_LISTED = -1

export class Ingest implements Closeable {
  /** This run of ingest, among all whose facts a cache takes. */
  readonly run = randomUUID()
  readonly counters = newIngestCounters()
  /** Frames by message type, for metrics; 0 is a type we do not know. */
  readonly framesByType = new Float64Array(16)
  readonly outbox: Outbox

  #matcher: NameMatcher
  #version: ListsVersion | undefined
  /** By dnstap message type. */
  #wanted = new Uint8Array(16)
  #lists: ReadonlyMap<string, ListFacts> = new Map()
  readonly #seed: readonly [number, number]
  readonly #time: CoarseClock
  readonly #decoder = new DnstapDecoder()
  readonly #reader = new ResponseReader()
  readonly #chain = new ChainText(this.#reader)
  readonly #watch: SenderWatch
  readonly #filter: FactFilter
  readonly #splitChains: SplitChains
  readonly #relearning: Relearning
  readonly #probes: IngestDeps['probes']
  readonly #holds: HoldDesk | undefined
  readonly #ticker: Timer

  constructor(config: IngestConfig, deps: IngestDeps) {
    const { bus, clock, matcher, version, log, seed, holds, observers = [], probes } = deps
    this.#matcher = matcher
    this.#probes = probes
    this.#seed = seed
    const time = (this.#time = new CoarseClock(clock))
    const inHand = { decoder: this.#decoder, reader: this.#reader, chain: this.#chain, counters: this.counters, time }
    const watch = (this.#watch = new SenderWatch({ ...inHand, bus, clock, log }))
    const outbox = (this.outbox = new Outbox({
      ...{ bus, clock, log },
      random: Math.random,
      onDrop: (fact, isNew) => this.#filter.dropped(fact, isNew),
    }))
    const filter = (this.#filter = new FactFilter({ ...inHand, run: this.run, clock, watch, observers: [outbox, ...observers] }))
    this.#splitChains = new SplitChains({ ...inHand, filter, seed })
    this.#relearning = new Relearning({ bus, time, onLoss: () => this.forgetAll(), onForgotten: () => filter.clear() })
    this.#holds = holds
    this.use(config, matcher, version)
    this.#ticker = clock.every(TICK_MS, () => {
      time.read()
      watch.tick()
      this.#relearning.tick()
    })
  }

  get senders(): Senders {
    return this.#watch.senders
  }

  /** Entries forgotten before their time, for lack of room. */
  get evicted(): { readonly facts: number; readonly targets: number; readonly identities: number; readonly resolvers: number } {
    return {
      facts: this.#filter.evicted,
      targets: this.#splitChains.evicted,
      identities: this.#watch.senders.evicted,
      resolvers: this.#watch.resolverAddresses.evicted,
    }
  }

  /** Addresses of resolvers that are known and kept from being steered. */
  get resolverAddresses(): number {
    return this.#watch.resolverAddresses.size
  }

  /** Is a sender still sending answers that it could not send in time, as after a stall of ours? */
  get isBehind(): boolean {
    return this.#watch.isBehind
  }

  /** Messages that came, by type; without those about questions of our own. */
  messagesByType(): Record<string, number> {
    const counts = [...this.framesByType].map((count, type) => [messageTypeName(type) ?? 'unknown', count] as const)
    return Object.fromEntries(counts.filter(([, count]) => count > 0))
  }

  /** How far the clock of the resolver that a connection brought last is behind ours (negative: ahead); undefined in its first minute. */
  clockBehindMs(sender: FrameSender): number | undefined {
    return this.#watch.clockBehindMs(sender)
  }

  /** Takes settings that were read again and the lists as they are now. Facts stay known: forgetAll() when the cache may answer otherwise. */
  use(config: IngestConfig, matcher: NameMatcher, version?: ListsVersion): void {
    this.#matcher = matcher
    // Listed names that wait for the rest of their chain were matched by the old lists.
    if (version !== this.#version) this.#splitChains.clear()
    this.#version = version
    this.#lists = new Map(config.lists.map((list, number) => [list.name, { number, lifetime: list.lifetime }]))
    this.#wanted = new Uint8Array(16)
    for (let type = 1; type < 16; type++) if (config.types.includes(messageTypeName(type) ?? '')) this.#wanted[type] = 1
    this.#filter.configure(config.ipv6, version)
    this.#watch.nameResolvers(config.resolvers)
  }

  /** Every fact that the cache was told counts as new again. */
  forgetAll(): void {
    this.#filter.clear()
    this.#splitChains.clear()
  }

  /**
   * A socket was read: its frames follow. After a stall, sockets are read before timers run. With the coarse time of before the stall, the age
   * of answers would count twice and refreshes would look like repeats.
   */
  onRead(sender: FrameSender): void {
    this.#time.catchUp()
    this.#probes?.onRead(sender)
  }

  /** One dnstap frame: `bytes[start..end)`. Nothing of it is kept. */
  frame(sender: FrameSender, bytes: Uint8Array, start: number, end: number): void {
    const counters = this.counters
    counters.frames++
    const decoder = this.#decoder
    const fault = decoder.decode(bytes, start, end)
    if (fault !== 0) {
      countFault(counters.dnstapFaults, dnstapFaultName(fault))
      return
    }
    const firstListed = this.#answer(sender, bytes)
    if (decoder.extraEnd === 0 || this.#holds === undefined) return
    const ticket = ticketOf(bytes, decoder.extraStart, decoder.extraEnd)
    if (ticket !== undefined) this.#holds.ask(sender, ticket, this.#routable(bytes, firstListed))
  }

  /** Addresses of the answer at hand that a listed name led to and that may be routed, as far as ingest knows. */
  #routable(bytes: Uint8Array, firstListed: number): string[] {
    const addresses: string[] = []
    if (firstListed === NONE_LISTED) return addresses
    const reader = this.#reader
    for (let a = 0; a < reader.addressCount; a++)
      if (reader.addressOwner[a] >= firstListed && this.#filter.isRoutable(bytes, a))
        addresses.push(formatAddress(bytes, reader.addressOffset[a], reader.addressLength[a]))
    return addresses
  }

  /** The frame that was decoded. Returns which name of its chain is the first listed one. */
  #answer(sender: FrameSender, bytes: Uint8Array): number {
    const { counters } = this
    const decoder = this.#decoder
    const { tick } = this.#time
    if (sender.heardAt !== tick) {
      sender.heardAt = tick
      this.#watch.look(sender, bytes, counters.frames)
    }
    const asker = this.#probes === undefined ? AskedFor.client : this.#probes.askerOf(sender, decoder, bytes)
    if (asker === AskedFor.metronome) {
      counters.ownFrames++
      return NONE_LISTED
    }
    this.#filter.isForUs = asker === AskedFor.warm
    this.framesByType[decoder.messageType]++
    if (this.#wanted[decoder.messageType] === 0) {
      counters.otherTypes++
      return NONE_LISTED
    }
    if (decoder.responseMessageEnd === decoder.responseMessageStart) {
      counters.noResponse++
      return NONE_LISTED
    }
    const reader = this.#reader
    const responseFault = reader.read(bytes, decoder.responseMessageStart, decoder.responseMessageEnd)
    if (responseFault !== 0) {
      countFault(counters.responseFaults, responseFaultName(responseFault))
      return NONE_LISTED
    }
    counters.offChainRecords += reader.offChainRecords
    counters.otherClassRecords += reader.otherClassRecords
    counters.malformedRecords += reader.malformedRecords
    counters.excessRecords += reader.excessRecords
    if (reader.truncated) counters.truncated++
    if (reader.looped) counters.loopedChains++
    // A client is told the whole chain; a resolver gets it from others link by link.
    const isSplit = decoder.messageType !== MessageType.CLIENT_RESPONSE
    const matcher = this.#matcher
    let matched = false
    let firstListed = NONE_LISTED
    for (let index = 0; index < reader.chainLength; index++) {
      const verdict = matcher.match(reader.chainBytes(index), reader.chainOffset(index))
      if (verdict < 0) continue
      this.#nameMatched(sender, bytes, index, verdict, matched, isSplit)
      if (!matched) firstListed = index
      matched = true
    }
    if (isSplit && this.#splitChains.join(sender, bytes, this.#lists)) matched = true
    if (!matched) counters.unmatched++
    else {
      counters.matched++
      if (reader.addressCount === 0) counters.withoutAddress++
    }
    return firstListed
  }

  async close(): Promise<void> {
    this.#ticker.cancel()
    this.#watch.close()
    await this.#relearning.close()
    await this.outbox.close()
  }

  /** The name at `index` is listed: its addresses, for each list that did not have an earlier name of this chain. */
  #nameMatched(
    sender: FrameSender,
    bytes: Uint8Array,
    index: number,
    verdict: number,
    notFirst: boolean,
    isSplit: boolean,
  ): void {
    const reader = this.#reader
    if (reader.addressCount === 0 && !isSplit) return
    const filter = this.#filter
    const rules = this.#matcher.verdict(verdict)
    for (let r = 0; r < rules.length; r++) {
      const rule = rules[r]
      const list = this.#lists.get(rule.list)
      if (list === undefined || (notFirst && this.#hadEarlierName(rule.list, index))) continue
      beginKey(this.#seed[0], this.#seed[1], list.number, reader.chainBytes(index), reader.chainOffset(index))
      const nameLow = factKey.low
      const nameHigh = factKey.high
      for (let a = 0; a < reader.addressCount; a++) {
        if (reader.addressOwner[a] < index) continue
        const ttlSeconds = reader.addressTtl[a]
        const novelty = filter.pass(sender, bytes, a, list.lifetime, ttlSeconds, nameLow, nameHigh)
        if (novelty === Novelty.repeat) continue
        const chain = this.#chain.upTo(reader.addressOwner[a], this.counters.frames)
        filter.tell(sender, bytes, novelty, rule, chain[index], ttlSeconds, chain)
      }
      if (isSplit) this.#splitChains.remember(index, rule)
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
}

function countFault(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1
}
