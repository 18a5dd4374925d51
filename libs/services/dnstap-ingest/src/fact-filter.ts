/**
 * Decides for each address of a matching answer whether the cache should hear of it, and makes the fact if so.
 *
 * Hot: asked for each address of each matching answer. The usual answer is no, and costs one look into the coalescer; objects are made only
 * for facts that pass.
 */
import { lifetimeMsOf, type Lifetime } from '@dnstap-bgp/config'
import type { DnstapDecoder } from '@dnstap-bgp/dnstap'
import type { ResponseReader } from '@dnstap-bgp/dns-wire'
import { formatAddress, hostPrefix } from '@dnstap-bgp/ip'
import { RoutePolicy, type ListsVersion } from '@dnstap-bgp/policy'
import type { Clock } from '@dnstap-bgp/runtime'
import type { CoarseClock } from './coarse-clock.ts'
import { Coalescer, Novelty } from './coalescer.ts'
import type { IngestCounters } from './ingest-counters.ts'
import { endKey, factKey } from './fact-key.ts'
import type { OutgoingFact } from './fact-queue.ts'
import type { SenderWatch } from './sender-watch.ts'
import type { FrameSender } from './sender-identities.ts'

const COALESCER_CAPACITY = 1 << 20
/** Of questions of our own: of a few thousand names. */
const OWN_COALESCER_CAPACITY = 1 << 18
/** A sighting is passed on when it makes a fact live longer by this share of its lifetime, or by ten minutes; never by less than a second. */
const WORTH_SHARE = 8
const MAX_WORTH_SECONDS = 600

/** Watches the facts that pass, each once: the outbox, and what keeps names warm. */
export interface FactObserver {
  /**
   * `isNew`: the cache has not been told of it; else it refreshes what the cache knows. `isForUs`: we asked ourselves; no client has
   * used the name. `sender`: by which connection it came.
   */
  onFact(fact: OutgoingFact, isNew: boolean, isForUs: boolean, sender: FrameSender): void
}

export interface FactFilterDeps {
  /** This run of ingest. */
  readonly run: string
  readonly clock: Clock
  readonly time: CoarseClock
  readonly counters: IngestCounters
  readonly watch: SenderWatch
  /** These hold the message at hand. */
  readonly decoder: DnstapDecoder
  readonly reader: ResponseReader
  readonly observers: readonly FactObserver[]
}

/** What a fact says beside its address. */
export interface Listed {
  readonly list: string
  readonly rule: string
}

export class FactFilter {
  readonly #deps: FactFilterDeps
  readonly #coalescer = new Coalescer(COALESCER_CAPACITY)
  /** For answers to our own questions. In one coalescer they would make repeats of the clients', and nobody would see that a name is in use. */
  #ownCoalescer: Coalescer | undefined
  /** Is the message at hand about a question of our own? */
  isForUs = false
  #policy: RoutePolicy
  #listsVersion: ListsVersion | undefined
  /** The text of the address that pass() let through last. */
  #address = ''

  constructor(deps: FactFilterDeps) {
    this.#deps = deps
    this.#policy = this.#policyFor(false)
  }

  /** Facts forgotten before they expired, for lack of room. */
  get evicted(): number {
    return this.#coalescer.evicted + (this.#ownCoalescer?.evicted ?? 0)
  }

  /** `listsVersion`: of the lists that match from now on. */
  configure(ipv6: boolean, listsVersion: ListsVersion | undefined): void {
    this.#listsVersion = listsVersion
    this.#policy = this.#policyFor(ipv6)
  }

  /** Forgets what the cache was told: every fact is new. */
  clear(): void {
    this.#coalescer.clear()
    this.#ownCoalescer?.clear()
  }

  /** The fact was let through and has not reached the cache. */
  dropped(fact: OutgoingFact, isNew: boolean): void {
    const { keyLow, keyHigh } = fact
    this.#coalescer.dropped(keyLow, keyHigh, isNew, this.#deps.time.nowSeconds)
    this.#ownCoalescer?.dropped(keyLow, keyHigh, isNew, this.#deps.time.nowSeconds)
  }

