/**
 * The finite state machine of one connection (RFC 4271 §8), with the events of RFC 9687 and the subcodes of RFC 6608.
 *
 * PeerFsm runs one for the connection we open and one for a connection that the peer opened, and decides between them (§6.8). A session
 * does no I/O: handle() takes an event and returns actions, in the order in which the driver must do them.
 *
 *     Idle --start--> Connect --TCP--> OpenSent --OPEN--> OpenConfirm --KEEPALIVE--> Established
 *                 `-> Active  --TCP--^     (passive, or a connection was lost: wait)
 *
 * Each event names the NOTIFICATION that it earns. No NOTIFICATION answers another, and none goes out before our OPEN did
 * (SendNOTIFICATIONwithoutOPEN is FALSE). Every way to Idle goes through #toIdle, which stops the timers and says how the session ended.
 * PeerFsm does the damping (DampPeerOscillations), because it sees both connections: it answers an 'ended' with IdleHoldTimer.
 */
import {
  BgpError,
  CeaseSubcode,
  ErrorCode,
  FsmErrorSubcode,
  RouteRefreshSubtype,
  cease,
  encodeKeepalive,
  encodeNotification,
  hardReset,
} from '@dnstap-bgp/bgp-wire'
import type { Notification, Open } from '@dnstap-bgp/bgp-wire'
import type { Settings } from './config.ts'
import type { Action, Ending, Event, State, SessionTimer } from './fsm.ts'
import { FsmTimers } from './fsm-timers.ts'
import { negotiate } from './negotiation.ts'
import type { CapabilityOffer } from './capability-offer.ts'
import type { Negotiated } from './negotiation.ts'

const UNEXPECTED_IN_OPEN_SENT = new BgpError(
  ErrorCode.FINITE_STATE_MACHINE_ERROR,
  FsmErrorSubcode.UNEXPECTED_MESSAGE_IN_OPEN_SENT,
)
const UNEXPECTED_IN_OPEN_CONFIRM = new BgpError(
  ErrorCode.FINITE_STATE_MACHINE_ERROR,
  FsmErrorSubcode.UNEXPECTED_MESSAGE_IN_OPEN_CONFIRM,
)
const UNEXPECTED_IN_ESTABLISHED = new BgpError(
  ErrorCode.FINITE_STATE_MACHINE_ERROR,
  FsmErrorSubcode.UNEXPECTED_MESSAGE_IN_ESTABLISHED,
)
const HOLD_TIMER_EXPIRED = new BgpError(ErrorCode.HOLD_TIMER_EXPIRED)
const SEND_HOLD_TIMER_EXPIRED = new BgpError(ErrorCode.SEND_HOLD_TIMER_EXPIRED)
const KEEPALIVE: Action = { type: 'send', message: 'KEEPALIVE', bytes: encodeKeepalive() }

export class Session {
  readonly #settings: Settings
  readonly #offer: CapabilityOffer
  readonly #timers: FsmTimers
  #state: State = 'Idle'
  #ourOpen: Open | undefined
  #negotiated: Negotiated | undefined

  constructor(settings: Settings, offer: CapabilityOffer) {
    this.#settings = settings
    this.#offer = offer
    this.#timers = new FsmTimers(settings)
  }

  get state(): State {
    return this.#state
  }

  /** From OpenConfirm on. */
  get negotiated(): Negotiated | undefined {
    return this.#negotiated
  }

  /** The OPEN we sent; undefined before. */
  get ourOpen(): Open | undefined {
    return this.#ourOpen
  }

  isRunning(timer: SessionTimer): boolean {
    return this.#timers.isRunning(timer)
  }

