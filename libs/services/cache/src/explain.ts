/** Why an address is routed, or is not: from the store, and from a bounded memory of what was refused. */
import { formatDuration } from '@dnstap-bgp/config'
import { normalizeName } from '@dnstap-bgp/domain-list'
import { formatPrefix, parsePrefix } from '@dnstap-bgp/ip'
import type { Binding, IpStore, Outcome } from '@dnstap-bgp/ip-store'
import type { Clock } from '@dnstap-bgp/runtime'
import type { Resolution } from '@dnstap-bgp/steering'
import { canonicalName, type Admission, type Refusal } from './admission.ts'
import { CROWDED_RULES, rulesOf } from './crowded-addresses.ts'
import { RecentMap } from './recent-map.ts'

/** Refusals and ended routes remembered; the oldest go first. */
const MAX_NOTES = 20_000

export interface RefusalNote {
  readonly list: string
  readonly name: string
  readonly address: string
  readonly refusal: Refusal | Outcome
  readonly why: string
  readonly source: string
  readonly at: string
}

export interface Explanation {
  readonly subject: string
  readonly kind: 'address' | 'name'
  readonly routed: boolean
  /** One sentence. */
  readonly verdict: string
  /** What else is worth knowing, a sentence each. */
  readonly notes: readonly string[]
  readonly bindings: readonly {
    readonly list: string
    readonly name: string
    readonly rule: string
    readonly prefix: string
    readonly chain: readonly string[]
    readonly source: string
    readonly firstSeen: string
    readonly lastSeen: string
    readonly expires: string
  }[]
  readonly lists: readonly { readonly list: string; readonly rule: string }[]
  readonly refusals: readonly RefusalNote[]
}

export class Explainer {
  readonly #store: IpStore
  readonly #admission: Admission
  readonly #clock: Clock
  /** By name and address; a note made again moves to the end. */
  readonly #refusals = new RecentMap<RefusalNote>(MAX_NOTES)
  /** By prefix: why and when a route ended last. */
  readonly #withdrawals = new RecentMap<{ readonly why: string; readonly atMs: number }>(MAX_NOTES)

  constructor(store: IpStore, admission: Admission, clock: Clock) {
    this.#store = store
    this.#admission = admission
    this.#clock = clock
  }

