/**
 * Joins chains that arrive link by link (PieceMemory says why), for messages that do not carry the whole chain.
 *
 * A listed name whose chain has a further name is remembered by that name. An answer for it then belongs to the listed name, and its own last
 * name is remembered in turn.
 */
import type { Lifetime } from '@dnstap-bgp/config'
import { textToName, type ResponseReader } from '@dnstap-bgp/dns-wire'
import type { ChainText } from './chain-text.ts'
import type { CoarseClock } from './coarse-clock.ts'
import { Novelty } from './coalescer.ts'
import type { IngestCounters } from './ingest-counters.ts'
import type { FactFilter, Listed } from './fact-filter.ts'
import { beginKey, factKey } from './fact-key.ts'
import { PieceMemory, type Piece } from './piece-memory.ts'
import type { FrameSender } from './sender-identities.ts'

/** A list as each fact needs it. */
export interface ListFacts {
  readonly number: number
  readonly lifetime: Lifetime
}

export interface SplitChainsDeps {
  readonly time: CoarseClock
  readonly counters: IngestCounters
  readonly filter: FactFilter
  /** These hold the message at hand. */
  readonly reader: ResponseReader
  readonly chain: ChainText
  /** 32 random bits, twice. */
  readonly seed: readonly [number, number]
}

/** Fewer than any list's number. */
const NO_LIST = -1

export class SplitChains {
  readonly #deps: SplitChainsDeps
  readonly #pieces = new PieceMemory()

  constructor(deps: SplitChainsDeps) {
    this.#deps = deps
  }

  /** Targets forgotten before their time. */
  get evicted(): number {
    return this.#pieces.evicted
  }

  clear(): void {
    this.#pieces.clear()
  }

  /** The name at `index` is listed: an answer for the last name of its chain belongs to it. */
  remember(index: number, { list, rule }: Listed): void {
    const { reader, chain, counters } = this.#deps
    const last = reader.chainLength - 1
    if (last === index) return
    const names = chain.upTo(last, counters.frames)
    this.#remember(last, {
      target: names[last],
      list,
      name: names[index],
      rule,
      chain: names,
      ttlSeconds: reader.chainTtl(last),
    })
  }

  /** Does the answer at hand continue a listed chain that was seen a moment ago? Then its addresses are bound to the listed name. */
  join(sender: FrameSender, bytes: Uint8Array, lists: ReadonlyMap<string, ListFacts>): boolean {
    const { reader, chain, counters, time } = this.#deps
    this.#beginKey(0)
    if (!this.#pieces.mayKnow(factKey.low)) return false
    const pieces = this.#pieces.of(chain.upTo(0, counters.frames)[0], time.nowSeconds)
    if (pieces.length === 0) return false
    counters.linksJoined++
    const last = reader.chainLength - 1
    for (const piece of pieces) {
      const list = lists.get(piece.list)
      if (list === undefined) continue
      this.#joinAddresses(sender, bytes, piece, list)
      if (last === 0) continue
      const names = chain.upTo(last, counters.frames)
      this.#remember(last, {
        target: names[last],
        list: piece.list,
        name: piece.name,
        rule: piece.rule,
        chain: [...piece.chain, ...names.slice(1)],
        ttlSeconds: Math.min(piece.ttlSeconds, reader.chainTtl(last)),
      })
    }
    return true
  }

  #joinAddresses(sender: FrameSender, bytes: Uint8Array, piece: Piece, list: ListFacts): void {
    const { reader, chain, filter, counters, seed } = this.#deps
    const name = textToName(piece.name)
    if (name === undefined) return
    beginKey(seed[0], seed[1], list.number, name, 0)
    const nameLow = factKey.low
    const nameHigh = factKey.high
    for (let a = 0; a < reader.addressCount; a++) {
      const ttlSeconds = Math.min(piece.ttlSeconds, reader.addressTtl[a])
      const novelty = filter.pass(sender, bytes, a, list.lifetime, ttlSeconds, nameLow, nameHigh)
      if (novelty === Novelty.repeat) continue
      const names = [...piece.chain, ...chain.upTo(reader.addressOwner[a], counters.frames).slice(1)]
      filter.tell(sender, bytes, novelty, piece, piece.name, ttlSeconds, names)
    }
  }

  #remember(last: number, piece: Omit<Piece, 'untilSeconds'>): void {
    this.#beginKey(last)
    this.#pieces.remember(piece, factKey.low, this.#deps.time.nowSeconds)
  }

  /** Hashes the name at `index`, into `factKey`. */
  #beginKey(index: number): void {
    const { reader, seed } = this.#deps
    beginKey(seed[0], seed[1], NO_LIST, reader.chainBytes(index), reader.chainOffset(index))
  }
}
