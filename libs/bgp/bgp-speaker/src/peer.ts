/**
 * One peer: its PeerFsm decides what happens to connections and sessions, this class does it.
 *
 *     sockets (peer-connections.ts) ─▶ PeerFsm (bgp-session) ─▶ actions ─▶ sockets, timers (session-timers.ts), advertiser.ts
 *
 * UPDATEs go out a share at a time (update-sender.ts). KEEPALIVEs and other messages of the FSM are written at once, behind at most what
 * the socket already holds. The transport is passed in, so that a peer is tested without sockets.
 */
import { PeerFsm, withDefaults, type Negotiated, type PeerFsmAction, type State, type Stop } from '@dnstap-bgp/bgp-session'
import { BgpError, cease, CeaseSubcode, ErrorCode, RouteRefreshSubtype } from '@dnstap-bgp/bgp-wire'
import { plainAddress } from '@dnstap-bgp/net'
import type { RouteTable } from '@dnstap-bgp/route-table'
import type { Clock, Log } from '@dnstap-bgp/runtime'
import { Advertiser } from './advertiser.ts'
import type { SpeakerConfig, SpeakerPeerConfig } from './config.ts'
import type { ConfirmingPeer } from './confirmation.ts'
import { FloodLimit } from './flood-limit.ts'
import { PeerConnections, type PeerConnection } from './peer-connections.ts'
import { PeerRecord } from './peer-record.ts'
import type { PeerStatus } from './peer-status.ts'
import type { SendTurns } from './send-turns.ts'
import type { SentRoute } from './sent-route.ts'
import { sessionConfig } from './session-config.ts'
import { SessionTimers } from './session-timers.ts'
import type { PeerSocket, Transport } from './transport.ts'

export interface PeerDeps {
  readonly clock: Clock
  readonly log: Log
  readonly table: RouteTable
  readonly transport: Transport
  /** A random number from 0 up to, not including, 1. */
  readonly random: () => number
  readonly turns: SendTurns
  /** Octets that may wait in our process. */
  readonly maxInFlightBytes: number
  /** The peer is idle and nothing is open; for peers that exist only while they are connected. */
  readonly onIdle?: () => void
  /** An address that no route may cover: the peer's, or ours towards it. */
  readonly onAddress: (address: string, what: string) => void
  /** The kernel has taken UPDATEs, or the session is over; only of a peer that confirms. */
  readonly onConfirming?: (() => void) | undefined
}

export class SpeakerPeer {
  readonly config: SpeakerPeerConfig
  readonly #speaker: SpeakerConfig
  readonly #deps: PeerDeps
  readonly #fsm: PeerFsm
  readonly #timers: SessionTimers
  readonly #connections: PeerConnections
  readonly #advertiser: Advertiser
  readonly #record: PeerRecord
  readonly #sendHoldMs: number
  #addresses: readonly string[] = []
  #session: PeerConnection | undefined
  /** Of the present session. */
  #flood: FloodLimit
  #progressNotedAt = -Infinity
  #hasStopped = false
  /** When the last session ended; before the first one, when we started. */
  #awaySinceMs: number
  #onSession: (() => void) | undefined

