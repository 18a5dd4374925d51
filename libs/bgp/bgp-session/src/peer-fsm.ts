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
import { losingSide } from './collision.ts'
import type { Side } from './collision.ts'
import { withDefaults } from './config.ts'
import type { SessionConfig, Settings } from './config.ts'
import { disconnect, newConnection, reconnect, stopTimers } from './connection.ts'
import type { Connection } from './connection.ts'
import type { Ending, Event, State, Timer } from './fsm.ts'
import { nextEvent } from './inbound.ts'
import { isBare, Offer } from './negotiation.ts'
import type { Negotiated } from './negotiation.ts'
import { appendUnrepeated } from './peer-fsm-actions.ts'
import type { PeerFsmAction, Stop } from './peer-fsm-actions.ts'
import { ReceivedSum } from './received.ts'

export class PeerFsm {
  readonly #settings: Settings
  readonly #offer: Offer
  readonly #backOff: BackOff
  readonly #outgoing: Connection
  #incoming: Connection | undefined
  #lastNumber = 0
  #isStarted = false

  constructor(config: SessionConfig) {
    this.#settings = withDefaults(config)
    this.#offer = new Offer(this.#settings)
    this.#backOff = new BackOff(this.#settings)
    this.#outgoing = newConnection('outgoing', this.#settings, this.#offer)
  }

  /** That of the session furthest along. */
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

