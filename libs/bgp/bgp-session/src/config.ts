/** What one peering is configured to be, with the defaults that apply where the operator says nothing. */
import type { Family, Role } from '@dnstap-bgp/bgp-wire'

export interface SessionConfig {
  /** The AS we are towards this peer: where `local-as` is configured, that one. */
  readonly localAsn: number
  /** 'any': whatever the peer says, for peers accepted by prefix. */
  readonly peerAsn: number | 'any'
  /** Unsigned, not 0. */
  readonly bgpIdentifier: number
  /** Address families to offer, at least one. Default IPv4 and IPv6. */
  readonly families?: readonly Family[]
  /** We wait for the peer to connect and never do. */
  readonly passive?: boolean
  /** What we propose: 0 (none), or at least 3. Default 90. */
  readonly holdTimeSeconds?: number
  /** How long one attempt to connect may take, and the pause after a connection that was lost before the peer's OPEN. Default 30. */
  readonly connectRetrySeconds?: number
  /** How long the peer may read nothing (RFC 9687). Default: 8 minutes, or twice the hold time where that is longer. */
  readonly sendHoldTimeSeconds?: number
  /** The pause between attempts: doubles from `firstSeconds` (default 1) to `maxSeconds` (default 60). */
  readonly backOff?: { readonly firstSeconds: number; readonly maxSeconds: number }
  /** The pause after a peer ended the session for too many prefixes: trying again sooner only repeats it. Default 15 minutes. */
  readonly prefixLimitBackOffSeconds?: number
  /** Route refresh, with its demarcations (RFC 2918, RFC 7313). Default true. */
  readonly routeRefresh?: boolean
  /** RFC 8654. Default true. */
  readonly extendedMessage?: boolean
  /** IPv4 routes with an IPv6 next hop (RFC 8950). Default false. */
  readonly extendedNextHop?: boolean
  /** RFC 4724 and RFC 8538; absent: not offered. */
  readonly gracefulRestart?: {
    /** How long the peer is to wait for us, at most 4095. */
    readonly restartTimeSeconds: number
    /** R: we have just come up and want kept what the peer still has of us. Told until the first session is up. */
    readonly restarting: boolean
    /** RFC 9494; needs the peer's configuration too. */
    readonly longLivedStaleTimeSeconds?: number
  }
  /** Ours (RFC 9234); only external peers are told. */
  readonly role?: Role
  /** End the session with a peer that names no role. */
  readonly strictRole?: boolean
  /** A number from 0 up to, not including, 1: the driver's dice. */
  readonly jitter: () => number
}

export type Settings = Required<Omit<SessionConfig, 'gracefulRestart' | 'role'>> & Pick<SessionConfig, 'gracefulRestart' | 'role'>

export function withDefaults(config: SessionConfig): Settings {
  const holdTimeSeconds = config.holdTimeSeconds ?? 90
  return {
    families: ['ipv4', 'ipv6'],
    passive: false,
    connectRetrySeconds: 30,
    sendHoldTimeSeconds: Math.max(480, 2 * holdTimeSeconds),
    backOff: { firstSeconds: 1, maxSeconds: 60 },
    prefixLimitBackOffSeconds: 900,
    routeRefresh: true,
    extendedMessage: true,
    extendedNextHop: false,
    strictRole: false,
    ...config,
    holdTimeSeconds,
  }
}
