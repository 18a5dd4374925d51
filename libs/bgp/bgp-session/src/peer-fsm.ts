/**
 * All that goes on with one peer: at most one connection we opened and one the peer opened, each a Session; which of them survives
 * (RFC 4271 §6.8); the pause before the next attempt (§8.1.1 DampPeerOscillations); and the way from octets to events.
 *
 * The driver calls start(), stop(), incoming() and reports what its sockets and timers do; every call answers with actions to be done in
 * order. Connections have numbers, given here and never used twice, so that a late word about an old socket is told from news. Timers
 * are named by side and name; starting one that runs starts it anew.
 *
 *     start() -> connect 1 -> connected(1) -> send 1 ... receive(1, octets) -> established 1 ... closed(1) -> ended 1, waiting
 *
 * Left to the driver: which addresses may connect, sockets, UPDATEs of ours (written once `established` says so), and the words to
 * operators. Nothing here stores a route.
 */
import {
  BgpError,
  CeaseSubcode,
  ErrorCode,
  MessageFramer,
  MessageType,
  OpenErrorSubcode,
  decodeMessage,
} from '@dnstap-bgp/bgp-wire'
import type { Family, Message, Open, ReceivedUpdate, RouteRefreshSubtype, UpdateContext } from '@dnstap-bgp/bgp-wire'
import { losingSide } from './collision.ts'
import type { Side } from './collision.ts'
import { withDefaults } from './config.ts'
import type { SessionConfig, Settings } from './config.ts'
import type { Ending, Event, State, Timer } from './fsm.ts'
import { isBare, Offer } from './negotiation.ts'
import type { Negotiated } from './negotiation.ts'
import { Tally, type Received } from './received.ts'
import { Session, jittered } from './session.ts'

export type PeerFsmAction =
  /** Open a TCP connection to the peer and report connected() or closed() with this number. */
  | { readonly type: 'connect'; readonly connection: number }
  | {
      readonly type: 'send'
      readonly connection: number
      readonly message: 'OPEN' | 'KEEPALIVE' | 'NOTIFICATION'
      readonly bytes: Uint8Array
    }
  /** Close when what was sent has left; `abort`: at once. No closed() is expected. */
  | { readonly type: 'close'; readonly connection: number; readonly abort: boolean }
  | { readonly type: 'startTimer'; readonly side: Side; readonly timer: Timer; readonly seconds: number }
  | { readonly type: 'stopTimer'; readonly side: Side; readonly timer: Timer }
  | { readonly type: 'established'; readonly connection: number; readonly negotiated: Negotiated }
  /** The peer asks for our routes of a family again. */
  | { readonly type: 'routeRefresh'; readonly connection: number; readonly family: Family; readonly subtype: RouteRefreshSubtype }
  /** What a chunk of octets held of UPDATEs. */
  | ({ readonly type: 'received' } & Received)
  /** An attempt or a session is over. `connection` is undefined where none had come to be. */
  | ({ readonly type: 'ended'; readonly side: Side; readonly connection: number | undefined } & Ending)
  /** Nothing is open; the next attempt comes in this time. `damped`: because the peer refused our number of prefixes. */
  | { readonly type: 'waiting'; readonly seconds: number; readonly damped: boolean }
  /** The state operators see: that of the session furthest along. */
  | { readonly type: 'stateChanged'; readonly from: State; readonly to: State }

export type Stop =
  /** A NOTIFICATION, by default Cease, Administrative Shutdown; cease() makes one with a text. */
  | { readonly type: 'notify'; readonly error?: BgpError }
  /** Closes without one, so that a peer with graceful restart keeps our routes; see negotiated.gracefulRestart. */
  | { readonly type: 'preserve' }

/** After that many connections in a row that came to nothing the peer is not let in either until the pause is over. */
const PATIENCE = 3

/** One connection, and the session on it. */
interface Connection {
  readonly side: Side
  readonly session: Session
  /** That the driver knows it by; undefined while TCP is neither up nor being opened. */
  number: number | undefined
  framer: MessageFramer
  /** On the present connection. */
  idleMessages: number
  /** TCP came up on the present connection. */
  wasUp: boolean
  /** The session has lasted a keepalive interval. */
  isProven: boolean
}

