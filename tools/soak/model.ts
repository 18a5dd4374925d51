/**
 * What must be in a router at a moment, and what must not: worked out from the documentation and from what the harness did and saw.
 *
 * It shares no code with the product. For each binding (list, name, address) it keeps two answers apart:
 *
 *     sighting ──▶ pending ──▶ firm    it has surely arrived: the route must live until so long after it
 *                        └───▶ dropped it may have been lost on the way: the route may live by it, and need not
 *
 *     |◀─ must ─────────────────────────▶|◀─ may ──────────▶|◀─ must not
 *     due                     firm until, less what repeats   last sighting of any kind + lifetime
 *                             may be held back
 *
 * A sighting is firm when everything was up while it travelled, or when nothing of what was down loses facts.
 */
import { BOUNDS } from './bounds.ts'
import type { Timeline } from './timeline.ts'

export interface Sighting {
  readonly atMs: number
  readonly lifetimeMs: number
  /** The resolver or peer that it came by. */
  readonly via: string
}

/** From a first firm sighting to the end of the last one that followed in time. */
export interface Span {
  readonly fromMs: number
  /** From here on it must be in routers. */
  readonly dueMs: number
  untilMs: number
}

export class Binding {
  readonly list: string
  readonly name: string
  readonly address: string
  readonly spans: Span[] = []
  pending: Sighting[] = []
  /** No sighting known can keep it longer. */
  mayUntilMs = -Infinity
  /** For reports: the last sightings and what became of them. */
  readonly story: string[] = []

  constructor(list: string, name: string, address: string) {
    this.list = list
    this.name = name
    this.address = address
  }

  tell(atMs: number, text: string): void {
    this.story.push(`${new Date(atMs).toISOString().slice(11, 23)} ${this.list} ${this.name}: ${text}`)
    if (this.story.length > 8) this.story.shift()
  }
}

/** A name's place on its list; names that were never edited have none. */
interface Coverage {
  covered: boolean
  changedMs: number
}

/** What this resolver or peer said in this time may not have counted. */
interface Doubt {
  readonly via: string
  readonly fromMs: number
  toMs: number
}

export class Model {
  readonly timeline: Timeline
  readonly #bindings = new Map<string, Binding>()
  readonly #byAddress = new Map<string, Binding[]>()
  readonly #waiting = new Set<Binding>()
  readonly #coverage = new Map<string, Coverage>()
  readonly #neverListed = new Set<string>()
  readonly #doubts: Doubt[] = []

  constructor(timeline: Timeline) {
    this.timeline = timeline
  }

  get addresses(): Iterable<string> {
    return this.#byAddress.keys()
  }

  bindingsOf(address: string): readonly Binding[] {
    return this.#byAddress.get(address) ?? []
  }

