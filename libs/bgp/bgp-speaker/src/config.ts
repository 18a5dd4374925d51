/** The configuration of a speaker and its peers. BgpConfig of @dnstap-bgp/config fits it, so that a service passes it on. */

import type { Family } from '@dnstap-bgp/bgp-wire'

/** RFC 9234 §4.1: our role towards the peer. */
export type PeerRole = 'provider' | 'rs' | 'rs-client' | 'customer' | 'peer'

export interface SpeakerConfig {
  readonly asn: number
  readonly bgpIdentifier: string
  /** Where peers reach us; undefined: we do not listen. A host that is undefined means every address. */
  readonly listen?: { readonly host: string | undefined; readonly port: number } | undefined
  /** For routes without a next hop of their own, to peers without one. */
  readonly nextHopIpv4?: string | undefined
  /** Undefined: our own address on sessions over IPv6, and no IPv6 routes on sessions over IPv4. */
  readonly nextHopIpv6?: string | undefined
  /** How long peers keep our routes while we restart (RFC 4724); 0: not offered. */
  readonly gracefulRestartSeconds?: number
  /** How long peers keep them as stale after that (RFC 9494); 0: not offered. */
  readonly longLivedStaleSeconds?: number
  readonly peers: readonly SpeakerPeerConfig[]
  /** Octets that may wait for a peer in our process, and again unsent in the kernel; default 256 KiB. */
  readonly maxInFlightBytes?: number
}

export interface SpeakerPeerConfig {
  /** As the operator wrote it, for logs and pages. */
  readonly name: string
  readonly remote:
    | { readonly kind: 'address'; readonly address: string }
    /** Resolved at each connect. */
    | { readonly kind: 'hostname'; readonly hostname: string }
    /** Passive only: any peer from this range. */
    | { readonly kind: 'prefix'; readonly prefix: string }
  readonly port: number
  readonly asn: number
  /** Our AS towards this peer; default the speaker's. */
  readonly localAsn?: number
  /** TCP MD5 (RFC 2385). */
  readonly password?: string | undefined
  /** GTSM (RFC 5082): how many hops away the peer may be; undefined: off. */
  readonly ttlSecurityHops?: number | undefined
  /** TTL of our packets; undefined: the system's. If it cannot be set, that is an error only for GTSM. */
  readonly ttl?: number | undefined
  /** We wait for the peer to connect. */
  readonly passive?: boolean
  readonly families?: readonly Family[]
  /** For every route to this peer, before a route's own and the speaker's. `self`: our address on the session. */
  readonly nextHopIpv4?: string | undefined
  readonly nextHopIpv6?: string | undefined
  /** Added to every route for this peer. */
  readonly communities?: readonly number[]
  readonly largeCommunities?: readonly (readonly [number, number, number])[]
  /** Names of the lists whose routes it gets; undefined: all. */
  readonly lists?: readonly string[] | undefined
  readonly maxRoutes?: number
  /** Its routes count as confirmed when the kernel has taken them: confirmation.ts. */
  readonly confirm?: boolean
  /** 0: no KEEPALIVEs, no hold timer. */
  readonly holdTimeSeconds: number
  readonly connectRetrySeconds: number
  readonly sourceIpv4?: string | undefined
  readonly sourceIpv6?: string | undefined
  /** Network interface or VRF that the session is bound to. */
  readonly device?: string | undefined
  readonly role?: PeerRole | undefined
  /** With a role: no session with a peer that names none. */
  readonly strictRole?: boolean
  readonly gracefulRestart?: boolean
}

export const DEFAULT_MAX_IN_FLIGHT_BYTES = 256 * 1024