  /** Begins, or ends a pause early. */
  start(): PeerFsmAction[] {
    return this.#watched(() => {
      this.#isStarted = true
      this.#backOff.resetFailures()
      this.#offer.forget()
      const actions = this.#stopWaiting()
      if (this.#isIdle()) {
        const type = this.#settings.passive ? 'ManualStart_with_PassiveTcpEstablishment' : 'ManualStart'
        actions.push(...this.#tell(this.#outgoing, { type }))
      }
      return actions
    })
  }

  /** Ends all there is; nothing begins again before start(). */
  stop(how: Stop = { type: 'notify' }): PeerFsmAction[] {
    return this.#watched(() => {
      this.#isStarted = false
      const event: Event =
        how.type === 'preserve'
          ? { type: 'ManualStop', preserve: true }
          : { type: 'ManualStop', ...(how.error === undefined ? {} : { error: how.error }) }
      return [...this.#tellAll(event), ...this.#stopWaiting()]
    })
  }

  /** Ends the session with a NOTIFICATION and begins again by itself: cease(ADMINISTRATIVE_RESET), OTHER_CONFIGURATION_CHANGE. */
  reset(error: BgpError): PeerFsmAction[] {
    return this.#watched(() => this.#tellAll({ type: 'AutomaticStop', error }))
  }

  /** Ends the session of a peer that misbehaves, and pauses as after a failure: it has earned no quick return. */
  punish(error: BgpError): PeerFsmAction[] {
    return this.#watched(() => {
      this.#backOff.failed(true)
      return this.#tellAll({ type: 'AutomaticStop', error })
    })
  }

  /**
   * The peer connected to us (TcpConnection_Valid: the driver has looked at its address). Its number, or undefined where we do not take
   * it: the driver closes the socket.
   */
  incoming(): { connection: number | undefined; actions: PeerFsmAction[] } {
    let number: number | undefined
    const actions = this.#watched(() => {
      if (!this.#isStarted || !this.#backOff.admits) return []
      const actions = this.#makeRoom()
      if (actions === undefined) return []
      const connection = newConnection('incoming', this.#settings, this.#offer)
      number = connection.number = ++this.#lastNumber
      connection.wasUp = true
      this.#incoming = connection
      // It begins in Active, where the RFC has an incoming connection arrive.
      connection.session.handle({ type: 'AutomaticStart_with_PassiveTcpEstablishment' })
      return [...actions, ...this.#tell(connection, { type: 'TcpConnectionConfirmed' })]
    })
    return { connection: number, actions }
  }

  /** TCP is up. */
  connected(number: number): PeerFsmAction[] {
    return this.#watched(() => {
      const connection = this.#connectionOf(number)
      if (connection === undefined) return []
      connection.wasUp = true
      return this.#tell(connection, { type: 'Tcp_CR_Acked' })
    })
  }

  /** TCP is gone or never came up; `reason` in words. */
  closed(number: number, reason?: string): PeerFsmAction[] {
    return this.#watched(() => {
      const connection = this.#connectionOf(number)
      if (connection === undefined) return []
      return this.#tell(connection, { type: 'TcpConnectionFails', ...(reason === undefined ? {} : { reason }) })
    })
  }

  /** The peer's TCP acknowledged, or the kernel took, some of what was written. Call it when the socket drains, not for every write. */
  progressed(number: number): PeerFsmAction[] {
    const connection = this.#connectionOf(number)
    return connection === undefined ? [] : this.#tell(connection, { type: 'TcpProgress' })
  }

  /** A timer ran out. Late ones, stopped meanwhile, are ignored. */
  expired(side: Side, timer: Timer): PeerFsmAction[] {
    return this.#watched(() => {
      if (timer === 'IdleHoldTimer') {
        if (side !== 'outgoing' || !this.#backOff.end()) return []
        return this.#isIdle() ? this.#tell(this.#outgoing, { type: 'IdleHoldTimer_Expires' }) : []
      }
      const connection = side === 'outgoing' ? this.#outgoing : this.#incoming
      if (connection?.session.isRunning(timer) !== true) return []
      if (timer === 'KeepaliveTimer' && connection.session.state === 'Established') this.#proven(connection)
      return this.#tell(connection, { type: `${timer}_Expires` })
    })
  }

  /**
   * Octets from the peer, read in place. After `most` messages it stops: while hasMore() holds, leave the octets alone and call
   * receiveMore() in a later turn of the event loop, before the next receive().
   */
  receive(number: number, octets: Uint8Array, most = Infinity): PeerFsmAction[] {
    const connection = this.#connectionOf(number)
    if (connection === undefined) return []
    connection.framer.push(octets)
    return this.receiveMore(number, most)
  }

  /** Goes on with the octets of the last receive(). */
  receiveMore(number: number, most = Infinity): PeerFsmAction[] {
    return this.#watched(() => {
      const connection = this.#connectionOf(number)
      if (connection === undefined) return []
      const actions: PeerFsmAction[] = []
      const sum = new ReceivedSum(number)
      // A message may end the session; what follows it in the chunk then belongs to nobody.
      for (let taken = 0; taken < most && connection.number === number; taken++) {
        const event = nextEvent(connection, sum)
        if (event === undefined) break
        appendUnrepeated(actions, event.type === 'BGPOpen' ? this.#opened(connection, event) : this.#tell(connection, event))
      }
      return sum.isEmpty ? actions : [...actions, { type: 'received', ...sum.result() }]
    })
  }

  /** Did receive() stop before the end of its octets? */
  hasMore(number: number): boolean {
    return this.#connectionOf(number)?.framer.hasMore === true
  }

  /** Messages on a connection that carried nothing: KEEPALIVEs, ROUTE-REFRESHes, UPDATEs without a prefix. */
  idleMessages(number: number): number {
    return this.#connectionOf(number)?.idleMessages ?? 0
  }

  /** A valid OPEN settles with the other connection first (§6.8): the loser must not send one more KEEPALIVE. */
  #opened(connection: Connection, event: Event & { type: 'BGPOpen' }): PeerFsmAction[] {
    const other = connection === this.#outgoing ? this.#incoming : this.#outgoing
    const isAwaited = connection.session.state === 'OpenSent'
    const actions: PeerFsmAction[] = []
    if (isAwaited && other !== undefined && !(connection.session.judge(event.open) instanceof BgpError)) {
      const { localAsn: asn, bgpIdentifier } = this.#settings
      const loser = losingSide({ asn, bgpIdentifier }, event.open)
      switch (other.session.state) {
        case 'Established':
          return this.#tell(connection, { type: 'OpenCollisionDump' })
        case 'OpenConfirm':
          if (loser === connection.side) return this.#tell(connection, { type: 'OpenCollisionDump' })
          actions.push(...this.#tell(other, { type: 'OpenCollisionDump' }))
          break
        case 'Connect':
        case 'Active':
          // This one is ahead: there is no need to go on trying.
          actions.push(...this.#tell(other, { type: 'AutomaticStop' }))
          break
        default: // Idle: nothing to settle. OpenSent: settled when its OPEN comes, we know no identifier for it before.
      }
    }
    actions.push(...this.#tell(connection, event))
    if (connection.session.negotiated !== undefined && connection.session.ourOpen?.capabilities.extendedMessage === true) {
      connection.framer.allowExtendedMessages()
    }
    return actions
  }

  /** Hands an event to a session and its actions on, with the numbers the driver knows them by. */
  #tell(connection: Connection, event: Event): PeerFsmAction[] {
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
          actions.push(...this.#won(connection))
          if (connection.number !== undefined) actions.push({ ...action, connection: connection.number })
          break
        case 'routeRefresh':
          if (connection.number !== undefined) actions.push({ ...action, connection: connection.number })
          break
        case 'ended':
          actions.push({ ...action, side: connection.side, connection: before })
          this.#judgeEnding(action, wasUp, ourOpen)
          break
      }
    }
    if (connection === this.#incoming && (connection.session.state === 'Idle' || connection.number === undefined)) {
      actions.push(...stopTimers(connection))
      this.#incoming = undefined
      // Nobody to connect to, and one who connects in vain again and again: shut the door for the pause.
      if (this.#settings.passive && this.#backOff.isExhausted)
        actions.push(...this.#tell(this.#outgoing, { type: 'AutomaticStop' }))
    }
    return actions
  }

  #tellAll(event: Event): PeerFsmAction[] {
    const incoming = this.#incoming
    return [...(incoming === undefined ? [] : this.#tell(incoming, event)), ...this.#tell(this.#outgoing, event)]
  }

  /** A session is up: the other connection, wherever it stands, is not needed. */
  #won(connection: Connection): PeerFsmAction[] {
    const actions = this.#stopWaiting()
    const other = connection === this.#outgoing ? this.#incoming : this.#outgoing
    if (other !== undefined && other.session.state !== 'Idle') actions.push(...this.#tell(other, { type: 'OpenCollisionDump' }))
    this.#backOff.undamp()
    if (connection.session.negotiated?.holdTimeSeconds === 0) this.#proven(connection) // no timer will tell
    return actions
  }

  /** Room for an incoming connection; undefined when the one that is there stays. */
  #makeRoom(): PeerFsmAction[] | undefined {
    const established = this.#established()
    if (established !== undefined) {
      const { number } = established
      // RFC 4724 §5: a peer that restarts gracefully (its capability names a family) and connects anew has restarted; its old connection is
      // dead, we only did not hear of it. One that only helps us restart does not say that it will, so a stray connection from its address
      // is no sign of anything. Nor is one while the session is young: it may be the other half of the collision it came from.
      const restart = established.session.negotiated?.gracefulRestart
      const isRestart = established.isProven && restart !== undefined && restart.peerFamilies.length > 0
      if (!isRestart || number === undefined) return undefined
      const ended = this.#tell(established, { type: 'TcpConnectionFails', reason: 'the peer restarted and connected anew' })
      return [{ type: 'close', connection: number, abort: true }, ...ended]
    }
    if (this.#incoming === undefined) return []
    // A second one while the first has said nothing yet: most likely the first is dead. Later than that the second has no reason.
    if (this.#incoming.session.state !== 'OpenSent') return undefined
    return this.#tell(this.#incoming, { type: 'OpenCollisionDump' })
  }

  /** `ourOpen`: what was offered on that connection, if it came to that. Two connections may end with different ones, or with the same. */
  #judgeEnding(ending: Ending, wasUp: boolean, ourOpen: Open | undefined): void {
    const { received } = ending
    const isCollision = received?.code === ErrorCode.CEASE && received.subcode === CeaseSubcode.CONNECTION_COLLISION_RESOLUTION
    const hasFailed = ending.from === 'Established' || (wasUp && ending.deliberate !== true && !isCollision)
    if (ourOpen !== undefined) {
      const isRefusal = received !== undefined && ending.from !== 'Established' && this.#offer.refused(received, ourOpen)
      if (isRefusal) this.#backOff.retrySoon()
      else if (hasFailed && isBare(ourOpen)) this.#offer.forget() // it went no better without, or went for a while: everything is offered again
    }
    if (ending.deliberate === true) return
    this.#backOff.failed(wasUp)
    if (received?.code === ErrorCode.CEASE && received.subcode === CeaseSubcode.MAXIMUM_NUMBER_OF_PREFIXES_REACHED)
      this.#backOff.damp()
  }

  /** A session that lasted makes up for what failed before it. */
  #proven(connection: Connection): void {
    connection.isProven = true
    this.#backOff.resetFailures()
  }

  /** Runs a call and adds what it leads to for the peer as a whole: the pause, and the state operators see. */
  #watched(call: () => PeerFsmAction[]): PeerFsmAction[] {
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

  #established(): Connection | undefined {
    return [this.#outgoing, this.#incoming].find((connection) => connection?.session.state === 'Established')
  }

  #connectionOf(number: number): Connection | undefined {
    return [this.#outgoing, this.#incoming].find((connection) => connection?.number === number)
  }
}

/** Active stands below Connect: it only waits. */
const PROGRESS: Readonly<Record<State, number>> = { Idle: 0, Active: 1, Connect: 2, OpenSent: 3, OpenConfirm: 4, Established: 5 }