  noteRefusal(resolution: Resolution, refused: { refusal: Refusal | Outcome; why: string }, nowMs: number): void {
    const key = `${resolution.name} ${resolution.address} ${resolution.list}`
    this.#refusals.set(key, {
      list: resolution.list,
      name: resolution.name,
      address: resolution.address,
      refusal: refused.refusal,
      why: refused.why,
      source: resolution.source,
      at: new Date(nowMs).toISOString(),
    })
  }

  noteWithdrawal(prefix: string, why: string): void {
    this.#withdrawals.set(prefix, { why, atMs: this.#clock.now() })
  }

  /** Canonical text with length. */
  prefixOf(subject: string): string {
    const prefix = parsePrefix(subject)
    return prefix === undefined ? subject : formatPrefix(prefix)
  }

  /** As names are stored: people may write U-labels, capitals and a final dot. */
  nameOf(subject: string): string {
    return canonicalName(normalizeName(subject).name ?? subject.toLowerCase().replace(/\.$/, '')) ?? subject
  }

  /** Can it be in the store at all? */
  isSubject(subject: string): boolean {
    return parsePrefix(subject) !== undefined || canonicalName(this.nameOf(subject)) !== undefined
  }

  /** An address, prefix or name as the store has it. */
  storedAs(subject: string): string {
    return parsePrefix(subject) === undefined ? this.nameOf(subject) : this.prefixOf(subject)
  }

  bindingsFor(subject: string): Promise<readonly Binding[]> {
    return parsePrefix(subject) === undefined
      ? this.#store.bindingsNamed(this.nameOf(subject))
      : this.#store.bindingsOf(this.prefixOf(subject))
  }

  async explain(subject: string): Promise<Explanation> {
    const isAddress = parsePrefix(subject) !== undefined
    const bindings = await this.bindingsFor(subject)
    const address = isAddress ? this.prefixOf(subject).replace(/\/(32|128)$/, '') : undefined
    const name = isAddress ? undefined : this.nameOf(subject)
    const refusals = [...this.#refusals.values()].filter((note) => note.address === address || note.name === name).slice(-20)
    const lists =
      name === undefined
        ? []
        : [...this.#admission.config.holds.keys()].flatMap((list) => {
            const rule = this.#admission.coverage.ruleFor(list, name)
            return rule === undefined ? [] : [{ list, rule }]
          })
    return {
      subject: name ?? this.prefixOf(subject),
      kind: isAddress ? 'address' : 'name',
      routed: bindings.length > 0,
      verdict: this.#verdict(subject, bindings, lists, refusals),
      notes: this.#notes(subject, bindings),
      bindings: bindings.map((binding) => ({
        list: binding.list,
        name: binding.name,
        rule: binding.rule,
        prefix: binding.prefix,
        chain: binding.chain,
        source: binding.source,
        firstSeen: time(binding.firstSeenMs),
        lastSeen: time(binding.seenAtMs),
        expires: time(binding.expiresAtMs),
      })),
      lists,
      refusals,
    }
  }

  #verdict(
    subject: string,
    bindings: readonly Binding[],
    lists: readonly { list: string }[],
    refusals: readonly RefusalNote[],
  ): string {
    const stored = this.storedAs(subject)
    if (bindings.length > 0) {
      const owners = [...new Set(bindings.map((binding) => binding.list))].join(', ')
      const last = Math.max(...bindings.map((binding) => binding.expiresAtMs))
      return `Routed for ${owners}; the last binding ${last === Infinity ? 'never expires' : `expires in ${this.#until(last)}`}.`
    }
    const nowMs = this.#clock.now()
    const heldDownUntilMs = this.#admission.heldDownUntilMs(stored)
    if (heldDownUntilMs > nowMs) return `Not routed: forgotten by hand and held down for another ${this.#until(heldDownUntilMs)}.`
    const isAddress = parsePrefix(subject) !== undefined
    if (isAddress) {
      const never = this.#admission.config.never.refuses(stored)
      if (never !== undefined) return `Not routed: the never list has it (${never}).`
    }
    const last = refusals.at(-1)
    const ended = isAddress ? this.#withdrawals.get(stored) : undefined
    if (ended !== undefined && (last === undefined || Date.parse(last.at) < ended.atMs))
      return `Not routed: ${ended.why} ${this.#ago(ended.atMs)}.`
    if (last !== undefined) return `Not routed: ${last.why} (${this.#ago(Date.parse(last.at))}).`
    if (lists.length > 0) return `Listed, but no answer with an address has been seen, or it has expired.`
    if (isAddress) return 'Not routed: no listed name has resolved to it, or it has expired.'
    const why = this.#admission.coverage.why(stored)
    return `Not routed: no list covers this name${why.length > 0 ? ` (${why.join('; ')})` : ''}.`
  }

  #notes(subject: string, bindings: readonly Binding[]): string[] {
    const notes: string[] = []
    const rules = parsePrefix(subject) === undefined ? 0 : rulesOf(bindings)
    if (rules >= CROWDED_RULES)
      notes.push(`${rules} unrelated listed names claim this address; if it is not meant, put it on the never list.`)
    for (const list of new Set(bindings.map((binding) => binding.list)))
      if (this.#admission.coverage.unloaded.has(list))
        notes.push(`List "${list}" could not be loaded; what it bound before stays until it expires.`)
    return notes
  }

  #until(atMs: number): string {
    return formatDuration(Math.max(1000, Math.round((atMs - this.#clock.now()) / 1000) * 1000))
  }

  #ago(atMs: number): string {
    const passedMs = Math.round((this.#clock.now() - atMs) / 1000) * 1000
    return passedMs < 1000 ? 'just now' : `${formatDuration(passedMs)} ago`
  }
}

function time(ms: number): string {
  return ms === Infinity ? 'never' : new Date(ms).toISOString()
}
