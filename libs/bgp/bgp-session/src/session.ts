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
import { jittered } from './config.ts'
import type { Settings } from './config.ts'
import type { Action, Ending, Event, State, SessionTimer } from './fsm.ts'
import { negotiate } from './negotiation.ts'
import type { CapabilityOffer } from './capability-offer.ts'
import type { Negotiated } from './negotiation.ts'

/** §8.2.2: "a large value", 4 minutes suggested. */
const LARGE_HOLD_TIME_SECONDS = 240

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
  readonly #running = new Set<SessionTimer>()
  #state: State = 'Idle'
  #ourOpen: Open | undefined
  #negotiated: Negotiated | undefined

  constructor(settings: Settings, offer: CapabilityOffer) {
    this.#settings = settings
    this.#offer = offer
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
    return this.#running.has(timer)
  }

  /** What the peer's OPEN agrees on with ours, or the error that answers it. PeerFsm asks before it resolves a collision: only a valid OPEN may end the other connection. */
  negotiateWith(open: Open): Negotiated | BgpError {
    return negotiate(this.#settings, this.#ourOpen ?? this.#offer.open(), open)
  }

  handle(event: Event): Action[] {
    const expired = EXPIRED.get(event.type)
    if (expired !== undefined) this.#running.delete(expired)
    switch (this.#state) {
      case 'Idle':
        return this.#inIdle(event)
      case 'Connect':
        return this.#inConnect(event)
      case 'Active':
        return this.#inActive(event)
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
        return this.#startConnectRetryTimer()
      case 'IdleHoldTimer_Expires':
        if (!this.#settings.passive) return this.#connect()
        this.#state = 'Active'
        return []
      default:
        return []
    }
  }

  /** Connect: our TCP connection is being opened. */
  #inConnect(event: Event): Action[] {
    switch (event.type) {
      case 'ConnectRetryTimer_Expires':
        return [CLOSE, ...this.#connect()]
      case 'TcpConnectionFails':
        return this.#toIdle(failure(event.reason))
      default:
        return this.#beforeOpen(event)
    }
  }

  /** Active: waiting for the peer to connect, or for ConnectRetryTimer to expire so that we try again. */
  #inActive(event: Event): Action[] {
    switch (event.type) {
      case 'ConnectRetryTimer_Expires':
        return [CLOSE, ...this.#connect()]
      case 'TcpConnectionFails':
        return this.#toIdle(failure(event.reason))
      default:
        return this.#beforeOpen(event)
    }
  }

  /** What Connect and Active have in common: our OPEN goes out when TCP is up (DelayOpen is FALSE). */
  #beforeOpen(event: Event): Action[] {
    switch (event.type) {
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
        return [...this.#stop('ConnectRetryTimer'), KEEPALIVE, ...this.#agreeTimers(negotiated)]
      }
      case 'TcpConnectionFails': {
        // §8.2.2: the peer may be about to connect to us; our own next attempt waits for ConnectRetryTimer.
        const ending = this.#ended(failure(event.reason))
        this.#forget()
        this.#state = 'Active'
        return [...this.#stopAll(), ...this.#startConnectRetryTimer(), ending]
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
        const negotiated = this.#negotiated
        if (negotiated === undefined) throw new Error('OpenConfirm without an OPEN')
        this.#state = 'Established'
        this.#offer.established()
        const isTimed = negotiated.holdTimeSeconds > 0
        return [
          ...(isTimed ? this.#start('HoldTimer', negotiated.holdTimeSeconds) : this.#stop('HoldTimer')),
          // RFC 9687 §3.2: as the hold timer, not with a hold time of 0.
          ...(isTimed ? this.#start('SendHoldTimer', this.#settings.sendHoldTimeSeconds) : []),
          { type: 'established', negotiated },
        ]
      }
      case 'KeepaliveTimer_Expires':
        return [KEEPALIVE, ...this.#restartKeepaliveTimer()]
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
        return this.#restartHoldTimer()
      case 'RouteRefreshMsg': {
        // Ignored: a family that was not agreed on, or an unknown subtype (RFC 2918 §4, RFC 7313 §5). Also BoRR and EoRR: we keep no
        // routes of the peer.
        if (event.family === undefined || event.subtype !== RouteRefreshSubtype.request) return []
        if (this.#negotiated?.routeRefresh !== true || !this.#negotiated.families.includes(event.family)) return []
        return [{ type: 'routeRefresh', family: event.family, subtype: event.subtype }]
      }
      case 'KeepaliveTimer_Expires':
        return [KEEPALIVE, ...this.#restartKeepaliveTimer()]
      case 'TcpProgress':
        return this.#running.has('SendHoldTimer') ? this.#start('SendHoldTimer', this.#settings.sendHoldTimeSeconds) : []
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

  #connect(): Action[] {
    this.#state = 'Connect'
    return [...this.#startConnectRetryTimer(), { type: 'connect' }]
  }

  #sendOpen(): Action[] {
    this.#state = 'OpenSent'
    this.#ourOpen = this.#offer.open()
    return [
      ...this.#stop('ConnectRetryTimer'),
      { type: 'send', message: 'OPEN', bytes: this.#offer.encode() },
      ...this.#start('HoldTimer', LARGE_HOLD_TIME_SECONDS),
    ]
  }

  #agreeTimers({ holdTimeSeconds }: Negotiated): Action[] {
    // For a hold time of 0 the RFC runs no timer. Here the large one runs until Established, or a peer that never sends its KEEPALIVE
    // would keep the connection open for ever.
    if (holdTimeSeconds === 0) return this.#start('HoldTimer', LARGE_HOLD_TIME_SECONDS)
    return [...this.#restartKeepaliveTimer(), ...this.#start('HoldTimer', holdTimeSeconds)]
  }

  #restartHoldTimer(): Action[] {
    const seconds = this.#negotiated?.holdTimeSeconds ?? 0
    return seconds > 0 ? this.#start('HoldTimer', seconds) : []
  }

  #restartKeepaliveTimer(): Action[] {
    const seconds = this.#negotiated?.keepaliveSeconds ?? 0
    return seconds > 0 ? this.#start('KeepaliveTimer', jittered(seconds, this.#settings)) : []
  }

  /** We never connect to a passive peer, so this timer does not run for it: here we leave the RFC. */
  #startConnectRetryTimer(): Action[] {
    return this.#settings.passive
      ? []
      : this.#start('ConnectRetryTimer', jittered(this.#settings.connectRetrySeconds, this.#settings))
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
    return [...notification, abort ? ABORT : CLOSE, ...this.#stopAll(), ended]
  }

  #ended(reason: string, how: Omit<Partial<Ending>, 'from' | 'reason'> = {}): Action {
    return { type: 'ended', from: this.#state, reason, ...how }
  }

  #forget(): void {
    this.#ourOpen = undefined
    this.#negotiated = undefined
  }

  #start(timer: SessionTimer, seconds: number): Action[] {
    this.#running.add(timer)
    return [{ type: 'startTimer', timer, seconds }]
  }

  #stop(timer: SessionTimer): Action[] {
    return this.#running.delete(timer) ? [{ type: 'stopTimer', timer }] : []
  }

  #stopAll(): Action[] {
    return [...this.#running].flatMap((timer) => this.#stop(timer))
  }
}

const EXPIRED: ReadonlyMap<Event['type'], SessionTimer> = new Map<Event['type'], SessionTimer>([
  ['ConnectRetryTimer_Expires', 'ConnectRetryTimer'],
  ['HoldTimer_Expires', 'HoldTimer'],
  ['KeepaliveTimer_Expires', 'KeepaliveTimer'],
  ['SendHoldTimer_Expires', 'SendHoldTimer'],
])
const CLOSE: Action = { type: 'close', abort: false }
const ABORT: Action = { type: 'close', abort: true }

function received(notification: Notification): string {
  return `the peer sent ${notification.description}`
}

function failure(reason = 'the peer closed the connection'): string {
  return reason
}
