/**
 * The names that are kept warm at one resolver, and when each of their questions is due. Pure: time is passed in.
 *
 * Names stand in the order of their last use by a client. A name that no client has used for `keepMs` is forgotten, and so are those used
 * longest ago when there are too many names, or more questions than the budget pays for. Names of the operator's lists (`list()`) stay, used or
 * not; when the budget does not pay for all of them they are asked late.
 */
import { QueryType, textToName } from '@dnstap-bgp/dns-wire'
import { DueHeap, type Due } from './due-heap.ts'
import { isMissed, marginSeconds, planRefresh, tellsOfPrefetch, type RefreshState } from './refresh-rule.ts'
import type { ProbedKind } from './probed-kind.ts'

export const MAX_WARM_NAMES = 20_000
/** A question that is due for longer: the budget does not pay for all names. */
const OVERDUE_MS = 60_000
/** Names forgotten for that at a time, as a share: what is left may do. */
const DROP_SHARE = 0.01
/** SERVFAIL, REFUSED, no answer: asked again after this time, doubled each time up to the longest. */
const FIRST_BACK_OFF_MS = 5000
const LONGEST_BACK_OFF_MS = 600_000
/** A name without addresses of a type may get some. */
const NO_ADDRESS_MS = 900_000
/** A listed name that does not exist may come to exist. */
const NO_NAME_MS = 3_600_000
/** After so many prefetches in a row that did not happen, none is tried for a while. */
const MISSES_TO_STOP = 20
const STOPPED_MS = 600_000

export interface WarmName {
  readonly name: string
  readonly wire: Uint8Array
  /** Stays without use. */
  readonly isListed: boolean
  usedAtMs: number
  /** When we asked last: what is seen of the name right after is our own question. */
  askedAtMs: number
  readonly questions: WarmQuestion[]
}

export interface WarmQuestion extends Due, RefreshState {
  readonly of: WarmName
  readonly qtype: number
  failures: number
}

/** What became of a question. `empty`: the name has no address of that type. */
export type WarmOutcome = { readonly ttlSeconds: number } | 'empty' | 'no-name' | 'failure'

export interface WarmSetOptions {
  readonly kind: ProbedKind
  readonly ipv6: boolean
  readonly keepMs: number
  readonly queriesPerSecond: number
}

export class WarmSet {
  /** Names forgotten for lack of room, and for lack of budget. */
  evicted = 0
  beyondBudget = 0
  readonly #options: WarmSetOptions
  /** The one used longest ago first. */
  readonly #names = new Map<string, WarmName>()
  readonly #listed = new Map<string, WarmName>()
  readonly #due = new DueHeap<WarmQuestion>()
  readonly #qtypes: readonly number[]
  #misses = 0
  #noPrefetchUntilMs = -Infinity

  constructor(options: WarmSetOptions) {
    this.#options = options
    this.#qtypes = options.ipv6 ? [QueryType.A, QueryType.AAAA, QueryType.HTTPS] : [QueryType.A, QueryType.HTTPS]
  }

  get size(): number {
    return this.#names.size + this.#listed.size
  }

  find(name: string): WarmName | undefined {
    return this.#listed.get(name) ?? this.#names.get(name)
  }