export class PeerFsm {
  readonly #settings: Settings
  readonly #offer: Offer
  readonly #outgoing: Connection
  #incoming: Connection | undefined
  #lastNumber = 0
  #isStarted = false
  #failures = 0 // attempts in a row that came to nothing: the exponent of the pause
  #brokenConnections = 0 // of those, with a peer that did answer
  #isWaiting = false
  #isDamped = false
  #isRefused = false // the peer refused capabilities: the next attempt comes soon, without them

  constructor(config: SessionConfig) {
    this.#settings = withDefaults(config)
    this.#offer = new Offer(this.#settings)
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

  /** A long pause because the peer refused our number of prefixes; start() ends it. */
  get isDamped(): boolean {
    return this.#isDamped
  }

  /** Codes of capabilities left out because the peer refused them. */
  get withheldCapabilities(): readonly number[] {
    return this.#offer.withheld
  }

  /** Begins, or ends a pause early. */
  start(): PeerFsmAction[] {
    return this.#watched(() => {
      this.#isStarted = true
      this.#failures = 0
      this.#brokenConnections = 0
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
      this.#failures++
      this.#brokenConnections++
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
      if (!this.#isStarted || this.#isDamped || (this.#isWaiting && this.#brokenConnections > PATIENCE)) return []
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
        if (!this.#isWaiting || side !== 'outgoing') return []
        this.#isWaiting = false
        this.#isDamped = false
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
      const tally = new Tally(number)
      // A message may end the session; what follows it in the chunk then belongs to nobody.
      for (let taken = 0; taken < most && connection.number === number; taken++) {
        const event = this.#nextEvent(connection, tally)
        if (event === undefined) break
        appendNews(actions, event.type === 'BGPOpen' ? this.#opened(connection, event) : this.#tell(connection, event))
      }
      return tally.isEmpty ? actions : [...actions, { type: 'received', ...tally.result() }]
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

  /** The one place where what decoders throw becomes an event. */
  #nextEvent(connection: Connection, tally: Tally): Event | undefined {
    let message: Message
    try {
      const bytes = connection.framer.next()
      if (bytes === undefined) return undefined
      const context = connection.session.state === 'Established' ? contextOf(connection.session.negotiated) : undefined
      // Outside Established an UPDATE is an error whatever it says, and how to read it is not agreed.
      if (bytes[18] === MessageType.UPDATE && context === undefined) return { type: 'UpdateMsg' }
      message = decodeMessage(bytes, context ?? NOTHING_AGREED)
    } catch (error) {
      if (error instanceof BgpError) return errorEvent(error)
      throw error
    }
    switch (message.type) {
      case 'OPEN':
        return { type: 'BGPOpen', open: message.open }
      case 'KEEPALIVE':
        connection.idleMessages++
        return { type: 'KeepAliveMsg' }
      case 'NOTIFICATION':
        return { type: isVersionError(message.notification) ? 'NotifMsgVerErr' : 'NotifMsg', notification: message.notification }
      case 'ROUTE_REFRESH':
        connection.idleMessages++
        return { type: 'RouteRefreshMsg', ...message.routeRefresh }
      case 'UPDATE':
        if (isEmpty(message.update)) connection.idleMessages++
        tally.add(message.update)
        return { type: 'UpdateMsg' }
    }
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
    if (event.type === 'TcpConnectionFails') this.#lost(connection)
    const actions: PeerFsmAction[] = []
    for (const action of connection.session.handle(event)) {
      switch (action.type) {
        case 'connect':
          this.#lost(connection)
          connection.number = ++this.#lastNumber
          connection.framer = new MessageFramer()
          connection.idleMessages = 0
          actions.push({ type: 'connect', connection: connection.number })
          break
        case 'send':
          if (connection.number !== undefined) actions.push({ ...action, connection: connection.number })
          break
        case 'close':
          if (connection.number !== undefined) actions.push({ ...action, connection: connection.number })
          this.#lost(connection)
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
      if (this.#settings.passive && this.#brokenConnections > PATIENCE)
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
    this.#isDamped = false
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
      if (isRefusal) this.#isRefused = true
      else if (hasFailed && isBare(ourOpen)) this.#offer.forget() // it went no better without, or went for a while: everything is offered again
    }
    if (ending.deliberate === true) return
    this.#failures++
    if (wasUp) this.#brokenConnections++
    if (received?.code === ErrorCode.CEASE && received.subcode === CeaseSubcode.MAXIMUM_NUMBER_OF_PREFIXES_REACHED)
      this.#isDamped = true
  }

  /** A session that lasted makes up for what failed before it. */
  #proven(connection: Connection): void {
    connection.isProven = true
    this.#failures = 0
    this.#brokenConnections = 0
  }

  /** Runs a call and adds what it leads to for the peer as a whole: the pause, and the state operators see. */
  #watched(call: () => PeerFsmAction[]): PeerFsmAction[] {
    const from = this.state
    const actions = call()
    if (this.#isStarted && this.#isIdle() && !this.#isWaiting) actions.push(...this.#wait())
    const to = this.state
    if (to !== from) actions.push({ type: 'stateChanged', from, to })
    return actions
  }

  #wait(): PeerFsmAction[] {
    const { firstSeconds, maxSeconds } = this.#settings.backOff
    const doubled = Math.min(maxSeconds, firstSeconds * 2 ** Math.min(this.#failures - 1, 30))
    const seconds = jittered(
      this.#isDamped
        ? this.#settings.prefixLimitBackOffSeconds
        : this.#isRefused
          ? firstSeconds
          : Math.max(doubled, firstSeconds),
      this.#settings,
    )
    this.#isRefused = false
    this.#isWaiting = true
    return [
      { type: 'startTimer', side: 'outgoing', timer: 'IdleHoldTimer', seconds },
      { type: 'waiting', seconds, damped: this.#isDamped },
    ]
  }

  #stopWaiting(): PeerFsmAction[] {
    if (!this.#isWaiting) return []
    this.#isWaiting = false
    this.#isDamped = false
    return [{ type: 'stopTimer', side: 'outgoing', timer: 'IdleHoldTimer' }]
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

  #lost(connection: Connection): void {
    connection.number = undefined
    connection.wasUp = false
    connection.isProven = false
  }
}

/** Active stands below Connect: it only waits. */
const PROGRESS: Readonly<Record<State, number>> = { Idle: 0, Active: 1, Connect: 2, OpenSent: 3, OpenConfirm: 4, Established: 5 }

const NOTHING_AGREED: UpdateContext = { fourOctetAsn: true, internal: false, families: [], extendedNextHop: [] }

function contextOf(negotiated: Negotiated | undefined): UpdateContext {
  return negotiated ?? NOTHING_AGREED
}

function newConnection(side: Side, settings: Settings, offer: Offer): Connection {
  // The peer's connection is never tried again by us: once lost it is gone.
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

function stopTimers(connection: Connection): PeerFsmAction[] {
  const timers: Timer[] = ['ConnectRetryTimer', 'HoldTimer', 'KeepaliveTimer', 'SendHoldTimer']
  return timers
    .filter((timer) => connection.session.isRunning(timer))
    .map((timer) => ({ type: 'stopTimer', side: connection.side, timer }))
}

function errorEvent(error: BgpError): Event {
  switch (error.code) {
    case ErrorCode.OPEN_MESSAGE_ERROR:
      return { type: 'BGPOpenMsgErr', error }
    case ErrorCode.UPDATE_MESSAGE_ERROR:
      return { type: 'UpdateMsgErr', error }
    case ErrorCode.ROUTE_REFRESH_MESSAGE_ERROR:
      return { type: 'RouteRefreshMsgErr', error }
    default:
      return { type: 'BGPHeaderErr', error }
  }
}

function isVersionError({ code, subcode }: { code: number; subcode: number }): boolean {
  return code === ErrorCode.OPEN_MESSAGE_ERROR && subcode === OpenErrorSubcode.UNSUPPORTED_VERSION_NUMBER
}

/**
 * Adds what is not said already: thousands of KEEPALIVEs in a chunk start the hold timer once, thousands of ROUTE-REFRESHes ask once for a
 * family. What stands in `actions` stays few, so the look back is short.
 */
function appendNews(actions: PeerFsmAction[], more: readonly PeerFsmAction[]): void {
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

function isEmpty({ announced, withdrawn }: ReceivedUpdate): boolean {
  return announced.ipv4 + announced.ipv6 + withdrawn.ipv4 + withdrawn.ipv6 === 0
}
