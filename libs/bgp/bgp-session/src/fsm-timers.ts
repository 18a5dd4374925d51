/**
 * The timers of one session (RFC 4271 §8.1.3, §10, and RFC 9687): which of them run, how long each runs, and the actions that start and stop
 * them. The driver does the actions and reports when a timer expires.
 */
import { jittered, type Settings } from './config.ts'
import type { Action, Event, SessionTimer } from './fsm.ts'
import type { Negotiated } from './negotiation.ts'

/** §8.2.2: "a large value", 4 minutes suggested. */
const LARGE_HOLD_TIME_SECONDS = 240

export class FsmTimers {
  readonly #settings: Settings
  readonly #running = new Set<SessionTimer>()

  constructor(settings: Settings) {
    this.#settings = settings
  }

  isRunning(timer: SessionTimer): boolean {
    return this.#running.has(timer)
  }

  /** Notes the timer that an event reports as expired. */
  noteExpiry(event: Event): void {
    const timer = EXPIRED.get(event.type)
    if (timer !== undefined) this.#running.delete(timer)
  }

  /** We never connect to a passive peer, so this timer does not run for it: here we leave the RFC. */
  startConnectRetry(): Action[] {
    const { passive, connectRetrySeconds } = this.#settings
    return passive ? [] : this.#start('ConnectRetryTimer', jittered(connectRetrySeconds, this.#settings))
  }

  /** Our OPEN is sent: the peer has this long for its own. */
  startLargeHold(): Action[] {
    return this.#start('HoldTimer', LARGE_HOLD_TIME_SECONDS)
  }

  /** The peer's OPEN is good: the agreed times apply. */
  openReceived(negotiated: Negotiated): Action[] {
    // For a hold time of 0 the RFC runs no timer. Here the large one runs until Established, or a peer that never sends its KEEPALIVE
    // would keep the connection open for ever.
    if (negotiated.holdTimeSeconds === 0) return this.startLargeHold()
    return [...this.restartKeepalive(negotiated), ...this.restartHold(negotiated)]
  }

  /** RFC 9687 §3.2: the send hold timer runs as the hold timer does, not with a hold time of 0. */
  established(negotiated: Negotiated): Action[] {
    if (negotiated.holdTimeSeconds === 0) return this.stop('HoldTimer')
    return [...this.restartHold(negotiated), ...this.#start('SendHoldTimer', this.#settings.sendHoldTimeSeconds)]
  }

  restartHold({ holdTimeSeconds }: Negotiated): Action[] {
    return holdTimeSeconds > 0 ? this.#start('HoldTimer', holdTimeSeconds) : []
  }

  restartKeepalive({ keepaliveSeconds }: Negotiated): Action[] {
    return keepaliveSeconds > 0 ? this.#start('KeepaliveTimer', jittered(keepaliveSeconds, this.#settings)) : []
  }

  /** The peer reads what we send. */
  restartSendHold(): Action[] {
    return this.isRunning('SendHoldTimer') ? this.#start('SendHoldTimer', this.#settings.sendHoldTimeSeconds) : []
  }

  stop(timer: SessionTimer): Action[] {
    return this.#running.delete(timer) ? [{ type: 'stopTimer', timer }] : []
  }

  stopAll(): Action[] {
    return [...this.#running].flatMap((timer) => this.stop(timer))
  }

  #start(timer: SessionTimer, seconds: number): Action[] {
    this.#running.add(timer)
    return [{ type: 'startTimer', timer, seconds }]
  }
}

const EXPIRED: ReadonlyMap<Event['type'], SessionTimer> = new Map<Event['type'], SessionTimer>([
  ['ConnectRetryTimer_Expires', 'ConnectRetryTimer'],
  ['HoldTimer_Expires', 'HoldTimer'],
  ['KeepaliveTimer_Expires', 'KeepaliveTimer'],
  ['SendHoldTimer_Expires', 'SendHoldTimer'],
])
