/**
 * A second connection that listens for expired keys: a hint that a deadline has passed. Under load Redis sends such events minutes late or
 * never, so nothing depends on them. The same connection asks for the eviction policy.
 */
import type { Clock, Log } from '@dnstap-bgp/runtime'
import { Redis } from 'ioredis'
import { EvictionWatch } from './eviction-watch.ts'
import type { ClientOptions } from './options.ts'
import { sentenceFor } from './redis-errors.ts'

/** An operator may change the eviction policy while Redis runs. */
const POLICY_PERIOD_MS = 5000

export interface ExpiryTriggerOptions {
  readonly client: ClientOptions
  readonly keyPrefix: string
  readonly database: number
  readonly clock: Clock
  readonly log: Log
}

export class ExpiryTrigger {
  readonly #options: ExpiryTriggerOptions
  readonly #redis: Redis
  readonly #eviction: EvictionWatch
  readonly #listeners: (() => void)[] = []
  #policyAskedMs = -Infinity
  #isHinting = false
  #closed = false

  constructor(options: ExpiryTriggerOptions) {
    this.#options = options
    this.#eviction = new EvictionWatch(options.log)
    this.#redis = new Redis({ ...options.client, connectionName: 'dnstap-bgp-expired', autoResubscribe: false })
    this.#redis.on('error', () => {}) // the other connection has the same trouble and reports it
    this.#redis.on('ready', () => void this.#listen())
    this.#redis.on('message', (_channel: string, key: string) => this.#onExpired(key))
    this.#redis.connect().catch(() => {})
  }

  /** What an operator should know of the eviction policy, in a sentence; undefined: all is well. */
  get concern(): string | undefined {
    return this.#eviction.concern
  }

  onDeadline(listener: () => void): void {
    this.#listeners.push(listener)
  }

  tick(): void {
    if (this.#redis.status !== 'ready') return
    // The connection may rightly hear nothing for hours. A ping that is not answered runs into the socket's time-out.
    this.#redis.ping().catch(() => {})
    // A user that may not ask was told so when it connected.
    if (this.#options.clock.monotonic() - this.#policyAskedMs >= POLICY_PERIOD_MS) this.#askPolicy().catch(() => {})
  }

  close(): void {
    this.#closed = true
    this.#redis.disconnect()
  }

  async #listen(): Promise<void> {
    const { database, log } = this.#options
    try {
      await this.#configure()
      await this.#redis.subscribe(`__keyevent@${database}__:expired`)
    } catch (error) {
      if (this.#closed || this.#redis.status !== 'ready') return
      log.warn(
        { why: sentenceFor(error) },
        'Redis does not let this user listen for expired keys. Routes are withdrawn by our own clock alone.',
      )
    }
  }

  async #configure(): Promise<void> {
    try {
      const [, flags = ''] = (await this.#redis.config('GET', 'notify-keyspace-events')) as string[]
      const has = flags.includes('E') && (flags.includes('x') || flags.includes('A'))
      if (!has) await this.#redis.config('SET', 'notify-keyspace-events', `${flags}Ex`)
      await this.#askPolicy()
    } catch (error) {
      if (this.#closed || this.#redis.status !== 'ready') return
      this.#options.log.info(
        { why: sentenceFor(error) },
        'This user may not use CONFIG in Redis: set maxmemory-policy noeviction, and notify-keyspace-events Ex for prompt expiry.',
      )
    }
  }

  async #askPolicy(): Promise<void> {
    this.#policyAskedMs = this.#options.clock.monotonic()
    const [, policy = 'noeviction'] = (await this.#redis.config('GET', 'maxmemory-policy')) as string[]
    this.#eviction.heard(policy)
  }

  /** Of many events that come together one is passed on. */
  #onExpired(key: string): void {
    if (this.#isHinting || key !== `${this.#options.keyPrefix}next`) return
    this.#isHinting = true
    setImmediate(() => {
      this.#isHinting = false
      if (!this.#closed) for (const listener of this.#listeners) listener()
    })
  }
}
