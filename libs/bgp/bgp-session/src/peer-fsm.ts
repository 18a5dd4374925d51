/**
 * The state of one BGP peer: at most one connection that we opened and one that the peer opened, each with a Session.
 *
 * It decides which connection survives a collision (RFC 4271 §6.8), and composes the pause between attempts (back-off.ts) and the reading
 * of octets (inbound.ts).
 *
 * The driver calls start(), stop() and incoming(), and reports what its sockets and timers do; every call answers with actions to be done
 * in order. Connections have numbers, given here and never used twice, so that a late report about an old socket changes nothing. Timers
 * are named by side and name; starting one that runs restarts it.
 *
 *     start() -> connect 1 -> connected(1) -> send 1 ... receive(1, octets) -> established 1 ... closed(1) -> ended 1, waiting
 *
 * Left to the driver: which addresses may connect, sockets, our UPDATEs (it writes them after `established`), and logs. No route is stored
 * here.
 */
import { BgpError, CeaseSubcode, ErrorCode } from '@dnstap-bgp/bgp-wire'
import type { Open } from '@dnstap-bgp/bgp-wire'
import { BackOff } from './back-off.ts'
import { CapabilityOffer, hasNoCapabilities } from './capability-offer.ts'
import { losingSide } from './collision.ts'
import type { Side } from './collision.ts'
import { withDefaults } from './config.ts'
import type { SessionConfig, Settings } from './config.ts'
import { disconnect, newConnection, reconnect, stopTimers } from './bgp-connection.ts'
import type { BgpConnection } from './bgp-connection.ts'
import type { Ending, Event, State, SessionTimer } from './fsm.ts'
import { nextEvent } from './inbound.ts'
import type { Negotiated } from './negotiation.ts'
import { appendUnrepeated } from './peer-fsm-actions.ts'
import type { PeerFsmAction, Stop } from './peer-fsm-actions.ts'
import { ReceivedSum } from './received.ts'

export class PeerFsm {
  readonly #settings: Settings
  readonly #offer: CapabilityOffer
  readonly #backOff: BackOff
  readonly #outgoing: BgpConnection
  #incoming: BgpConnection | undefined
  #lastNumber = 0
  #isStarted = false

  constructor(config: SessionConfig) {
    this.#settings = withDefaults(config)
    this.#offer = new CapabilityOffer(this.#settings)
    this.#backOff = new BackOff(this.#settings)
    this.#outgoing = newConnection('outgoing', this.#settings, this.#offer)
  }

  /** The state of the session that is furthest along. */
  get state(): State {
    const incoming = this.#incoming?.session.state ?? 'Idle'
    const outgoing = this.#outgoing.session.state
    return PROGRESS[incoming] > PROGRESS[outgoing] ? incoming : outgoing
  }

  /** The connection of the Established session. */
  get connection(): number | undefined {
    return this.#established()?.number
  }

  get negotiated(): Negotiated | undefined {
    return this.#established()?.session.negotiated
  }

  /** In a long pause because the peer refused our number of prefixes; start() ends it. */
  get isDamped(): boolean {
    return this.#backOff.isDamped
  }

  /** Codes of capabilities left out because the peer refused them. */
  get withheldCapabilities(): readonly number[] {
    return this.#offer.withheld
  }

