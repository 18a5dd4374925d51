/**
 * The regular expressions of all lists: which of the candidates match a name, within a bound.
 *
 * RE2 is linear: an expression costs at most its instructions times the octets of the name. That product is the *work* of a try, and a
 * name is given MAX_WORK in all, about a millisecond, in equal parts for the lists that have a candidate. Work is counted beforehand and not
 * measured, so a name has the same verdict in every process and at any load. Of one list exceptions are tried first, then small expressions.
 * A try that does not fit is left out and counted for its list. A name for which an exception was left out is not listed: losing an
 * exception must not steer more.
 *
 * An expression with fixed text is a candidate where the automaton finds that text (keyword-automaton.ts). The others are candidates for
 * every name; those of one list run together as a set where the set's work fits.
 *
 * Ingest besides limits the time of all names together (regexp-budget.ts).
 */
import { RuleKind } from '@dnstap-bgp/domain-list'
import { RE2JS, RE2Set } from 're2js'
import type { TextRule } from './layout.ts'
import type { RegexpBudget } from './regexp-budget.ts'

/** Instructions times octets, for one name. */
export const MAX_WORK = 16_384
/** The engine remembers some 6 octets for each unit of work that is new to it. Past this the expressions compiled first are given up. */
const MAX_KEPT_WORK = 4_000_000
const SET_MEMORY_BYTES = 1_000_000

/** The expressions of one list that are candidates for every name. */
interface Unfiltered {
  readonly list: number
  /** Text rules. */
  readonly rules: readonly number[]
  readonly size: number
}

interface Compiled {
  readonly regexp: RE2JS
  /** Work done since it was compiled. */
  work: number
}

export class RegexpRules {
  /** By list: how often an expression was not tried. */
  readonly untried: number[]
  readonly #rules: readonly TextRule[]
  readonly #unfiltered: readonly Unfiltered[]
  readonly #budget: RegexpBudget | undefined
  readonly #compiled = new Map<number, Compiled>()
  readonly #sets = new Map<Unfiltered, RE2Set>()
  #keptWork = 0
  #isExceptionUntried = false

  constructor(rules: readonly TextRule[], unfiltered: readonly number[], lists: number, budget: RegexpBudget | undefined) {
    this.#rules = rules
    this.#budget = budget
    this.untried = new Array<number>(lists).fill(0)
    const byList = new Map<number, number[]>()
    for (const rule of unfiltered) byList.set(rules[rule].list, [...(byList.get(rules[rule].list) ?? []), rule])
    this.#unfiltered = [...byList].map(([list, ofList]) => ({
      list,
      rules: ofList,
      size: ofList.reduce((sum, rule) => sum + rules[rule].size, 0),
    }))
  }

  /** Is every name tried, whatever the automaton finds? */
  get hasUnfiltered(): boolean {
    return this.#unfiltered.length > 0
  }

  /** Of the last match: was an exception left out? */
  get isExceptionUntried(): boolean {
    return this.#isExceptionUntried
  }

  /** Adds to `hits` the text rules that match the name: those of `candidates` and those without fixed text. */
  match(name: string, candidates: readonly number[], hits: number[]): void {
    this.#isExceptionUntried = false
    const byList = this.#byList(candidates)
    const tryAll = () => {
      const share = Math.floor(MAX_WORK / byList.size)
      for (const [list, rules] of byList) this.#tryList(list, rules, name, share, hits)
    }
    if (this.#budget === undefined) tryAll()
    else if (!this.#budget.spend(tryAll))
      for (const [list, rules] of byList) this.#leaveOut(list, [...rules, ...(this.#unfilteredOf(list)?.rules ?? [])])
  }

  /** Compiles one expression a step. Else that happens when a name first needs it, and thousands of them take long. */
  *prepare(): Generator<void> {
    const inSets = new Set(this.#unfiltered.flatMap(({ rules }) => rules))
    for (const [rule, { kind }] of this.#rules.entries()) {
      if (kind !== RuleKind.regexp || inSets.has(rule)) continue
      this.#compile(rule)
      yield
    }
    for (const unfiltered of this.#unfiltered) this.#set(unfiltered)
  }

  /** The candidates of each list, in the order of lists. */
  #byList(candidates: readonly number[]): Map<number, number[]> {
    const byList = new Map<number, number[]>()
    for (const { list } of this.#unfiltered) byList.set(list, [])
    // An expression with alternatives may be a candidate by each of them.
    for (const rule of new Set(candidates)) {
      const { list } = this.#rules[rule]
      const rules = byList.get(list)
      if (rules === undefined) byList.set(list, [rule])
      else rules.push(rule)
    }
    return byList
  }

  #tryList(list: number, candidates: readonly number[], name: string, share: number, hits: number[]): void {
    const unfiltered = this.#unfilteredOf(list)
    let left = share
    let rules = candidates
    if (unfiltered !== undefined) {
      const work = unfiltered.size * name.length
      if (work <= left) {
        left -= work
        for (const index of this.#set(unfiltered).match(name)) hits.push(unfiltered.rules[index])
      } else rules = [...candidates, ...unfiltered.rules]
    }
    const leftOut: number[] = []
    for (const rule of this.#inOrder(rules)) {
      const work = this.#rules[rule].size * name.length
      if (work > left) {
        leftOut.push(rule)
        continue
      }
      left -= work
      const compiled = this.#compiled.get(rule) ?? this.#compile(rule)
      compiled.work += work
      this.#keptWork += work
      if (compiled.regexp.test(name)) hits.push(rule)
    }
    this.#leaveOut(list, leftOut)
    if (this.#keptWork > MAX_KEPT_WORK) this.#giveUpOldest()
  }

  /** Exceptions first, then small expressions. */
  #inOrder(rules: readonly number[]): readonly number[] {
    if (rules.length < 2) return rules
    const isException = (rule: number) => (this.#rules[rule].exception ? 0 : 1)
    return [...rules].sort((a, b) => isException(a) - isException(b) || this.#rules[a].size - this.#rules[b].size || a - b)
  }

  #leaveOut(list: number, rules: readonly number[]): void {
    if (rules.length === 0) return
    this.untried[list] += rules.length
    if (rules.some((rule) => this.#rules[rule].exception)) this.#isExceptionUntried = true
  }

  #unfilteredOf(list: number): Unfiltered | undefined {
    return this.#unfiltered.find((unfiltered) => unfiltered.list === list)
  }

  /** They are compiled again when a name needs them. */
  #giveUpOldest(): void {
    for (const [rule, { work }] of this.#compiled) {
      if (this.#keptWork <= MAX_KEPT_WORK / 2) return
      this.#compiled.delete(rule)
      this.#keptWork -= work
    }
  }

  #compile(rule: number): Compiled {
    const compiled = { regexp: RE2JS.compile(this.#rules[rule].text, RE2JS.CASE_INSENSITIVE), work: 0 }
    this.#compiled.set(rule, compiled)
    return compiled
  }

  #set(unfiltered: Unfiltered): RE2Set {
    let set = this.#sets.get(unfiltered)
    if (set === undefined) {
      set = new RE2Set(RE2Set.UNANCHORED, RE2JS.CASE_INSENSITIVE, SET_MEMORY_BYTES)
      for (const rule of unfiltered.rules) set.add(this.#rules[rule].text)
      set.compile()
      this.#sets.set(unfiltered, set)
    }
    return set
  }
}
