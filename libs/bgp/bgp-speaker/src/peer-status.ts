/** What an operator is told about a peer: `dnstap-bgp peers`, pages, metrics. */
import type { Negotiated, State } from '@dnstap-bgp/bgp-session'

export interface PeerStatus {
  readonly name: string
  /** Of the session, else where we would connect to; undefined for a name not yet resolved. */
  readonly address: string | undefined
  readonly port: number
  readonly asn: number
  readonly localAsn: number
  readonly passive: boolean
  readonly state: State
  /** Unix time in ms of the last change of state. */
  readonly since: number
  /** Why the last attempt or session that ended did so; it stays when a new one comes up. */
  readonly lastError: { readonly reason: string; readonly at: number } | undefined
  /** Unix time in ms; while the peer is left alone. */
  readonly nextAttemptAt: number | undefined
  /** A long pause, because the peer refused our number of prefixes. */
  readonly isDamped: boolean
  readonly prefixesOut: { readonly ipv4: number; readonly ipv6: number }
  /** End-of-RIB is out for every family. */
  readonly tableSent: boolean
  /** Prefixes that wait to be sent, or looked at. */
  readonly queued: number
  /** Written, and not acknowledged by the peer's TCP; without socket options (koffi, Linux), not taken by the kernel. */
  readonly inFlightBytes: number
  /** Routes kept back by maxRoutes. */
  readonly suppressed: number
  readonly adjRibOutBytes: number
  readonly negotiated: Negotiated | undefined
  /** Codes of capabilities left out because the peer refused them. */
  readonly withheldCapabilities: readonly number[]
  /** Since the speaker was made. */
  readonly counters: {
    readonly sessions: number
    readonly bytesSent: number
    readonly bytesReceived: number
    readonly updatesSent: number
    readonly announced: number
    readonly withdrawn: number
    readonly updatesReceived: number
    readonly prefixesReceived: number
    /** Messages of the peer that carried nothing, beyond what is ordinary. */
    readonly floodMessages: number
  }
}
