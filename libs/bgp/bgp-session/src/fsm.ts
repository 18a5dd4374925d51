/** The words of the finite state machine (RFC 4271 §8.1, §8.2.1): its states, events, timers, and the actions it answers with. */
import type { BgpError, Family, Notification, Open, RouteRefreshSubtype } from '@dnstap-bgp/bgp-wire'
import type { Negotiated } from './negotiation.ts'

/** In the order of the RFC, which is that of progress too, but for Active. */
export const STATES = ['Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established'] as const
export type State = (typeof STATES)[number]

export type Timer = 'ConnectRetryTimer' | 'HoldTimer' | 'KeepaliveTimer' | 'IdleHoldTimer' | 'SendHoldTimer'

/**
 * Events 1-28 of §8.1 as far as they reach a session (12 and 20 belong to DelayOpen, which is always FALSE), 29 of RFC 9687, and three the RFC has no name for: a ROUTE-REFRESH, a malformed
 * one, and word from the driver that the peer's TCP took something of what we sent. Events 14 and 15, whether an incoming connection is
 * one we want, are answered before a session hears of it.
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

/** What a session wants done, in this order. */
export type Action =
  /** Open a TCP connection to the peer; one still being opened is given up. */
  | { readonly type: 'connect' }
  | { readonly type: 'send'; readonly message: 'OPEN' | 'KEEPALIVE' | 'NOTIFICATION'; readonly bytes: Uint8Array }
  /** Close once what was sent has left; `abort`: at once, the peer is not reading. */
  | { readonly type: 'close'; readonly abort: boolean }
  /** Starts it anew where it runs. */
  | { readonly type: 'startTimer'; readonly timer: Timer; readonly seconds: number }
  | { readonly type: 'stopTimer'; readonly timer: Timer }
  | { readonly type: 'established'; readonly negotiated: Negotiated }
  | { readonly type: 'routeRefresh'; readonly family: Family; readonly subtype: RouteRefreshSubtype }
  /** The attempt or the session is over. */
  | ({ readonly type: 'ended' } & Ending)

export interface Ending {
  readonly from: State
  /** For a log line. */
  readonly words: string
  readonly sent?: BgpError
  readonly received?: Notification
  /** We wanted it so: stopped, reset, or the other connection was better. */
  readonly deliberate?: true
  /** And with no word to the peer, for graceful restart. */
  readonly preserved?: true
}
