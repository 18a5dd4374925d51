/**
 * The receiving side of one queue: pulls from the durable consumer, hands messages to the handler, acknowledges those it has handled.
 *
 *   pull (batch, expires) ──▶ buffer ──▶ handler ──resolved──▶ +ACK each
 *         ▲ one request outstanding, the    │ rejected: -NAK all messages in hand, and pause: another consumer takes them
 *         └ next when it is used up         └ slow: +WPI in time, so that nobody else gets them meanwhile
 *
 * A message that cannot be decoded is terminated, counted and logged: it would fail for ever. When the connection breaks the buffer is
 * still handled, and acknowledged after the return.
 */
import { GrowingPause, type Clock } from '@dnstap-bgp/runtime'
import type { Msg, NatsConnection, Subscription as NatsSubscription } from 'nats'
import { createInbox, nanos } from 'nats'
import { DURABLE, streamName } from './names.ts'
import { ACK_WAIT_MS } from './streams.ts'
import type { QueueName } from './streams.ts'
import type { Undecodable } from './undecodable.ts'

/** At 12 µs a message the loop is held for 6 ms. */
const MAX_BATCH = 512
const PULL_MESSAGES = 1024
const PULL_BYTES = 4 * 1024 * 1024
const PULL_EXPIRES_MS = 10_000
/** Of the first request after a doubt: its end without a message shows that the consumer is there. */
const FIRST_PULL_EXPIRES_MS = 1000
/** After a pull request should have ended by itself it is taken for lost. */
const PULL_GRACE_MS = 3000
const RETRY = { firstMs: 200, longestMs: 5000 }

/** "Exceeded MaxAckPending", "Message Size Exceeds MaxBytes": the consumer is there, and busy. */
const LIMIT_REACHED = /MaxAckPending|MaxWaiting|MaxBytes/i

const ACK = new TextEncoder().encode('+ACK')
const IN_PROGRESS = new TextEncoder().encode('+WPI')
const TERMINATE = new TextEncoder().encode('+TERM')

export interface ConsumerDeps {
  readonly clock: Clock
  readonly inboxPrefix: string
  readonly undecodable: Undecodable
  /** Makes sure of stream and consumer; resolves false when that failed (it has been said). */
  readonly ensure: () => Promise<boolean>
  /** Something says that the consumer is not there any more, or that it is. */
  readonly doubt: (why: string) => void
  readonly works: () => void
}

export class QueueConsumer<T> {
  readonly #queue: QueueName
  readonly #decode: (bytes: Uint8Array) => T
  readonly #onMessages: (messages: readonly T[]) => Promise<void>
  readonly #deps: ConsumerDeps
  #nc: NatsConnection | undefined
  #inbox: NatsSubscription | undefined
  #connected = false
  #buffer: Msg[] = []
  /** What the handler has. */
  #batch: readonly Msg[] = []
  #running: Promise<void> | undefined
  #closing = false
  /** Messages the outstanding request may still bring; 0: none is out. */
  #requested = 0
  #pullEndsMs = 0
  #doubted = false
  #pulling = false
  #pausedUntilMs = -Infinity
  readonly #failures = new GrowingPause(RETRY)
  #lastProgressMs = 0
  /** Acknowledgements that wait for a connection. */
  #unsent: { readonly reply: string; readonly word: Uint8Array }[] = []

  constructor(
    queue: QueueName,
    decode: (bytes: Uint8Array) => T,
    onMessages: (messages: readonly T[]) => Promise<void>,
    deps: ConsumerDeps,
  ) {
    this.#queue = queue
    this.#decode = decode
    this.#onMessages = onMessages
    this.#deps = deps
  }

  /** There is a connection: a new one, or the same again. */
  connected(nc: NatsConnection): void {
    this.#connected = true
    if (this.#nc !== nc) {
      this.#nc = nc
      this.#inbox = nc.subscribe(createInbox(this.#deps.inboxPrefix), {
        callback: (error, message) => (error === null ? this.#onMessage(message) : undefined),
      })
    }
    for (const { reply, word } of this.#unsent.splice(0)) nc.publish(reply, word)
    this.#requested = 0
    void this.#pull()
  }

  disconnected(): void {
    this.#connected = false
    this.#requested = 0
  }