  /** How long the question that is due first has been due; 0: none is. */
  lateMs(nowMs: number): number {
    return Math.max(0, nowMs - (this.#due.first?.dueMs ?? nowMs))
  }

  /** When the next question is due; undefined: none will be. */
  get nextMs(): number | undefined {
    return this.#due.first?.dueMs
  }

  /** A client looked the name up. It is asked at once if it is new. */
  use(name: string, nowMs: number): void {
    if (this.#listed.has(name)) return
    const known = this.#names.get(name) ?? this.#make(name, nowMs, nowMs, false)
    if (known === undefined) return
    known.usedAtMs = nowMs
    this.#names.delete(name)
    this.#names.set(name, known)
    if (this.size <= MAX_WARM_NAMES) return
    const [oldest] = this.#names.values()
    this.#forget(oldest)
    this.evicted++
  }

  /** Names that clients used before we started, the one used last first. They are asked one after the other, as the budget allows. */
  walk(used: Iterable<{ readonly name: string; readonly ageMs: number }>, nowMs: number): void {
    const since = [...this.#names]
    const fresh: WarmName[] = []
    for (const { name, ageMs } of used) {
      if (this.size + fresh.length >= MAX_WARM_NAMES) break
      if (ageMs >= this.#options.keepMs || this.find(name) !== undefined) continue
      const made = this.#make(name, nowMs - ageMs, nowMs + fresh.length * this.#spacingMs, false)
      if (made !== undefined) fresh.push(made)
    }
    this.#names.clear()
    for (const one of fresh.reverse()) this.#names.set(one.name, one)
    for (const [name, known] of since) this.#names.set(name, known)
  }

  /** Exactly these names stay, used or not. */
  list(names: ReadonlySet<string>, nowMs: number): void {
    for (const [name, known] of this.#listed) if (!names.has(name)) this.#forget(known)
    let made = 0
    for (const name of names) {
      if (this.size >= MAX_WARM_NAMES) break
      if (this.#listed.has(name)) continue
      const known = this.#names.get(name)
      if (known !== undefined) this.#forget(known)
      const fresh = this.#make(name, nowMs, nowMs + made * this.#spacingMs, true)
      if (fresh === undefined) continue
      this.#listed.set(name, fresh)
      made++
    }
  }

  /** The question that is due, the longest first; undefined: none is. It is out until it is settled. */
  take(nowMs: number): WarmQuestion | undefined {
    this.#forgetUnused(nowMs)
    const question = this.#due.first
    if (question === undefined || question.dueMs > nowMs) return undefined
    this.#due.delete(question)
    question.of.askedAtMs = nowMs
    return question
  }

  /** Has the budget not paid for all names? Then those used longest ago are forgotten. Not for listed names. */
  dropBeyondBudget(nowMs: number): void {
    for (let left = Math.ceil(DROP_SHARE * this.size); left > 0 && this.lateMs(nowMs) > OVERDUE_MS; left--) {
      const [oldest] = this.#names.values()
      if (oldest === undefined) return
      this.#forget(oldest)
      this.beyondBudget++
    }
  }

  /** Nothing was asked for a while. What fell due meanwhile is asked one after the other. */
  resume(nowMs: number): void {
    const overdue: WarmQuestion[] = []
    for (let first = this.#due.first; first !== undefined && first.dueMs < nowMs; first = this.#due.first) {
      this.#due.delete(first)
      overdue.push(first)
    }
    overdue.sort((one, other) => other.of.usedAtMs - one.of.usedAtMs)
    overdue.forEach((question, i) => this.#due.set(question, nowMs + (i * 1000) / this.#options.queriesPerSecond))
  }

  /** The question was answered, or nobody answers it. */
  settle(question: WarmQuestion, outcome: WarmOutcome, nowMs: number): void {
    if (this.find(question.of.name) !== question.of) return // forgotten meanwhile
    if (outcome === 'no-name' && !question.of.isListed) return this.#forget(question.of)
    this.#due.set(question, nowMs + this.#delayMs(question, outcome, nowMs))
  }

  #delayMs(question: WarmQuestion, outcome: WarmOutcome, nowMs: number): number {
    if (outcome === 'failure') {
      question.phase = 'usual'
      return Math.min(LONGEST_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2 ** question.failures++)
    }
    question.failures = 0
    if (typeof outcome === 'string') {
      question.phase = 'usual'
      return outcome === 'no-name' ? NO_NAME_MS : NO_ADDRESS_MS
    }
    const { ttlSeconds } = outcome
    if (tellsOfPrefetch(question)) this.#judgePrefetch(isMissed(question, ttlSeconds), nowMs)
    const margin = nowMs < this.#noPrefetchUntilMs ? 0 : marginSeconds(this.#options.kind, ttlSeconds)
    return planRefresh(question, ttlSeconds, margin)
  }

  #judgePrefetch(missed: boolean, nowMs: number): void {
    this.#misses = missed ? this.#misses + 1 : 0
    if (this.#misses < MISSES_TO_STOP) return
    this.#misses = 0
    this.#noPrefetchUntilMs = nowMs + STOPPED_MS
  }

  #forgetUnused(nowMs: number): void {
    for (const known of this.#names.values()) {
      if (nowMs - known.usedAtMs < this.#options.keepMs) return
      this.#forget(known)
    }
  }

  get #spacingMs(): number {
    return (this.#qtypes.length * 1000) / this.#options.queriesPerSecond
  }

  /** Undefined: it is no name that can be asked. */
  #make(name: string, usedAtMs: number, dueMs: number, isListed: boolean): WarmName | undefined {
    const wire = textToName(name)
    if (wire === undefined) return undefined
    const made: WarmName = { name, wire, isListed, usedAtMs, askedAtMs: -Infinity, questions: [] }
    for (const qtype of this.#qtypes) {
      const question: WarmQuestion = {
        ...{ of: made, qtype, dueMs, place: -1, failures: 0 },
        ...{ phase: 'usual', marginSeconds: 0, leftSeconds: 0 },
      }
      made.questions.push(question)
      this.#due.set(question, dueMs)
    }
    return made
  }

  #forget(known: WarmName): void {
    ;(known.isListed ? this.#listed : this.#names).delete(known.name)
    for (const question of known.questions) this.#due.delete(question)
  }
}
