/**
 * The listeners through which peers reach us. One that cannot listen (another program has the port, the address does not exist yet) is
 * tried again until it can; `fault` says so meanwhile.
 */
import type { Socket } from 'node:net'
import { reasonOf, Timers, type Clock, type Log } from '@dnstap-bgp/runtime'
import type { SpeakerConfig, SpeakerPeerConfig } from './config.ts'
import { isNoSuchFamily, type SocketCalls } from './socket-calls.ts'
import { listenTcp, type Md5Key, type TcpListener } from './tcp.ts'

export interface PeerListenersDeps {
  readonly clock: Clock
  readonly log: Log
  /** `hasKey`: does the listener have a TCP MD5 key for an address? */
  readonly onConnection: (socket: Socket, hasKey: (address: string) => boolean) => void
  /** A listener came up later than start(): it has no keys yet for peers that are known by name. */
  readonly onLateListener: () => void
}

export class PeerListeners {
  readonly #config: SpeakerConfig
  readonly #deps: PeerListenersDeps
  #calls: SocketCalls | undefined
  #listeners: TcpListener[] = []
  /** Why we do not listen, by address. */
  readonly #faults = new Map<string, string>()
  readonly #timers: Timers
  #isClosed = false

  constructor(config: SpeakerConfig, deps: PeerListenersDeps) {
    this.#config = config
    this.#deps = deps
    this.#timers = new Timers(deps.clock)
  }

  /** Without `calls` the listeners are plain: peers that must have a socket option are refused, the others come in. */
  async start(calls: SocketCalls | undefined): Promise<void> {
    this.#calls = calls
    const { listen } = this.#config
    if (listen === undefined) return
    const addresses = listen.host === undefined ? ['0.0.0.0', '::'] : [listen.host]
    await Promise.all(addresses.map((address) => this.#listenAt(address, listen.port)))
  }

  /** Where we listen. */
  get addresses(): readonly { readonly address: string; readonly port: number }[] {
    return this.#listeners
  }

  /** Sentences: where we do not listen, and why. */
  get faults(): readonly string[] {
    return [...this.#faults.values()]
  }

  setKey(peer: string, key: Md5Key): void {
    for (const listener of this.#listeners)
      try {
        listener.setKey(key)
      } catch (error) {
        this.#deps.log.warn({ peer, reason: reasonOf(error) }, 'The TCP MD5 key of a peer could not be set on the listener.')
      }
  }

  close(): void {
    this.stopRetrying()
    for (const listener of this.#listeners) listener.close()
  }

  /** Stops trying to listen; the listeners stay. */
  stopRetrying(): void {
    this.#isClosed = true
    this.#timers.close()
  }

  async #listenAt(address: string, port: number): Promise<void> {
    const { log, onConnection, onLateListener } = this.#deps
    const { peers, listen } = this.#config
    const where = `${address} port ${port}`
    try {
      const hasCalls = this.#calls !== undefined
      const device = hasCalls ? listenerDevice(peers) : undefined
      const hasGtsm = peers.some((peer) => peer.ttlSecurityHops !== undefined)
      const useCalls = hasCalls && (hasGtsm || device !== undefined || peers.some((peer) => peer.password !== undefined))
      const listener = await listenTcp(
        { address, port, ttl: hasGtsm ? 255 : undefined, device, keys: peers.flatMap(md5Keys), useCalls },
        this.#calls,
        onConnection,
        (error) => log.warn({}, `The BGP listener failed: ${error.message}`),
      )
      if (this.#isClosed) return listener.close()
      this.#listeners.push(listener)
      if (this.#faults.delete(address)) log.info({}, `BGP listens at ${where}.`)
    } catch (error) {
      if (this.#isClosed || (listen?.host === undefined && isNoSuchFamily(error))) return
      const fault = `BGP does not listen at ${where}: ${reasonOf(error)}.`
      if (this.#faults.get(address) !== fault) log.error({}, fault)
      this.#faults.set(address, fault)
      this.#timers.after(RETRY_MS, () => void this.#listenAt(address, port).then(onLateListener))
    }
  }
}

/**
 * The device that the listener is bound to, if all peers have the same. If they differ, a passive peer with a device could come in through
 * another device: an error.
 */
export function listenerDevice(peers: readonly SpeakerPeerConfig[]): string | undefined {
  const devices = new Set(peers.map((peer) => peer.device))
  const stuck = peers.find((peer) => peer.passive === true && peer.device !== undefined)
  if (devices.size > 1 && stuck !== undefined)
    throw new Error(
      `peer ${stuck.name} waits on device ${stuck.device}, but there is one listener, and other peers have another device or none`,
    )
  return devices.size === 1 ? [...devices][0] : undefined
}

function md5Keys(peer: SpeakerPeerConfig): Md5Key[] {
  if (peer.password === undefined) return []
  const { password, remote } = peer
  if (remote.kind === 'address') return [{ address: remote.address, password }]
  const [address, length] = remote.kind === 'prefix' ? remote.prefix.split('/') : []
  return address === undefined ? [] : [{ address, prefixLength: Number(length), password }]
}

const RETRY_MS = 10_000
