/**
 * The connection to nats-server, kept for ever: the library reconnects, and should it ever give up, we connect anew.
 *
 *   connect() ─▶ onConnected ─▶ lost ─▶ onDisconnected ─▶ the library reconnects ─▶ onConnected …
 *       │ fails: again after 100 ms to 5 s
 */
import { GrowingPause, type Clock, type Log } from '@dnstap-bgp/runtime'
import { connect, Events, NatsError, type ConnectionOptions, type NatsConnection } from 'nats'
import type { RefusedSubject } from './refused-subjects.ts'

const RETRY = { firstMs: 100, longestMs: 5000, random: Math.random }
const FLUSH_TIMEOUT_MS = 2000
const DEFAULT_MAX_PAYLOAD_BYTES = 1024 * 1024

export interface ServerConnectionDeps {
  readonly clock: Clock
  readonly log: Log
  /** A new connection, before onConnected(): subscribe. The library subscribes again by itself when it reconnects. */
  readonly onOpened: (nc: NatsConnection) => void
  readonly onConnected: (nc: NatsConnection) => void
  readonly onDisconnected: () => void
  /** An attempt to connect failed; `failure` says why. */
  readonly onFailure: () => void
  /** nats-server refused a publication or a subscription. */
  readonly onRefused: (refused: RefusedSubject) => void
  /** nats-server reported any other error. */
  readonly onServerError: (code: string) => void
}

export class ServerConnection {
  readonly #deps: ServerConnectionDeps
  readonly #options: ConnectionOptions
  #run: Promise<void> | undefined
  #nc: NatsConnection | undefined
  #isConnected = false
  #failure: string | undefined
  #reconnects = 0
  #downSinceMs: number
  #closing = false
  #wakeFromPause: (() => void) | undefined

  /** `options`: given the delay before each attempt of the library to reconnect. */
  constructor(options: (delayMs: () => number) => ConnectionOptions, deps: ServerConnectionDeps) {
    this.#deps = deps
    this.#downSinceMs = deps.clock.monotonic()
    this.#options = options(() => this.#reconnectDelayMs())
  }

  /** Resolves after the first attempt to connect, whether it succeeded or not. */
  start(): Promise<void> {
    return new Promise((resolve) => {
      this.#run = this.#keepConnected(resolve)
    })
  }

  /** Undefined: nothing can be sent now. */
  get usable(): NatsConnection | undefined {
    return this.#isConnected && !this.#closing && this.#nc !== undefined && !this.#nc.isClosed() ? this.#nc : undefined
  }

  get isConnected(): boolean {
    return this.#isConnected
  }

  /** Why the last attempt to connect failed. */
  get failure(): string | undefined {
    return this.#failure
  }

  get reconnects(): number {
    return this.#reconnects
  }

  get maxPayloadBytes(): number {
    return this.#nc?.info?.max_payload ?? DEFAULT_MAX_PAYLOAD_BYTES
  }

  get isStopped(): boolean {
    return this.#closing
  }

  /** From now on nothing can be sent but what close() flushes. */
  stop(): void {
    this.#closing = true
    this.#wakeFromPause?.()
  }

  /** Sends the messages that were published, then closes. */
  async close(): Promise<void> {
    this.stop()
    const nc = this.#nc
    if (nc !== undefined) {
      if (this.#isConnected) await Promise.race([nc.flush().catch(() => {}), this.#pause(FLUSH_TIMEOUT_MS)])
      this.#wakeFromPause?.()
      await nc.close()
    }
    await this.#run
  }

  async #keepConnected(opened: () => void): Promise<void> {
    const { log, onOpened, onFailure } = this.#deps
    let told: string | undefined
    const pause = new GrowingPause(RETRY)
    while (!this.#closing) {
      try {
        const nc = await connect(this.#options)
        pause.reset()
        told = undefined
        if (this.#closing) {
          await nc.close()
          return
        }
        this.#nc = nc
        onOpened(nc)
        this.#connected(nc)
        opened()
        void this.#follow(nc)
        await nc.closed() // we closed it, or the library gave up
        this.#disconnected()
      } catch (error) {
        this.#failure = reasonOf(error)
        if (told !== this.#failure)
          log.warn({ servers: this.#options.servers, why: this.#failure }, 'Cannot connect to NATS; retrying.')
        told = this.#failure
        onFailure()
        opened()
        await this.#pause(pause.nextMs())
      }
    }
  }

  /** The library's iterator does not always end with the connection: do not wait for it. */
  async #follow(nc: NatsConnection): Promise<void> {
    for await (const { type, data, permissionContext } of nc.status()) {
      if (type === Events.Disconnect) this.#disconnected()
      else if (type === Events.Reconnect) {
        this.#reconnects++
        this.#connected(nc)
      } else if (type === Events.Error) {
        if (permissionContext === undefined) this.#deps.onServerError(String(data))
        else this.#deps.onRefused(permissionContext)
      }
    }
  }

  #connected(nc: NatsConnection): void {
    if (this.#isConnected) return
    this.#isConnected = true
    this.#failure = undefined
    const { clock, log, onConnected } = this.#deps
    log.info({ server: nc.getServer(), awayMs: Math.round(clock.monotonic() - this.#downSinceMs) }, 'Connected to NATS.')
    onConnected(nc)
  }

  #disconnected(): void {
    if (!this.#isConnected) return
    this.#isConnected = false
    this.#downSinceMs = this.#deps.clock.monotonic()
    if (!this.#closing) this.#deps.log.warn({}, 'Lost the connection to NATS; reconnecting.')
    this.#deps.onDisconnected()
  }

  /** The library tries several servers and does not say how often it failed: the pause grows with the time away. */
  #reconnectDelayMs(): number {
    const awayMs = this.#deps.clock.monotonic() - this.#downSinceMs
    const { firstMs, longestMs, random } = RETRY
    return Math.min(longestMs, Math.max(firstMs, awayMs / 4)) * (0.5 + random() / 2)
  }

  /** Ends early when the bus closes. */
  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        timer.cancel()
        this.#wakeFromPause = undefined
        resolve()
      }
      const timer = this.#deps.clock.after(delayMs, wake)
      this.#wakeFromPause = wake
    })
  }
}

/** A sentence, not a stack: a server that cannot be reached is no bug of ours. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error instanceof NatsError ? error.chainedError : undefined
  return cause === undefined ? error.message : `${error.message}: ${cause.message}`
}
