/** A peer for operators: `dnstap-bgp peers`, metrics, health. */
import type { Negotiated, State } from '@dnstap-bgp/bgp-session'

export interface PeerStatus {
  readonly name: string
  /** Of the session, else the address to connect to; undefined if the name is not resolved yet. */
  readonly address: string | undefined
  readonly port: number
  readonly asn: number
  readonly localAsn: number
  readonly passive: boolean
  readonly state: State
  /** Unix time in ms of the last change of state. */
  readonly since: number
  /** Why the last attempt or session ended; it stays when a new session comes up. */
  readonly lastError: { readonly reason: string; readonly at: number } | undefined
  /** Unix time in ms; during a pause. */
  readonly nextAttemptAt: number | undefined
  /** A long pause, because the peer refused our number of prefixes. */
  readonly isDamped: boolean
  readonly prefixesOut: { readonly ipv4: number; readonly ipv6: number }
  /** End-of-RIB is out for every family. */
  readonly tableSent: boolean
  /** Prefixes that wait to be compared with what the peer has, or to be sent. */
  readonly queued: number
  /** Octets that the peer's TCP has not acknowledged; without socket options (koffi, Linux), that our kernel has not taken. */
  readonly inFlightBytes: number
  /** Routes not sent because of maxRoutes. */
  readonly suppressed: number
  readonly adjRibOutBytes: number
  readonly negotiated: Negotiated | undefined
  /** Codes of capabilities left out because the peer refused them. */
  readonly withheldCapabilities: readonly number[]
  /** Since the speaker was created. */
  readonly counters: {
    readonly sessions: number
    readonly bytesSent: number
    readonly bytesReceived: number
    readonly updatesSent: number
    readonly announced: number
    readonly withdrawn: number
    readonly updatesReceived: number
    readonly prefixesReceived: number
    /** Messages of the peer that carried nothing, beyond the ordinary rate. */
    readonly floodMessages: number
  }
}
