/** States, events and timers of the finite state machine (RFC 4271 §8.1, §8.2.1), and the actions with which it answers. */
import type { BgpError, Family, Notification, Open, RouteRefreshSubtype } from '@dnstap-bgp/bgp-wire'
import type { Negotiated } from './negotiation.ts'

/** In the RFC's order. It is also the order of progress, except for Active. */
export const STATES = ['Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established'] as const
export type State = (typeof STATES)[number]

export type SessionTimer = 'ConnectRetryTimer' | 'HoldTimer' | 'KeepaliveTimer' | 'IdleHoldTimer' | 'SendHoldTimer'

/**
 * Events 1-28 of §8.1, and 29 of RFC 9687. Events 12 and 20 are left out: they belong to DelayOpen, which is always FALSE. So are 14 and
 * 15: the driver decides whether an incoming connection is valid. Three events have no name in an RFC: a ROUTE-REFRESH, a malformed one,
 * and the driver's report that the peer's TCP took some of what we sent (TcpProgress).
 */
export type Event =
  | { readonly type: 'ManualStart' }
  /** `preserve` closes without a NOTIFICATION, so that a peer with graceful restart keeps our routes. */
  | { readonly type: 'ManualStop'; readonly error?: BgpError; readonly preserve?: boolean }
  | { readonly type: 'AutomaticStart' }
  | { readonly type: 'ManualStart_with_PassiveTcpEstablishment' }
  | { readonly type: 'AutomaticStart_with_PassiveTcpEstablishment' }
  | { readonly type: 'AutomaticStart_with_DampPeerOscillations' }
  | { readonly type: 'AutomaticStart_with_DampPeerOscillations_and_PassiveTcpEstablishment' }
  | { readonly type: 'AutomaticStop'; readonly error?: BgpError }
  | { readonly type: 'ConnectRetryTimer_Expires' }
  | { readonly type: 'HoldTimer_Expires' }
  | { readonly type: 'KeepaliveTimer_Expires' }
  | { readonly type: 'IdleHoldTimer_Expires' }
  | { readonly type: 'Tcp_CR_Acked' }
  | { readonly type: 'TcpConnectionConfirmed' }
  | { readonly type: 'TcpConnectionFails'; readonly reason?: string }
  | { readonly type: 'BGPOpen'; readonly open: Open }
  | { readonly type: 'BGPHeaderErr'; readonly error: BgpError }
  | { readonly type: 'BGPOpenMsgErr'; readonly error: BgpError }
  | { readonly type: 'OpenCollisionDump' }
  | { readonly type: 'NotifMsgVerErr'; readonly notification: Notification }
  | { readonly type: 'NotifMsg'; readonly notification: Notification }
  | { readonly type: 'KeepAliveMsg' }
  | { readonly type: 'UpdateMsg' }
  | { readonly type: 'UpdateMsgErr'; readonly error: BgpError }
  | { readonly type: 'SendHoldTimer_Expires' }
  | { readonly type: 'RouteRefreshMsg'; readonly family?: Family; readonly subtype?: RouteRefreshSubtype }
  | { readonly type: 'RouteRefreshMsgErr'; readonly error: BgpError }
  | { readonly type: 'TcpProgress' }

/** The driver does them in the given order. */
export type Action =
  /** Open a TCP connection to the peer; give up one that is still being opened. */
  | { readonly type: 'connect' }
  | { readonly type: 'send'; readonly message: 'OPEN' | 'KEEPALIVE' | 'NOTIFICATION'; readonly bytes: Uint8Array }
  /** Close when everything sent has left; `abort`: at once, because the peer is not reading. */
  | { readonly type: 'close'; readonly abort: boolean }
  /** If the timer runs, restart it. */
  | { readonly type: 'startTimer'; readonly timer: SessionTimer; readonly seconds: number }
  | { readonly type: 'stopTimer'; readonly timer: SessionTimer }
  | { readonly type: 'established'; readonly negotiated: Negotiated }
  | { readonly type: 'routeRefresh'; readonly family: Family; readonly subtype: RouteRefreshSubtype }
  /** The attempt or the session is over. */
  | ({ readonly type: 'ended' } & Ending)

export interface Ending {
  readonly from: State
  /** For a log line. */
  readonly reason: string
  readonly sent?: BgpError
  readonly received?: Notification
  /** We ended it on purpose: a stop, a reset, or a collision. */
  readonly deliberate?: true
  /** On purpose and without a NOTIFICATION, for graceful restart. */
  readonly preserved?: true
}
