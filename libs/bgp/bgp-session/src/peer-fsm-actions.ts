/** What a PeerFsm asks of its driver. */
import type { BgpError, Family, RouteRefreshSubtype } from '@dnstap-bgp/bgp-wire'
import type { Side } from './collision.ts'
import type { Ending, State, SessionTimer } from './fsm.ts'
import type { Negotiated } from './negotiation.ts'
import type { ReceivedUpdates } from './received.ts'

export type PeerFsmAction =
  /** Open a TCP connection to the peer and report connected() or closed() with this number. */
  | { readonly type: 'connect'; readonly connection: number }
  | {
      readonly type: 'send'
      readonly connection: number
      readonly message: 'OPEN' | 'KEEPALIVE' | 'NOTIFICATION'
      readonly bytes: Uint8Array
    }
  /** Close when everything sent has left; `abort`: at once. The driver need not report closed(). */
  | { readonly type: 'close'; readonly connection: number; readonly abort: boolean }
  | { readonly type: 'startTimer'; readonly side: Side; readonly timer: SessionTimer; readonly seconds: number }
  | { readonly type: 'stopTimer'; readonly side: Side; readonly timer: SessionTimer }
  | { readonly type: 'established'; readonly connection: number; readonly negotiated: Negotiated }
  /** The peer asks for our routes of a family again. */
  | { readonly type: 'routeRefresh'; readonly connection: number; readonly family: Family; readonly subtype: RouteRefreshSubtype }
  /** The UPDATEs of one chunk of octets, summed up. */
  | ({ readonly type: 'received' } & ReceivedUpdates)
  /** An attempt or a session is over. `connection` is undefined if TCP never came up. */
  | ({ readonly type: 'ended'; readonly side: Side; readonly connection: number | undefined } & Ending)
  /** Nothing is open; the next attempt comes after this time. `damped`: because the peer refused our number of prefixes. */
  | { readonly type: 'waiting'; readonly seconds: number; readonly damped: boolean }
  /** The state that operators see: that of the session furthest along. */
  | { readonly type: 'stateChanged'; readonly from: State; readonly to: State }

export type Stop =
  /** With a NOTIFICATION, by default Cease, Administrative Shutdown; cease() makes one with a text. */
  | { readonly type: 'notify'; readonly error?: BgpError }
  /** Without one, so that a peer with graceful restart keeps our routes; see negotiated.gracefulRestart. */
  | { readonly type: 'preserve' }

/**
 * Adds actions, but none twice: thousands of KEEPALIVEs in a chunk restart the hold timer once, thousands of ROUTE-REFRESHes ask once for a
 * family. `actions` stays short, so searching it is cheap.
 */
export function appendUnrepeated(actions: PeerFsmAction[], more: readonly PeerFsmAction[]): void {
  for (const action of more) if (!isRepeat(actions, action)) actions.push(action)
}

function isRepeat(actions: readonly PeerFsmAction[], action: PeerFsmAction): boolean {
  if (action.type === 'routeRefresh')
    return actions.some((one) => one.type === 'routeRefresh' && one.family === action.family && one.subtype === action.subtype)
  if (action.type !== 'startTimer') return false
  const { side, timer, seconds } = action
  const last = actions.findLast(
    (one) => (one.type === 'startTimer' || one.type === 'stopTimer') && one.side === side && one.timer === timer,
  )
  return last?.type === 'startTimer' && last.seconds === seconds
}
