/**
 * The speaker: all peers, and the listeners through which they reach us.
 *
 * Make it, load the table, start() it: the OPEN goes out when the table is whole, and End-of-RIB when it is sent. From then on each
 * peer follows the table by itself. close() ends it, by default so that routes stay with peers that agreed to graceful restart.
 */
import type { Socket } from 'node:net'
import { containsAddress, parseAddress, parsePrefix } from '@dnstap-bgp/ip'
import type { RouteTable } from '@dnstap-bgp/route-table'
import { RateLimitedLog, type Clock, type Log, type Timer } from '@dnstap-bgp/runtime'
import type { SpeakerConfig, SpeakerPeerConfig } from './config.ts'
import { farewell, plainAddress, SpeakerPeer } from './peer.ts'
import type { PeerStatus } from './peer-status.ts'
import type { SentRoute } from './sent-route.ts'
import { SendTurns } from './send-turns.ts'
import { isNoSuchFamily, loadSocketCalls, type SocketCalls } from './socket-calls.ts'
import { listenTcp, type Md5Key, type TcpListener } from './tcp.ts'

export interface SpeakerDeps {
  readonly clock: Clock
  readonly log: Log
  readonly table: RouteTable
  /** A number from 0 up to, not including, 1; default Math.random. For jitter. */
  readonly dice?: () => number
  /** Default loadSocketCalls; for tests. */
  readonly loadSocketCalls?: () => Promise<SocketCalls>
  /** An address in use that no route may catch: of a peer, or our own on a session. Told more than once. */
  readonly onAddress?: (address: string, what: string) => void
}

export interface CloseOptions {
  /** Withdraw the routes first; default: leave them with whoever agreed to keep them. */
  readonly withdraw?: boolean
  /** What peers are told in the Cease (RFC 9003). */
  readonly message?: string
}

export class BgpSpeaker {
  readonly #config: SpeakerConfig
  readonly #deps: SpeakerDeps
  readonly #turns: SendTurns
  #calls: SocketCalls | undefined
  #peers: SpeakerPeer[] = []
  /** Peers that connected out of a configured range; by address. */
  readonly #dynamic = new Map<string, SpeakerPeer>()
  #listeners: TcpListener[] = []
  /** Addresses where we should listen and cannot: why. */
  readonly #listenFaults = new Map<string, string>()
  #callsFault: string | undefined
  readonly #timers = new Set<Timer>()
  /** `leaving`: routes are being withdrawn, and peers that we know may still connect to hear of it. */
  #state: 'new' | 'running' | 'leaving' | 'closed' = 'new'
  #starting: Promise<void> | undefined
  readonly #strangersLog: RateLimitedLog
  /** Connections turned away since the start: from addresses that no peer has, or without an option that the peer must have. */
  refusedConnections = 0

  constructor(config: SpeakerConfig, deps: SpeakerDeps) {
    this.#config = config
    this.#deps = deps
    this.#turns = new SendTurns(deps.clock)
    this.#strangersLog = new RateLimitedLog(deps.log, deps.clock)
  }

