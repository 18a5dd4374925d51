/** First in, first out, bounded by number and by size; handed out in batches that every bus takes, which may come back. */
import { octetsOfResolution, type Resolution } from '@dnstap-bgp/steering'

/** A resolution and the coalescer's key for it. */
export interface OutgoingFact {
  readonly resolution: Resolution
  readonly keyLow: number
  readonly keyHigh: number
}

/** Neighbours in the queue that travel together. */
export interface FactBatch {
  readonly facts: readonly OutgoingFact[]
  readonly octets: number
  /** Batches taken earlier have smaller ones. */
  readonly sequence: number
  /** Facts that were pushed before those of the batch. */
  readonly before: number
}

export interface QueueLimits {
  readonly facts: number
  /** Names have up to 1020 characters and chains up to 65 names, so a number of facts alone would not bound memory. */
  readonly octets: number
}

const MAX_BATCH_FACTS = 500
/** Keeps a batch far under NATS's message limit (1 MiB) whatever the names. */
const MAX_BATCH_OCTETS = 400_000
/** Taken facts are removed from the front of the array when they are at least this many and at least half. */
const COMPACT_AT = 1024

export class FactQueue {
  readonly #limits: QueueLimits
  /** Batches that came back, in the order they were taken: they go first. */
  #returned: FactBatch[] = []
  /** Batches that are taken, and neither gone nor back. */
  readonly #taken = new Set<FactBatch>()
  #facts: OutgoingFact[] = []
  #head = 0
  #pushed = 0
  #length = 0
  #octets = 0
  #lastSequence = 0

  constructor(limits: QueueLimits) {
    this.#limits = limits
  }

  get length(): number {
    return this.#length
  }

  /** How many facts were pushed. One that was dropped gives its number to the next. */
  get pushed(): number {
    return this.#pushed
  }

  /** This many of the facts pushed first have left the queue, without a gap. */
  get gone(): number {
    let gone = this.#pushed - (this.#facts.length - this.#head)
    for (const { before } of [...this.#returned, ...this.#taken]) gone = Math.min(gone, before)
    return gone
  }

  /** False: there is no room. */
  push(fact: OutgoingFact): boolean {
    if (this.#length >= this.#limits.facts || this.#octets >= this.#limits.octets) return false
    this.#facts.push(fact)
    this.#pushed++
    this.#length++
    this.#octets += octetsOfResolution(fact.resolution)
    return true
  }

  /** The next batch; undefined when nothing waits. */
  take(): FactBatch | undefined {
    const batch = this.#returned.shift() ?? this.#cut()
    if (batch === undefined) return undefined
    this.#length -= batch.facts.length
    this.#octets -= batch.octets
    this.#taken.add(batch)
    return batch
  }

  /** The bus took the batch. */
  sent(batch: FactBatch): void {
    this.#taken.delete(batch)
  }

  /** The bus refused the batch: it goes back to its place. Facts that no longer fit are removed from the end and returned. */
  putBack(batch: FactBatch): OutgoingFact[] {
    this.#taken.delete(batch)
    const at = this.#returned.findIndex((other) => other.sequence > batch.sequence)
    this.#returned.splice(at < 0 ? this.#returned.length : at, 0, batch)
    this.#length += batch.facts.length
    this.#octets += batch.octets
    const excess: OutgoingFact[] = []
    while (this.#length > this.#limits.facts || this.#octets > this.#limits.octets) excess.push(...this.#dropLast())
    return excess
  }

  #cut(): FactBatch | undefined {
    if (this.#head === this.#facts.length) return undefined
    let end = this.#head
    let octets = 0
    while (end < this.#facts.length && end - this.#head < MAX_BATCH_FACTS && octets < MAX_BATCH_OCTETS)
      octets += octetsOfResolution(this.#facts[end++].resolution)
    const facts = this.#facts.slice(this.#head, end)
    const before = this.#pushed - (this.#facts.length - this.#head)
    this.#head = end
    if (end === this.#facts.length || (end >= COMPACT_AT && end * 2 >= this.#facts.length)) {
      this.#facts = this.#facts.slice(end)
      this.#head = 0
    }
    return { facts, octets, sequence: ++this.#lastSequence, before }
  }

  /** The newest fact; when only batches that came back are left, the newest of these, whole. */
  #dropLast(): readonly OutgoingFact[] {
    const last = this.#head < this.#facts.length ? this.#facts.pop() : undefined
    if (last !== undefined) this.#pushed--
    const batch = last === undefined ? this.#returned.pop() : { facts: [last], octets: octetsOfResolution(last.resolution) }
    if (batch === undefined) return []
    this.#length -= batch.facts.length
    this.#octets -= batch.octets
    return batch.facts
  }
}
