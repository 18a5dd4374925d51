/**
 * The speaker: all peers, and the listeners through which they reach us.
 *
 * Create it, load the table, call start(): OPENs go out when the table is complete, and End-of-RIB when the table is sent. From then on each
 * peer follows the table by itself. close() ends the sessions, by default so that peers that agreed to graceful restart keep our routes.
 */
import type { Socket } from 'node:net'
import { containsAddress, parseAddress, parsePrefix } from '@dnstap-bgp/ip'
import { plainAddress } from '@dnstap-bgp/net'
import type { CloseOptions, OutputStatus, RouteOutput } from '@dnstap-bgp/route-output'
import type { RouteTable } from '@dnstap-bgp/route-table'
import { RateLimitedLog, reasonOf, type Clock, type Log, type Timer } from '@dnstap-bgp/runtime'
import { DEFAULT_MAX_IN_FLIGHT_BYTES, type SpeakerConfig, type SpeakerPeerConfig } from './config.ts'
import type { ConfirmingPeer } from './confirmation.ts'
import { farewell, SpeakerPeer } from './peer.ts'
import { listenerDevice, PeerListeners } from './peer-listeners.ts'
import type { PeerStatus } from './peer-status.ts'
import type { SentRoute } from './sent-route.ts'
import { SendTurns } from './send-turns.ts'
import { loadSocketCalls, type SocketCalls } from './socket-calls.ts'
import { TcpTransport } from './tcp-transport.ts'
import type { Transport } from './transport.ts'

export interface SpeakerDeps {
  readonly clock: Clock
  readonly log: Log
  readonly table: RouteTable
  /** A random number from 0 up to, not including, 1, for jitter; default Math.random. */
  readonly random?: () => number
  /** Default TCP; for tests. */
  readonly transport?: (peer: SpeakerPeerConfig) => Transport
  /** Default loadSocketCalls; for tests. */
  readonly loadSocketCalls?: () => Promise<SocketCalls>
  /** An address in use that no route may cover: a peer's, or our own on a session. May be called again for the same address. */
  readonly onAddress?: (address: string, what: string) => void
  /** A confirmation that was incomplete may be complete now. */
  readonly onConfirming?: () => void
}

export interface SpeakerCloseOptions extends CloseOptions {
  /** The text of the Cease (RFC 9003). */
  readonly message?: string
}

export class BgpSpeaker implements RouteOutput {
  readonly #config: SpeakerConfig
  readonly #deps: SpeakerDeps
  readonly #turns: SendTurns
  #calls: SocketCalls | undefined
  #peers: SpeakerPeer[] = []
  /** Peers that connected from a configured range; by address. */
  readonly #dynamic = new Map<string, SpeakerPeer>()
  readonly #listeners: PeerListeners
  #callsFault: string | undefined
  #lookUps: Timer | undefined
  /** `leaving`: routes are being withdrawn; configured peers may still connect, to receive the withdrawals. */
  #state: 'new' | 'running' | 'leaving' | 'closed' = 'new'
  #starting: Promise<void> | undefined
  readonly #strangersLog: RateLimitedLog
  /** Connections refused since the start: from an address that no peer has, or without an option that the peer must have. */
  refusedConnections = 0

