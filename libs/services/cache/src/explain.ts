/** Why an address is routed, or is not: from the store, and from a bounded memory of what was refused. */
import { formatPrefix, parsePrefix } from '@dnstap-bgp/ip'
import type { Binding, IpStore, Outcome } from '@dnstap-bgp/ip-store'
import type { Clock } from '@dnstap-bgp/runtime'
import type { Resolution } from '@dnstap-bgp/steering'
import type { Admission, Refusal } from './admission.ts'

/** Refusals remembered; the oldest go first. */
const MAX_REFUSALS = 20_000

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
  readonly #refusals = new Map<string, RefusalNote>()

  constructor(store: IpStore, admission: Admission, clock: Clock) {
    this.#store = store
    this.#admission = admission
    this.#clock = clock
  }

  noteRefusal(resolution: Resolution, refused: { refusal: Refusal | Outcome; why: string }, nowMs: number): void {
    const key = `${resolution.name} ${resolution.address} ${resolution.list}`
    this.#refusals.delete(key)
    this.#refusals.set(key, {
      list: resolution.list,
      name: resolution.name,
      address: resolution.address,
      refusal: refused.refusal,
      why: refused.why,
      source: resolution.source,
      at: new Date(nowMs).toISOString(),
    })
    if (this.#refusals.size > MAX_REFUSALS) {
      const [oldest] = this.#refusals.keys()
      this.#refusals.delete(oldest)
    }
  }

  /** Canonical text with length. */
  prefixOf(subject: string): string {
    const prefix = parsePrefix(subject)
    return prefix === undefined ? subject : formatPrefix(prefix)
  }

  /** As names are stored. */
  nameOf(subject: string): string {
    return subject.toLowerCase().replace(/\.$/, '')
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
    if (bindings.length > 0) {
      const owners = [...new Set(bindings.map((binding) => binding.list))].join(', ')
      const last = Math.max(...bindings.map((binding) => binding.expiresAtMs))
      return `Routed for ${owners}; the last binding expires ${last === Infinity ? 'never' : `in ${Math.round((last - this.#clock.now()) / 1000)} s`}.`
    }
    if (parsePrefix(subject) !== undefined) {
      const never = this.#admission.config.never.refuses(this.prefixOf(subject))
      if (never !== undefined) return `Not routed: the never list has it (${never}).`
    }
    const last = refusals.at(-1)
    if (last !== undefined) return `Not routed: ${last.why} (${last.at}).`
    if (lists.length > 0) return `Listed, but no answer with an address has been seen, or it has expired.`
    return parsePrefix(subject) === undefined
      ? 'Not routed: no list covers this name.'
      : 'Not routed: no listed name has resolved to it, or it has expired.'
  }
}

function time(ms: number): string {
  return ms === Infinity ? 'never' : new Date(ms).toISOString()
}