  constructor(speaker: SpeakerConfig, config: SpeakerPeerConfig, deps: PeerDeps) {
    const { clock, random, turns, transport } = deps
    this.config = config
    this.#speaker = speaker
    this.#deps = deps
    const log = deps.log.child({ peer: config.name })
    this.#record = new PeerRecord(clock, log)
    this.#awaySinceMs = clock.monotonic()
    this.#flood = new FloodLimit(clock.monotonic())
    const session = sessionConfig(speaker, config, random)
    this.#sendHoldMs = withDefaults(session).sendHoldTimeSeconds * 1000
    this.#fsm = new PeerFsm(session)
    this.#timers = new SessionTimers(clock, (side, timer) => this.#perform(this.#fsm.expired(side, timer)))
    this.#advertiser = new Advertiser(speaker, config, { ...deps, log })
    this.#connections = new PeerConnections({
      transport,
      clock,
      turns,
      addresses: () => this.resolve(),
      onConnected: (number) => this.#perform(this.#fsm.connected(number)),
      onClosed: (number, reason) => this.#perform(this.#fsm.closed(number, reason)),
      onOctets: (number, octets) => this.#read(number, octets),
      onDrain: (number) => {
        this.#progressed(number)
        this.#advertiser.wake()
      },
      onGone: () => this.#reportIdle(),
    })
    if (config.remote.kind === 'address') this.#addresses = [config.remote.address]
  }

  /** Addresses it may connect from, as far as known. */
  get addresses(): readonly string[] {
    return this.#addresses
  }

  get state(): State {
    return this.#fsm.state
  }

  /** In a long pause, because the peer refused our number of prefixes. */
  get isDamped(): boolean {
    return this.#fsm.isDamped
  }

  start(): void {
    this.#perform(this.#fsm.start())
  }

  /** Takes over a connection that the peer opened, or closes it. */
  incoming(socket: PeerSocket): void {
    if (!this.#deps.transport.accept(socket)) {
      socket.destroy()
      return
    }
    const { connection, actions } = this.#fsm.incoming()
    if (connection === undefined) socket.destroy()
    else this.#connections.accept(connection, socket)
    this.#perform(actions)
  }

  /** Looks up the peer's name, if it has one, and answers with the peer's addresses. */
  async resolve(): Promise<readonly string[]> {
    const { remote } = this.config
    if (remote.kind !== 'hostname') return this.#addresses
    this.#addresses = await this.#deps.transport.lookUp(remote.hostname)
    for (const address of this.#addresses) this.#deps.onAddress(address, `BGP peer ${this.config.name}`)
    return this.#addresses
  }

  /**
   * Withdraws all routes. Routes that the peer kept from an earlier session cannot be withdrawn; the peer drops them at End-of-RIB (RFC 4724).
   * If such a peer has no session, this waits for one. Resolves when everything was handed to the kernel, or the session is gone; the caller
   * sets the time limit.
   */
  async withdraw(): Promise<void> {
    this.#advertiser.withdrawAll()
    if (this.#session === undefined && this.#mayKeepRoutes) {
      const retry = () => this.#perform(this.#fsm.start()) // ends a pause
      retry()
      const retrying = this.#deps.clock.every(WITHDRAW_RETRY_MS, retry)
      await new Promise<void>((resolve) => (this.#onSession = resolve))
      retrying.cancel()
    }
    await this.drained()
  }

  /** May a peer without a session still have routes of ours? It keeps them for the time that we asked for. */
  get #mayKeepRoutes(): boolean {
    const { gracefulRestartSeconds = 0, longLivedStaleSeconds = 0 } = this.#speaker
    if (gracefulRestartSeconds === 0 || this.config.gracefulRestart === false || this.isDamped) return false
    return this.#deps.clock.monotonic() - this.#awaySinceMs < (gracefulRestartSeconds + longLivedStaleSeconds) * 1000
  }

  /** Resolves when every UPDATE was handed to the kernel, or the session is gone. */
  async drained(): Promise<void> {
    await this.#advertiser.drained()
  }

  /** Ends the session and all attempts; the sockets close in the background. */
  stop(how: Stop): void {
    this.#hasStopped = true
    this.#perform(this.#fsm.stop(how))
    this.#timers.stopAll()
    this.#advertiser.stop()
    this.#onSession?.()
  }

  /** Does the peer keep our routes while we are away? */
  get keepsRoutes(): boolean {
    return this.#fsm.negotiated?.gracefulRestart !== undefined
  }

  /** Ends the session so that the peer keeps our routes, if that was agreed; else with a Cease. */
  gracefulStop(message: string): Stop {
    return this.keepsRoutes ? { type: 'preserve' } : farewell(message)
  }

  /** Resolves when no socket is closing any more. */
  async closed(): Promise<void> {
    await this.#connections.closed()
  }

  /** Destroys the sockets that have not closed by themselves. */
  destroySockets(): void {
    this.#connections.destroyAll()
  }

  /** Ends the session with Cease, Administrative Reset, or ends the pause, and starts again. */
  reset(): void {
    this.#perform(this.#fsm.reset(cease(CeaseSubcode.ADMINISTRATIVE_RESET)))
    this.#perform(this.#fsm.start())
  }

  /** Sends every route again, as if the peer had asked (RFC 2918); false without a session. */
  resend(): boolean {
    if (this.#session === undefined) return false
    this.#advertiser.resend()
    return true
  }

  routesOut(): IterableIterator<SentRoute> {
    return this.#advertiser.routesOut()
  }

  get confirming(): ConfirmingPeer {
    return this.#advertiser
  }

  has(prefix: string): boolean {
    return this.#advertiser.has(prefix)
  }

  status(): PeerStatus {
    const { config } = this
    const { bytesSent, ...sent } = this.#advertiser.counters()
    const { controlBytesSent, ...received } = this.#record.counters
    return {
      name: config.name,
      address: this.#session?.address ?? this.#addresses[0],
      port: config.port,
      asn: config.asn,
      localAsn: config.localAsn ?? this.#speaker.asn,
      passive: config.passive === true,
      ...this.#record.status(),
      ...this.#advertiser.status(),
      inFlightBytes: this.#session === undefined ? 0 : this.#deps.transport.inFlight(this.#session.socket),
      negotiated: this.#fsm.negotiated,
      withheldCapabilities: this.#fsm.withheldCapabilities,
      counters: { ...received, bytesSent: controlBytesSent + bytesSent, ...sent },
    }
  }

  #perform(actions: readonly PeerFsmAction[]): void {
    for (const action of actions)
      switch (action.type) {
        case 'connect':
          void this.#connections.connect(action.connection)
          break
        case 'send':
          this.#send(action.connection, action.bytes)
          break
        case 'close': {
          const silent = this.#connections.close(action.connection, action.abort)
          if (silent !== undefined && !this.#hasStopped) this.#record.unanswered(silent)
          break
        }
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
          if (action.subtype === RouteRefreshSubtype.request) this.#advertiser.refreshAsked(action.family)
          break
        case 'received':
          this.#record.received(action)
          break
        case 'ended':
          this.#ended(action)
          break
        case 'waiting':
          this.#record.waiting(action.seconds, action.damped)
          break
        case 'stateChanged':
          this.#record.stateChanged(action.from, action.to)
          break
      }
    this.#reportIdle()
  }

  #reportIdle(): void {
    if (this.#connections.isIdle && !this.#hasStopped) this.#deps.onIdle?.()
  }

  /** Reads some of what a connection received; true if more is left. */
  #read(number: number, octets: Uint8Array | undefined): boolean {
    if (!this.#connections.isWanted(number)) return false
    const idleBefore = this.#fsm.idleMessages(number)
    if (octets === undefined) this.#perform(this.#fsm.receiveMore(number, MESSAGES_PER_TURN))
    else {
      this.#record.counters.bytesReceived += octets.length
      this.#perform(this.#fsm.receive(number, octets, MESSAGES_PER_TURN))
    }
    this.#limitFlood(this.#fsm.idleMessages(number) - idleBefore)
    return this.#fsm.hasMore(number)
  }

  /** Too many messages that carry nothing end the session. */
  #limitFlood(messages: number): void {
    if (this.#session === undefined || messages <= 0) return
    const before = this.#flood.excess
    const rate = this.#flood.count(messages, this.#deps.clock.monotonic())
    if (rate === 'ordinary') return
    this.#record.flooded(this.#flood.excess - before, before === 0)
    if (rate === 'too many') this.#perform(this.#fsm.punish(FLOODED))
  }

  #send(number: number, bytes: Uint8Array): void {
    const unsent = this.#connections.write(number, bytes)
    if (unsent === undefined) return
    this.#record.counters.controlBytesSent += bytes.length
    if (unsent === 0) this.#progressed(number)
  }

  /** The kernel took some octets. The FSM hears of it once a second at most: with a KEEPALIVE every few seconds that is enough. */
  #progressed(number: number): void {
    const now = this.#deps.clock.monotonic()
    if (now - this.#progressNotedAt < 1000) return
    this.#progressNotedAt = now
    this.#perform(this.#fsm.progressed(number))
  }

  #established(number: number, negotiated: Negotiated): void {
    const connection = this.#connections.get(number)
    if (connection === undefined) return
    const { transport, clock, onAddress } = this.#deps
    const { socket, address } = connection
    this.#session = connection
    // RFC 9687 §3.2: ends the session if the peer stops reading. Not with a hold time of 0.
    if (negotiated.holdTimeSeconds > 0) transport.boundUnacknowledged(socket, this.#sendHoldMs)
    this.#flood = new FloodLimit(clock.monotonic())
    this.#record.established(address, negotiated, this.#fsm.withheldCapabilities)
    const addresses = { localAddress: plainAddress(socket.localAddress ?? ''), peerAddress: address }
    onAddress(addresses.localAddress, 'our own address')
    onAddress(addresses.peerAddress, `BGP peer ${this.config.name}`)
    this.#advertiser.open(socket, negotiated, addresses)
    this.#onSession?.()
  }

  #ended(ending: PeerFsmAction & { type: 'ended' }): void {
    if (ending.connection !== undefined && this.#session?.number === ending.connection) {
      this.#session = undefined
      this.#awaySinceMs = this.#deps.clock.monotonic()
      this.#advertiser.close()
    }
    this.#record.ended(ending, this.#hasStopped ? 'stopped' : this.#isSpare(ending) ? 'spare' : 'failed')
  }

  /** One of two connections was not needed (RFC 4271 §6.8): no failure while the other one goes on. */
  #isSpare({ from, deliberate, received }: PeerFsmAction & { type: 'ended' }): boolean {
    const isCollision = received?.code === ErrorCode.CEASE && received.subcode === CeaseSubcode.CONNECTION_COLLISION_RESOLUTION
    return from !== 'Established' && (deliberate === true || isCollision) && this.#fsm.state !== 'Idle'
  }
}

/** The end of a session on purpose: Cease, Administrative Shutdown, with a text for the other operator (RFC 9003). */
export function farewell(text: string): Stop {
  return { type: 'notify', error: cease(CeaseSubcode.ADMINISTRATIVE_SHUTDOWN, text) }
}

/** Messages read from a connection at a time. */
const MESSAGES_PER_TURN = 256
const FLOODED = new BgpError(
  ErrorCode.CEASE,
  CeaseSubcode.OUT_OF_RESOURCES,
  undefined,
  'the peer floods us with messages that carry nothing',
)
/** Pause between attempts to reach a peer that must still hear of withdrawals. */
const WITHDRAW_RETRY_MS = 500
