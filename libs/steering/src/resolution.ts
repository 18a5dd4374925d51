import type { ResolutionSource } from './resolution-source.ts'

/** A time of a clock that nobody sets, and that only the ingest of this run has: `CAUGHT_UP` tells caches what it shows. */
export interface SteadyTime {
  /** One run of an ingest. */
  readonly ingest: string
  readonly steadyMs: number
}

/** A listed name resolved to an address: what ingest or a sync peer tells the cache. */
export interface Resolution {
  /** Name of the list, as configured. */
  readonly list: string
  /** The first name on the answer's chain that the list covers: presentation format, lower case, no trailing dot. */
  readonly name: string
  /** The rule that covers it, as the list writes it. */
  readonly rule: string
  /** Canonical text (RFC 5952 for IPv6). */
  readonly address: string
  /** The smallest TTL on the way from the name to the address, as the resolver gave it. */
  readonly ttlSeconds: number
  /** When the resolver answered: Unix time. */
  readonly seenAtMs: number
  /** The same moment by the steady clock of the ingest that heard it; undefined of a sync peer. */
  readonly seenBy?: SteadyTime | undefined
  readonly source: ResolutionSource
  /** QNAME first, owner of the address last; kept to explain. */
  readonly chain: readonly string[]
  /**
   * The version of the lists (`ListsVersion` of libs/policy) by which ingest of this process matched the name and wrote name, rule and address.
   * A cache with the same version does not match again. No codec carries it: what comes from elsewhere is always matched again.
   */
  readonly matchedBy?: symbol | undefined
}

/** The object itself, its numbers and the heads of its strings. */
const OCTETS_BESIDE_TEXT = 256

/** Octets that it takes in memory, about: names are up to 1020 characters and chains up to 65 names, so a number of them is no bound. */
export function octetsOfResolution({ name, rule, source, chain }: Resolution): number {
  let octets = OCTETS_BESIDE_TEXT + name.length + rule.length
  if (source.kind === 'resolver') octets += source.identity.length
  for (let i = 0; i < chain.length; i++) octets += chain[i].length
  return octets
}
