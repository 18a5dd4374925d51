/**
 * One peer: its sockets, its timers, its Adj-RIB-Out, and what an operator wants to know of it.
 *
 * What to do is decided by PeerFsm (bgp-session), what to send by AdjRibOut (route-table); here it is done. UPDATEs are sent a share at a
 * time (update-sender.ts); KEEPALIVEs are written at once, behind at most what the socket holds.
 */
import { lookup } from 'node:dns/promises'
import type { Socket } from 'node:net'
import { PeerFsm, withDefaults, type Negotiated, type PeerFsmAction, type State, type Stop } from '@dnstap-bgp/bgp-session'
import {
  BgpError,
  CapabilityCode,
  cease,
  CeaseSubcode,
  encodeRouteRefresh,
  ErrorCode,
  RouteRefreshSubtype,
} from '@dnstap-bgp/bgp-wire'
import { AdjRibOut, ExportProfile, Family, type RouteTable } from '@dnstap-bgp/route-table'
import { RateLimitedLog, type Clock, type Log } from '@dnstap-bgp/runtime'
import { BoundedInput } from './bounded-input.ts'
import { DEFAULT_MAX_IN_FLIGHT_BYTES, type SpeakerConfig, type SpeakerPeerConfig } from './config.ts'
import { exportPolicy, MAX_UPDATE_LENGTH } from './export-policy.ts'
import { FloodLimit } from './flood-limit.ts'
import type { PeerStatus } from './peer-status.ts'
import { RefreshLimit } from './refresh-limit.ts'
import { sessionConfig } from './session-config.ts'
import { SessionTimers } from './session-timers.ts'
import { sentRoute, type SentRoute } from './sent-route.ts'
import { ipVersion, type SocketCalls } from './socket-calls.ts'
import type { SendTurns } from './send-turns.ts'
import { UpdateSender } from './update-sender.ts'
import { boundSending, connectTcp, inFlight, tuneAccepted, type TcpOptions } from './tcp.ts'

export interface PeerDeps {
  readonly clock: Clock
  readonly log: Log
  readonly table: RouteTable
  /** Undefined where they cannot be had: then a connection that must have an option is not made. */
  readonly calls: SocketCalls | undefined
  /** A number from 0 up to, not including, 1. */
  readonly dice: () => number
  readonly turns: SendTurns
  /** The peer is idle, with nothing open; for peers that exist only while they are connected. */
  readonly onIdle?: () => void
  /** An address that no route may catch: the peer's, or ours towards it. */
  readonly onAddress: (address: string, what: string) => void
}

interface Connection {
  readonly number: number
  readonly socket: Socket
  readonly address: string
  readonly input: BoundedInput
}

export class SpeakerPeer {
  readonly config: SpeakerPeerConfig
  readonly #speaker: SpeakerConfig
  readonly #deps: PeerDeps
  readonly #log: Log
  /** For what the peer can cause at any rate. */
  readonly #limitedLog: RateLimitedLog
  readonly #fsm: PeerFsm
  readonly #adjRibOut: AdjRibOut
  readonly #sender: UpdateSender
  readonly #refreshLimits: Readonly<Record<'ipv4' | 'ipv6', RefreshLimit>>
  /** Of the session. */
  #flood: FloodLimit
  readonly #timers: SessionTimers
  readonly #connections = new Map<number, Connection>()
  /** Connections that PeerFsm still wants; a name may be resolving for one. */
  readonly #wanted = new Set<number>()
  /** Sockets on their way out. */
  readonly #closing = new Set<Socket>()
  readonly #maxInFlightBytes: number
  readonly #sendHoldMs: number
  #addresses: readonly string[] = []
  #attempts = 0
  #session: Connection | undefined
  #progressNotedAt = -Infinity
  #hasStopped = false
  /** Its routes are to go: a session that comes up now announces none. */
  #isLeaving = false
  /** When the last session ended; before the first one, when we started. */
  #awaySinceMs: number
  #loggedReason = ''
  #faultsTold = new Set<string>()
  #onSession: (() => void) | undefined

  // For operators.
  #state: State = 'Idle'
  #stateSince: number
  #lastError: { reason: string; at: number } | undefined
  /** The last error was that of a NOTIFICATION. */
  #wasNotified = false
  #nextAttemptAt: number | undefined
  #isDamped = false
  #sessions = 0
  #bytesSent = 0
  #bytesReceived = 0
  #updatesReceived = 0
  #prefixesReceived = 0
  #floodMessages = 0
  #announcedBefore = 0
  #withdrawnBefore = 0
  #updatesBefore = 0

