/** The configuration of one peer, and the defaults of the keys that may be left out. */
import type { Family, Role } from '@dnstap-bgp/bgp-wire'

export interface SessionConfig {
  /** Our AS towards this peer. */
  readonly localAsn: number
  /** 'any': the AS in the peer's OPEN, whichever it is. */
  readonly peerAsn: number | 'any'
  /** As an unsigned 32-bit number, not 0. */
  readonly bgpIdentifier: number
  /** Address families to offer, at least one. Default IPv4 and IPv6. */
  readonly families?: readonly Family[]
  /** We never connect, and wait for the peer to do so. */
  readonly passive?: boolean
  /** The hold time in our OPEN: 0 (none), or at least 3. */
  readonly holdTimeSeconds: number
  /** How long one attempt to connect may take, and the pause after a connection that was lost before the peer's OPEN. */
  readonly connectRetrySeconds: number
  /** How long the peer may read nothing (RFC 9687). Default: 8 minutes, or twice the hold time if that is longer. */
  readonly sendHoldTimeSeconds?: number
  /** The pause between attempts: doubles from `firstSeconds` (default 1) to `maxSeconds` (default 60). */
  readonly backOff?: { readonly firstSeconds: number; readonly maxSeconds: number }
  /** The pause after a peer ended the session for too many prefixes: the next attempt would most likely end the same way. Default 15 minutes. */
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
    /** R: we have just come up, and the peer shall keep the routes that it still has from us. Set until the first session is up. */
    readonly restarting: boolean
    /** RFC 9494; needs the peer's configuration too. */
    readonly longLivedStaleTimeSeconds?: number
  }
  /** Our role (RFC 9234); sent to external peers only. */
  readonly role?: Role
  /** End the session with a peer that names no role. */
  readonly strictRole?: boolean
  /** A random number from 0 up to, not including, 1. */
  readonly jitter: () => number
}

export type Settings = Required<Omit<SessionConfig, 'gracefulRestart' | 'role'>> & Pick<SessionConfig, 'gracefulRestart' | 'role'>

export function withDefaults(config: SessionConfig): Settings {
  return {
    families: ['ipv4', 'ipv6'],
    passive: false,
    sendHoldTimeSeconds: Math.max(480, 2 * config.holdTimeSeconds),
    backOff: { firstSeconds: 1, maxSeconds: 60 },
    prefixLimitBackOffSeconds: 900,
    routeRefresh: true,
    extendedMessage: true,
    extendedNextHop: false,
    strictRole: false,
    ...config,
  }
}

/** RFC 4271 §10: 0.75 to 1 times the time, so that timers started together do not expire together. */
export function jittered(seconds: number, settings: Settings): number {
  return seconds * (0.75 + 0.25 * settings.jitter())
}