  /** Call it when the table is loaded. What it cannot do (listen, an option of sockets) it says in `fault`, and does the rest. */
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
      if (config.remote.kind !== 'prefix') this.#peers.push(new SpeakerPeer(this.#config, config, this.#peerDeps()))
    await this.#listen()
    if (this.#isClosed) return
    if (this.#config.listen !== undefined && this.#peers.some((peer) => peer.config.remote.kind === 'hostname')) {
      this.#timers.add(this.#deps.clock.every(LOOKUP_PERIOD_MS, () => void this.#lookUp()))
      void this.#lookUp()
    }
    for (const peer of this.#peers) peer.start()
  }

  /** What keeps peers from reaching us, or us from reaching peers, whatever they do; as a sentence. */
  get fault(): string | undefined {
    const faults = [this.#callsFault, ...this.#listenFaults.values()].filter((one) => one !== undefined)
    return faults.length === 0 ? undefined : faults.join(' ')
  }

  /** Where we listen, after start(). */
  get listeners(): readonly { readonly address: string; readonly port: number }[] {
    return this.#listeners
  }

  peers(): PeerStatus[] {
    return this.#all().map((peer) => peer.status())
  }

  /** What a peer has from us, as it was told it, by the peer's name; undefined when there is no such peer. */
  routesOut(peerName: string): IterableIterator<SentRoute> | undefined {
    return this.#named(peerName)?.routesOut()
  }

  /** Names of the peers that have a prefix from us. */
  peersWith(prefix: string): string[] {
    return this.#all()
      .filter((peer) => peer.has(prefix))
      .map((peer) => peer.config.name)
  }

  /** Ends the session with a peer and begins anew, without a pause; false when there is no such peer. */
  reset(peerName: string): boolean {
    const peer = this.#named(peerName)
    peer?.reset()
    return peer !== undefined
  }

  /** Sends a peer all of its routes once more; false when there is no session with such a peer. */
  resend(peerName: string): boolean {
    return this.#named(peerName)?.resend() === true
  }

  async close(options: CloseOptions = {}): Promise<void> {
    if (this.#isClosed) return
    // Routers may keep routes of our last life, whether or not we came to open a session in this one.
    if (options.withdraw === true) await (this.#state === 'new' ? this.start() : this.#starting)
    if (this.#isClosed) return
    this.#state = options.withdraw === true ? 'leaving' : 'closed'
    for (const timer of this.#timers) timer.cancel()
    const peers = this.#all()
    if (options.withdraw === true)
      await this.#within(
        WITHDRAW_PATIENCE_MS,
        peers.map((peer) => peer.withdraw()),
      )
    // What a peer has not heard yet is missing there until we are back: the table goes out first.
    else
      await this.#within(
        DRAIN_PATIENCE_MS,
        peers.filter((peer) => peer.keepsRoutes).map((peer) => peer.drained()),
      )
    this.#state = 'closed'
    for (const listener of this.#listeners) listener.close()
    const message = options.message ?? 'dnstap-bgp stops'
    for (const peer of peers) peer.stop(options.withdraw === true ? farewell(message) : peer.gracefulStop(message))
    // A peer that is slow and finds the connection gone may drop what it has not read, the withdrawals with it: GoBGP does.
    await this.#within(
      options.withdraw === true ? FAREWELL_PATIENCE_MS : CLOSE_PATIENCE_MS,
      peers.map((peer) => peer.closed()),
    )
    for (const peer of peers) peer.destroySockets()
  }

  /** As if the process were killed: sockets are cut, nobody is told. */
  abandon(): void {
    this.#state = 'closed'
    for (const timer of this.#timers) timer.cancel()
    for (const listener of this.#listeners) listener.close()
    for (const peer of this.#all()) {
      peer.destroySockets()
      peer.stop({ type: 'preserve' })
    }
  }

  /** A close() may come while start() waits. */
  get #isClosed(): boolean {
    return this.#state === 'leaving' || this.#state === 'closed'
  }

  #all(): SpeakerPeer[] {
    return [...this.#peers, ...this.#dynamic.values()]
  }

  #named(name: string): SpeakerPeer | undefined {
    return this.#all().find((peer) => peer.config.name === name)
  }

  #peerDeps() {
    const { clock, log, table, dice = Math.random, onAddress = () => {} } = this.#deps
    return { clock, log, table, dice, onAddress, turns: this.#turns, calls: this.#calls }
  }

  async #loadCalls(): Promise<SocketCalls | undefined> {
    try {
      return await (this.#deps.loadSocketCalls ?? loadSocketCalls)()
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      const demanding = this.#config.peers.filter((peer) => wantedOption(peer) !== undefined)
      if (demanding.length > 0) {
        const wants = demanding.map((peer) => `${peer.name} wants ${wantedOption(peer)}`).join(', ')
        this.#callsFault = `No session with some peers: ${wants}, and that cannot be had: ${reason}.`
        this.#deps.log.error({}, this.#callsFault)
      } else this.#deps.log.warn({}, `connections to peers have the system's TTL, and its bounds on what waits: ${reason}`)
      return undefined
    }
  }

  async #listen(): Promise<void> {
    const { listen } = this.#config
    if (listen === undefined) return
    const addresses = listen.host === undefined ? ['0.0.0.0', '::'] : [listen.host]
    await Promise.all(addresses.map((address) => this.#listenAt(address, listen.port)))
  }

  /** Listens at an address; where that is not possible now, tries again until it is: somebody may have the port, or the address is to come. */
  async #listenAt(address: string, port: number): Promise<void> {
    const { log, clock } = this.#deps
    const { peers } = this.#config
    const where = `${address} port ${port}`
    try {
      // Without the calls it is a plain listener: who must have an option is refused there, and the others come in.
      const hasCalls = this.#calls !== undefined
      const device = hasCalls ? listenerDevice(peers) : undefined
      const hasGtsm = peers.some((peer) => peer.ttlSecurityHops !== undefined)
      const useCalls = hasCalls && (hasGtsm || device !== undefined || peers.some((peer) => peer.password !== undefined))
      const listener = await listenTcp(
        { address, port, ttl: hasGtsm ? 255 : undefined, device, keys: peers.flatMap(md5Keys), useCalls },
        this.#calls,
        (socket, hasKey) => this.#incoming(socket, hasKey),
        (error) => log.warn({}, `the BGP listener: ${error.message}`),
      )
      if (this.#isClosed) return listener.close()
      this.#listeners.push(listener)
      if (this.#listenFaults.delete(address)) log.info({}, `BGP listens at ${where}.`)
    } catch (error) {
      if (this.#isClosed || (this.#config.listen?.host === undefined && isNoSuchFamily(error))) return
      const fault = `BGP does not listen at ${where}: ${error instanceof Error ? error.message : String(error)}.`
      if (this.#listenFaults.get(address) !== fault) log.error({}, fault)
      this.#listenFaults.set(address, fault)
      const timer = clock.after(LISTEN_RETRY_MS, () => {
        this.#timers.delete(timer)
        void this.#listenAt(address, port).then(() => this.#lookUp()) // keys of peers by name, for a listener that is new
      })
      this.#timers.add(timer)
    }
  }

  #incoming(socket: Socket, hasKey: (address: string) => boolean): void {
    const isRunning = this.#state === 'running'
    const address = plainAddress(socket.remoteAddress ?? '')
    const known = isRunning || this.#state === 'leaving' ? (this.#peerAt(address) ?? this.#dynamic.get(address)) : undefined
    const config = known?.config ?? (isRunning ? this.#rangeOf(address) : undefined)
    const refusal = config === undefined ? 'an address that no peer has' : this.#whatIsMissing(config, hasKey(address))
    const peer = config === undefined || refusal !== undefined ? undefined : (known ?? this.#dynamicPeer(address, config))
    if (peer !== undefined) return peer.incoming(socket)
    socket.on('error', () => {})
    socket.destroy()
    this.refusedConnections++
    if (isRunning)
      this.#strangersLog.warn(
        { address },
        `a BGP connection from ${refusal ?? 'one more peer of a range than there is room for'}`,
      )
  }

  /** Why a connection of the peer does not have what it must have; undefined: it has. GTSM is seen to once it is accepted. */
  #whatIsMissing(peer: SpeakerPeerConfig, hasKey: boolean): string | undefined {
    const wanted = wantedOption(peer)
    if (this.#calls === undefined && wanted !== undefined) return `a peer that wants ${wanted}, which cannot be had`
    if (peer.password !== undefined && !hasKey) return 'a peer whose password the listener does not know'
    if (peer.device !== undefined && listenerDevice(this.#config.peers) !== peer.device)
      return 'a peer that may come in by its device only'
    return undefined
  }

  #peerAt(address: string): SpeakerPeer | undefined {
    const octets = parseAddress(address)
    const isIt = (text: string) => text === address || sameOctets(parseAddress(text), octets)
    const matching = this.#peers.filter((peer) => peer.addresses.some(isIt))
    // Several peers at one address differ by port, which a connection from there does not show: whoever needs it most.
    return matching.find((peer) => peer.state !== 'Established') ?? matching[0]
  }

  /** What was configured for the range that the address is in. */
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
      ...this.#peerDeps(),
      onIdle: () => {
        // Held, it is remembered: connecting anew must not shorten that.
        if (this.#dynamic.get(address) !== peer || peer.state === 'Established' || peer.isDamped) return
        this.#dynamic.delete(address)
        peer.stop(farewell(''))
      },
    })
    peer.start()
    this.#dynamic.set(address, peer)
    return peer
  }

  /** Names of peers that connect to us: who may, and with which key. */
  async #lookUp(): Promise<void> {
    for (const peer of this.#peers) {
      if (peer.config.remote.kind !== 'hostname' || this.#state !== 'running') continue
      const addresses = await peer.resolve().catch(() => [])
      const { password } = peer.config
      if (password === undefined || this.#calls === undefined) continue
      for (const listener of this.#listeners)
        for (const address of addresses)
          try {
            listener.setKey({ address, password })
          } catch (error) {
            this.#deps.log.warn(
              { peer: peer.config.name, reason: String(error) },
              'the key of a peer could not be set on the listener',
            )
          }
    }
  }

  /** Waits for all, but not for ever. */
  async #within(patienceMs: number, promises: readonly Promise<void>[]): Promise<void> {
    let timer: Timer | undefined
    const patience = new Promise<void>((resolve) => (timer = this.#deps.clock.after(patienceMs, resolve)))
    await Promise.race([Promise.all(promises), patience])
    timer?.cancel()
  }
}

/**
 * The device that the listener is bound to: that of all peers alike. A peer bound to a device must not come in by another one, so where
 * they differ it may not come in at all; see #incoming.
 */
function listenerDevice(peers: readonly SpeakerPeerConfig[]): string | undefined {
  const devices = new Set(peers.map((peer) => peer.device))
  const stuck = peers.find((peer) => peer.passive === true && peer.device !== undefined)
  if (devices.size > 1 && stuck !== undefined)
    throw new Error(
      `peer ${stuck.name} waits on device ${stuck.device}, but there is one listener, and other peers have another device or none`,
    )
  return devices.size === 1 ? [...devices][0] : undefined
}

const LOOKUP_PERIOD_MS = 60_000
/** GoBGP lets nobody in for 6 s after it lost a session. */
const WITHDRAW_PATIENCE_MS = 8000
const DRAIN_PATIENCE_MS = 5000
const CLOSE_PATIENCE_MS = 2000
/** With the time to withdraw this is less than the 15 s that a stop may take in all. */
const FAREWELL_PATIENCE_MS = 5000
const LISTEN_RETRY_MS = 10_000
const MAX_DYNAMIC_PEERS = 256

/** An option that must not be left out, in words. */
function wantedOption(peer: SpeakerPeerConfig): string | undefined {
  if (peer.password !== undefined) return 'a TCP MD5 password'
  if (peer.ttlSecurityHops !== undefined) return 'TTL security'
  return peer.device === undefined ? undefined : 'to be bound to a device'
}

function md5Keys(peer: SpeakerPeerConfig): Md5Key[] {
  if (peer.password === undefined) return []
  const { password, remote } = peer
  if (remote.kind === 'address') return [{ address: remote.address, password }]
  const [address, length] = remote.kind === 'prefix' ? remote.prefix.split('/') : []
  return address === undefined ? [] : [{ address, prefixLength: Number(length), password }]
}

function sameOctets(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && a.length === b.length && a.every((octet, i) => octet === b[i])
}
