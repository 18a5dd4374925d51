/**
 * How long ago an ingest heard a fact, whatever the wall clocks of the two machines show, and whether somebody set one.
 *
 * A fact carries the time of its ingest's steady clock, which only that process has. Its answers to our questions (CAUGHT_UP) tell what this clock
 * shows. The answer was given between our question and its arrival, so the distance of its clock and ours lies between two bounds:
 *
 *     asked ─────────── answered: steadyMs ─────────── arrived        (our monotonic clock)
 *     lowest distance = asked - steadyMs       highest = arrived - steadyMs
 *
 * A distance that lies between them stays. Otherwise the nearer bound is taken: clocks drift, and a machine that slept has a steady clock that stood.
 */
import type { CaughtUp, SteadyTime } from '@dnstap-bgp/steering'

/** Ingests whose facts may still be in the queue. */
const MAX_INGESTS = 10_000
/** An answer to an older question has no lower bound. */
const MAX_QUESTIONS = 256

export class IngestClocks {
  /** Our monotonic time is the steady time of this ingest and this. */
  readonly #distances = new Map<string, number>()
  /** When each question was asked first. */
  readonly #questions = new Map<number, number>()

  /** `nowMs` is monotonic, here and below. */
  asked(number: number, nowMs: number): void {
    if (this.#questions.has(number)) return
    this.#questions.set(number, nowMs)
    if (this.#questions.size > MAX_QUESTIONS) deleteFirst(this.#questions)
  }

  /** `isOurs`: it answers a question that was told to asked(). */
  answered({ ingest, number, steadyMs }: CaughtUp, isOurs: boolean, nowMs: number): void {
    if (steadyMs === undefined) return
    const highest = nowMs - steadyMs
    const askedMs = isOurs ? this.#questions.get(number) : undefined
    const lowest = askedMs === undefined ? -Infinity : askedMs - steadyMs
    const known = this.#distances.get(ingest) ?? highest
    if (!this.#distances.has(ingest) && this.#distances.size >= MAX_INGESTS) deleteFirst(this.#distances)
    this.#distances.set(ingest, Math.min(Math.max(known, lowest), highest))
  }

  /** How long ago it was; undefined: nobody knows what that clock shows now. */
  ageMs(time: SteadyTime | undefined, nowMs: number): number | undefined {
    const distance = time === undefined ? undefined : this.#distances.get(time.ingest)
    return time === undefined || distance === undefined ? undefined : Math.max(0, nowMs - distance - time.steadyMs)
  }
}

function deleteFirst<K>(map: Map<K, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key)
    return
  }
}
