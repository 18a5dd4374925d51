/**
 * What a store was told and answered in the last seconds: a server that dies may lose it, and is told again.
 *
 * Redis with an append-only file loses up to two seconds of what it answered, a replica made master about as much. The seconds count
 * back from its last answer: it may have hung for long before it died.
 *
 * What is forgotten takes the sightings of it out, so that what is owed may be told in any order, but what was forgotten first.
 */
import type { BindingKey, Outcome, Sighting, StoreLimits } from '@dnstap-bgp/ip-store'
import type { Clock } from '@dnstap-bgp/runtime'

export type RecentWrite =
  { readonly sightings: readonly Sighting[]; readonly limits: StoreLimits } | { readonly keys: readonly BindingKey[] }

interface Kept {
  atMs: number
  rows: number
  write: RecentWrite
  /** The server that is there now has not been told. */
  owed: boolean
}

const KEPT_MS = 5_000
const KEPT_ROWS = 100_000

export class RecentWrites {
  readonly #clock: Pick<Clock, 'monotonic'>
  #writes: Kept[] = []
  /** Those before it are dropped; their room is given back when they are the half of it. */
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

  /** Those that were refused are not told again; a rate that was held then is not held twice. */
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

  /** The server is another one, or started again: it is to be told all of it. */
  lost(): void {
    for (const kept of this.#writes.slice(this.#first)) kept.owed = true
  }

  /** What was forgotten comes first. It may change while it is told: look at the write as late as possible. */
  owed(): Kept[] {
    const owed = this.#writes.slice(this.#first).filter((kept) => kept.owed)
    return [...owed.filter(({ write }) => 'keys' in write), ...owed.filter(({ write }) => 'sightings' in write)]
  }

  told(kept: Kept): void {
    kept.owed = false
    kept.atMs = this.#clock.monotonic() // it may be lost once more
  }

  /** Lets go of what is not of the last seconds: when the server is lost, what it was told long before is on its disk, or gone for good. */
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