  constructor(config: SpeakerConfig, deps: SpeakerDeps) {
    this.#config = config
    this.#deps = deps
    this.#turns = new SendTurns(deps.clock)
    this.#strangersLog = new RateLimitedLog(deps.log, deps.clock)
    this.#listeners = new PeerListeners(config, {
      ...deps,
      onConnection: (socket, hasKey) => this.#incoming(socket, hasKey),
      onLateListener: () => void this.#lookUp(),
    })
  }

  /** Call it when the table is loaded. If it cannot listen or set a socket option, `fault` says so, and everything else goes on. */
  async start(): Promise<void> {
    if (this.#state !== 'new') throw new Error('a speaker is started once')
    this.#state = 'running'
    this.#starting = this.#open()
    await this.#starting
  }

  async #open(): Promise<void> {
    this.#calls = await this.#loadCalls()
    if (this.#isClosed) return
    for (const config of this.#config.peers)
      if (config.remote.kind !== 'prefix') this.#peers.push(new SpeakerPeer(this.#config, config, this.#peerDeps(config)))
    await this.#listeners.start(this.#calls)
    if (this.#isClosed) return
    if (this.#config.listen !== undefined && this.#peers.some((peer) => peer.config.remote.kind === 'hostname')) {
      this.#lookUps = this.#deps.clock.every(LOOKUP_PERIOD_MS, () => void this.#lookUp())
      void this.#lookUp()
    }
    for (const peer of this.#peers) peer.start()
  }

  /** Sentences: why some peers cannot reach us, or we them, whatever the peers do. */
  get fault(): string | undefined {
    const faults = [this.#callsFault, ...this.#listeners.faults].filter((one) => one !== undefined)
    return faults.length === 0 ? undefined : faults.join(' ')
  }

  /** Where we listen, after start(). */
  get listeners(): readonly { readonly address: string; readonly port: number }[] {
    return this.#listeners.addresses
  }

  status(): OutputStatus {
    const receivers = this.peers().map(({ name, state, prefixesOut, tableSent, queued }) => ({
      name,
      isUp: state === 'Established',
      routes: prefixesOut.ipv4 + prefixesOut.ipv6,
      isComplete: tableSent && queued === 0,
    }))
    return { receivers, fault: this.fault }
  }

  peers(): PeerStatus[] {
    return this.#all().map((peer) => peer.status())
  }

  /** The routes as a peer was sent them, by the peer's name; undefined if there is no such peer. */
  routesOut(peerName: string): IterableIterator<SentRoute> | undefined {
    return this.#named(peerName)?.routesOut()
  }

  receiversWith(prefix: string): string[] {
    return this.#all()
      .filter((peer) => peer.has(prefix))
      .map((peer) => peer.config.name)
  }

  /** Is any peer marked to confirm? */
  get confirms(): boolean {
    return this.#config.peers.some((peer) => peer.confirm === true)
  }

  /** The peers that confirm, with a session or without. */
  *confirmingPeers(): IterableIterator<ConfirmingPeer> {
    for (const peer of this.#all()) if (peer.config.confirm === true) yield peer.confirming
  }

  /** Ends the session with a peer and starts again without a pause; false if there is no such peer. */
  reset(peerName: string): boolean {
    const peer = this.#named(peerName)
    peer?.reset()
    return peer !== undefined
  }

  /** Sends a peer all of its routes again; false if there is no session with such a peer. */
  resend(peerName: string): boolean {
    return this.#named(peerName)?.resend() === true
  }

  async close(options: SpeakerCloseOptions = {}): Promise<void> {
    if (this.#isClosed) return
    // Routers may still keep routes from before our start, even if no session came up since.
    if (options.withdraw === true) await (this.#state === 'new' ? this.start() : this.#starting)
    if (this.#isClosed) return
    this.#state = options.withdraw === true ? 'leaving' : 'closed'
    this.#lookUps?.cancel()
    this.#listeners.stopRetrying()
    const peers = this.#all()
    if (options.withdraw === true)
      await this.#within(
        WITHDRAW_PATIENCE_MS,
        peers.map((peer) => peer.withdraw()),
      )
    // The table goes out first: a route that a peer has not received yet would be missing until we are back.
    else
      await this.#within(
        DRAIN_PATIENCE_MS,
        peers.filter((peer) => peer.keepsRoutes).map((peer) => peer.drained()),
      )
    this.#state = 'closed'
    this.#listeners.close()
    const message = options.message ?? 'dnstap-bgp stops'
    for (const peer of peers) peer.stop(options.withdraw === true ? farewell(message) : peer.gracefulStop(message))
    // A slow peer that finds the connection closed may drop octets that it has not read, and the withdrawals with them: GoBGP does.
    await this.#within(
      options.withdraw === true ? FAREWELL_PATIENCE_MS : CLOSE_PATIENCE_MS,
      peers.map((peer) => peer.closed()),
    )
    for (const peer of peers) peer.destroySockets()
  }

  /** As if the process were killed: destroys the sockets without a NOTIFICATION. */
  abandon(): void {
    this.#state = 'closed'
    this.#lookUps?.cancel()
    this.#listeners.close()
    for (const peer of this.#all()) {
      peer.destroySockets()
      peer.stop({ type: 'preserve' })
    }
  }

  /** close() may be called while start() waits. */
  get #isClosed(): boolean {
    return this.#state === 'leaving' || this.#state === 'closed'
  }

  #all(): SpeakerPeer[] {
    return [...this.#peers, ...this.#dynamic.values()]
  }

  #named(name: string): SpeakerPeer | undefined {
    return this.#all().find((peer) => peer.config.name === name)
  }

  #peerDeps(config: SpeakerPeerConfig) {
    const { clock, log, table, random = Math.random, onAddress = () => {}, onConfirming } = this.#deps
    const maxInFlightBytes = Math.max(64 * 1024, this.#config.maxInFlightBytes ?? DEFAULT_MAX_IN_FLIGHT_BYTES)
    const transport = this.#deps.transport?.(config) ?? new TcpTransport(config, this.#calls, maxInFlightBytes)
    return { clock, log, table, random, onAddress, onConfirming, turns: this.#turns, transport, maxInFlightBytes }
  }

  async #loadCalls(): Promise<SocketCalls | undefined> {
    try {
      return await (this.#deps.loadSocketCalls ?? loadSocketCalls)()
    } catch (error) {
      const reason = reasonOf(error)
      const demanding = this.#config.peers.filter((peer) => wantedOption(peer) !== undefined)
      if (demanding.length > 0) {
        const wants = demanding.map((peer) => `${peer.name} wants ${wantedOption(peer)}`).join(', ')
        this.#callsFault = `No session with some peers: ${wants}, and socket options cannot be set: ${reason}.`
        this.#deps.log.error({}, this.#callsFault)
      } else
        this.#deps.log.warn(
          {},
          `Connections to peers have the system's TTL and send buffers, because socket options cannot be set: ${reason}`,
        )
      return undefined
    }
  }

  #incoming(socket: Socket, hasKey: (address: string) => boolean): void {
    const isRunning = this.#state === 'running'
    const address = plainAddress(socket.remoteAddress ?? '')
    const known = isRunning || this.#state === 'leaving' ? (this.#peerAt(address) ?? this.#dynamic.get(address)) : undefined
    const config = known?.config ?? (isRunning ? this.#rangeOf(address) : undefined)
    const refusal = config === undefined ? 'an address that no peer has' : this.#missingOption(config, hasKey(address))
    const peer = config === undefined || refusal !== undefined ? undefined : (known ?? this.#dynamicPeer(address, config))
    if (peer !== undefined) return peer.incoming(socket)
    socket.on('error', () => {})
    socket.destroy()
    this.refusedConnections++
    if (isRunning)
      this.#strangersLog.warn(
        { address },
        `A BGP connection was refused: it is from ${refusal ?? `a range that has ${MAX_DYNAMIC_PEERS} peers connected`}.`,
      )
  }

  /** The option that a connection of the peer must have and does not; undefined: none. GTSM is set after the connection is accepted. */
  #missingOption(peer: SpeakerPeerConfig, hasKey: boolean): string | undefined {
    const wanted = wantedOption(peer)
    if (this.#calls === undefined && wanted !== undefined) return `a peer that wants ${wanted}, which cannot be set`
    if (peer.password !== undefined && !hasKey) return 'a peer whose password the listener does not know'
    if (peer.device !== undefined && listenerDevice(this.#config.peers) !== peer.device)
      return 'a peer that may connect through its device only'
    return undefined
  }

  #peerAt(address: string): SpeakerPeer | undefined {
    const octets = parseAddress(address)
    const isSame = (text: string) => text === address || sameOctets(parseAddress(text), octets)
    const matching = this.#peers.filter((peer) => peer.addresses.some(isSame))
    // Several peers at one address differ by port, which an incoming connection does not show: take one without a session.
    return matching.find((peer) => peer.state !== 'Established') ?? matching[0]
  }

  /** The configuration of the range that contains the address. */
  #rangeOf(address: string): SpeakerPeerConfig | undefined {
    const octets = parseAddress(address)
    return this.#config.peers.find(({ remote }) => {
      const prefix = remote.kind === 'prefix' ? parsePrefix(remote.prefix) : undefined
      return prefix !== undefined && prefix.bytes.length === octets?.length && containsAddress(prefix, octets)
    })
  }

  #dynamicPeer(address: string, config: SpeakerPeerConfig): SpeakerPeer | undefined {
    if (this.#dynamic.size >= MAX_DYNAMIC_PEERS) return undefined
    const own: SpeakerPeerConfig = {
      ...config,
      name: `${config.name} ${address}`,
      remote: { kind: 'address', address },
      passive: true,
    }
    const peer = new SpeakerPeer(this.#config, own, {
      ...this.#peerDeps(own),
      onIdle: () => {
        // A damped peer is kept: connecting again must not end its pause.
        if (this.#dynamic.get(address) !== peer || peer.state === 'Established' || peer.isDamped) return
        this.#dynamic.delete(address)
        peer.stop(farewell(''))
      },
    })
    peer.start()
    this.#dynamic.set(address, peer)
    return peer
  }

  /** Looks up the names of peers: from these addresses they may connect, and with the peer's key. */
  async #lookUp(): Promise<void> {
    for (const peer of this.#peers) {
      if (peer.config.remote.kind !== 'hostname' || this.#state !== 'running') continue
      const addresses = await peer.resolve().catch(() => [])
      const { password } = peer.config
      if (password === undefined || this.#calls === undefined) continue
      for (const address of addresses) this.#listeners.setKey(peer.config.name, { address, password })
    }
  }

  /** Waits for all, up to the time limit. */
  async #within(limitMs: number, promises: readonly Promise<void>[]): Promise<void> {
    let timer: Timer | undefined
    const limit = new Promise<void>((resolve) => (timer = this.#deps.clock.after(limitMs, resolve)))
    await Promise.race([Promise.all(promises), limit])
    timer?.cancel()
  }
}

const LOOKUP_PERIOD_MS = 60_000
/** GoBGP refuses connections for 6 s after it lost a session. */
const WITHDRAW_PATIENCE_MS = 8000
const DRAIN_PATIENCE_MS = 5000
const CLOSE_PATIENCE_MS = 2000
/** Together with the time to withdraw, less than the 15 s that a stop may take. */
const FAREWELL_PATIENCE_MS = 5000
const MAX_DYNAMIC_PEERS = 256

/** A configured option that must not be left out, for messages. */
function wantedOption(peer: SpeakerPeerConfig): string | undefined {
  if (peer.password !== undefined) return 'a TCP MD5 password'
  if (peer.ttlSecurityHops !== undefined) return 'TTL security'
  return peer.device === undefined ? undefined : 'to be bound to a device'
}

function sameOctets(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && a.length === b.length && a.every((octet, i) => octet === b[i])
}
