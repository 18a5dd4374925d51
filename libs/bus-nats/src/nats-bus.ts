/**
 * The bus between processes: nats-server.
 *
 *   publish/subscribe   core NATS; nothing is sent while there is no connection
 *   enqueue/consume     JetStream: streams.ts, queue-sender.ts, queue-consumer.ts
 *   serve/ask           request with many replies, windowed: answer-wire.ts, server.ts, asker.ts
 *
 * One connection, kept for ever: the library reconnects; should it ever give up, we start anew. Everything the services asked for
 * (subscriptions, consumers, served calls) is noted here and attached to each new connection, so NATS may be away at the start. One
 * tick per half second looks after time-outs; no message has a timer of its own.
 *
 * The state is `connected` when the server is and every queue in use can be had.
 */
import { BusError } from '@dnstap-bgp/bus'
import type { Bus, BusState, Call, Queue, QueueProgress, Subject, Subscription } from '@dnstap-bgp/bus'
import type { Health, Metrics } from '@dnstap-bgp/telemetry'
import { RateLimitedLog, type Clock, type Log, type Timer } from '@dnstap-bgp/runtime'
import { connect, createInbox, Events } from 'nats'
import type { Msg, NatsConnection, Subscription as NatsSubscription } from 'nats'
import { Asker } from './asker.ts'
import { connectionOptions } from './options.ts'
import type { NatsBusOptions } from './options.ts'
import { QueueConsumer } from './queue-consumer.ts'
import { QueueSender } from './queue-sender.ts'
import { encodeAnswerMessage, Kind } from './answer-wire.ts'
import { Answer } from './server.ts'
import { ensureStream, streamProgress } from './streams.ts'
import type { QueueName } from './streams.ts'

export interface NatsBusDeps {
  readonly clock: Clock
  readonly log: Log
  /** Given: the bus is a component of it. */
  readonly health?: Health
  readonly metrics?: Metrics
}

/** Since the start; for metrics. */
export interface NatsBusCounts {
  /** Messages from others that could not be decoded. */
  readonly undecodable: number
  /** Published while there was no connection, or too large. */
  readonly unpublished: number
  readonly reconnects: number
}

const TICK_MS = 500
const FIRST_DELAY_MS = 100
const MAX_DELAY_MS = 5000
const DEFAULT_MAX_PAYLOAD_BYTES = 1024 * 1024
/** Questions answered at one time by one bus. */
const MAX_ANSWERS = 64
/** Between two attempts to make sure of a queue that failed. */
const QUEUE_RETRY_MS = 1000
const FLUSH_TIMEOUT_MS = 2000
const QUEUE_GROUP = 'servers'

/** Resolves after the first attempt to connect, whether it succeeded or not. @throws when the options are wrong or a file is missing */
export async function openNatsBus(options: NatsBusOptions, deps: NatsBusDeps): Promise<NatsBus> {
  const health = deps.health?.component('bus')
  const bus = new NatsBus(options, deps)
  await bus.opened
  const look = () => {
    if (bus.problem === undefined) health?.ok()
    else health?.degraded(bus.problem)
  }
  bus.onState(look)
  look()
  if (deps.metrics !== undefined) describeMetrics(deps.metrics, bus)
  return bus
}

function describeMetrics(metrics: Metrics, bus: NatsBus): void {
  metrics.counter({
    name: 'bus_undecodable_total',
    help: 'Messages from others that could not be decoded.',
    read: () => bus.counts.undecodable,
  })
  metrics.counter({
    name: 'bus_unpublished_total',
    help: 'Messages that were not published: no connection, or too large.',
    read: () => bus.counts.unpublished,
  })
  metrics.counter({
    name: 'bus_reconnects_total',
    help: 'How often the connection came back.',
    read: () => bus.counts.reconnects,
  })
}

export class NatsBus implements Bus {
  readonly opened: Promise<void>
  readonly #options: NatsBusOptions
  readonly #deps: NatsBusDeps
  readonly #clientOptions: ReturnType<typeof connectionOptions>
  readonly #undecodableLog: RateLimitedLog
  readonly #lossLog: RateLimitedLog
  readonly #stateListeners: ((state: BusState) => void)[] = []
  readonly #attachments = new Set<Attachment>()
  readonly #queues = new Map<string, QueueState>()
  readonly #consumers = new Set<QueueConsumer<unknown>>()
  readonly #sender: QueueSender
  readonly #askers = new Map<string, Asker>()
  readonly #answers = new Map<string, Answer>()
  readonly #inbox = createInbox()
  readonly #acks = `${this.#inbox}.a.`
  readonly #questions = `${this.#inbox}.q.`
  readonly #controls = `${this.#inbox}.c.`
  readonly #counts = { undecodable: 0, unpublished: 0, reconnects: 0 }
  readonly #tick: Timer
  readonly #run: Promise<void>
  #nc: NatsConnection | undefined
  #connected = false
  /** What the last attempt ended with. */
  #connectFailure: string | undefined
  #lastState: BusState = 'disconnected'
  #downSinceMs: number
  #lastNumber = 0
  #closing = false
  #wakeFromDelay: (() => void) | undefined