  /** Asked by the bus's tick: renews a lost request, ends a pause, claims more time for a slow handler. */
  tick(nowMs: number): void {
    if (this.#requested > 0 && nowMs > this.#pullEndsMs + PULL_GRACE_MS) {
      this.#requested = 0
      this.#doubt('a request for messages was never answered')
    }
    void this.#pull()
    const held = this.#batch.length + this.#buffer.length
    if (held > 0 && nowMs - this.#lastProgressMs > ACK_WAIT_MS / 3) {
      this.#lastProgressMs = nowMs
      for (const message of [...this.#batch, ...this.#buffer]) this.#say(message, IN_PROGRESS)
    }
  }

  async close(): Promise<void> {
    this.#closing = true
    await this.#running
    // Given back before our request is gone, messages would only come here again: first the server confirms that none comes any more.
    if (this.#connected) await this.#inbox?.drain().catch(() => {})
    else this.#inbox?.unsubscribe()
    this.#sendBack(this.#buffer.splice(0), 0)
  }

  async #pull(): Promise<void> {
    const { clock } = this.#deps
    if (this.#pulling || this.#closing || !this.#connected || this.#requested > 0) return
    if (this.#buffer.length >= PULL_MESSAGES || clock.monotonic() < this.#pausedUntilMs) return
    this.#pulling = true
    const usable = await this.#deps.ensure()
    this.#pulling = false
    const [nc, inbox] = [this.#nc, this.#inbox]
    if (!usable || this.#closing || !this.#connected || nc === undefined || inbox === undefined) return
    this.#requested = PULL_MESSAGES
    const expiresMs = this.#doubted ? FIRST_PULL_EXPIRES_MS : PULL_EXPIRES_MS
    this.#pullEndsMs = clock.monotonic() + expiresMs
    const maxPayload = nc.info?.max_payload ?? 0
    const request = {
      batch: PULL_MESSAGES,
      expires: nanos(expiresMs),
      max_bytes: Math.max(PULL_BYTES, 2 * maxPayload),
    }
    nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${streamName(this.#queue)}.${DURABLE}`, JSON.stringify(request), {
      reply: inbox.getSubject(),
    })
  }

  #onMessage(message: Msg): void {
    // A status has headers and no data; a message of ours has none of JetStream's statuses.
    const status = message.headers?.code ?? 0
    if (status > 0) return this.#onStatus(status, message.headers?.description ?? '')
    this.#works()
    if (this.#requested > 0) this.#requested--
    if (this.#buffer.length === 0 && this.#batch.length === 0) this.#lastProgressMs = this.#deps.clock.monotonic()
    this.#buffer.push(message)
    if (!this.#closing) this.#running ??= this.#run()
    if (this.#requested === 0) void this.#pull()
  }

  /**
   * 408 and 404: nothing came in time. 503: nobody answers for this consumer. 409: a limit was reached, or the consumer or its
   * server is gone: the description says which.
   */
  #onStatus(status: number, description: string): void {
    this.#requested = 0
    if (status === 503) this.#doubt('nobody answers for its consumer')
    else if (status === 409 && !LIMIT_REACHED.test(description)) this.#doubt(`JetStream ended a request: ${description}`)
    else if (status !== 409) this.#works()
    if (status === 503 || status === 409) this.#pause(RETRY.firstMs)
    else void this.#pull()
  }

  #doubt(why: string): void {
    this.#doubted = true
    this.#deps.doubt(why)
  }

  #works(): void {
    if (!this.#doubted) return
    this.#doubted = false
    this.#deps.works()
  }

  async #run(): Promise<void> {
    await Promise.resolve() // what one read of the socket brought comes as one batch
    while (this.#buffer.length > 0 && !this.#closing) {
      const batch = this.#buffer.splice(0, MAX_BATCH)
      const messages = this.#decoded(batch)
      this.#batch = batch
      try {
        if (messages.length > 0) await this.#onMessages(messages)
        for (const message of batch) this.#say(message, ACK)
        this.#failures.reset()
      } catch {
        // The handler has said why in its own log; here it only means: not now.
        const delayMs = this.#failures.nextMs()
        this.#sendBack([...batch, ...this.#buffer.splice(0)], delayMs)
        this.#pause(delayMs)
      }
      this.#batch = []
      void this.#pull()
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.#running = undefined
  }

  #decoded(batch: Msg[]): T[] {
    const messages: T[] = []
    for (let index = 0; index < batch.length;) {
      const message = batch[index]
      if (message === undefined) break
      try {
        messages.push(this.#decode(message.data))
        index++
      } catch (error) {
        batch.splice(index, 1)
        this.#say(message, TERMINATE)
        this.#deps.undecodable.note(this.#queue.name, message.data.length, error)
      }
    }
    return messages
  }

  #pause(delayMs: number): void {
    const { clock } = this.#deps
    this.#pausedUntilMs = clock.monotonic() + delayMs
    clock.after(delayMs + 1, () => void this.#pull())
  }

  /** Asks JetStream to hand them out again after the delay, to any consumer. Without a delay this consumer would get them back at once. */
  #sendBack(messages: readonly Msg[], delayMs: number): void {
    const word = new TextEncoder().encode(delayMs === 0 ? '-NAK' : `-NAK {"delay": ${nanos(delayMs)}}`)
    for (const message of messages) this.#say(message, word)
  }

  #say(message: Msg, word: Uint8Array): void {
    const reply = message.reply
    if (reply === undefined || reply === '') return
    if (this.#connected && this.#nc !== undefined && !this.#nc.isClosed()) this.#nc.publish(reply, word)
    else if (word === ACK || word === TERMINATE) this.#unsent.push({ reply, word })
  }
}
