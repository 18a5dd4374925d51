/** First in, first out, bounded by number and by size; handed out in batches that every bus takes. */
import type { Resolution } from '@dnstap-bgp/steering'

/** A resolution and the coalescer's key for it. */
export interface OutgoingFact {
  readonly resolution: Resolution
  readonly keyLow: number
  readonly keyHigh: number
}

export interface QueueLimits {
  readonly facts: number
  /** Names are up to 1020 characters, chains up to 65 names: so many facts alone would be no bound on memory. */
  readonly characters: number
}

const MAX_BATCH_FACTS = 500
/** Keeps a batch far under NATS's message limit (1 MiB) whatever the names. */
const MAX_BATCH_CHARACTERS = 200_000
/** Taken facts at the front of the array are let go when they are so many, and at least half. */
const COMPACT_AT = 1024

export class FactQueue {
  readonly #limits: QueueLimits
  #facts: OutgoingFact[] = []
  #head = 0
  #characters = 0

  constructor(limits: QueueLimits) {
    this.#limits = limits
  }

  get length(): number {
    return this.#facts.length - this.#head
  }

  /** False: there is no room. */
  push(fact: OutgoingFact): boolean {
    if (this.length >= this.#limits.facts || this.#characters >= this.#limits.characters) return false
    this.#facts.push(fact)
    this.#characters += charactersOf(fact)
    return true
  }

  /** The next batch; empty when nothing waits. */
  take(): OutgoingFact[] {
    let end = this.#head
    let characters = 0
    while (end < this.#facts.length && end - this.#head < MAX_BATCH_FACTS && characters < MAX_BATCH_CHARACTERS)
      characters += charactersOf(this.#facts[end++])
    this.#characters -= characters
    let batch: OutgoingFact[]
    if (this.#head === 0 && end === this.#facts.length) {
      batch = this.#facts
      this.#facts = []
    } else {
      batch = this.#facts.slice(this.#head, end)
      this.#head = end
      if (end >= COMPACT_AT && end * 2 >= this.#facts.length) {
        this.#facts = this.#facts.slice(end)
        this.#head = 0
      }
    }
    return batch
  }

  /** A batch that did not go goes to the front again. What no longer fits leaves at the end, and is returned. */
  putBack(facts: readonly OutgoingFact[]): OutgoingFact[] {
    this.#facts = [...facts, ...this.#facts.slice(this.#head)]
    this.#head = 0
    for (const fact of facts) this.#characters += charactersOf(fact)
    const excess: OutgoingFact[] = []
    while (this.#facts.length > this.#limits.facts || this.#characters > this.#limits.characters) {
      const last = this.#facts.pop()
      if (last === undefined) break
      this.#characters -= charactersOf(last)
      excess.push(last)
    }
    return excess
  }
}

function charactersOf({ resolution: { name, rule, chain } }: OutgoingFact): number {
  let characters = name.length + rule.length + 100
  for (let i = 0; i < chain.length; i++) characters += chain[i].length
  return characters
}
