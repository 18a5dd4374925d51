/**
 * Decides whether a resolution may become a binding, and until when it would live.
 *
 * The cache is the authority and checks again what ingest or a sync peer says: the policy must let the address be routed for the name
 * (RoutePolicy), the list must cover the name now, and the sighting must not be older than its lifetime. Only a name that ingest of this
 * process matched by the same version of the lists is not matched again. Pure: lists, configuration and time are passed in. Bounds and rates
 * are not here (store, token-bucket.ts).
 */
import { lifetimeMsOf, type Lifetime } from '@dnstap-bgp/config'
import { nameToText, textToName } from '@dnstap-bgp/dns-wire'
import { formatAddress, hostPrefix, parseAddress } from '@dnstap-bgp/ip'
import type { Outcome, Sighting } from '@dnstap-bgp/ip-store'
import { HoldDowns, RoutePolicy, type ListsVersion, type NeverList } from '@dnstap-bgp/policy'
import { sourceText, type Resolution } from '@dnstap-bgp/steering'
import { storeTimeOf, type Instant } from './clocks.ts'

export type RefusalReason =
  'bad-address' | 'bad-name' | 'unknown-list' | 'not-listed' | 'ipv6-off' | 'never' | 'too-old' | 'held-down' | 'rate'

export interface Refused {
  readonly refusal: RefusalReason | Outcome
  /** A sentence for people. */
  readonly why: string
}

export interface NotAdmitted extends Refused {
  readonly refusal: RefusalReason
}

/** The lists as they are loaded now. */
export interface Coverage {
  /** Stands for these lists, wherever in this process they are. */
  readonly version: ListsVersion
  /** The rule by which the list covers the name; undefined when it does not (or an exception wins). */
  ruleFor(list: string, name: string): string | undefined
  /**
   * Lists of which nothing could be loaded, not even an old copy: they cover nothing new, but that is no reason to end what they
   * covered before.
   */
  readonly unloaded: ReadonlySet<string>
  /** The first download of some list is under way: it may cover names of lists that are gone. */
  readonly isWaiting: boolean
  /** Why a name is on no list: one sentence for each rule or exception that decides. For people. */
  why(name: string): readonly string[]
}

export interface AdmissionConfig {
  readonly ipv6: boolean
  readonly lifetimes: ReadonlyMap<string, Lifetime>
  readonly never: NeverList
}

export class Admission {
  #config: AdmissionConfig
  #coverage: Coverage
  #policy: RoutePolicy
  #version = 0
  readonly heldDown = new HoldDowns()

  constructor(config: AdmissionConfig, coverage: Coverage) {
    this.#config = config
    this.#coverage = coverage
    this.#policy = new RoutePolicy({ ...config, holdDowns: this.heldDown })
  }

  get config(): AdmissionConfig {
    return this.#config
  }

  get coverage(): Coverage {
    return this.#coverage
  }

  listsCovering(name: string): string[] {
    return [...this.config.lifetimes.keys()].filter((list) => this.coverage.ruleFor(list, name) !== undefined)
  }

  /** May this be routed, by the configuration as it is now and the names that are held down? */
  get policy(): RoutePolicy {
    return this.#policy
  }

  /** Changes when a resolution that was admitted may not be admitted now. */
  get version(): number {
    return this.#version
  }

  /** Both at once: a list that is new in the one is new in the other. */
  use(config: AdmissionConfig, coverage: Coverage): void {
    this.#config = config
    this.#coverage = coverage
    this.#policy = new RoutePolicy({ ...config, holdDowns: this.heldDown })
    this.#version++
  }

  /** The sighting to store, or why there is none. */
  admit(resolution: Resolution, now: Instant): Sighting | NotAdmitted {
    const lifetime = this.config.lifetimes.get(resolution.list)
    if (lifetime === undefined) return refused('unknown-list', `no list is named "${resolution.list}"`)
    // Ingest of this process made all of it from octets, and matched the name by these very lists.
    const isMatched = resolution.matchedBy === this.coverage.version
    const name = isMatched ? resolution.name : canonicalName(resolution.name)
    if (name === undefined) return refused('bad-name', 'the name is no domain name in presentation format (RFC 1035 §5.1)')
    const address = isMatched ? resolution.address : canonicalAddress(resolution.address)
    if (address === undefined) return refused('bad-address', `"${resolution.address}" is not an address`)
    const prefix = hostPrefix(address)
    const whyNot = this.#policy.whyNot(prefix, name, now.monotonicMs)
    if (whyNot !== undefined) return whyNot
    const rule = isMatched ? resolution.rule : this.coverage.ruleFor(resolution.list, name)
    if (rule === undefined) return refused('not-listed', `list "${resolution.list}" does not cover ${name}`)
    const seenAtMs = storeTimeOf(resolution.seenAtMs, now)
    const expiresAtMs = seenAtMs + lifetimeMsOf(lifetime, resolution.ttlSeconds)
    if (expiresAtMs <= now.storeMs) return refused('too-old', 'it was seen longer ago than its lifetime')
    return {
      list: resolution.list,
      name,
      rule,
      prefix,
      seenAtMs,
      expiresAtMs,
      source: sourceText(resolution.source),
      chain: resolution.chain,
    }
  }
}

export function isRefused(answer: Sighting | NotAdmitted): answer is NotAdmitted {
  return 'refusal' in answer
}

/**
 * The one text that a name is stored under; undefined when it is no name. A store takes names apart at control characters, so none may
 * come through: in presentation format they are `\DDD`.
 */
export function canonicalName(text: string): string | undefined {
  if (text.length <= MAX_PLAIN_NAME && PLAIN_NAME.test(text)) return text
  if (text.length > MAX_NAME_CHARACTERS) return undefined
  const wire = textToName(text)
  return wire === undefined ? undefined : nameToText(wire, 0)
}

function canonicalAddress(text: string): string | undefined {
  const octets = parseAddress(text)
  return octets === undefined ? undefined : formatAddress(octets)
}

const PLAIN_NAME = /^(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}$/
/** 255 octets on the wire. */
const MAX_PLAIN_NAME = 253
/** 255 octets of binary labels in presentation format (RFC 1035 §5.1: `\DDD`). */
const MAX_NAME_CHARACTERS = 1020

function refused(refusal: RefusalReason, why: string): NotAdmitted {
  return { refusal, why }
}
