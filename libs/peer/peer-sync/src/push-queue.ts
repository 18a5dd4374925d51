/**
 * The entries that wait to be pushed to one peer: at most one for each (address, name), with the latest sighting; the one that waits longest goes first.
 *
 * Bounded: when it is full the oldest wish goes and is counted; the peer's own periodic fetch brings it there later. One queue for each
 * peer, so that a dead one costs memory up to the bound and nobody else anything.
 */
import type { PeerEntry } from './peer-entry.ts'

export class PushQueue {
  readonly #limit: number
  readonly #entries = new Map<string, PeerEntry>()
  /** Wishes that went because there was no room. */
  dropped = 0
  /** Wishes that a later one of the same binding replaced. */
  coalesced = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#entries.size
  }

  add(entry: PeerEntry): void {
    const key = keyOf(entry)
    const waiting = this.#entries.get(key)
    if (waiting !== undefined) {
      this.coalesced++
      if (entry.seenAtMs > waiting.seenAtMs) this.#entries.set(key, entry) // a Map keeps the place of its first insertion
      return
    }
    if (this.#entries.size >= this.#limit) this.#dropOldest()
    this.#entries.set(key, entry)
  }

  /** The oldest `count` wishes at most; they are the caller's now. */
  take(count: number): readonly PeerEntry[] {
    const taken: PeerEntry[] = []
    for (const [key, entry] of this.#entries) {
      if (taken.length >= count) break
      taken.push(entry)
      this.#entries.delete(key)
    }
    return taken
  }

  /** They could not be told: they wait again, behind the others, unless something newer about them waits already. */
  putBack(entries: readonly PeerEntry[]): void {
    for (const entry of entries) {
      const waiting = this.#entries.get(keyOf(entry))
      if (waiting !== undefined && waiting.seenAtMs >= entry.seenAtMs) continue
      if (waiting === undefined && this.#entries.size >= this.#limit) this.dropped++
      else this.#entries.set(keyOf(entry), entry)
    }
  }

  #dropOldest(): void {
    for (const key of this.#entries.keys()) {
      this.#entries.delete(key)
      this.dropped++
      return
    }
  }
}

function keyOf({ address, name }: PeerEntry): string {
  return `${address} ${name}`
}
