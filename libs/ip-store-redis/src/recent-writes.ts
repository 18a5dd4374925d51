/**
 * What a store was told and answered in the last seconds, in order: a server that dies may lose it, and is told again.
 *
 * Redis with an append-only file loses up to two seconds of what it answered, a replica made master about as much.
 */
import type { BindingKey, Outcome, Sighting, StoreLimits } from '@dnstap-bgp/ip-store'
import type { Clock } from '@dnstap-bgp/runtime'

export type RecentWrite =
  { readonly sightings: readonly Sighting[]; readonly limits: StoreLimits } | { readonly keys: readonly BindingKey[] }

const KEPT_MS = 5_000
const KEPT_ROWS = 100_000

export class RecentWrites {
  readonly #clock: Pick<Clock, 'monotonic'>
  #writes: { readonly atMs: number; rows: number; write: RecentWrite }[] = []
  /** Those before it are dropped; their room is given back when they are the half of it. */
  #first = 0
  #rows = 0

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
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
    this.#add(keys.length, { keys })
  }

  /** By another replica, by hand: a name or a prefix. */
  forgottenElsewhere(subject: string): void {
    for (const kept of this.#writes) {
      if ('keys' in kept.write) continue
      const sightings = kept.write.sightings.filter(({ name, prefix }) => name !== subject && prefix !== subject)
      if (sightings.length === kept.rows) continue
      this.#rows -= kept.rows - sightings.length
      kept.rows = sightings.length
      kept.write = { ...kept.write, sightings }
    }
  }

  all(): RecentWrite[] {
    return this.#writes.slice(this.#first).map(({ write }) => write)
  }

  /** Lets go of what is not of the last seconds: when the server is lost, what it was told long before is on its disk, or gone for good. */
  trim(): void {
    const nowMs = this.#clock.monotonic()
    for (let first = this.#writes[this.#first]; first !== undefined; first = this.#writes[this.#first]) {
      if (first.atMs > nowMs - KEPT_MS && this.#rows <= KEPT_ROWS) break
      this.#rows -= first.rows
      this.#first++
    }
    if (this.#first < this.#writes.length / 2) return
    this.#writes = this.#writes.slice(this.#first)
    this.#first = 0
  }

  #add(rows: number, write: RecentWrite): void {
    if (rows === 0) return
    this.#writes.push({ atMs: this.#clock.monotonic(), rows, write })
    this.#rows += rows
    this.trim()
  }
}

const TAKEN: ReadonlySet<Outcome | undefined> = new Set<Outcome>(['new', 'refreshed', 'stale'])
