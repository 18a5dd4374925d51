/**
 * Two PeerFsms linked in memory under a clock that only moves when told: a network that carries octets with a delay, may hold them back,
 * lose connections or refuse them, and the dullest driver there can be. Every test that needs two ends uses it.
 */
import { decodeMessage } from '@dnstap-bgp/bgp-wire'
import { dice } from '@dnstap-bgp/testkit'
import { PeerFsm } from '../src/index.ts'
import type { PeerFsmAction, SessionConfig } from '../src/index.ts'

interface Scheduled {
  readonly at: number
  readonly order: number
  readonly what: () => void
}

export class World {
  now = 0
  readonly random: () => number
  #order = 0
  #queue: Scheduled[] = []

  constructor(seed = 1) {
    this.random = dice(seed)
  }

  after(seconds: number, what: () => void): () => void {
    const entry = { at: this.now + seconds, order: this.#order++, what }
    this.#queue.push(entry)
    return () => (this.#queue = this.#queue.filter((one) => one !== entry))
  }

  /** Lets this much time pass. */
  run(seconds: number): void {
    const until = this.now + seconds
    for (;;) {
      const next = this.#queue.filter((one) => one.at <= until).sort((a, b) => a.at - b.at || a.order - b.order)[0]
      if (next === undefined) break
      this.#queue = this.#queue.filter((one) => one !== next)
      this.now = next.at
      next.what()
    }
    this.now = until
  }
}

/** One end of a TCP connection. */
interface End {
  readonly host: Host
  readonly connection: number
  other: End | undefined
  isOpen: boolean
  lastDelivery: number
}

export class Host {
  readonly name: string
  readonly world: World
  readonly fsm: PeerFsm
  peer: Host | undefined
  /** Everything the PeerFsm asked for, with the time. */
  readonly log: (PeerFsmAction & { at: number })[] = []
  /** Refuses connections. */
  isDown = false
  /** As by SIGSTOP: what happens meanwhile happens to it when it thaws; its TCP goes on. */
  isFrozen = false
  #missed: (() => void)[] = []
  /** Seconds, drawn for each delivery. */
  latency: () => number = () => 0.01
  readonly #ends = new Map<number, End>()
  readonly #timers = new Map<string, () => void>()

  constructor(name: string, world: World, config: Omit<SessionConfig, 'jitter'>) {
    this.name = name
    this.world = world
    this.fsm = new PeerFsm({ ...config, jitter: world.random })
  }

  get openConnections(): number[] {
    return [...this.#ends.values()].filter((end) => end.isOpen).map((end) => end.connection)
  }

  get runningTimers(): string[] {
    return [...this.#timers.keys()]
  }

  actions<Type extends PeerFsmAction['type']>(type: Type): (Extract<PeerFsmAction, { type: Type }> & { at: number })[] {
    return this.log.filter((one): one is Extract<PeerFsmAction, { type: Type }> & { at: number } => one.type === type)
  }

  /** NOTIFICATIONs sent, as `code/subcode`. */
  notifications(): string[] {
    return this.actions('send')
      .filter((one) => one.message === 'NOTIFICATION')
      .map(({ bytes }) => `${bytes[19]}/${bytes[20]}`)
  }

  start(): void {
    this.do(this.fsm.start())
  }

  do(actions: readonly PeerFsmAction[]): void {
    for (const action of actions) {
      this.log.push({ ...action, at: this.world.now })
      switch (action.type) {
        case 'connect':
          this.#connect(action.connection)
          break
        case 'send':
          this.write(action.connection, action.bytes)
          break
        case 'close':
          this.#close(action.connection)
          break
        case 'startTimer': {
          const key = `${action.side} ${action.timer}`
          this.#timers.get(key)?.()
          this.#timers.set(
            key,
            this.world.after(action.seconds, () => {
              this.#timers.delete(key)
              this.#whenAwake(() => this.do(this.fsm.expired(action.side, action.timer)))
            }),
          )
          break
        }
        case 'stopTimer': {
          const key = `${action.side} ${action.timer}`
          if (!this.#timers.has(key)) throw new Error(`${this.name} stops ${key}, which does not run`)
          this.#timers.get(key)?.()
          this.#timers.delete(key)
          break
        }
        default:
      }
    }
  }

  write(connection: number, bytes: Uint8Array): void {
    const end = this.#ends.get(connection)
    if (end === undefined || !end.isOpen) throw new Error(`${this.name} writes to connection ${connection}, which is not open`)
    const cut = Math.floor(this.world.random() * bytes.length)
    for (const part of [bytes.slice(0, cut), bytes.slice(cut)]) {
      if (part.length > 0) this.#deliver(end, (other) => other.host.#receive(other, part, end))
    }
  }

  thaw(): void {
    this.isFrozen = false
    for (const what of this.#missed.splice(0)) what()
  }

  #whenAwake(what: () => void): void {
    if (this.isFrozen) this.#missed.push(what)
    else what()
  }

  /** Its power fails: nothing is heard of it any more, and its peers do not learn why. */
  vanish(): void {
    for (const stop of this.#timers.values()) stop()
    this.#timers.clear()
    this.isFrozen = true
    for (const end of this.#ends.values()) {
      end.isOpen = false
      end.other = undefined
    }
  }

  #receive(end: End, bytes: Uint8Array, from: End): void {
    if (this.isFrozen) {
      this.#missed.push(() => this.#receive(end, bytes, from))
      return
    }
    if (!end.isOpen) return
    if (from.isOpen) from.host.do(from.host.fsm.progressed(from.connection))
    this.do(this.fsm.receive(end.connection, bytes))
  }

  #connect(connection: number): void {
    const { peer, world } = this
    if (peer === undefined) throw new Error('nobody to connect to')
    const end: End = { host: this, connection, other: undefined, isOpen: false, lastDelivery: world.now }
    this.#ends.set(connection, end)
    world.after(this.latency(), () => {
      if (this.#ends.get(connection) !== end) return // given up meanwhile
      const { connection: theirs, actions } =
        peer.isDown || peer.isFrozen ? { connection: undefined, actions: [] } : peer.fsm.incoming()
      if (theirs === undefined) {
        peer.do(actions)
        world.after(this.latency(), () => this.do(this.fsm.closed(connection, 'connection refused')))
        return
      }
      const other: End = { host: peer, connection: theirs, other: end, isOpen: true, lastDelivery: world.now }
      peer.#ends.set(theirs, other)
      end.other = other
      // The connecting end knows first, as the SYN+ACK precedes what is written.
      other.lastDelivery = world.now + this.latency()
      world.after(other.lastDelivery - world.now, () => {
        if (this.#ends.get(connection) !== end) {
          world.after(this.latency(), () => peer.#closed(other))
          return
        }
        if (end.other === undefined) return
        end.isOpen = true
        this.do(this.fsm.connected(connection))
      })
      peer.do(actions)
    })
  }

  #close(connection: number): void {
    const end = this.#ends.get(connection)
    if (end === undefined) return
    this.#ends.delete(connection)
    this.#deliver(end, (other) => other.host.#whenAwake(() => other.host.#closed(other)))
    end.isOpen = false
  }

  #closed(end: End): void {
    if (!end.isOpen) return
    end.isOpen = false
    this.#ends.delete(end.connection)
    this.do(this.fsm.closed(end.connection))
  }

  #deliver(end: End, what: (other: End) => void): void {
    const { other } = end
    if (other === undefined) return
    // TCP keeps the order.
    end.lastDelivery = Math.max(end.lastDelivery, this.world.now + this.latency())
    this.world.after(end.lastDelivery - this.world.now, () => what(other))
  }
}

export interface Pair {
  readonly world: World
  readonly a: Host
  readonly b: Host
}

const TIMES = { holdTimeSeconds: 90, connectRetrySeconds: 30 }
export const A: Omit<SessionConfig, 'jitter'> = { localAsn: 64496, peerAsn: 64496, bgpIdentifier: 0xc0000201, ...TIMES }
export const B: Omit<SessionConfig, 'jitter'> = { localAsn: 64496, peerAsn: 64496, bgpIdentifier: 0xc0000202, ...TIMES }

export function pair(a: Partial<SessionConfig> = {}, b: Partial<SessionConfig> = {}, seed = 1): Pair {
  const world = new World(seed)
  const hosts = [new Host('a', world, { ...A, ...a }), new Host('b', world, { ...B, ...b })] as const
  hosts[0].peer = hosts[1]
  hosts[1].peer = hosts[0]
  return { world, a: hosts[0], b: hosts[1] }
}

/** What a NOTIFICATION among the actions says. */
export function notificationIn(actions: readonly { readonly type: string }[]): { code: number; subcode: number } | undefined {
  const sent = actions.find(
    (one): one is { type: 'send'; message: string; bytes: Uint8Array } =>
      one.type === 'send' && (one as { message?: string }).message === 'NOTIFICATION',
  )
  if (sent === undefined) return undefined
  const message = decodeMessage(sent.bytes, { fourOctetAsn: true, internal: true, families: [], extendedNextHop: [] })
  return message.type === 'NOTIFICATION' ? message.notification : undefined
}