  constructor(options: NatsBusOptions, deps: NatsBusDeps) {
    this.#options = options
    this.#deps = deps
    this.#downSinceMs = deps.clock.monotonic()
    this.#clientOptions = connectionOptions(options, () => this.#reconnectDelayMs())
    this.#undecodableLog = new RateLimitedLog(deps.log, deps.clock)
    this.#lossLog = new RateLimitedLog(deps.log, deps.clock)
    this.#sender = new QueueSender(deps.clock)
    this.#tick = deps.clock.every(TICK_MS, () => this.#onTick())
    let opened = (): void => {}
    this.opened = new Promise((resolve) => (opened = resolve))
    this.#run = this.#keepConnected(opened)
  }

  get state(): BusState {
    return this.#lastState
  }

  /** Why the state is not `connected`, in a sentence. */
  get problem(): string | undefined {
    if (this.#usable() === undefined) {
      const why = this.#connectFailure === undefined ? '' : ` (${this.#connectFailure})`
      return `NATS is not reachable${why}; what is to be said waits.`
    }
    const failed = [...this.#queues.values()].find((queue) => queue.kind === 'failed')
    return failed?.error === undefined ? undefined : `A queue cannot be used: ${failed.error.message}`
  }

  get counts(): NatsBusCounts {
    return this.#counts
  }

  onState(listener: (state: BusState) => void): void {
    this.#stateListeners.push(listener)
  }

  publish<T>(subject: Subject<T>, message: T): void {
    const bytes = subject.encode(message)
    const nc = this.#usable()
    if (nc === undefined) {
      this.#counts.unpublished++
      return
    }
    const max = this.#maxPayloadBytes()
    if (bytes.length > max) {
      this.#counts.unpublished++
      const fields = { subject: subject.name, lengthBytes: bytes.length, maxPayloadBytes: max }
      this.#lossLog.warn(fields, 'did not publish a message that nats-server would not take')
      return
    }
    nc.publish(subject.name, bytes)
  }

  subscribe<T>(subject: Subject<T>, onMessage: (message: T) => void): Subscription {
    return this.#attach(subject.name, undefined, (message) => {
      let decoded: T
      try {
        decoded = subject.decode(message.data)
      } catch (error) {
        this.#undecodable({ subject: subject.name, lengthBytes: message.data.length, err: error })
        return
      }
      onMessage(decoded)
    })
  }

  enqueue<T>(queue: Queue<T>, message: T): Promise<void> {
    const bytes = queue.encode(message)
    const nc = this.#usable()
    if (nc === undefined) return Promise.reject(new BusError(this.#closing ? 'the bus is closed' : 'NATS cannot be reached'))
    const max = this.#maxPayloadBytes()
    if (bytes.length > max)
      return Promise.reject(
        new BusError(`a message for ${queue.name} has ${bytes.length} bytes; nats-server takes ${max} (max_payload)`),
      )
    const state = this.#queueState(queue)
    if (state.kind === 'ready')
      return this.#sender.send(queue, bytes.length, (number) => nc.publish(queue.name, bytes, { reply: this.#acks + number }))
    return this.#sender.send(queue, bytes.length, (number) => void this.#enqueueWhenReady(queue, bytes, number))
  }

  consume<T>(queue: Queue<T>, onMessages: (messages: readonly T[]) => Promise<void>): Subscription {
    const consumer = new QueueConsumer<T>(queue, (bytes) => queue.decode(bytes), onMessages, {
      clock: this.#deps.clock,
      log: this.#deps.log,
      undecodable: this.#undecodableLog,
      onUndecodable: () => this.#counts.undecodable++,
      ensure: async () => (await this.#ensure(queue)) === undefined,
    }) as QueueConsumer<unknown>
    this.#consumers.add(consumer)
    const nc = this.#usable()
    if (nc !== undefined) consumer.connected(nc)
    return {
      close: async () => {
        await consumer.close()
        this.#consumers.delete(consumer)
      },
    }
  }

  async progress<T>(queue: Queue<T>): Promise<QueueProgress> {
    const nc = this.#usable()
    if (nc === undefined) throw new BusError(this.#closing ? 'the bus is closed' : 'NATS cannot be reached')
    const error = await this.#ensure(queue)
    if (error !== undefined) throw error
    return streamProgress(nc, queue)
  }

  serve<Request, Part>(call: Call<Request, Part>, answer: (request: Request) => AsyncIterable<Part>): Subscription {
    const running = new Map<Answer, Promise<void>>()
    const subscription = this.#attach(call.name, QUEUE_GROUP, (question) => {
      const inbox = question.reply
      if (inbox === undefined || inbox === '') return
      const refuse = (sentence: string): void =>
        this.#usable()?.publish(inbox, encodeAnswerMessage(Kind.FAILED, 0, new TextEncoder().encode(sentence)))
      if (this.#answers.size >= MAX_ANSWERS) return refuse(`${MAX_ANSWERS} questions are being answered already`)
      let request: Request
      try {
        request = call.request.decode(question.data)
      } catch (error) {
        this.#undecodable({ call: call.name, lengthBytes: question.data.length, err: error })
        return refuse('the question cannot be decoded')
      }
      const control = `${this.#controls}${++this.#lastNumber}`
      const one = new Answer({
        clock: this.#deps.clock,
        maxPayloadBytes: this.#maxPayloadBytes(),
        send: (bytes) => {
          const nc = this.#usable()
          if (nc === undefined) throw new BusError('NATS cannot be reached')
          nc.publish(inbox, bytes, { reply: control })
        },
      })
      this.#answers.set(control, one)
      const done = one
        .run(answer(request), (part) => call.part.encode(part))
        .finally(() => {
          this.#answers.delete(control)
          running.delete(one)
        })
      running.set(one, done)
    })
    return {
      close: async () => {
        await subscription.close()
        for (const one of running.keys()) one.stop('it is closing')
        await Promise.all(running.values())
      },
    }
  }

  async *ask<Request, Part>(call: Call<Request, Part>, request: Request): AsyncIterable<Part> {
    const bytes = call.request.encode(request)
    const nc = this.#usable()
    if (nc === undefined) throw new BusError(`${call.name} cannot be asked: NATS cannot be reached`)
    if (bytes.length > this.#maxPayloadBytes()) throw new BusError(`a question of ${bytes.length} bytes is too large for NATS`)
    const inbox = `${this.#questions}${++this.#lastNumber}`
    const asker = new Asker(call.name, this.#deps.clock, (control, reply) => this.#usable()?.publish(control, reply))
    this.#askers.set(inbox, asker)
    let ended = false
    try {
      nc.publish(call.name, bytes, { reply: inbox })
      for await (const part of asker.parts()) yield this.#decodePart(call, part)
      ended = true
    } finally {
      this.#askers.delete(inbox)
      if (!ended) asker.stop()
    }
  }

  async close(): Promise<void> {
    if (this.#closing) return this.#run
    await Promise.all([...this.#consumers].map((consumer) => consumer.close()))
    this.#consumers.clear()
    for (const attachment of [...this.#attachments]) await attachment.close()
    for (const answer of this.#answers.values()) answer.stop('it is closing')
    if (this.#connected) await this.#sender.drained()
    this.#closing = true
    this.#sender.rejectAll('the bus is closed')
    for (const asker of this.#askers.values()) asker.fail('the bus is closed')
    this.#tick.cancel()
    this.#wakeFromDelay?.()
    const nc = this.#nc
    if (nc !== undefined) {
      if (this.#connected) await Promise.race([nc.flush().catch(() => {}), this.#pause(FLUSH_TIMEOUT_MS)])
      this.#wakeFromDelay?.()
      await nc.close()
    }
    await this.#run
    this.#announceState()
  }

  // The connection

  async #keepConnected(opened: () => void): Promise<void> {
    for (let delayMs = FIRST_DELAY_MS; !this.#closing;) {
      try {
        const nc = await connect(this.#clientOptions)
        delayMs = FIRST_DELAY_MS
        if (this.#closing) {
          await nc.close()
          return
        }
        this.#nc = nc
        this.#subscribeInbox(nc)
        for (const attachment of this.#attachments) attachment.connected(nc)
        this.#onConnected(nc)
        opened()
        void this.#follow(nc)
        await nc.closed() // we closed it, or the library gave up
        this.#onDisconnected()
      } catch (error) {
        this.#connectFailure = error instanceof Error ? error.message : String(error)
        if (this.#nc === undefined || delayMs === MAX_DELAY_MS)
          this.#lossLog.warn({ servers: this.#clientOptions.servers, err: error }, 'cannot connect to NATS; trying on')
        opened()
        await this.#pause(delayMs * (0.5 + Math.random() / 2))
        delayMs = Math.min(MAX_DELAY_MS, delayMs * 2)
      }
    }
  }

  /** The library's iterator does not always end with the connection: nobody waits for it. */
  async #follow(nc: NatsConnection): Promise<void> {
    for await (const { type, data, permissionContext } of nc.status()) {
      if (type === Events.Disconnect) this.#onDisconnected()
      else if (type === Events.Reconnect) {
        this.#counts.reconnects++
        this.#onConnected(nc)
      } else if (type === Events.Error) {
        this.#lossLog.warn({ code: data, ...permissionContext }, 'nats-server reports an error')
      }
    }
  }

  #onConnected(nc: NatsConnection): void {
    if (this.#connected) return
    this.#connected = true
    this.#connectFailure = undefined
    const awayMs = Math.round(this.#deps.clock.monotonic() - this.#downSinceMs)
    this.#deps.log.info({ server: nc.getServer(), awayMs }, 'connected to NATS')
    // The server may have come back without its streams.
    for (const state of this.#queues.values()) if (state.kind === 'ready') state.kind = 'unknown'
    for (const consumer of this.#consumers) consumer.connected(nc)
    this.#announceState()
  }

  #onDisconnected(): void {
    if (!this.#connected) return
    this.#connected = false
    this.#downSinceMs = this.#deps.clock.monotonic()
    if (!this.#closing) this.#deps.log.warn({}, 'lost the connection to NATS; trying to get it back')
    for (const consumer of this.#consumers) consumer.disconnected()
    this.#sender.rejectAll('the connection to NATS broke before the message was acknowledged')
    for (const asker of this.#askers.values()) asker.fail('the connection to NATS broke in the middle of an answer')
    for (const answer of this.#answers.values()) answer.stop('the connection to NATS broke')
    this.#announceState()
  }

  #announceState(): void {
    const state: BusState = this.problem === undefined ? 'connected' : 'disconnected'
    if (state === this.#lastState) return
    this.#lastState = state
    if (this.#closing) return // whoever closes it knows
    for (const listener of this.#stateListeners) listener(state)
  }

  #usable(): NatsConnection | undefined {
    return this.#connected && !this.#closing && this.#nc !== undefined && !this.#nc.isClosed() ? this.#nc : undefined
  }

  #maxPayloadBytes(): number {
    return this.#nc?.info?.max_payload ?? DEFAULT_MAX_PAYLOAD_BYTES
  }

  #reconnectDelayMs(): number {
    const awayMs = this.#deps.clock.monotonic() - this.#downSinceMs
    return Math.min(MAX_DELAY_MS, Math.max(FIRST_DELAY_MS, awayMs / 4)) * (0.5 + Math.random() / 2)
  }

  /** Ends early when the bus closes. */
  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        timer.cancel()
        this.#wakeFromDelay = undefined
        resolve()
      }
      const timer = this.#deps.clock.after(delayMs, wake)
      this.#wakeFromDelay = wake
    })
  }

  #onTick(): void {
    const nowMs = this.#deps.clock.monotonic()
    this.#sender.checkTimeouts(nowMs)
    for (const asker of this.#askers.values()) asker.checkIdle(nowMs)
    for (const consumer of this.#consumers) consumer.tick(nowMs)
  }

  // What comes in

  #subscribeInbox(nc: NatsConnection): void {
    nc.subscribe(`${this.#inbox}.>`, {
      callback: (error, message) => {
        if (error === null) guarded(() => this.#onInbox(message))
      },
    })
  }

  #onInbox(message: Msg): void {
    const { subject } = message
    if (subject.startsWith(this.#acks)) {
      const number = Number(subject.slice(this.#acks.length))
      if (this.#sender.onAck(number, message.data))
        for (const state of this.#queues.values()) if (state.kind === 'ready') state.kind = 'unknown'
    } else if (subject.startsWith(this.#questions)) {
      const asker = this.#askers.get(subject)
      if (message.data.length === 0) asker?.nobodyServes()
      else if (asker !== undefined) asker.onMessage(message.data, message.reply ?? '')
    } else {
      this.#answers.get(subject)?.onControl(message.data)
    }
  }

  #attach(subject: string, group: string | undefined, onMessage: (message: Msg) => void): Subscription {
    const attachment = new Attachment(subject, group, (message) => guarded(() => onMessage(message)))
    this.#attachments.add(attachment)
    const nc = this.#usable()
    if (nc !== undefined) attachment.connected(nc)
    return {
      close: async () => {
        this.#attachments.delete(attachment)
        await attachment.close()
      },
    }
  }

  #decodePart<Request, Part>(call: Call<Request, Part>, bytes: Uint8Array): Part {
    try {
      return call.part.decode(bytes)
    } catch (cause) {
      this.#undecodable({ call: call.name, lengthBytes: bytes.length, err: cause })
      throw new BusError(`a part of the answer of ${call.name} cannot be decoded`, { cause })
    }
  }

  #undecodable(fields: object): void {
    this.#counts.undecodable++
    this.#undecodableLog.warn(fields, 'dropped a message that cannot be decoded')
  }

  // Queues

  #queueState(queue: QueueName): QueueState {
    let state = this.#queues.get(queue.name)
    if (state === undefined)
      this.#queues.set(queue.name, (state = { kind: 'unknown', failedAtMs: 0, error: undefined, ensuring: undefined }))
    return state
  }

  async #enqueueWhenReady(queue: QueueName, bytes: Uint8Array, number: number): Promise<void> {
    const error = await this.#ensure(queue)
    const nc = this.#usable()
    if (!this.#sender.isInFlight(number)) return
    if (error !== undefined) this.#sender.reject(number, error)
    else if (nc === undefined) this.#sender.reject(number, new BusError('NATS cannot be reached'))
    else nc.publish(queue.name, bytes, { reply: this.#acks + number })
  }

  /** Undefined when the queue can be used. Failures are remembered for a second, so that a flood of messages asks once. */
  #ensure(queue: QueueName): Promise<BusError | undefined> {
    const state = this.#queueState(queue)
    if (state.kind === 'ready') return READY
    if (state.kind === 'failed' && this.#deps.clock.monotonic() - state.failedAtMs < QUEUE_RETRY_MS)
      return Promise.resolve(state.error)
    state.ensuring ??= this.#tryToEnsure(queue, state).finally(() => (state.ensuring = undefined))
    return state.ensuring
  }

  async #tryToEnsure(queue: QueueName, state: QueueState): Promise<BusError | undefined> {
    const nc = this.#usable()
    if (nc === undefined) return new BusError('NATS cannot be reached')
    try {
      await ensureStream(nc, queue, { replicas: this.#options.replicas })
      if (state.kind === 'failed') this.#deps.log.info({ queue: queue.name }, 'the queue can be used again')
      state.kind = this.#usable() === nc ? 'ready' : 'unknown'
      state.error = undefined
      this.#announceState()
      return undefined
    } catch (error) {
      if (!(error instanceof BusError)) throw error
      if (!this.#connected) return error // the connection broke meanwhile: that has been said
      if (state.kind !== 'failed') this.#deps.log.error({ queue: queue.name, err: error }, error.message)
      state.kind = 'failed'
      state.error = error
      state.failedAtMs = this.#deps.clock.monotonic()
      this.#announceState()
      return error
    }
  }
}

interface QueueState {
  /** `unknown`: not looked since the last connect. */
  kind: 'unknown' | 'ready' | 'failed'
  error: BusError | undefined
  failedAtMs: number
  ensuring: Promise<BusError | undefined> | undefined
}

const READY = Promise.resolve(undefined)

/** One core subscription, attached to each connection in turn. */
class Attachment {
  readonly #subject: string
  readonly #group: string | undefined
  readonly #onMessage: (message: Msg) => void
  #closed = false
  #subscription: NatsSubscription | undefined

  constructor(subject: string, group: string | undefined, onMessage: (message: Msg) => void) {
    this.#subject = subject
    this.#group = group
    this.#onMessage = onMessage
  }

  connected(nc: NatsConnection): void {
    this.#subscription = nc.subscribe(this.#subject, {
      ...(this.#group === undefined ? {} : { queue: this.#group }),
      callback: (error, message) => {
        if (error === null && !this.#closed) this.#onMessage(message)
      },
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.#subscription !== undefined && !this.#subscription.isClosed()) this.#subscription.unsubscribe()
  }
}

/** The library swallows what its callbacks throw, and stops reading; a fault of ours must end the process instead. */
function guarded(work: () => void): void {
  try {
    work()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