  /** An answer for a name that no list has: its address must never be a route. */
  unlisted(address: string): void {
    if (this.#byAddress.has(address)) return
    this.#byAddress.set(address, [])
    this.#neverListed.add(address)
  }

  sighted(list: string, name: string, address: string, sighting: Sighting): void {
    const coverage = this.#coverage.get(name)
    if (coverage?.covered === false) return
    const binding = this.#binding(list, name, address)
    binding.mayUntilMs = Math.max(binding.mayUntilMs, sighting.atMs + sighting.lifetimeMs)
    binding.pending.push(sighting)
    this.#waiting.add(binding)
  }

  /** Told in a way that may come to nothing (a probe while something is down, a fetch): it may be a route, and need not. */
  maybe(list: string, name: string, address: string, atMs: number, lifetimeMs: number): void {
    const binding = this.#binding(list, name, address)
    binding.mayUntilMs = Math.max(binding.mayUntilMs, atMs + lifetimeMs)
  }

  /** The list was edited: the name is on it from now on, or no longer. */
  edited(name: string, covered: boolean, atMs: number): void {
    this.#coverage.set(name, { covered, changedMs: atMs })
    for (const binding of this.#bindings.values()) {
      if (binding.name !== name) continue
      binding.tell(atMs, covered ? 'listed again' : 'no longer listed')
      if (covered) continue
      binding.pending = []
      binding.mayUntilMs = Math.min(binding.mayUntilMs, atMs + BOUNDS.editMs)
      cutSpans(binding, atMs)
    }
  }

  /**
   * The store lost everything. Announcers keep routes as stale for `staleMs`, then only what was learnt again stays. An announcer that was killed with
   * it has its file, which lacks what is younger than `fileMs`. What was under way is lost as well; the outage says so.
   */
  storeLost(atMs: number, staleMs: number, fileMs = 0): void {
    for (const binding of this.#bindings.values()) {
      if (binding.mayUntilMs < atMs - BOUNDS.settleMs) continue
      binding.tell(atMs, `the store lost it; stale for ${staleMs / 1000} s`)
      binding.pending = binding.pending.filter((sighting) => sighting.atMs > atMs)
      cutSpans(binding, atMs + staleMs)
      for (const span of binding.spans) if (span.dueMs > atMs - fileMs) span.untilMs = Math.min(span.untilMs, atMs)
    }
  }

  /** Routers may keep the routes that they had when the store was lost until then. */
  heldUntil(lostMs: number, untilMs: number): void {
    for (const binding of this.#bindings.values())
      if (binding.mayUntilMs >= lostMs - BOUNDS.settleMs) binding.mayUntilMs = Math.max(binding.mayUntilMs, untilMs)
  }

  /** What is said by this way from now on may not count, until the function that is returned is called. */
  doubt(via: string, atMs: number): (untilMs: number) => void {
    const doubt = { via, fromMs: atMs, toMs: Infinity }
    this.#doubts.push(doubt)
    return (untilMs) => (doubt.toMs = untilMs)
  }

  /** Sightings that were under way and must have arrived become firm. */
  settle(nowMs: number): void {
    for (const binding of this.#waiting) {
      binding.pending = binding.pending.filter((sighting) => !this.#resolve(binding, sighting, nowMs))
      if (binding.pending.length === 0) this.#waiting.delete(binding)
    }
  }

  /** Must a router hold it all the time from `fromMs` to `toMs`? */
  mustHold(address: string, fromMs: number, toMs: number): boolean {
    return this.bindingsOf(address).some((binding) => binding.spans.some((span) => span.dueMs <= fromMs && span.untilMs > toMs))
  }

  /** Was it wrong to withdraw it at that time? Asked when the sightings of that time are decided. */
  wasValid(address: string, atMs: number): boolean {
    return this.bindingsOf(address).some((binding) =>
      binding.spans.some((span) => span.fromMs + BOUNDS.settleMs <= atMs && span.untilMs > atMs),
    )
  }

  /** From this time on no router may hold it. */
  goneBy(address: string): number {
    if (this.#neverListed.has(address)) return -Infinity
    let lastMs = -Infinity
    for (const binding of this.bindingsOf(address)) lastMs = Math.max(lastMs, binding.mayUntilMs)
    return this.timeline.settledAt(lastMs, BOUNDS.lateMs, BOUNDS.expiryWaitMs + BOUNDS.lateMs, true)
  }

  #binding(list: string, name: string, address: string): Binding {
    const key = `${list} ${name} ${address}`
    const known = this.#bindings.get(key)
    if (known !== undefined) return known
    const binding = new Binding(list, name, address)
    this.#bindings.set(key, binding)
    const others = this.#byAddress.get(address)
    this.#neverListed.delete(address)
    if (others === undefined) this.#byAddress.set(address, [binding])
    else others.push(binding)
    return binding
  }

  /** Decided? */
  #resolve(binding: Binding, sighting: Sighting, nowMs: number): boolean {
    const { atMs, lifetimeMs, via } = sighting
    const settledMs = this.timeline.settledAt(atMs, BOUNDS.settleMs, BOUNDS.afterOutageMs)
    if (settledMs > nowMs) return false
    const outages = this.timeline.met(atMs, BOUNDS.settleMs, BOUNDS.afterOutageMs)
    for (const outage of outages)
      // After a stall or a new connection an answer counts as of its arrival.
      binding.mayUntilMs = Math.max(binding.mayUntilMs, outage.toMs + lifetimeMs)
    const seen = new Date(atMs).toISOString().slice(11, 23)
    if (outages.some((outage) => outage.loses(via))) {
      binding.tell(nowMs, `seen ${seen} by ${via}: may be lost`)
      return true
    }
    if (this.#maybeHeldBack(sighting) || !this.#surelyCovered(binding.name, atMs)) {
      binding.tell(nowMs, `seen ${seen} by ${via}: may not count`)
      return true
    }
    const hidden = outages.some((outage) => outage.hides(via))
    this.#firm(binding, hidden ? settledMs : atMs, settledMs, atMs + lifetimeMs - BOUNDS.earlyMs(lifetimeMs))
    binding.tell(nowMs, `seen ${seen} by ${via}: firm${outages.length === 0 ? '' : ' after the outage'}`)
    return true
  }

  /** A repeat of a fact that was lost without notice is held back as if it had arrived. */
  #maybeHeldBack({ atMs, lifetimeMs, via }: Sighting): boolean {
    const afterMs = BOUNDS.repeatHeldBackMs(lifetimeMs) + BOUNDS.settleMs
    const doubtful = (one: Doubt) => one.via === via && atMs > one.fromMs - BOUNDS.settleMs && atMs < one.toMs + afterMs
    if (this.#doubts.some(doubtful)) return true
    const last = this.timeline.outages.findLast((outage) => outage.unnoticed && outage.fromMs <= atMs)
    return last !== undefined && atMs < last.toMs + afterMs
  }

  #surelyCovered(name: string, atMs: number): boolean {
    const coverage = this.#coverage.get(name)
    return (
      coverage === undefined ||
      atMs >= this.timeline.settledAt(coverage.changedMs, BOUNDS.editMs, BOUNDS.editMs + BOUNDS.settleMs)
    )
  }

  #firm(binding: Binding, fromMs: number, dueMs: number, untilMs: number): void {
    const last = binding.spans.at(-1)
    if (last !== undefined && last.untilMs >= fromMs) last.untilMs = Math.max(last.untilMs, untilMs)
    else if (untilMs > fromMs) binding.spans.push({ fromMs, dueMs, untilMs })
    if (binding.spans.length > 4) binding.spans.shift()
  }
}

function cutSpans(binding: Binding, atMs: number): void {
  for (const span of binding.spans) span.untilMs = Math.min(span.untilMs, atMs)
}