  /** What the peer's OPEN agrees on with ours, or the error that answers it. PeerFsm asks before it resolves a collision: only a valid OPEN may end the other connection. */
  negotiateWith(open: Open): Negotiated | BgpError {
    return negotiate(this.#settings, this.#ourOpen ?? this.#offer.open(), open)
  }

  handle(event: Event): Action[] {
    this.#timers.noteExpiry(event)
    switch (this.#state) {
      case 'Idle':
        return this.#inIdle(event)
      case 'Connect':
      case 'Active':
        return this.#inConnectOrActive(event)
      case 'OpenSent':
        return this.#inOpenSent(event)
      case 'OpenConfirm':
        return this.#inOpenConfirm(event)
      case 'Established':
        return this.#inEstablished(event)
    }
  }

  /** Idle: nothing is open; a start or the end of the pause leads out. */
  #inIdle(event: Event): Action[] {
    switch (event.type) {
      case 'ManualStart':
      case 'AutomaticStart':
      case 'AutomaticStart_with_DampPeerOscillations':
        return this.#connect()
      case 'ManualStart_with_PassiveTcpEstablishment':
      case 'AutomaticStart_with_PassiveTcpEstablishment':
      case 'AutomaticStart_with_DampPeerOscillations_and_PassiveTcpEstablishment':
        this.#state = 'Active'
        return this.#timers.startConnectRetry()
      case 'IdleHoldTimer_Expires':
        if (!this.#settings.passive) return this.#connect()
        this.#state = 'Active'
        return []
      default:
        return []
    }
  }

  /**
   * Connect: our TCP connection is being opened. Active: waiting for the peer to connect, or for ConnectRetryTimer to expire so that we try
   * again. In both our OPEN goes out when TCP is up (DelayOpen is FALSE).
   */
  #inConnectOrActive(event: Event): Action[] {
    switch (event.type) {
      case 'ConnectRetryTimer_Expires':
        return [CLOSE, ...this.#connect()]
      case 'TcpConnectionFails':
        return this.#toIdle(failure(event.reason))
      case 'ManualStart':
      case 'AutomaticStart':
      case 'ManualStart_with_PassiveTcpEstablishment':
      case 'AutomaticStart_with_PassiveTcpEstablishment':
      case 'AutomaticStart_with_DampPeerOscillations':
      case 'AutomaticStart_with_DampPeerOscillations_and_PassiveTcpEstablishment':
      case 'IdleHoldTimer_Expires':
      case 'TcpProgress':
        return []
      case 'Tcp_CR_Acked':
      case 'TcpConnectionConfirmed':
        return this.#sendOpen()
      case 'BGPOpen':
        return this.#toIdle('an OPEN before the connection was up')
      case 'NotifMsg':
      case 'NotifMsgVerErr':
        return this.#toIdle(received(event.notification), { received: event.notification })
      case 'ManualStop':
      case 'AutomaticStop':
      case 'OpenCollisionDump':
        return this.#toIdle('stopped', { deliberate: true })
      case 'BGPHeaderErr':
      case 'BGPOpenMsgErr':
      case 'UpdateMsgErr':
      case 'RouteRefreshMsgErr':
        return this.#toIdle(event.error.message)
      default:
        return this.#toIdle(`${event.type} in state ${this.#state}`)
    }
  }

  /** OpenSent: our OPEN is sent; we wait for the peer's. */
  #inOpenSent(event: Event): Action[] {
    switch (event.type) {
      case 'BGPOpen': {
        const negotiated = this.negotiateWith(event.open)
        if (negotiated instanceof BgpError) return this.#toIdle(negotiated.message, { sent: negotiated })
        this.#negotiated = negotiated
        this.#state = 'OpenConfirm'
        return [...this.#timers.stop('ConnectRetryTimer'), KEEPALIVE, ...this.#timers.openReceived(negotiated)]
      }
      case 'TcpConnectionFails': {
        // §8.2.2: the peer may be about to connect to us; our own next attempt waits for ConnectRetryTimer.
        const ending = this.#ended(failure(event.reason))
        this.#forget()
        this.#state = 'Active'
        return [...this.#timers.stopAll(), ...this.#timers.startConnectRetry(), ending]
      }
      case 'BGPOpenMsgErr':
      case 'BGPHeaderErr':
        return this.#toIdle(event.error.message, { sent: event.error })
      default:
        return this.#afterOpen(event, UNEXPECTED_IN_OPEN_SENT)
    }
  }

  /** OpenConfirm: the peer's OPEN was good; its KEEPALIVE will say that ours was, too. */
  #inOpenConfirm(event: Event): Action[] {
    switch (event.type) {
      case 'KeepAliveMsg': {
        const negotiated = this.#agreed
        this.#state = 'Established'
        this.#offer.established()
        return [...this.#timers.established(negotiated), { type: 'established', negotiated }]
      }
      case 'KeepaliveTimer_Expires':
        return [KEEPALIVE, ...this.#timers.restartKeepalive(this.#agreed)]
      case 'TcpConnectionFails':
        return this.#toIdle(failure(event.reason))
      case 'BGPHeaderErr':
      case 'BGPOpenMsgErr':
        return this.#toIdle(event.error.message, { sent: event.error })
      default:
        return this.#afterOpen(event, UNEXPECTED_IN_OPEN_CONFIRM)
    }
  }

  /** Established: routes flow. */
  #inEstablished(event: Event): Action[] {
    switch (event.type) {
      case 'KeepAliveMsg':
      case 'UpdateMsg':
        return this.#timers.restartHold(this.#agreed)
      case 'RouteRefreshMsg': {
        // Ignored: a family that was not agreed on, or an unknown subtype (RFC 2918 §4, RFC 7313 §5). Also BoRR and EoRR: we keep no
        // routes of the peer.
        if (event.family === undefined || event.subtype !== RouteRefreshSubtype.request) return []
        if (!this.#agreed.routeRefresh || !this.#agreed.families.includes(event.family)) return []
        return [{ type: 'routeRefresh', family: event.family, subtype: event.subtype }]
      }
      case 'KeepaliveTimer_Expires':
        return [KEEPALIVE, ...this.#timers.restartKeepalive(this.#agreed)]
      case 'TcpProgress':
        return this.#timers.restartSendHold()
      case 'SendHoldTimer_Expires':
        // RFC 9687 §3.2: a peer that does not read would not read a NOTIFICATION either; the error is for our log only.
        return this.#toIdle(SEND_HOLD_TIMER_EXPIRED.message, { abort: true })
      case 'TcpConnectionFails':
        return this.#toIdle(failure(event.reason))
      case 'BGPHeaderErr':
      case 'UpdateMsgErr':
      case 'RouteRefreshMsgErr':
        return this.#toIdle(event.error.message, { sent: event.error })
      default:
        return this.#afterOpen(event, UNEXPECTED_IN_ESTABLISHED)
    }
  }

  /** What OpenSent, OpenConfirm and Established have in common; `unexpected` is the RFC's "any other event". */
  #afterOpen(event: Event, unexpected: BgpError): Action[] {
    switch (event.type) {
      case 'ManualStart':
      case 'AutomaticStart':
      case 'ManualStart_with_PassiveTcpEstablishment':
      case 'AutomaticStart_with_PassiveTcpEstablishment':
      case 'AutomaticStart_with_DampPeerOscillations':
      case 'AutomaticStart_with_DampPeerOscillations_and_PassiveTcpEstablishment':
      // Starts a session that is already started.
      case 'IdleHoldTimer_Expires':
      // The driver reports again that the connection is up, or that the peer reads.
      case 'Tcp_CR_Acked':
      case 'TcpConnectionConfirmed':
      case 'TcpProgress':
        return []
      case 'ManualStop':
        if (event.preserve === true)
          return this.#toIdle('stopped, leaving the routes with the peer', { preserved: true, deliberate: true })
        return this.#stopWith(event.error ?? cease(CeaseSubcode.ADMINISTRATIVE_SHUTDOWN))
      case 'AutomaticStop':
        return this.#stopWith(event.error ?? cease(CeaseSubcode.OUT_OF_RESOURCES))
      case 'OpenCollisionDump':
        return this.#stopWith(cease(CeaseSubcode.CONNECTION_COLLISION_RESOLUTION))
      case 'HoldTimer_Expires':
        return this.#toIdle(HOLD_TIMER_EXPIRED.message, { sent: HOLD_TIMER_EXPIRED })
      case 'NotifMsg':
      case 'NotifMsgVerErr':
        // "Any other" in the RFC's OpenSent; but no NOTIFICATION answers another (§6.4).
        return this.#toIdle(received(event.notification), { received: event.notification })
      // The RFC lists it under "any other"; the error's own NOTIFICATION says more than an FSM error.
      case 'BGPOpenMsgErr':
        return this.#toIdle(event.error.message, { sent: this.#state === 'Established' ? unexpected : event.error })
      default:
        return this.#toIdle(`${unexpected.message}: ${event.type}`, { sent: unexpected })
    }
  }

  /** In OpenConfirm and Established. */
  get #agreed(): Negotiated {
    if (this.#negotiated === undefined) throw new Error(`${this.#state} without an OPEN`)
    return this.#negotiated
  }

  #connect(): Action[] {
    this.#state = 'Connect'
    return [...this.#timers.startConnectRetry(), { type: 'connect' }]
  }

  #sendOpen(): Action[] {
    this.#state = 'OpenSent'
    this.#ourOpen = this.#offer.open()
    return [
      ...this.#timers.stop('ConnectRetryTimer'),
      { type: 'send', message: 'OPEN', bytes: this.#offer.encode() },
      ...this.#timers.startLargeHold(),
    ]
  }

  /** A Cease. RFC 8538 §4: with the N flag agreed, a lasting end needs a Hard Reset, or the peer keeps our routes. */
  #stopWith(error: BgpError): Action[] {
    const isLasting =
      error.code === ErrorCode.CEASE &&
      (error.subcode === CeaseSubcode.ADMINISTRATIVE_SHUTDOWN || error.subcode === CeaseSubcode.PEER_DE_CONFIGURED)
    const isHard = isLasting && this.#state === 'Established' && this.#negotiated?.gracefulRestart?.notification === true
    return this.#toIdle(error.message, { sent: isHard ? hardReset(error) : error, deliberate: true })
  }

  #toIdle(reason: string, how: Omit<Partial<Ending>, 'from' | 'reason'> & { abort?: boolean } = {}): Action[] {
    const { abort = false, ...ending } = how
    const notification: Action[] =
      ending.sent === undefined ? [] : [{ type: 'send', message: 'NOTIFICATION', bytes: encodeNotification(ending.sent) }]
    const ended = this.#ended(reason, ending)
    this.#state = 'Idle'
    this.#forget()
    return [...notification, abort ? ABORT : CLOSE, ...this.#timers.stopAll(), ended]
  }

  #ended(reason: string, how: Omit<Partial<Ending>, 'from' | 'reason'> = {}): Action {
    return { type: 'ended', from: this.#state, reason, ...how }
  }

  #forget(): void {
    this.#ourOpen = undefined
    this.#negotiated = undefined
  }
}

const CLOSE: Action = { type: 'close', abort: false }
const ABORT: Action = { type: 'close', abort: true }

function received(notification: Notification): string {
  return `the peer sent ${notification.description}`
}

function failure(reason = 'the peer closed the connection'): string {
  return reason
}
