/** Holds what routers have against the model, second by second, and each removal that BIRD's log tells of. */
import type { Model } from './model.ts'
import { BOUNDS } from './bounds.ts'
import { prefixOf } from './universe.ts'
import type { Removal } from './watched-bird.ts'

export type ViolationKind = 'missing' | 'removed' | 'stale' | 'ended' | 'not recovered' | 'not ready'

export interface Violation {
  readonly kind: ViolationKind
  readonly seat: string
  readonly address: string
  /** The lists that have had it. */
  readonly lists: string
  readonly atMs: number
  untilMs: number
  /** The scene that was on, or the last one. */
  readonly scene: number
  readonly story: readonly string[]
}

interface Waiting {
  readonly removal: Removal
  readonly scene: number
}

export class Judge {
  readonly violations: Violation[] = []
  checks = 0
  removalsJudged = 0
  readonly #model: Model
  readonly #addressOf = new Map<string, string>()
  readonly #open = new Map<string, Violation>()
  #waiting: Waiting[] = []
  /** From when on a seat is not judged, while its BIRD is away. */
  readonly #away = new Map<string, number>()
  readonly #awayBefore: { readonly seat: string; readonly fromMs: number; readonly toMs: number }[] = []

  constructor(model: Model) {
    this.#model = model
  }

  seatAway(seat: string, atMs: number): void {
    if (!this.#away.has(seat)) this.#away.set(seat, atMs)
  }

  /** All are back. */
  seatsBack(atMs: number): void {
    for (const [seat, fromMs] of this.#away) this.#awayBefore.push({ seat, fromMs, toMs: atMs })
    this.#away.clear()
  }

  /** What a seat held at some moment between the two times. */
  look(seat: string, held: ReadonlySet<string>, fromMs: number, toMs: number, scene: number): void {
    if (this.#away.has(seat)) return
    for (const address of this.#model.addresses) {
      this.checks++
      const prefix = prefixOf(address)
      this.#addressOf.set(prefix, address)
      if (held.has(prefix)) this.#judgePresent(seat, address, fromMs, toMs, scene)
      else this.#judgeAbsent(seat, address, fromMs, toMs, scene)
    }
    for (const prefix of held) if (!this.#addressOf.has(prefix)) this.#found('stale', seat, prefix, toMs, scene)
  }

  removed(removals: readonly Removal[], scene: number): void {
    for (const removal of removals) this.#waiting.push({ removal, scene })
  }

  /** Judges the removals of which it is known by now what was under way. */
  settle(nowMs: number): void {
    this.#model.settle(nowMs)
    this.#waiting = this.#waiting.filter(({ removal, scene }) => {
      const { seat, prefix, atMs } = removal
      if (this.#model.timeline.settledAt(atMs, BOUNDS.settleMs, BOUNDS.afterOutageMs) + BOUNDS.settleMs > nowMs) return true
      if (this.#wasAway(seat, atMs)) return false
      this.removalsJudged++
      const address = this.#addressOf.get(prefix) ?? prefix.replace(/\/\d+$/, '')
      if (this.#model.wasValid(address, atMs)) this.#found('removed', seat, address, atMs, scene, true)
      return false
    })
  }

  report(kind: ViolationKind, what: string, atMs: number, scene: number, story: readonly string[]): void {
    this.violations.push({ kind, seat: '', address: what, lists: '', atMs, untilMs: atMs, scene, story })
  }

  #judgePresent(seat: string, address: string, fromMs: number, toMs: number, scene: number): void {
    this.#open.delete(`missing ${seat} ${address}`)
    if (this.#model.goneBy(address) < fromMs) this.#found('stale', seat, address, toMs, scene)
    else this.#open.delete(`stale ${seat} ${address}`)
  }

  #judgeAbsent(seat: string, address: string, fromMs: number, toMs: number, scene: number): void {
    this.#open.delete(`stale ${seat} ${address}`)
    if (this.#model.mustHold(address, fromMs, toMs)) this.#found('missing', seat, address, toMs, scene)
    else this.#open.delete(`missing ${seat} ${address}`)
  }

  /** One violation is told once, however many looks it lasts. */
  #found(kind: ViolationKind, seat: string, address: string, atMs: number, scene: number, alone = false): void {
    const key = `${kind} ${seat} ${address}`
    const open = this.#open.get(key)
    if (open !== undefined && !alone) {
      open.untilMs = atMs
      return
    }
    const story = [
      ...this.#model.bindingsOf(address).flatMap((binding) => binding.story),
      ...this.#model.timeline.story(atMs, 60_000),
    ]
    const lists = [...new Set(this.#model.bindingsOf(address).map((binding) => binding.list))].join(', ')
    const violation = { kind, seat, address, lists, atMs, untilMs: atMs, scene, story }
    this.violations.push(violation)
    if (!alone) this.#open.set(key, violation)
  }

  #wasAway(seat: string, atMs: number): boolean {
    const away = this.#away.get(seat)
    if (away !== undefined && atMs >= away) return true
    return this.#awayBefore.some((one) => one.seat === seat && atMs >= one.fromMs && atMs <= one.toMs)
  }
}
