/**
 * When something was not as it should be: from the moment a fault really took effect until the whole path was seen to work again.
 *
 * The model asks one question of it: by when has what began at this moment come to its end? `settledAt` answers.
 */

/** What a fault does to facts that are under way. `*` is every resolver and peer. */
export interface Effect {
  /** Facts of these that were under way may be lost. */
  readonly loses?: readonly string[]
  /** Nobody but the process in trouble can know of the facts of these, so nothing can wait for them. */
  readonly hides?: readonly string[]
  /** Those who sent facts on do not know that they were lost, so repeats of them are held back as usual. */
  readonly unnoticed?: boolean
}

export class Outage {
  readonly number: number
  readonly fromMs: number
  toMs = Infinity
  readonly what: string[] = []
  readonly #effects: Effect[] = []

  constructor(number: number, fromMs: number) {
    this.number = number
    this.fromMs = fromMs
  }

  add(what: string, effect: Effect): void {
    this.what.push(what)
    this.#effects.push(effect)
  }

  loses(via: string): boolean {
    return this.#effects.some((effect) => effect.loses?.some((one) => one === '*' || one === via))
  }

  hides(via: string): boolean {
    return this.#effects.some((effect) => effect.hides?.some((one) => one === '*' || one === via))
  }

  get unnoticed(): boolean {
    return this.#effects.some((effect) => effect.unnoticed === true)
  }
}

/** A machine so loaded that all takes longer than this many times is not forgiven more. */
const MOST_STRETCH = 4

export class Timeline {
  readonly outages: Outage[] = []
  readonly #slackMs: (fromMs: number, toMs: number) => number

  constructor(slackMs: (fromMs: number, toMs: number) => number) {
    this.#slackMs = slackMs
  }

  begin(atMs: number): Outage {
    const outage = new Outage(this.outages.length + 1, atMs)
    this.outages.push(outage)
    return outage
  }

  /**
   * What began at `fromMs` and takes `normalMs` with everything up, is over at this time: later by what the machine kept back, and, when an
   * outage came between, `afterMs` after its end. Infinity while the outage lasts. With `lingers`, an outage that ended before `fromMs`
   * counts as well: its consequences last for `afterMs`.
   */
  settledAt(fromMs: number, normalMs: number, afterMs: number, lingers = false): number {
    let end = this.#stretched(fromMs, normalMs)
    const last = this.outages.findLast((outage) => outage.fromMs <= fromMs)
    if (lingers && last !== undefined) end = Math.max(end, this.#stretched(last.toMs, afterMs))
    for (const outage of this.#since(fromMs))
      if (outage.fromMs <= end && outage.toMs >= fromMs) end = Math.max(end, this.#stretched(outage.toMs, afterMs))
    return end
  }

  /** The outages that what takes `normalMs` from `fromMs` on meets. */
  met(fromMs: number, normalMs: number, afterMs: number): Outage[] {
    const end = this.settledAt(fromMs, normalMs, afterMs)
    return this.#since(fromMs).filter((outage) => outage.fromMs <= end && outage.toMs >= fromMs)
  }

  /** For reports: the outages that began in the last so many milliseconds, in words. */
  story(atMs: number, spanMs: number): string[] {
    const clock = (ms: number) => (ms === Infinity ? '...' : new Date(ms).toISOString().slice(11, 23))
    return this.outages
      .filter((outage) => outage.toMs >= atMs - spanMs && outage.fromMs <= atMs)
      .map((outage) => `${clock(outage.fromMs)} to ${clock(outage.toMs)} outage: ${outage.what.join(', ')}`)
  }

  /** The end of what takes so long on an idle machine: what it waited is added, and what it waited meanwhile, up to a bound. */
  #stretched(fromMs: number, normalMs: number): number {
    if (fromMs === Infinity) return Infinity
    let end = fromMs + normalMs
    for (let round = 1; round < MOST_STRETCH; round++) end = fromMs + normalMs + this.#slackMs(fromMs, end)
    return end
  }

  #since(fromMs: number): Outage[] {
    const first = this.outages.findIndex((outage) => outage.toMs >= fromMs)
    return first < 0 ? [] : this.outages.slice(first)
  }
}
