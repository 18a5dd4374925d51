/**
 * The sockets that senders connect to: opens them, adopts those that systemd handed over, and puts a UNIX socket back that was removed from
 * its place or replaced.
 */
import { describeListenAddress, explainListenError, listening, listenOn, ListenError, SocketFile } from '@dnstap-bgp/net'
import type { ListenAddress } from '@dnstap-bgp/net'
import type { Clock, Log, RateLimitedLog, Timer } from '@dnstap-bgp/runtime'
import type { AddressInfo, Server } from 'node:net'
import { boundAddress, isSameSocket } from './inherited-sockets.ts'
import { Listener, type ConnectionLimits } from './listener.ts'

export interface ListeningOptions {
  readonly listen: readonly ListenAddress[]
  /** Listening descriptors from inheritedSockets(). A `listen` address that one of them is bound to is not opened again. */
  readonly inherited: readonly number[]
  /** File mode, owner and group of the UNIX sockets we make; undefined: those that we run as. */
  readonly mode: number
  readonly owner: string | undefined
  readonly group: string | undefined
}

export interface ListeningDeps {
  readonly clock: Clock
  readonly log: Log
  readonly busyLog: RateLimitedLog
  readonly limits: ConnectionLimits
  readonly createServer: (kind: ListenAddress['kind'], listener: Listener) => Server
}

/** A UNIX socket that was removed from its place is found missing within this time. */
const CHECK_PERIOD_MS = 1000
const WHO = 'the dnstap listener ([dnstap] listen)'

export class ListeningSockets {
  readonly #options: ListeningOptions
  readonly #deps: ListeningDeps
  readonly #listeners: Listener[] = []
  readonly #addresses: ListenAddress[] = []
  #checkTimer: Timer | undefined
  #checking: Promise<void> | undefined
  #trouble: string | undefined

  constructor(options: ListeningOptions, deps: ListeningDeps) {
    this.#options = options
    this.#deps = deps
  }

  /** A port of 0 has become the one that the system chose. */
  get addresses(): readonly ListenAddress[] {
    return this.#addresses
  }

  /** Why senders cannot reach a socket that was open, in a sentence; undefined: they can. */
  get trouble(): string | undefined {
    return this.#trouble
  }

  /** @throws ListenError */
  async open(): Promise<void> {
    for (const fd of this.#options.inherited) await this.#openInherited(fd)
    const inherited = [...this.#addresses]
    for (const address of this.#options.listen) {
      const isOpen = await Promise.all(inherited.map((other) => isSameSocket(address, other)))
      if (!isOpen.includes(true)) await this.#open(address, inherited)
    }
    this.#checkTimer = this.#deps.clock.every(CHECK_PERIOD_MS, () => {
      this.#checking ??= this.#checkPlaces().finally(() => (this.#checking = undefined))
    })
  }

  /** Stops accepting and removes our UNIX sockets; inherited ones stay with systemd. `done` resolves when all connections are closed. */
  async close(): Promise<{ readonly done: Promise<unknown> }> {
    this.#checkTimer?.cancel()
    await this.#checking
    const closed = this.#listeners.splice(0).map(
      ({ server, file, isInherited }) =>
        new Promise<void>((resolve) => {
          if (server === undefined) resolve()
          else server.close(() => resolve())
          if (!isInherited) file?.remove()
        }),
    )
    return { done: Promise.all(closed) }
  }

  async #open(address: ListenAddress, inherited: readonly ListenAddress[]): Promise<void> {
    const listener = new Listener(address, false, this.#deps.limits)
    try {
      await this.#listen(listener, address)
    } catch (error) {
      const holder = inherited.find((other) => other.kind === 'tcp' && address.kind === 'tcp' && other.port === address.port)
      if (!(error instanceof ListenError) || error.code !== 'EADDRINUSE' || holder === undefined) throw error
      const reason = `the socket from systemd listens on ${describeListenAddress(holder)} already; write that address, or none`
      throw new ListenError(WHO, address, 'EADDRINUSE', reason, { cause: error })
    }
    this.#opened(listener, address)
  }

  async #listen(listener: Listener, address: ListenAddress): Promise<void> {
    const { mode, owner, group } = this.#options
    const server = this.#deps.createServer(address.kind, listener)
    const { file } = await listenOn(server, address, { who: WHO, mode, owner, group })
    listener.file = file
    listener.server = server
  }

  async #openInherited(fd: number): Promise<void> {
    const unknown: ListenAddress = { kind: 'unix', path: `descriptor ${fd}` }
    let address: ListenAddress | undefined
    try {
      address = boundAddress(fd)
    } catch (error) {
      throw new ListenError(WHO, unknown, 'EBADF', 'the descriptor handed over is not open', { cause: error })
    }
    if (address === undefined) throw new ListenError(WHO, unknown, 'ENOTSOCK', 'the descriptor handed over is no stream socket')
    const listener = new Listener(address, true, this.#deps.limits)
    const server = this.#deps.createServer(address.kind, listener)
    try {
      await listening(server, { fd })
    } catch (error) {
      throw explainListenError(WHO, address, error)
    }
    listener.server = server
    if (address.kind === 'unix') {
      // An abstract one (@NAME) has no file, and one whose file is not in our view of the file system cannot be missed.
      const file = new SocketFile(address.path)
      if (file.isInPlace) listener.file = file
    }
    this.#opened(listener, address)
  }

  #opened(listener: Listener, address: ListenAddress): void {
    this.#listeners.push(listener)
    const { server } = listener
    const port = address.kind === 'tcp' ? ((server?.address() as AddressInfo | null)?.port ?? address.port) : 0
    const opened = address.kind === 'tcp' ? { ...address, port } : address
    this.#addresses.push(opened)
    listener.text = describeListenAddress(opened)
    this.#watch(listener)
  }

  #watch({ server, text }: Listener): void {
    server?.on('error', (error: NodeJS.ErrnoException) =>
      this.#deps.busyLog.warn({ listener: text, code: error.code }, 'Accepting a dnstap connection failed.'),
    )
  }

  /** If a UNIX socket was removed, or another one put in its place, senders that connect then do not reach us. */
  async #checkPlaces(): Promise<void> {
    let trouble: string | undefined
    for (const listener of this.#listeners) {
      const { file, isInherited } = listener
      if (file === undefined || file.isInPlace) continue
      const why = isInherited
        ? `The socket ${file.path} is not in its place: restart the systemd unit that made it.`
        : await this.#listenAgain(listener, file.path)
      trouble ??= why
    }
    this.#trouble = trouble
  }

  /** Why it failed; undefined: the socket is in its place again. */
  async #listenAgain(listener: Listener, path: string): Promise<string | undefined> {
    const before = listener.server
    try {
      await this.#listen(listener, { kind: 'unix', path })
    } catch (error) {
      if (error instanceof ListenError) return `${path} was taken from us: ${error.message}.`
      throw error
    }
    before?.close() // its connections go on
    this.#watch(listener)
    this.#deps.log.warn({ listener: path }, 'The dnstap socket was removed from its place, and was made again.')
    return undefined
  }
}