  constructor(speaker: SpeakerConfig, config: SpeakerPeerConfig, deps: PeerDeps) {
    this.config = config
    this.#speaker = speaker
    this.#deps = deps
    this.#log = deps.log.child({ peer: config.name })
    this.#limitedLog = new RateLimitedLog(this.#log, deps.clock)
    this.#maxInFlightBytes = Math.max(64 * 1024, speaker.maxInFlightBytes ?? DEFAULT_MAX_IN_FLIGHT_BYTES)
    this.#stateSince = deps.clock.now()
    this.#awaySinceMs = deps.clock.monotonic()
    const session = sessionConfig(speaker, config, deps.dice)
    this.#sendHoldMs = withDefaults(session).sendHoldTimeSeconds * 1000
    this.#fsm = new PeerFsm(session)
    this.#timers = new SessionTimers(deps.clock, (side, timer) => this.#perform(this.#fsm.expired(side, timer)))
    this.#adjRibOut = new AdjRibOut(deps.table, () => this.#sender.wake())
    this.#sender = new UpdateSender({
      ...deps,
      adjRibOut: this.#adjRibOut,
      maxInFlightBytes: this.#maxInFlightBytes,
      onSent: (octets) => (this.#bytesSent += octets),
    })
    this.#flood = new FloodLimit(deps.clock.monotonic())
    const refreshLimit = (family: 'ipv4' | 'ipv6') =>
      new RefreshLimit(deps.clock, () => {
        if (this.#refresh(family)) this.#limitedLog.info({ family }, 'the peer asks for the routes again')
      })
    this.#refreshLimits = { ipv4: refreshLimit('ipv4'), ipv6: refreshLimit('ipv6') }
    if (config.remote.kind === 'address') this.#addresses = [config.remote.address]
  }

  /** Addresses it may connect from, as far as known. */
  get addresses(): readonly string[] {
    return this.#addresses
  }

  get state(): State {
    return this.#fsm.state
  }

  /** Left alone for long, because the peer refused our number of prefixes. */
  get isDamped(): boolean {
    return this.#fsm.isDamped
  }

  start(): void {
    this.#perform(this.#fsm.start())
  }

