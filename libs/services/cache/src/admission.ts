/**
 * Decides whether a resolution may become a binding, and until when it would live.
 *
 * The cache is the authority: whatever ingest or a peer says, the name must be covered by the list it claims, by the lists as they are
 * now; the address must not be on the never list; and the sighting must not be older than its hold time. Pure: lists, configuration and
 * time are passed in. Bounds and rates are not here (store, token-bucket.ts).
 */
import { hostPrefix, NeverList, parseAddress } from '@dnstap-bgp/ip'
import type { Sighting } from '@dnstap-bgp/ip-store'
import type { Resolution } from '@dnstap-bgp/steering'
import type { Hold } from '@dnstap-bgp/config'

export type Refusal =
  'bad-address' | 'bad-name' | 'unknown-list' | 'not-listed' | 'ipv6-off' | 'never' | 'too-old' | 'held-down' | 'rate'

export interface Refused {
  readonly refusal: Refusal
  /** A sentence for people. */
  readonly why: string
}

/** The lists as they are loaded now. */
export interface Coverage {
  /** The rule by which the list covers the name; undefined when it does not (or an exception wins). */
  ruleFor(list: string, name: string): string | undefined
}

export interface AdmissionConfig {
  readonly ipv6: boolean
  readonly holds: ReadonlyMap<string, Hold>
  readonly never: NeverList
}

/** A resolver's clock may be ahead of ours by this much before we stop believing it. */
const CLOCK_SKEW_MS = 5_000

export class Admission {
  config: AdmissionConfig
  coverage: Coverage
  /** Names and prefixes an operator forgot by hand: until when they stay out. */
  readonly heldDown = new Map<string, number>()

  constructor(config: AdmissionConfig, coverage: Coverage) {
    this.config = config
    this.coverage = coverage
  }

  /** The sighting to store, or why there is none. */
  admit(resolution: Resolution, nowMs: number): Sighting | Refused {
    const hold = this.config.holds.get(resolution.list)
    if (hold === undefined) return refused('unknown-list', `no list is named "${resolution.list}"`)
    if (resolution.name === '' || resolution.name.length > MAX_NAME_CHARACTERS)
      return refused('bad-name', 'the name is empty or longer than a DNS name can be')
    if (parseAddress(resolution.address) === undefined) return refused('bad-address', `"${resolution.address}" is not an address`)
    const prefix = hostPrefix(resolution.address)
    if (!this.config.ipv6 && resolution.address.includes(':')) return refused('ipv6-off', 'IPv6 is switched off (ipv6 = false)')
    const never = this.config.never.refuses(prefix)
    if (never !== undefined) return refused('never', `the never list has it: ${never}`)
    const rule = this.coverage.ruleFor(resolution.list, resolution.name)
    if (rule === undefined) return refused('not-listed', `list "${resolution.list}" does not cover ${resolution.name}`)
    const heldUntilMs = Math.max(this.heldDown.get(resolution.name) ?? 0, this.heldDown.get(prefix) ?? 0)
    if (heldUntilMs > nowMs) return refused('held-down', 'it was forgotten by hand and is held down')
    // An answer from the future would live longer than it should.
    const seenAtMs = resolution.seenAtMs > nowMs + CLOCK_SKEW_MS ? nowMs : Math.min(resolution.seenAtMs, nowMs)
    const expiresAtMs = seenAtMs + holdMs(hold, resolution.ttlSeconds)
    if (expiresAtMs <= nowMs) return refused('too-old', 'it was seen longer ago than the hold time')
    return {
      list: resolution.list,
      name: resolution.name,
      rule,
      prefix,
      seenAtMs,
      expiresAtMs,
      source: resolution.source,
      chain: resolution.chain,
    }
  }
}

/** How long a binding lives after a sighting with this TTL. */
export function holdMs(hold: Hold, ttlSeconds: number): number {
  if (hold.kind === 'idle') return hold.ttlMs
  return Math.min(Math.max(ttlSeconds * 1000, hold.minMs), hold.maxMs) + hold.graceMs
}

export function isRefused(answer: Sighting | Refused): answer is Refused {
  return 'refusal' in answer
}

/** 255 octets of binary labels in presentation format (RFC 1035 §5.1: `\DDD`). */
const MAX_NAME_CHARACTERS = 1020

function refused(refusal: Refusal, why: string): Refused {
  return { refusal, why }
}
