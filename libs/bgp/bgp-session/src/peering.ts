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

export type PeeringAction =
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
  /** Nothing is open; the next attempt comes in this time. `held`: because the peer refused our number of prefixes. */
  | { readonly type: 'waiting'; readonly seconds: number; readonly held: boolean }
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
interface Line {
  readonly side: Side
  readonly session: Session
  connection: number | undefined
  framer: MessageFramer
  /** On the present connection. */
  idleMessages: number
  /** TCP came up on the present connection. */
  wasUp: boolean
  /** The session has lasted a keepalive interval. */
  isProven: boolean
}

export class Peering {
  readonly #settings: Settings
  readonly #offer: Offer
  readonly #outgoing: Line
  #incoming: Line | undefined
  #lastConnection = 0
  #isStarted = false
  #failures = 0 // attempts in a row that came to nothing: the exponent of the pause
  #brokenLines = 0 // of those, with a peer that did answer
  #isWaiting = false
  #isHeld = false
  #isRefused = false // the peer refused capabilities: the next attempt comes soon, without them

  constructor(config: SessionConfig) {
    this.#settings = withDefaults(config)
    this.#offer = new Offer(this.#settings)
    this.#outgoing = newLine('outgoing', this.#settings, this.#offer)
  }

  /** That of the session furthest along. */
  get state(): State {
    const incoming = this.#incoming?.session.state ?? 'Idle'
    const outgoing = this.#outgoing.session.state
    return PROGRESS[incoming] > PROGRESS[outgoing] ? incoming : outgoing
  }

  /** The connection of the Established session. */
  get connection(): number | undefined {
    return this.#established()?.connection
  }

  get negotiated(): Negotiated | undefined {
    return this.#established()?.session.negotiated
  }

  /** A long pause because the peer refused our number of prefixes; start() ends it. */
  get isHeld(): boolean {
    return this.#isHeld
  }

  /** Codes of capabilities left out because the peer refused them. */
  get withheldCapabilities(): readonly number[] {
    return this.#offer.withheld
  }

  /** Begins, or ends a pause early. */
  start(): PeeringAction[] {
    return this.#watched(() => {
      this.#isStarted = true
      this.#failures = 0
      this.#brokenLines = 0
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
  stop(how: Stop = { type: 'notify' }): PeeringAction[] {
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
  reset(error: BgpError): PeeringAction[] {
    return this.#watched(() => this.#tellAll({ type: 'AutomaticStop', error }))
  }

  /** Ends the session of a peer that misbehaves, and pauses as after a failure: it has earned no quick return. */
  punish(error: BgpError): PeeringAction[] {
    return this.#watched(() => {
      this.#failures++
      this.#brokenLines++
      return this.#tellAll({ type: 'AutomaticStop', error })
    })
  }

