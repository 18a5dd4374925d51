/**
 * Why an address is routed, or is not: from the store, from a bounded memory of refusals and ended routes, and from the replies of announcers
 * and other replicas (explain-replies.ts).
 */
import { formatDuration } from '@dnstap-bgp/config'
import { normalizeName } from '@dnstap-bgp/domain-list'
import { formatPrefix, parsePrefix } from '@dnstap-bgp/ip'
import type { Binding, IpStore, Outcome } from '@dnstap-bgp/ip-store'
import { sourceText, type ExplainReply, type Note, type Resolution } from '@dnstap-bgp/steering'
import { canonicalName, type Admission, type RefusalReason } from './admission.ts'
import { CROWDED_RULES, rulesOf } from './crowded-addresses.ts'
import { unixTimeOf, type Clocks } from './clocks.ts'
import { RecentMap } from './recent-map.ts'

/** Refusals and ended routes remembered; the oldest go first. */
const MAX_NOTES = 20_000
const MAX_SHOWN = 20
/** A withdrawal heard this soon after its note is the one that was noted. */
const SAME_WITHDRAWAL_MS = 10_000

interface Refused {
  readonly list: string
  readonly name: string
  readonly address: string
  readonly refusal: RefusalReason | Outcome
  readonly why: string
  readonly source: string
}

interface Ended {
  readonly why: string
}

/** By the monotonic clock of the replica that remembers it. */
type At<Note> = Note & { readonly atMs: number }

export interface Explanation {
  readonly subject: string
  readonly kind: 'address' | 'name'
  readonly routed: boolean
  /** One sentence. */
  readonly verdict: string
  /** What else is worth knowing, a sentence each. */
  readonly notes: readonly string[]
  /** The subject's bindings; for an address also those of wider prefixes (addresses written in lists). */
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
  /** What the announcers have of it. */
  readonly announced: readonly {
    readonly prefix: string
    readonly announcer: string
    readonly peers: readonly string[]
    /** How long it stays for a store that lost its memory; empty: the store has it. */
    readonly staleFor: string
  }[]
  readonly lists: readonly { readonly list: string; readonly rule: string }[]
  readonly refusals: readonly (Omit<Refused, 'refusal'> & { readonly refusal: string; readonly at: string })[]
}

export interface SubjectBindings {
  readonly bindings: readonly Binding[]
  /** Prefixes that may route the subject: of an address itself and all wider ones, of a name those it is bound to. */
  readonly prefixes: readonly string[]
}

export class Explainer {
  readonly #store: IpStore
  readonly #admission: Admission
  readonly #clocks: Clocks
  /** By name, address and list; a note made again moves to the end. */
  readonly #refusals = new RecentMap<At<Refused>>(MAX_NOTES)
  /** By prefix: why and when a route ended last. */
  readonly #withdrawals = new RecentMap<At<Ended>>(MAX_NOTES)

  constructor(store: IpStore, admission: Admission, clocks: Clocks) {
    this.#store = store
    this.#admission = admission
    this.#clocks = clocks
  }

