/** One TCP connection with the peer, and the Session on it. A PeerFsm has at most two: the one we open and the one the peer opened. */
import { MessageFramer } from '@dnstap-bgp/bgp-wire'
import type { CapabilityOffer } from './capability-offer.ts'
import type { Side } from './collision.ts'
import type { Settings } from './config.ts'
import type { SessionTimer } from './fsm.ts'
import type { PeerFsmAction } from './peer-fsm-actions.ts'
import { Session } from './session.ts'

export interface BgpConnection {
  readonly side: Side
  readonly session: Session
  /** By which the driver knows it; undefined while TCP is neither up nor being opened. */
  number: number | undefined
  framer: MessageFramer
  /** Messages since TCP came up that carried no route: KEEPALIVEs, ROUTE-REFRESHes, UPDATEs without a prefix. */
  idleMessages: number
  /** TCP came up. */
  wasUp: boolean
  /** The session has lasted a keepalive interval. */
  isProven: boolean
}

export function newConnection(side: Side, settings: Settings, offer: CapabilityOffer): BgpConnection {
  // We never connect again in place of the peer's connection: when it is lost it is gone.
  const own = side === 'incoming' ? { ...settings, passive: true } : settings
  return {
    side,
    session: new Session(own, offer),
    number: undefined,
    framer: new MessageFramer(),
    idleMessages: 0,
    wasUp: false,
    isProven: false,
  }
}

/** A new TCP connection is being opened, under this number. */
export function reconnect(connection: BgpConnection, number: number): void {
  disconnect(connection)
  connection.number = number
  connection.framer = new MessageFramer()
  connection.idleMessages = 0
}

/** TCP is gone. */
export function disconnect(connection: BgpConnection): void {
  connection.number = undefined
  connection.wasUp = false
  connection.isProven = false
}

/** Stops each timer that the session still runs. */
export function stopTimers({ side, session }: BgpConnection): PeerFsmAction[] {
  const timers: SessionTimer[] = ['ConnectRetryTimer', 'HoldTimer', 'KeepaliveTimer', 'SendHoldTimer']
  return timers.filter((timer) => session.isRunning(timer)).map((timer) => ({ type: 'stopTimer', side, timer }))
}