  /**
   * The peer connected to us (TcpConnection_Valid: the driver has looked at its address). Its number, or undefined where we do not take
   * it: the driver closes the socket.
   */
  incoming(): { connection: number | undefined; actions: PeeringAction[] } {
    let connection: number | undefined
    const actions = this.#watched(() => {
      if (!this.#isStarted || this.#isHeld || (this.#isWaiting && this.#brokenLines > PATIENCE)) return []
      const actions = this.#makeRoom()
      if (actions === undefined) return []
      const line = newLine('incoming', this.#settings, this.#offer)
      connection = line.connection = ++this.#lastConnection
      line.wasUp = true
      this.#incoming = line
      // It begins in Active, where the RFC has an incoming connection arrive.
      line.session.handle({ type: 'AutomaticStart_with_PassiveTcpEstablishment' })
      return [...actions, ...this.#tell(line, { type: 'TcpConnectionConfirmed' })]
    })
    return { connection, actions }
  }

  /** TCP is up. */
  connected(connection: number): PeeringAction[] {
    return this.#watched(() => {
      const line = this.#lineOf(connection)
      if (line === undefined) return []
      line.wasUp = true
      return this.#tell(line, { type: 'Tcp_CR_Acked' })
    })
  }

  /** TCP is gone or never came up; `reason` in words. */
  closed(connection: number, reason?: string): PeeringAction[] {
    return this.#watched(() => {
      const line = this.#lineOf(connection)
      if (line === undefined) return []
      return this.#tell(line, { type: 'TcpConnectionFails', ...(reason === undefined ? {} : { reason }) })
    })
  }

  /** The peer's TCP acknowledged, or the kernel took, some of what was written. Call it when the socket drains, not for every write. */
  progressed(connection: number): PeeringAction[] {
    const line = this.#lineOf(connection)
    return line === undefined ? [] : this.#tell(line, { type: 'TcpProgress' })
  }

  /** A timer ran out. Late ones, stopped meanwhile, are ignored. */
  expired(side: Side, timer: Timer): PeeringAction[] {
    return this.#watched(() => {
      if (timer === 'IdleHoldTimer') {
        if (!this.#isWaiting || side !== 'outgoing') return []
        this.#isWaiting = false
        this.#isHeld = false
        return this.#isIdle() ? this.#tell(this.#outgoing, { type: 'IdleHoldTimer_Expires' }) : []
      }
      const line = side === 'outgoing' ? this.#outgoing : this.#incoming
      if (line?.session.isRunning(timer) !== true) return []
      if (timer === 'KeepaliveTimer' && line.session.state === 'Established') this.#proven(line)
      return this.#tell(line, { type: `${timer}_Expires` })
    })
  }

  /**
   * Octets from the peer, read in place. After `most` messages it stops: while hasMore() holds, leave the octets alone and call
   * receiveMore() in a later turn of the event loop, before the next receive().
   */
  receive(connection: number, octets: Uint8Array, most = Infinity): PeeringAction[] {
    const line = this.#lineOf(connection)
    if (line === undefined) return []
    line.framer.push(octets)
    return this.receiveMore(connection, most)
  }

  /** Goes on with the octets of the last receive(). */
  receiveMore(connection: number, most = Infinity): PeeringAction[] {
    return this.#watched(() => {
      const line = this.#lineOf(connection)
      if (line === undefined) return []
      const actions: PeeringAction[] = []
      const tally = new Tally(connection)
      // A message may end the session; what follows it in the chunk then belongs to nobody.
      for (let taken = 0; taken < most && line.connection === connection; taken++) {
        const event = this.#nextEvent(line, tally)
        if (event === undefined) break
        appendNews(actions, event.type === 'BGPOpen' ? this.#opened(line, event) : this.#tell(line, event))
      }
      return tally.isEmpty ? actions : [...actions, { type: 'received', ...tally.result() }]
    })
  }

  /** Did receive() stop before the end of its octets? */
  hasMore(connection: number): boolean {
    return this.#lineOf(connection)?.framer.hasMore === true
  }

  /** Messages on a connection that carried nothing: KEEPALIVEs, ROUTE-REFRESHes, UPDATEs without a prefix. */
  idleMessages(connection: number): number {
    return this.#lineOf(connection)?.idleMessages ?? 0
  }

  /** The one place where what decoders throw becomes an event. */
  #nextEvent(line: Line, tally: Tally): Event | undefined {
    let message: Message
    try {
      const bytes = line.framer.next()
      if (bytes === undefined) return undefined
      const context = line.session.state === 'Established' ? contextOf(line.session.negotiated) : undefined
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
        line.idleMessages++
        return { type: 'KeepAliveMsg' }
      case 'NOTIFICATION':
        return { type: isVersionError(message.notification) ? 'NotifMsgVerErr' : 'NotifMsg', notification: message.notification }
      case 'ROUTE_REFRESH':
        line.idleMessages++
        return { type: 'RouteRefreshMsg', ...message.routeRefresh }
      case 'UPDATE':
        if (isEmpty(message.update)) line.idleMessages++
        tally.add(message.update)
        return { type: 'UpdateMsg' }
    }
  }

  /** A valid OPEN settles with the other connection first (§6.8): the loser must not send one more KEEPALIVE. */
  #opened(line: Line, event: Event & { type: 'BGPOpen' }): PeeringAction[] {
    const other = line === this.#outgoing ? this.#incoming : this.#outgoing
    const isAwaited = line.session.state === 'OpenSent'
    const actions: PeeringAction[] = []
    if (isAwaited && other !== undefined && !(line.session.judge(event.open) instanceof BgpError)) {
      const { localAsn: asn, bgpIdentifier } = this.#settings
      const loser = losingSide({ asn, bgpIdentifier }, event.open)
      switch (other.session.state) {
        case 'Established':
          return this.#tell(line, { type: 'OpenCollisionDump' })
        case 'OpenConfirm':
          if (loser === line.side) return this.#tell(line, { type: 'OpenCollisionDump' })
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
    actions.push(...this.#tell(line, event))
    if (line.session.negotiated !== undefined && line.session.ourOpen?.capabilities.extendedMessage === true) {
      line.framer.allowExtendedMessages()
    }
    return actions
  }

  /** Hands an event to a session and its actions on, with the numbers the driver knows them by. */
  #tell(line: Line, event: Event): PeeringAction[] {
    const wasUp = line.wasUp
    const before = line.connection
    const ourOpen = line.session.ourOpen
    if (event.type === 'TcpConnectionFails') this.#lost(line)
    const actions: PeeringAction[] = []
    for (const action of line.session.handle(event)) {
      switch (action.type) {
        case 'connect':
          this.#lost(line)
          line.connection = ++this.#lastConnection
          line.framer = new MessageFramer()
          line.idleMessages = 0
          actions.push({ type: 'connect', connection: line.connection })
          break
        case 'send':
          if (line.connection !== undefined) actions.push({ ...action, connection: line.connection })
          break
        case 'close':
          if (line.connection !== undefined) actions.push({ ...action, connection: line.connection })
          this.#lost(line)
          break
        case 'startTimer':
        case 'stopTimer':
          actions.push({ ...action, side: line.side })
          break
        case 'established':
          actions.push(...this.#won(line))
          if (line.connection !== undefined) actions.push({ ...action, connection: line.connection })
          break
        case 'routeRefresh':
          if (line.connection !== undefined) actions.push({ ...action, connection: line.connection })
          break
        case 'ended':
          actions.push({ ...action, side: line.side, connection: before })
          this.#judgeEnding(action, wasUp, ourOpen)
          break
      }
    }
    if (line === this.#incoming && (line.session.state === 'Idle' || line.connection === undefined)) {
      actions.push(...stopTimers(line))
      this.#incoming = undefined
      // Nobody to connect to, and one who connects in vain again and again: shut the door for the pause.
      if (this.#settings.passive && this.#brokenLines > PATIENCE)
        actions.push(...this.#tell(this.#outgoing, { type: 'AutomaticStop' }))
    }
    return actions
  }

  #tellAll(event: Event): PeeringAction[] {
    const incoming = this.#incoming
    return [...(incoming === undefined ? [] : this.#tell(incoming, event)), ...this.#tell(this.#outgoing, event)]
  }

  /** A session is up: the other line, wherever it stands, is not needed. */
  #won(line: Line): PeeringAction[] {
    const actions = this.#stopWaiting()
    const other = line === this.#outgoing ? this.#incoming : this.#outgoing
    if (other !== undefined && other.session.state !== 'Idle') actions.push(...this.#tell(other, { type: 'OpenCollisionDump' }))
    this.#isHeld = false
    if (line.session.negotiated?.holdTimeSeconds === 0) this.#proven(line) // no timer will tell
    return actions
  }

  /** Room for an incoming connection; undefined when the one that is there stays. */
  #makeRoom(): PeeringAction[] | undefined {
    const established = this.#established()
    if (established !== undefined) {
      const { connection } = established
      // RFC 4724 §5: a peer that restarts gracefully (its capability names a family) and connects anew has restarted; its old connection is
      // dead, we only did not hear of it. One that only helps us restart does not say that it will, so a stray connection from its address
      // is no sign of anything. Nor is one while the session is young: it may be the other half of the collision it came from.
      const restart = established.session.negotiated?.gracefulRestart
      const isRestart = established.isProven && restart !== undefined && restart.peerFamilies.length > 0
      if (!isRestart || connection === undefined) return undefined
      const ended = this.#tell(established, { type: 'TcpConnectionFails', reason: 'the peer restarted and connected anew' })
      return [{ type: 'close', connection, abort: true }, ...ended]
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
    if (wasUp) this.#brokenLines++
    if (received?.code === ErrorCode.CEASE && received.subcode === CeaseSubcode.MAXIMUM_NUMBER_OF_PREFIXES_REACHED)
      this.#isHeld = true
  }

  /** A session that lasted makes up for what failed before it. */
  #proven(line: Line): void {
    line.isProven = true
    this.#failures = 0
    this.#brokenLines = 0
  }

  /** Runs a call and adds what it leads to for the peer as a whole: the pause, and the state operators see. */
  #watched(call: () => PeeringAction[]): PeeringAction[] {
    const from = this.state
    const actions = call()
    if (this.#isStarted && this.#isIdle() && !this.#isWaiting) actions.push(...this.#wait())
    const to = this.state
    if (to !== from) actions.push({ type: 'stateChanged', from, to })
    return actions
  }

  #wait(): PeeringAction[] {
    const { firstSeconds, maxSeconds } = this.#settings.backOff
    const doubled = Math.min(maxSeconds, firstSeconds * 2 ** Math.min(this.#failures - 1, 30))
    const seconds = jittered(
      this.#isHeld ? this.#settings.prefixLimitBackOffSeconds : this.#isRefused ? firstSeconds : Math.max(doubled, firstSeconds),
      this.#settings,
    )
    this.#isRefused = false
    this.#isWaiting = true
    return [
      { type: 'startTimer', side: 'outgoing', timer: 'IdleHoldTimer', seconds },
      { type: 'waiting', seconds, held: this.#isHeld },
    ]
  }

  #stopWaiting(): PeeringAction[] {
    if (!this.#isWaiting) return []
    this.#isWaiting = false
    this.#isHeld = false
    return [{ type: 'stopTimer', side: 'outgoing', timer: 'IdleHoldTimer' }]
  }

  #isIdle(): boolean {
    return this.#incoming === undefined && this.#outgoing.session.state === 'Idle'
  }

  #established(): Line | undefined {
    return [this.#outgoing, this.#incoming].find((line) => line?.session.state === 'Established')
  }

  #lineOf(connection: number): Line | undefined {
    return [this.#outgoing, this.#incoming].find((line) => line?.connection === connection)
  }

  #lost(line: Line): void {
    line.connection = undefined
    line.wasUp = false
    line.isProven = false
  }
}

/** Active stands below Connect: it only waits. */
const PROGRESS: Readonly<Record<State, number>> = { Idle: 0, Active: 1, Connect: 2, OpenSent: 3, OpenConfirm: 4, Established: 5 }

const NOTHING_AGREED: UpdateContext = { fourOctetAsn: true, internal: false, families: [], extendedNextHop: [] }

function contextOf(negotiated: Negotiated | undefined): UpdateContext {
  return negotiated ?? NOTHING_AGREED
}

function newLine(side: Side, settings: Settings, offer: Offer): Line {
  // The peer's connection is never tried again by us: once lost it is gone.
  const own = side === 'incoming' ? { ...settings, passive: true } : settings
  return {
    side,
    session: new Session(own, offer),
    connection: undefined,
    framer: new MessageFramer(),
    idleMessages: 0,
    wasUp: false,
    isProven: false,
  }
}

function stopTimers(line: Line): PeeringAction[] {
  const timers: Timer[] = ['ConnectRetryTimer', 'HoldTimer', 'KeepaliveTimer', 'SendHoldTimer']
  return timers.filter((timer) => line.session.isRunning(timer)).map((timer) => ({ type: 'stopTimer', side: line.side, timer }))
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
function appendNews(actions: PeeringAction[], more: readonly PeeringAction[]): void {
  for (const action of more) if (!isRepeat(actions, action)) actions.push(action)
}

function isRepeat(actions: readonly PeeringAction[], action: PeeringAction): boolean {
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
