/**
 * Writes that the store answered in the last seconds: a server that dies may lose them, and they are written again.
 *
 * Redis with an append-only file loses the writes of up to two seconds; a replica that became master about as much. The seconds count back
 * from the last answer: Redis may have hung for long before it died.
 *
 * Forgetting takes the sightings of the subject out of here. So writes may be repeated in any order, with forgetting first.
 */
import type { BindingKey, Outcome, Sighting, StoreLimits } from '@dnstap-bgp/ip-store'
import type { Clock } from '@dnstap-bgp/runtime'

export type RecentWrite =
  { readonly sightings: readonly Sighting[]; readonly limits: StoreLimits } | { readonly keys: readonly BindingKey[] }

interface Kept {
  atMs: number
  rows: number
  write: RecentWrite
  /** The server of now may lack it. */
  owed: boolean
}

const KEPT_MS = 5_000
const KEPT_ROWS = 100_000

export class RecentWrites {
  readonly #clock: Pick<Clock, 'monotonic'>
  #writes: Kept[] = []
  /** Writes before this index are dropped; their room is given back when they are half of all. */
  #first = 0
  #rows = 0
  #answeredMs = -Infinity

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** The server answered, whatever it was asked. */
  answered(): void {
    this.#answeredMs = this.#clock.monotonic()
  }

  /** Refused sightings are not repeated. A rate that was charged then is not charged twice. */
  observed(sightings: readonly Sighting[], outcomes: readonly Outcome[], limits: StoreLimits): void {
    const kept: Sighting[] = []
    for (const [at, sighting] of sightings.entries()) {
      if (TAKEN.has(outcomes[at])) kept.push(sighting.noNewRoute === true ? { ...sighting, noNewRoute: false } : sighting)
    }
    this.#add(kept.length, { sightings: kept, limits })
  }

  forgot(keys: readonly BindingKey[]): void {
    const gone = new Map<string, BindingKey[]>()
    for (const key of keys) {
      const ofPrefix = gone.get(key.prefix)
      if (ofPrefix === undefined) gone.set(key.prefix, [key])
      else ofPrefix.push(key)
    }
    this.#takeOut(({ list, name, prefix }) => gone.get(prefix)?.some((key) => key.list === list && key.name === name) === true)
    this.#add(keys.length, { keys })
  }

  /** By another replica, by hand: a name or a prefix. */
  forgottenElsewhere(subject: string): void {
    this.#takeOut(({ name, prefix }) => name === subject || prefix === subject)
  }

  /** Redis was replaced or restarted: every write that is kept has to be sent again. */
  lost(): void {
    for (const kept of this.#writes.slice(this.#first)) kept.owed = true
  }

  /** Forgetting comes first. A write may change while others are repeated: read `write` as late as possible. */
  owed(): Kept[] {
    const owed = this.#writes.slice(this.#first).filter((kept) => kept.owed)
    return [...owed.filter(({ write }) => 'keys' in write), ...owed.filter(({ write }) => 'sightings' in write)]
  }

  told(kept: Kept): void {
    kept.owed = false
    kept.atMs = this.#clock.monotonic() // it may be lost once more
  }

  /** Drops older writes: they are on the server's disk, or lost for good. */
  trim(): void {
    for (let first = this.#writes[this.#first]; first !== undefined; first = this.#writes[this.#first]) {
      if ((first.owed || first.atMs > this.#answeredMs - KEPT_MS) && this.#rows <= KEPT_ROWS) break
      this.#rows -= first.rows
      this.#first++
    }
    if (this.#first < this.#writes.length / 2) return
    this.#writes = this.#writes.slice(this.#first)
    this.#first = 0
  }

  #add(rows: number, write: RecentWrite): void {
    if (rows === 0) return
    this.answered()
    this.#writes.push({ atMs: this.#answeredMs, rows, write, owed: false })
    this.#rows += rows
    this.trim()
  }

  #takeOut(isGone: (sighting: Sighting) => boolean): void {
    for (const kept of this.#writes.slice(this.#first)) {
      if ('keys' in kept.write) continue
      const sightings = kept.write.sightings.filter((sighting) => !isGone(sighting))
      if (sightings.length === kept.rows) continue
      this.#rows -= kept.rows - sightings.length
      kept.rows = sightings.length
      kept.write = { ...kept.write, sightings }
    }
  }
}

const TAKEN: ReadonlySet<Outcome | undefined> = new Set<Outcome>(['new', 'refreshed', 'stale'])