  noteRefusal(
    { list, name, address, source }: Pick<Resolution, 'list' | 'name' | 'address' | 'source'>,
    { refusal, why }: { refusal: RefusalReason | Outcome; why: string },
  ): void {
    this.#refusals.set(`${name} ${address} ${list}`, {
      list,
      name,
      address,
      refusal,
      why,
      source: sourceText(source),
      atMs: this.#clocks.now().monotonicMs,
    })
  }

  noteWithdrawal(prefix: string, why: string): void {
    this.#withdrawals.set(prefix, { why, atMs: this.#clocks.now().monotonicMs })
  }

  /** The bus tells that a route ended. When another replica ended it, only that replica knows why. */
  withdrawalHeard(prefix: string): void {
    const noted = this.#withdrawals.get(prefix)
    if (noted !== undefined && this.#clocks.now().monotonicMs - noted.atMs < SAME_WITHDRAWAL_MS) return
    this.noteWithdrawal(prefix, 'its last binding ended')
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
    const prefix = parsePrefix(subject)
    return prefix === undefined ? this.nameOf(subject) : formatPrefix(prefix)
  }

  bindingsFor(subject: string): Promise<readonly Binding[]> {
    const stored = this.storedAs(subject)
    return parsePrefix(subject) === undefined ? this.#store.bindingsNamed(stored) : this.#store.bindingsOf(stored)
  }

  /** Bindings of the subject in the store; of an address also the bindings of wider prefixes. */
  async find(subject: string): Promise<SubjectBindings> {
    const wider = selfAndWider(subject)
    if (wider.length === 0) {
      const bindings = await this.bindingsFor(subject)
      return { bindings, prefixes: [...new Set(bindings.map(({ prefix }) => prefix))] }
    }
    const bindings = await Promise.all(wider.map((prefix) => this.#store.bindingsOf(prefix)))
    return { bindings: bindings.flat(), prefixes: wider }
  }

  /** Refusals and the end of a subject (as stored) that we remember, for another replica. */
  notesOf(stored: string): readonly Note[] {
    const nowMs = this.#clocks.now().monotonicMs
    const ended = this.#withdrawals.get(stored)
    return [
      ...this.#refusalsOf(stored).map(({ atMs, ...note }) => ({ kind: 'refused' as const, ...note, agoMs: nowMs - atMs })),
      ...(ended === undefined ? [] : [{ kind: 'ended' as const, why: ended.why, agoMs: nowMs - ended.atMs }]),
    ]
  }

  #refusalsOf(stored: string): At<Refused>[] {
    const address = stored.replace(/\/(32|128)$/, '')
    return [...this.#refusals.values()].filter((note) => note.address === address || note.name === stored).slice(-MAX_SHOWN)
  }

  /** `replies` of announcers and other replicas; undefined: none was asked. */
  explain(subject: string, { bindings }: SubjectBindings, replies?: readonly ExplainReply[]): Explanation {
    const stored = this.storedAs(subject)
    const isAddress = parsePrefix(subject) !== undefined
    const notes = [...this.notesOf(stored), ...(replies ?? []).flatMap((one) => one.notes ?? [])]
    notes.sort((a, b) => b.agoMs - a.agoMs)
    const announced = (replies ?? []).flatMap(({ routes }) => routes ?? [])
    const lists = isAddress
      ? []
      : [...this.#admission.config.lifetimes.keys()].flatMap((list) => {
          const rule = this.#admission.coverage.ruleFor(list, stored)
          return rule === undefined ? [] : [{ list, rule }]
        })
    const now = this.#clocks.now()
    const time = (storeMs: number) => (storeMs === Infinity ? 'never' : iso(unixTimeOf(storeMs, now)))
    return {
      subject: stored,
      kind: isAddress ? 'address' : 'name',
      routed: bindings.length > 0 || announced.length > 0,
      verdict: this.#verdict(stored, isAddress, bindings, announced, lists.length > 0, notes),
      notes: this.#notes(stored, bindings, replies, announced.length),
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
      announced: announced.map(({ prefix, announcer, peers, staleForMs }) => ({
        prefix,
        announcer,
        peers,
        staleFor: staleForMs === undefined ? '' : inWords(staleForMs),
      })),
      lists,
      refusals: notes
        .flatMap((note) => (note.kind === 'refused' ? [note] : []))
        .slice(-MAX_SHOWN)
        .map(({ kind: _kind, agoMs, ...note }) => ({ ...note, at: iso(unixTimeOf(now.storeMs, now) - agoMs) })),
    }
  }

  #verdict(
    stored: string,
    isAddress: boolean,
    bindings: readonly Binding[],
    announced: readonly { readonly peers: readonly string[]; readonly staleForMs?: number }[],
    isListed: boolean,
    notes: readonly Note[],
  ): string {
    if (bindings.length > 0) {
      const owners = [...new Set(bindings.map((binding) => binding.list))].join(', ')
      const last = Math.max(...bindings.map((binding) => binding.expiresAtMs))
      const wider = isAddress && bindings.every(({ prefix }) => prefix !== stored) ? ` by ${bindings[0].prefix}` : ''
      const left = last - this.#clocks.now().storeMs
      return `Routed${wider} for ${owners}; the last binding ${last === Infinity ? 'never expires' : `expires in ${inWords(left)}`}.`
    }
    if (announced.length > 0) {
      const staleForMs = Math.max(...announced.map((one) => one.staleForMs ?? 0))
      const stays = announced.some(({ peers }) => peers.length > 0) ? 'it is still announced' : 'an announcer still has it'
      return staleForMs > 0
        ? `The store does not know it, but ${stays}: stale, and kept for another ${inWords(staleForMs)} while the store learns again.`
        : `The store does not know it, but ${stays}.`
    }
    const nowMs = this.#clocks.now().monotonicMs
    const whyNot = isAddress ? this.#admission.policy.whyNotPrefix(stored) : undefined
    if (whyNot !== undefined) return `Not routed: ${whyNot.why}.`
    const heldDownMs = this.#admission.heldDown.leftMs(stored, nowMs)
    if (heldDownMs > 0) return `Not routed: it was forgotten by hand and is held down for another ${inWords(heldDownMs)}.`
    const last = notes.findLast((note) => !this.#isOver(note))
    const over = last === notes.at(-1) ? undefined : notes.at(-1)
    const wasHeldDown = over === undefined ? '' : `; refused last ${ago(over.agoMs)}, for a hold-down that is over`
    // That a name's bindings expired is not noted: it may have been bound again meanwhile.
    const since = isAddress ? '' : '; since then no answer with an address was taken, or it has expired'
    if (last?.kind === 'ended') return `Not routed: ${last.why} ${ago(last.agoMs)}${wasHeldDown}${since}.`
    if (last !== undefined) return `Not routed: refused ${ago(last.agoMs)}: ${last.why}${wasHeldDown}.`
    if (over !== undefined)
      return `Not routed: forgotten by hand${wasHeldDown}; since then no answer was taken, or it has expired.`
    if (isListed) return `Listed, but no answer with an address has been seen, or it has expired.`
    if (isAddress) return 'Not routed: no listed name has resolved to it, or it has expired.'
    const why = this.#admission.coverage.why(stored)
    return `Not routed: no list covers this name${why.length > 0 ? ` (${why.join('; ')})` : ''}.`
  }

  /** Was it refused for a hold-down of its name or its address that is over? */
  #isOver(note: Note): boolean {
    if (note.kind !== 'refused' || note.refusal !== 'held-down') return false
    return !this.#admission.heldDown.has(note.name, this.storedAs(note.address), this.#clocks.now().monotonicMs)
  }

  #notes(
    stored: string,
    bindings: readonly Binding[],
    replies: readonly ExplainReply[] | undefined,
    announced: number,
  ): string[] {
    const notes: string[] = []
    const rules = rulesOf(bindings.filter(({ prefix }) => prefix === stored))
    if (rules >= CROWDED_RULES)
      notes.push(`${rules} unrelated listed names claim this address; if that is not intended, put it on the never list.`)
    for (const list of new Set(bindings.map((binding) => binding.list)))
      if (this.#admission.coverage.unloaded.has(list))
        notes.push(`List "${list}" could not be loaded; its bindings stay until they expire.`)
    if (replies !== undefined && bindings.length > 0 && announced === 0) notes.push('No announcer has the route (yet).')
    return notes
  }
}

/** An address or prefix and every wider one, the narrowest first; none for a name. */
function selfAndWider(subject: string): string[] {
  const prefix = parsePrefix(subject)
  if (prefix === undefined) return []
  const bytes = prefix.bytes.slice()
  const texts: string[] = []
  for (let lengthBits = prefix.lengthBits; lengthBits > 0; lengthBits--) {
    texts.push(formatPrefix({ bytes, lengthBits }))
    bytes[(lengthBits - 1) >>> 3] &= 0xff00 >>> ((lengthBits - 1) & 7)
  }
  return texts
}

function iso(unixMs: number): string {
  return new Date(unixMs).toISOString()
}

function inWords(ms: number): string {
  return formatDuration(Math.max(1000, Math.round(ms / 1000) * 1000))
}

function ago(ms: number): string {
  return ms < 500 ? 'just now' : `${inWords(ms)} ago`
}