  /** Takes over a connection that the peer opened, or closes it. */
  incoming(socket: Socket): void {
    if (!tuneAccepted(socket, this.#tcpOptions(), this.#deps.calls)) {
      socket.destroy()
      return
    }
    const { connection, actions } = this.#fsm.incoming()
    if (connection === undefined) socket.destroy()
    else {
      this.#boundUnsent(socket)
      this.#wanted.add(connection)
      this.#adopt(connection, socket, plainAddress(socket.remoteAddress ?? ''))
    }
    this.#perform(actions)
  }

  /** Looks its name up again; for peers that connect to us. */
  async resolve(): Promise<readonly string[]> {
    const { remote } = this.config
    if (remote.kind !== 'hostname') return this.#addresses
    const found = await lookup(remote.hostname, { all: true })
    this.#addresses = found.map(({ address }) => address)
    for (const address of this.#addresses) this.#deps.onAddress(address, `BGP peer ${this.config.name}`)
    return this.#addresses
  }

  /**
   * Withdraws all that is out, and has the peer drop what it kept from a session before: what was not advertised in this session cannot be
   * withdrawn, and goes at End-of-RIB (RFC 4724). Where such a peer has no session yet, one is waited for. Resolves when all was handed to
   * the kernel, or the session is gone; wait no longer than you have patience.
   */
  async withdraw(): Promise<void> {
    this.#isLeaving = true
    if (this.#session === undefined && this.#mayKeepRoutes) {
      const hurry = () => this.#perform(this.#fsm.start()) // ends a pause
      hurry()
      const hurrying = this.#deps.clock.every(HURRY_MS, hurry)
      await new Promise<void>((resolve) => (this.#onSession = resolve))
      hurrying.cancel()
    }
    this.#adjRibOut.withdrawAll()
    await this.drained()
  }

  /** Has a peer without a session routes of ours from before, as far as we know? It keeps them for the time that we offered. */
  get #mayKeepRoutes(): boolean {
    const { gracefulRestartSeconds = 0, longLivedStaleSeconds = 0 } = this.#speaker
    if (gracefulRestartSeconds === 0 || this.config.gracefulRestart === false || this.isDamped) return false
    return this.#deps.clock.monotonic() - this.#awaySinceMs < (gracefulRestartSeconds + longLivedStaleSeconds) * 1000
  }

  /** Resolves when all that the peer should hear was handed to the kernel, or the session is gone. */
  async drained(): Promise<void> {
    await this.#sender.drained()
  }

  /** Ends the session and all attempts; the sockets close in the background. */
  stop(how: Stop): void {
    this.#hasStopped = true
    this.#perform(this.#fsm.stop(how))
    this.#timers.stopAll()
    this.#adjRibOut.close()
    this.#tidyUp()
    this.#onSession?.()
    this.#sender.close()
  }

  /** Does the peer keep our routes while we are away? */
  get keepsRoutes(): boolean {
    return this.#fsm.negotiated?.gracefulRestart !== undefined
  }

  /** How to end the session so that routes stay where that was agreed. */
  gracefulStop(message: string): Stop {
    return this.keepsRoutes ? { type: 'preserve' } : farewell(message)
  }

  /** Resolves when no socket is left. */
  async closed(): Promise<void> {
    const open = [...this.#closing].filter((socket) => !socket.destroyed)
    await Promise.all(open.map((socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()))))
  }

  /** Cuts what has not closed by itself. */
  destroySockets(): void {
    for (const socket of this.#closing) socket.destroy()
    for (const { socket } of this.#connections.values()) socket.destroy()
  }

  /** Ends the session with Cease, Administrative Reset, or the pause, and begins anew. */
  reset(): void {
    this.#perform(this.#fsm.reset(cease(CeaseSubcode.ADMINISTRATIVE_RESET)))
    this.#perform(this.#fsm.start())
  }

  /** Sends everything once more, as if the peer had asked (RFC 2918); false without a session. */
  resend(): boolean {
    if (this.#session === undefined) return false
    for (const family of ['ipv4', 'ipv6'] as const) this.#refresh(family)
    return true
  }

  *routesOut(): IterableIterator<SentRoute> {
    for (const [prefix, attributes] of this.#adjRibOut.routes()) yield sentRoute(prefix, attributes)
  }

  has(prefix: string): boolean {
    return this.#adjRibOut.has(prefix)
  }

  status(): PeerStatus {
    const { config } = this
    const out = this.#adjRibOut
    return {
      name: config.name,
      address: this.#session?.address ?? this.#addresses[0],
      port: config.port,
      asn: config.asn,
      localAsn: config.localAsn ?? this.#speaker.asn,
      passive: config.passive === true,
      state: this.#state,
      since: this.#stateSince,
      lastError: this.#lastError,
      nextAttemptAt: this.#nextAttemptAt,
      isDamped: this.#isDamped,
      prefixesOut: { ipv4: out.routesOut(Family.ipv4), ipv6: out.routesOut(Family.ipv6) },
      tableSent: out.tableSent,
      queued: out.queued,
      inFlightBytes: this.#session === undefined ? 0 : inFlight(this.#session.socket, this.#deps.calls),
      suppressed: out.suppressed,
      adjRibOutBytes: out.sizeBytes,
      negotiated: this.#fsm.negotiated,
      withheldCapabilities: this.#fsm.withheldCapabilities,
      counters: {
        sessions: this.#sessions,
        bytesSent: this.#bytesSent,
        bytesReceived: this.#bytesReceived,
        updatesSent: this.#updatesBefore + out.updates,
        announced: this.#announcedBefore + out.announced,
        withdrawn: this.#withdrawnBefore + out.withdrawn,
        updatesReceived: this.#updatesReceived,
        prefixesReceived: this.#prefixesReceived,
        floodMessages: this.#floodMessages,
      },
    }
  }

  #perform(actions: readonly PeerFsmAction[]): void {
    for (const action of actions)
      switch (action.type) {
        case 'connect':
          this.#wanted.add(action.connection)
          void this.#connect(action.connection)
          break
        case 'send':
          this.#send(action.connection, action.bytes)
          break
        case 'close':
          this.#close(action.connection, action.abort)
          break
        case 'startTimer':
          this.#timers.start(action.side, action.timer, action.seconds)
          break
        case 'stopTimer':
          this.#timers.stop(action.side, action.timer)
          break
        case 'established':
          this.#established(action.connection, action.negotiated)
          break
        case 'routeRefresh':
          if (action.subtype !== RouteRefreshSubtype.request) break
          this.#refreshLimits[action.family].asked()
          break
        case 'received':
          this.#received(action)
          break
        case 'ended':
          this.#ended(action)
          break
        case 'waiting':
          this.#nextAttemptAt = this.#deps.clock.now() + action.seconds * 1000
          if (action.damped && !this.#isDamped)
            this.#log.error(
              { seconds: action.seconds },
              'the peer refuses our number of prefixes: not trying again for a long time',
            )
          this.#isDamped = action.damped
          break
        case 'stateChanged':
          this.#state = action.to
          this.#stateSince = this.#deps.clock.now()
          if (action.to !== 'Idle') this.#nextAttemptAt = undefined
          this.#log.debug({ from: action.from, to: action.to }, `BGP state ${action.to}`)
          break
      }
    if (this.#connections.size === 0 && this.#wanted.size === 0 && !this.#hasStopped) this.#deps.onIdle?.()
  }

  async #connect(connection: number): Promise<void> {
    const fail = (reason: string) => {
      if (this.#wanted.delete(connection)) this.#perform(this.#fsm.closed(connection, reason))
    }
    let address: string | undefined
    try {
      const addresses = await this.resolve()
      address = addresses[this.#attempts++ % addresses.length]
    } catch (error) {
      return fail(`its name does not resolve: ${inWords(error)}`)
    }
    if (!this.#wanted.has(connection)) return // given up meanwhile
    if (address === undefined) return fail('its name has no address')
    try {
      const { port, sourceIpv4, sourceIpv6 } = this.config
      const localAddress = ipVersion(address) === 4 ? sourceIpv4 : sourceIpv6
      const socket = connectTcp({ address, port, localAddress, ...this.#tcpOptions() }, this.#deps.calls)
      socket.once('connect', () => {
        this.#boundUnsent(socket)
        if (this.#wanted.has(connection)) this.#perform(this.#fsm.connected(connection))
      })
      this.#adopt(connection, socket, address)
    } catch (error) {
      fail(inWords(error))
    }
  }

  #tcpOptions(): TcpOptions {
    const { password, ttlSecurityHops, ttl, device } = this.config
    if (ttlSecurityHops !== undefined) return { password, device, minimumTtl: 256 - ttlSecurityHops, ttl: 255 }
    return { password, device, ttl: ttl === undefined || ttl === SYSTEM_TTL || this.#deps.calls === undefined ? undefined : ttl }
  }

  /** A peer that reads nothing shall not look as if it had everything. */
  #boundUnsent(socket: Socket): void {
    boundSending(socket, { bytes: this.#maxInFlightBytes }, this.#deps.calls)
  }

  /** Listens to what a socket has to say. */
  #adopt(number: number, socket: Socket, address: string): void {
    const input = new BoundedInput(socket, this.#deps.turns, (octets) => this.#read(number, octets))
    this.#connections.set(number, { number, socket, address, input })
    let reason: string | undefined
    socket.on('error', (error) => (reason = inWords(error)))
    socket.on('end', () => (reason ??= 'the peer closed the connection'))
    socket.on('close', () => {
      this.#closing.delete(socket)
      this.#connections.delete(number)
      if (this.#wanted.delete(number)) this.#perform(this.#fsm.closed(number, reason ?? 'the connection was closed'))
      else if (this.#connections.size === 0 && this.#wanted.size === 0 && !this.#hasStopped) this.#deps.onIdle?.()
    })
    socket.on('drain', () => {
      this.#progressed(number)
      this.#sender.wake()
    })
    socket.on('data', (chunk: Buffer) => input.received(chunk))
  }

  /** Looks at some of what a connection sent; true when more of it is left. */
  #read(number: number, octets: Uint8Array | undefined): boolean {
    if (!this.#wanted.has(number)) return false
    const idleBefore = this.#fsm.idleMessages(number)
    if (octets === undefined) this.#perform(this.#fsm.receiveMore(number, MESSAGES_PER_TURN))
    else {
      this.#bytesReceived += octets.length
      this.#perform(this.#fsm.receive(number, octets, MESSAGES_PER_TURN))
    }
    this.#judgeFlood(this.#fsm.idleMessages(number) - idleBefore)
    return this.#fsm.hasMore(number)
  }

  /** Of messages that carry nothing too many end the session. */
  #judgeFlood(messages: number): void {
    if (this.#session === undefined || messages <= 0) return
    const before = this.#flood.excess
    const verdict = this.#flood.count(messages, this.#deps.clock.monotonic())
    if (verdict === 'ordinary') return
    this.#floodMessages += this.#flood.excess - before
    if (before === 0) this.#log.warn({}, 'The peer floods us with messages that carry nothing; if it goes on, the session ends.')
    if (verdict === 'too many') this.#perform(this.#fsm.punish(FLOODED))
  }

  #send(number: number, bytes: Uint8Array): void {
    const connection = this.#connections.get(number)
    if (connection === undefined || connection.socket.destroyed || !connection.socket.writable) return
    this.#bytesSent += bytes.length
    connection.socket.write(bytes)
    if (connection.socket.writableLength === 0) this.#progressed(number)
  }

  /** The kernel took something; told on at most once a second, every KEEPALIVE is enough of a sign. */
  #progressed(number: number): void {
    const now = this.#deps.clock.monotonic()
    if (now - this.#progressNotedAt < 1000) return
    this.#progressNotedAt = now
    this.#perform(this.#fsm.progressed(number))
  }

  #close(number: number, abort: boolean): void {
    this.#wanted.delete(number)
    const connection = this.#connections.get(number)
    if (connection === undefined) return
    const { socket } = connection
    this.#connections.delete(number)
    connection.input.end()
    if (socket.destroyed) return
    this.#closing.add(socket)
    if (socket.connecting && !this.#hasStopped) this.#failed('Connect', `no answer from ${connection.address}`)
    if (abort || socket.connecting) {
      socket.destroy()
      return
    }
    socket.end()
    const cut = this.#deps.clock.after(CLOSE_PATIENCE_MS, () => socket.destroy())
    socket.once('close', () => cut.cancel())
  }

  #established(number: number, negotiated: Negotiated): void {
    const connection = this.#connections.get(number)
    if (connection === undefined) return
    this.#session = connection
    this.#sender.open(connection.socket)
    // Nor hold the session for ever (RFC 9687 §3.2), unless no hold time was agreed: then a silent peer is none of our business.
    if (negotiated.holdTimeSeconds > 0) boundSending(connection.socket, { timeoutMs: this.#sendHoldMs }, this.#deps.calls)
    this.#sessions++
    this.#flood = new FloodLimit(this.#deps.clock.monotonic())
    this.#isDamped = false
    this.#loggedReason = ''
    this.#faultsTold.clear()
    this.#log.info(
      {
        address: connection.address,
        as: negotiated.peerAsn,
        families: negotiated.families,
        holdTimeSeconds: negotiated.holdTimeSeconds,
      },
      'BGP session established.',
    )
    const { withheldCapabilities } = this.#fsm
    if (withheldCapabilities.length > 0)
      this.#log.warn(
        { withheldCapabilities },
        `the peer refused every capability; the session goes without ${capabilityNames(withheldCapabilities)}`,
      )
    const addresses = { localAddress: plainAddress(connection.socket.localAddress ?? ''), peerAddress: connection.address }
    this.#deps.onAddress(addresses.localAddress, 'our own address')
    this.#deps.onAddress(addresses.peerAddress, `BGP peer ${this.config.name}`)
    const policy = exportPolicy(this.#speaker, this.config, negotiated, addresses, (sentence) => {
      if (this.#faultsTold.has(sentence)) return
      this.#faultsTold.add(sentence)
      this.#log.warn({}, sentence)
    })
    this.#countRoutes()
    this.#adjRibOut.open({
      profile: new ExportProfile(this.#deps.table.attributeSets, policy),
      families: [negotiated.families.includes('ipv4'), negotiated.families.includes('ipv6')],
      maxMessageLength: MAX_UPDATE_LENGTH,
      maxRoutes: this.config.maxRoutes ?? Infinity,
    })
    if (this.#isLeaving) this.#adjRibOut.withdrawAll()
    this.#onSession?.()
  }

  /** Counters of the session that was, before the Adj-RIB-Out begins to count anew. */
  #countRoutes(): void {
    this.#announcedBefore += this.#adjRibOut.announced
    this.#withdrawnBefore += this.#adjRibOut.withdrawn
    this.#updatesBefore += this.#adjRibOut.updates
  }

  /** False when an answer waits already: it serves this one, too. */
  #refresh(family: 'ipv4' | 'ipv6'): boolean {
    const mark = (subtype: RouteRefreshSubtype) => encodeRouteRefresh(family, subtype)
    const marks = [mark(RouteRefreshSubtype.beginning), mark(RouteRefreshSubtype.end)] as const
    return this.#adjRibOut.refresh(Family[family], this.#fsm.negotiated?.enhancedRouteRefresh === true ? marks : undefined)
  }

  #received(received: PeerFsmAction & { type: 'received' }): void {
    const announced = received.announced.ipv4 + received.announced.ipv6
    this.#updatesReceived += received.updates
    this.#prefixesReceived += announced
    for (const fault of received.faults) this.#log.debug({ fault }, 'a path attribute of the peer is malformed')
  }

  #ended(ending: PeerFsmAction & { type: 'ended' }): void {
    if (ending.connection !== undefined && this.#session?.number === ending.connection) {
      this.#session = undefined
      this.#awaySinceMs = this.#deps.clock.monotonic()
      for (const limit of Object.values(this.#refreshLimits)) limit.close()
      this.#adjRibOut.close()
      this.#tidyUp()
      this.#sender.close()
    }
    if (this.#hasStopped || !this.#isOrdinary(ending))
      this.#failed(ending.from, ending.reason, ending.sent !== undefined || ending.received !== undefined)
    else this.#log.debug({ state: ending.from }, `BGP connection closed: ${ending.reason}`)
  }

  /** One of two connections was not needed (RFC 4271 §6.8): no news while the other one goes on. */
  #isOrdinary({ from, deliberate, received }: PeerFsmAction & { type: 'ended' }): boolean {
    const isCollision = received?.code === ErrorCode.CEASE && received.subcode === CeaseSubcode.CONNECTION_COLLISION_RESOLUTION
    return from !== 'Established' && (deliberate === true || isCollision) && this.#fsm.state !== 'Idle'
  }

  /** Notes why, and says so once: not again when the next attempt fails the same way. */
  #failed(from: State, reason: string, isNotified = false): void {
    // Many routers say once why they refuse, and then only close: what they said stays the last error.
    const isExplained = this.#wasNotified && !isNotified && (from === 'OpenSent' || from === 'OpenConfirm')
    if (!isExplained) {
      this.#lastError = { reason, at: this.#deps.clock.now() }
      this.#wasNotified = isNotified
    }
    if (this.#hasStopped) this.#log.info({}, `BGP session closed: ${reason}`)
    else if (from === 'Established') this.#log.warn({}, `BGP session ended: ${reason}`)
    else if (reason !== this.#loggedReason) this.#log.warn({ state: from }, `BGP session not established: ${reason}`)
    this.#loggedReason = reason
  }

  /** What the Adj-RIB-Out held in the table goes a slice at a time. */
  #tidyUp(): void {
    this.#deps.turns.add(() => {
      if (!this.#adjRibOut.settle()) this.#tidyUp()
      else if (this.#hasStopped) this.#adjRibOut.detach()
    })
  }
}

/** Of messages read from a connection. */
const MESSAGES_PER_TURN = 256
const FLOODED = new BgpError(
  ErrorCode.CEASE,
  CeaseSubcode.OUT_OF_RESOURCES,
  undefined,
  'the peer floods us with messages that carry nothing',
)
/** The speaker, when it closes, has its own. */
const CLOSE_PATIENCE_MS = 10_000
/** Pause between attempts to reach a peer that must still hear of withdrawals. */
const HURRY_MS = 500
const SYSTEM_TTL = 64

/** The end of a session that is meant: Cease, Administrative Shutdown, with a word to the other operator (RFC 9003). */
export function farewell(text: string): Stop {
  return { type: 'notify', error: cease(CeaseSubcode.ADMINISTRATIVE_SHUTDOWN, text) }
}

/** `::ffff:192.0.2.1` is 192.0.2.1 on a socket of both families; a zone is none of BGP's business. */
export function plainAddress(address: string): string {
  const withoutZone = address.split('%')[0]
  return withoutZone.startsWith('::ffff:') && withoutZone.includes('.') ? withoutZone.slice(7) : withoutZone
}

/** `graceful restart, route refresh` */
function capabilityNames(codes: readonly number[]): string {
  const name = (code: number) => Object.entries(CapabilityCode).find(([, one]) => one === code)?.[0] ?? `capability ${code}`
  return codes.map((code) => name(code).toLowerCase().replaceAll('_', ' ')).join(', ')
}

function inWords(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