  /**
   * Should the cache hear of the address at `a`? Then it counts as told, and tell() must follow with the result. `nameLow` and `nameHigh`:
   * the key of list and name, begun by beginKey().
   */
  pass(
    sender: FrameSender,
    bytes: Uint8Array,
    a: number,
    lifetime: Lifetime,
    ttlSeconds: number,
    nameLow: number,
    nameHigh: number,
  ): Novelty {
    const { reader, counters, time } = this.#deps
    const offset = reader.addressOffset[a]
    const lengthBytes = reader.addressLength[a]
    if (this.#policy.whyNotFamily(lengthBytes) !== undefined) {
      counters.ipv6Off++
      return Novelty.repeat
    }
    endKey(nameLow, nameHigh, bytes, offset, lengthBytes)
    const { low, high } = factKey
    const coalescer = this.isForUs ? (this.#ownCoalescer ??= new Coalescer(OWN_COALESCER_CAPACITY)) : this.#coalescer
    const { nowSeconds } = time
    const lifetimeSeconds = lifetimeMsOf(lifetime, ttlSeconds) / 1000
    const worthSeconds = Math.max(1, Math.min(MAX_WORTH_SECONDS, lifetimeSeconds / WORTH_SHARE))
    let novelty = coalescer.judge(low, high, nowSeconds, nowSeconds + lifetimeSeconds, worthSeconds)
    if (novelty === Novelty.repeat) {
      counters.repeats++
      return novelty
    }
    // Judge again with the answer's age: after a stall of ours or of the sender, answers arrive old.
    const untilSeconds = nowSeconds + lifetimeSeconds - this.#deps.watch.ageMs(sender, bytes, counters.frames) / 1000
    if (untilSeconds <= nowSeconds) {
      counters.tooOld++
      return Novelty.repeat
    }
    novelty = coalescer.judge(low, high, nowSeconds, untilSeconds, worthSeconds)
    if (novelty === Novelty.repeat) {
      counters.repeats++
      return novelty
    }
    this.#address = formatAddress(bytes, offset, lengthBytes)
    if (this.#isResolver(bytes, offset, lengthBytes)) {
      counters.resolverAddress++
      return Novelty.repeat
    }
    coalescer.passed(low, high, novelty, nowSeconds, untilSeconds)
    return novelty
  }

  /** May the address at `a` be routed, as far as ingest knows? */
  isRoutable(bytes: Uint8Array, a: number): boolean {
    const { reader } = this.#deps
    const lengthBytes = reader.addressLength[a]
    if (this.#policy.whyNotFamily(lengthBytes) !== undefined) return false
    this.#address = formatAddress(bytes, reader.addressOffset[a], lengthBytes)
    return !this.#isResolver(bytes, reader.addressOffset[a], lengthBytes)
  }

  /** Makes the fact that pass() let through a moment ago. */
  tell(
    sender: FrameSender,
    bytes: Uint8Array,
    novelty: Novelty,
    { list, rule }: Listed,
    name: string,
    ttlSeconds: number,
    chain: readonly string[],
  ): void {
    const { run, clock, watch, counters, observers } = this.#deps
    const ageMs = watch.ageMs(sender, bytes, counters.frames)
    const fact: OutgoingFact = {
      resolution: {
        list,
        name,
        rule,
        address: this.#address,
        ttlSeconds,
        seenAtMs: Math.round(clock.now() - ageMs),
        seenBy: { ingest: run, steadyMs: clock.monotonic() - ageMs },
        source: { kind: 'resolver', identity: watch.nameOf(sender, bytes) },
        chain,
        matchedBy: this.#listsVersion,
      },
      keyLow: factKey.low,
      keyHigh: factKey.high,
    }
    for (let i = 0; i < observers.length; i++) observers[i].onFact(fact, novelty === Novelty.news, this.isForUs, sender)
  }

  /** No answer may steer the way to a resolver: one that is known, or the one that this message itself names. */
  #isResolver(bytes: Uint8Array, offset: number, lengthBytes: number): boolean {
    const { watch, decoder } = this.#deps
    return (
      this.#policy.whyNotPrefix(hostPrefix(this.#address)) !== undefined ||
      watch.resolverAddresses.isOfMessage(decoder, bytes, offset, lengthBytes)
    )
  }

  /** Of the never list ingest knows the resolvers. The cache knows all of it. */
  #policyFor(ipv6: boolean): RoutePolicy {
    return new RoutePolicy({ ipv6, never: this.#deps.watch.resolverAddresses })
  }
}