  /** Starts, or ends a pause early. */
  start(): PeerFsmAction[] {
    return this.#run(() => {
      this.#isStarted = true
      this.#backOff.resetFailures()
      this.#offer.offerAll()
      const actions = this.#stopWaiting()
      if (this.#isIdle()) {
        const type = this.#settings.passive ? 'ManualStart_with_PassiveTcpEstablishment' : 'ManualStart'
        actions.push(...this.#dispatch(this.#outgoing, { type }))
      }
      return actions
    })
  }

  /** Ends both sessions; nothing starts again before start(). */
  stop(how: Stop = { type: 'notify' }): PeerFsmAction[] {
    return this.#run(() => {
      this.#isStarted = false
      const event: Event =
        how.type === 'preserve'
          ? { type: 'ManualStop', preserve: true }
          : { type: 'ManualStop', ...(how.error === undefined ? {} : { error: how.error }) }
      return [...this.#dispatchToAll(event), ...this.#stopWaiting()]
    })
  }

  /** Ends the session with a NOTIFICATION and starts again by itself; for cease(ADMINISTRATIVE_RESET) or OTHER_CONFIGURATION_CHANGE. */
  reset(error: BgpError): PeerFsmAction[] {
    return this.#run(() => this.#dispatchToAll({ type: 'AutomaticStop', error }))
  }

  /** Ends the session of a peer that misbehaves, and pauses as after a failure. */
  punish(error: BgpError): PeerFsmAction[] {
    return this.#run(() => {
      this.#backOff.failed(true)
      return this.#dispatchToAll({ type: 'AutomaticStop', error })
    })
  }

  /**
   * The peer connected to us (TcpConnection_Valid: the driver has checked its address). Answers with the connection's number; undefined: the
   * driver closes the socket.
   */
  incoming(): { connection: number | undefined; actions: PeerFsmAction[] } {
    let number: number | undefined
    const actions = this.#run(() => {
      if (!this.#isStarted || !this.#backOff.admits) return []
      const actions = this.#replaceOlder()
      if (actions === undefined) return []
      const connection = newConnection('incoming', this.#settings, this.#offer)
      number = connection.number = ++this.#lastNumber
      connection.wasUp = true
      this.#incoming = connection
      // In the RFC an incoming connection arrives in state Active.
      connection.session.handle({ type: 'AutomaticStart_with_PassiveTcpEstablishment' })
      return [...actions, ...this.#dispatch(connection, { type: 'TcpConnectionConfirmed' })]
    })
    return { connection: number, actions }
  }

  /** TCP is up. */
  connected(number: number): PeerFsmAction[] {
    return this.#run(() => {
      const connection = this.#connectionOf(number)
      if (connection === undefined) return []
      connection.wasUp = true
      return this.#dispatch(connection, { type: 'Tcp_CR_Acked' })
    })
  }

  /** TCP is gone or never came up; `reason` is for the log. */
  closed(number: number, reason?: string): PeerFsmAction[] {
    return this.#run(() => {
      const connection = this.#connectionOf(number)
      if (connection === undefined) return []
      return this.#dispatch(connection, { type: 'TcpConnectionFails', ...(reason === undefined ? {} : { reason }) })
    })
  }

  /** The peer's TCP acknowledged, or the kernel took, some of our octets. Call it when the socket drains, not for every write. */
  progressed(number: number): PeerFsmAction[] {
    const connection = this.#connectionOf(number)
    return connection === undefined ? [] : this.#dispatch(connection, { type: 'TcpProgress' })
  }

  /** A timer expired. If it was stopped meanwhile, nothing happens. */
  expired(side: Side, timer: SessionTimer): PeerFsmAction[] {
    return this.#run(() => {
      if (timer === 'IdleHoldTimer') {
        if (side !== 'outgoing' || !this.#backOff.end()) return []
        return this.#isIdle() ? this.#dispatch(this.#outgoing, { type: 'IdleHoldTimer_Expires' }) : []
      }
      const connection = side === 'outgoing' ? this.#outgoing : this.#incoming
      if (connection?.session.isRunning(timer) !== true) return []
      if (timer === 'KeepaliveTimer' && connection.session.state === 'Established') this.#noteProven(connection)
      return this.#dispatch(connection, { type: `${timer}_Expires` })
    })
  }

  /**
   * Octets from the peer, read in place. It stops after `most` messages. While hasMore() is true, do not change the octets, and call
   * receiveMore() in a later turn of the event loop, before the next receive().
   */
  receive(number: number, octets: Uint8Array, most = Infinity): PeerFsmAction[] {
    const connection = this.#connectionOf(number)
    if (connection === undefined) return []
    connection.framer.push(octets)
    return this.receiveMore(number, most)
  }

  /** Continues with the octets of the last receive(). */
  receiveMore(number: number, most = Infinity): PeerFsmAction[] {
    return this.#run(() => {
      const connection = this.#connectionOf(number)
      if (connection === undefined) return []
      const actions: PeerFsmAction[] = []
      const sum = new ReceivedSum(number)
      // A message may end the session; the rest of the chunk is then ignored.
      for (let taken = 0; taken < most && connection.number === number; taken++) {
        const event = nextEvent(connection, sum)
        if (event === undefined) break
        appendUnrepeated(actions, event.type === 'BGPOpen' ? this.#opened(connection, event) : this.#dispatch(connection, event))
      }
      return sum.isEmpty ? actions : [...actions, { type: 'received', ...sum.result() }]
    })
  }

  /** Did receive() stop before the end of its octets? */
  hasMore(number: number): boolean {
    return this.#connectionOf(number)?.framer.hasMore === true
  }

  /** Messages on a connection that carried no route: KEEPALIVEs, ROUTE-REFRESHes, UPDATEs without a prefix. */
  idleMessages(number: number): number {
    return this.#connectionOf(number)?.idleMessages ?? 0
  }

  /** A valid OPEN first resolves a collision (§6.8): the connection that loses must not send one more KEEPALIVE. */
  #opened(connection: BgpConnection, event: Event & { type: 'BGPOpen' }): PeerFsmAction[] {
    const other = connection === this.#outgoing ? this.#incoming : this.#outgoing
    const isAwaited = connection.session.state === 'OpenSent'
    const actions: PeerFsmAction[] = []
    if (isAwaited && other !== undefined && !(connection.session.negotiateWith(event.open) instanceof BgpError)) {
      const { localAsn: asn, bgpIdentifier } = this.#settings
      const loser = losingSide({ asn, bgpIdentifier }, event.open)
      switch (other.session.state) {
        case 'Established':
          return this.#dispatch(connection, { type: 'OpenCollisionDump' })
        case 'OpenConfirm':
          if (loser === connection.side) return this.#dispatch(connection, { type: 'OpenCollisionDump' })
          actions.push(...this.#dispatch(other, { type: 'OpenCollisionDump' }))
          break
        case 'Connect':
        case 'Active':
          // This connection is ahead: the other attempt is not needed.
          actions.push(...this.#dispatch(other, { type: 'AutomaticStop' }))
          break
        default: // Idle: no collision. OpenSent: resolved when that connection's OPEN comes; before, its BGP Identifier is unknown.
      }
    }
    actions.push(...this.#dispatch(connection, event))
    if (connection.session.negotiated !== undefined && connection.session.ourOpen?.capabilities.extendedMessage === true) {
      connection.framer.allowExtendedMessages()
    }
    return actions
  }

  /** Gives an event to a session, and adds connection numbers and sides to the session's actions. */
  #dispatch(connection: BgpConnection, event: Event): PeerFsmAction[] {
    const wasUp = connection.wasUp
    const before = connection.number
    const ourOpen = connection.session.ourOpen
    if (event.type === 'TcpConnectionFails') disconnect(connection)
    const actions: PeerFsmAction[] = []
    for (const action of connection.session.handle(event)) {
      switch (action.type) {
        case 'connect':
          reconnect(connection, ++this.#lastNumber)
          actions.push({ type: 'connect', connection: this.#lastNumber })
          break
        case 'send':
          if (connection.number !== undefined) actions.push({ ...action, connection: connection.number })
          break
        case 'close':
          if (connection.number !== undefined) actions.push({ ...action, connection: connection.number })
          disconnect(connection)
          break
        case 'startTimer':
        case 'stopTimer':
          actions.push({ ...action, side: connection.side })
          break
        case 'established':
          actions.push(...this.#endOther(connection))
          if (connection.number !== undefined) actions.push({ ...action, connection: connection.number })
          break
        case 'routeRefresh':
          if (connection.number !== undefined) actions.push({ ...action, connection: connection.number })
          break
        case 'ended':
          actions.push({ ...action, side: connection.side, connection: before })
          this.#noteEnding(action, wasUp, ourOpen)
          break
      }
    }
    if (connection === this.#incoming && (connection.session.state === 'Idle' || connection.number === undefined)) {
      actions.push(...stopTimers(connection))
      this.#incoming = undefined
      // A passive peer whose connections fail again and again may not connect during the pause.
      if (this.#settings.passive && this.#backOff.isExhausted)
        actions.push(...this.#dispatch(this.#outgoing, { type: 'AutomaticStop' }))
    }
    return actions
  }

  #dispatchToAll(event: Event): PeerFsmAction[] {
    const incoming = this.#incoming
    return [...(incoming === undefined ? [] : this.#dispatch(incoming, event)), ...this.#dispatch(this.#outgoing, event)]
  }

  /** A session is up: the other connection is not needed, whatever its state. */
  #endOther(connection: BgpConnection): PeerFsmAction[] {
    const actions = this.#stopWaiting()
    const other = connection === this.#outgoing ? this.#incoming : this.#outgoing
    if (other !== undefined && other.session.state !== 'Idle')
      actions.push(...this.#dispatch(other, { type: 'OpenCollisionDump' }))
    this.#backOff.undamp()
    if (connection.session.negotiated?.holdTimeSeconds === 0) this.#noteProven(connection) // no KeepaliveTimer will show it
    return actions
  }

  /** Closes an older connection in favour of an incoming one; undefined if the older one stays. */
  #replaceOlder(): PeerFsmAction[] | undefined {
    const established = this.#established()
    if (established !== undefined) {
      const { number } = established
      // RFC 4724 §5: if a peer that restarts gracefully (its capability names a family) connects again, it has restarted, and its old
      // connection is dead. A peer that only helps us restart gives no such sign. A connection beside a young session gives none either: it
      // may be left over from a collision.
      const restart = established.session.negotiated?.gracefulRestart
      const isRestart = established.isProven && restart !== undefined && restart.peerFamilies.length > 0
      if (!isRestart || number === undefined) return undefined
      const ended = this.#dispatch(established, { type: 'TcpConnectionFails', reason: 'the peer restarted and connected again' })
      return [{ type: 'close', connection: number, abort: true }, ...ended]
    }
    if (this.#incoming === undefined) return []
    // While no OPEN came on the first incoming connection, it is most likely dead: the second one replaces it. Later the first one stays.
    if (this.#incoming.session.state !== 'OpenSent') return undefined
    return this.#dispatch(this.#incoming, { type: 'OpenCollisionDump' })
  }

  /** Chooses the next pause and the next OPEN. `ourOpen`: the OPEN sent on that connection, if any; each connection may have sent another one. */
  #noteEnding(ending: Ending, wasUp: boolean, ourOpen: Open | undefined): void {
    const { received } = ending
    const isCollision = received?.code === ErrorCode.CEASE && received.subcode === CeaseSubcode.CONNECTION_COLLISION_RESOLUTION
    const hasFailed = ending.from === 'Established' || (wasUp && ending.deliberate !== true && !isCollision)
    if (ourOpen !== undefined) {
      const isRefusal = received !== undefined && ending.from !== 'Established' && this.#offer.refused(received, ourOpen)
      if (isRefusal) this.#backOff.retrySoon()
      else if (hasFailed && hasNoCapabilities(ourOpen)) this.#offer.offerAll() // it failed without capabilities, too, or it lasted a while
    }
    if (ending.deliberate === true) return
    this.#backOff.failed(wasUp)
    if (received?.code === ErrorCode.CEASE && received.subcode === CeaseSubcode.MAXIMUM_NUMBER_OF_PREFIXES_REACHED)
      this.#backOff.damp()
  }

  /** The session has lasted a keepalive interval: earlier failures no longer count. */
  #noteProven(connection: BgpConnection): void {
    connection.isProven = true
    this.#backOff.resetFailures()
  }

  /** Makes a call, then adds the actions for the peer as a whole: the pause, and the state that operators see. */
  #run(call: () => PeerFsmAction[]): PeerFsmAction[] {
    const from = this.state
    const actions = call()
    if (this.#isStarted && this.#isIdle() && !this.#backOff.isWaiting) actions.push(...this.#wait())
    const to = this.state
    if (to !== from) actions.push({ type: 'stateChanged', from, to })
    return actions
  }

  #wait(): PeerFsmAction[] {
    const seconds = this.#backOff.begin()
    return [
      { type: 'startTimer', side: 'outgoing', timer: 'IdleHoldTimer', seconds },
      { type: 'waiting', seconds, damped: this.#backOff.isDamped },
    ]
  }

  #stopWaiting(): PeerFsmAction[] {
    return this.#backOff.end() ? [{ type: 'stopTimer', side: 'outgoing', timer: 'IdleHoldTimer' }] : []
  }

  #isIdle(): boolean {
    return this.#incoming === undefined && this.#outgoing.session.state === 'Idle'
  }

  #established(): BgpConnection | undefined {
    return [this.#outgoing, this.#incoming].find((connection) => connection?.session.state === 'Established')
  }

  #connectionOf(number: number): BgpConnection | undefined {
    return [this.#outgoing, this.#incoming].find((connection) => connection?.number === number)
  }
}

/** Active is below Connect, because it only waits. */
const PROGRESS: Readonly<Record<State, number>> = { Idle: 0, Active: 1, Connect: 2, OpenSent: 3, OpenConfirm: 4, Established: 5 }
