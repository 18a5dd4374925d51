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
import { connect, Events, NatsError } from 'nats'
import type { Msg, NatsConnection, Subscription as NatsSubscription } from 'nats'
import { Asker } from './asker.ts'
import { isInbox, makeInboxes, type Inboxes } from './inboxes.ts'
import { clientName, connectionOptions } from './options.ts'
import type { NatsBusOptions } from './options.ts'
import { QueueConsumer } from './queue-consumer.ts'
import { QueueSender } from './queue-sender.ts'
import { Queues } from './queues.ts'
import { RefusedSubjects, sentenceOf, SUBSCRIBE_AGAIN_MS, type RefusedSubject } from './refused-subjects.ts'
import { encodeAnswerMessage, Kind } from './answer-wire.ts'
import { Answer } from './server.ts'
import { ensureQueue, streamProgress } from './streams.ts'
import type { QueueName } from './streams.ts'
import { Undecodable } from './undecodable.ts'

export interface NatsBusDeps {
  readonly clock: Clock
  readonly log: Log
  /** Given: the bus is a component of it. */
  readonly health?: Health
  readonly metrics?: Metrics
}

/** Since the start; for metrics. */
export interface NatsBusCounts {
  /** Messages from others that could not be decoded: in all, and by the name they came under. */
  readonly undecodable: number
  readonly undecodableByName: ReadonlyMap<string, number>
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
  bus.onProblem(look)
  look()
  if (deps.metrics !== undefined) describeMetrics(deps.metrics, bus)
  return bus
}

function describeMetrics(metrics: Metrics, bus: NatsBus): void {
  metrics.counter({
    name: 'bus_undecodable_total',
    help: 'Messages from others that could not be decoded and were dropped, by the name they came under.',
    labels: ['name'],
    read: () => [...bus.counts.undecodableByName].map(([name, value]) => ({ labels: { name }, value })),
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
  readonly #deps: NatsBusDeps
  readonly #clientOptions: ReturnType<typeof connectionOptions>
  readonly #undecodable: Undecodable
  readonly #lossLog: RateLimitedLog
  readonly #stateListeners: ((state: BusState) => void)[] = []
  readonly #problemListeners: (() => void)[] = []
  readonly #attachments = new Set<Attachment>()
  readonly #queues: Queues
  readonly #refused = new RefusedSubjects()
  readonly #consumers = new Set<QueueConsumer<unknown>>()
  readonly #sender: QueueSender
  readonly #askers = new Map<string, Asker>()
  readonly #answers = new Map<string, Answer>()
  readonly #inboxes: Inboxes
  readonly #counts = { unpublished: 0, reconnects: 0 }
  readonly #tick: Timer
  readonly #run: Promise<void>
  #nc: NatsConnection | undefined
  #connected = false
  /** What the last attempt ended with. */
  #connectFailure: string | undefined
  #lastState: BusState = 'disconnected'
  #lastProblem: string | undefined
  #subscribedAgainMs = -Infinity
  #downSinceMs: number
  #lastNumber = 0
  #closing = false
  #wakeFromDelay: (() => void) | undefined

  constructor(options: NatsBusOptions, deps: NatsBusDeps) {
    this.#deps = deps
    this.#downSinceMs = deps.clock.monotonic()
    this.#clientOptions = connectionOptions(options, () => this.#reconnectDelayMs())
    this.#inboxes = makeInboxes(clientName(options))
    this.#undecodable = new Undecodable(deps.log, deps.clock)
    this.#lossLog = new RateLimitedLog(deps.log, deps.clock)
    this.#queues = new Queues({
      clock: deps.clock,
      log: deps.log,
      connection: () => this.#usable(),
      ensure: async (queue, side) => {
        const nc = this.#usable()
        if (nc === undefined) throw new BusError('NATS cannot be reached')
        await ensureQueue(nc, queue, side, { replicas: options.replicas })
      },
      onChange: () => this.#announceState(),
    })
    this.#sender = new QueueSender(deps.clock, {
      works: (queue) => this.#queues.works(queue, 'sends'),
      fails: (queue, why) => this.#queues.doubt(queue, 'sends', why),
    })
    this.#tick = deps.clock.every(TICK_MS, () => this.#onTick())
    let opened = (): void => {}
    this.opened = new Promise((resolve) => (opened = resolve))
    this.#run = this.#keepConnected(opened)
  }

  get state(): BusState {
    return this.#lastState
  }

  /** What does not work, in a sentence. With what is refused, the state may still be `connected`: the rest works. */
  get problem(): string | undefined {
    return this.#stateProblem ?? this.#refused.problem
  }

  get #stateProblem(): string | undefined {
    if (this.#usable() === undefined) {
      const why = this.#connectFailure === undefined ? '' : ` (${this.#connectFailure})`
      return `NATS is not reachable${why}; what is to be said waits.`
    }
    return this.#queues.problem
  }

  get counts(): NatsBusCounts {
    return { ...this.#counts, undecodable: this.#undecodable.count, undecodableByName: this.#undecodable.byName }
  }

  /** Called when `problem` has become another. */
  onProblem(listener: () => void): void {
    this.#problemListeners.push(listener)
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
    this.#undecodable.expect(subject.name)
    return this.#attach(subject.name, undefined, (message) => {
      let decoded: T
      try {
        decoded = subject.decode(message.data)
      } catch (error) {
        this.#undecodable.note(subject.name, message.data.length, error)
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
    if (this.#queues.isReady(queue, 'sends')) {
      const { acks } = this.#inboxes
      return this.#sender.send(queue, bytes.length, (number) => nc.publish(queue.name, bytes, { reply: acks + number }))
    }
    return this.#sender.send(queue, bytes.length, (number) => void this.#enqueueWhenReady(queue, bytes, number))
  }

  consume<T>(queue: Queue<T>, onMessages: (messages: readonly T[]) => Promise<void>): Subscription {
    this.#undecodable.expect(queue.name)
    const consumer = new QueueConsumer<T>(queue, (bytes) => queue.decode(bytes), onMessages, {
      clock: this.#deps.clock,
      inboxPrefix: this.#inboxes.prefix,
      undecodable: this.#undecodable,
      ensure: async () => (await this.#queues.ensure(queue, 'receives')) === undefined,
      doubt: (why) => this.#queues.doubt(queue, 'receives', why),
      works: () => this.#queues.works(queue, 'receives'),
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
    const error = await this.#queues.ensure(queue, 'sends')
    if (error !== undefined) throw error
    return streamProgress(nc, queue)
  }

  serve<Request, Part>(call: Call<Request, Part>, answer: (request: Request) => AsyncIterable<Part>): Subscription {
    this.#undecodable.expect(call.name)
    const running = new Map<Answer, Promise<void>>()
    const subscription = this.#attach(call.name, QUEUE_GROUP, (question) => {
      const inbox = question.reply
      if (!isInbox(inbox)) {
        this.#undecodable.note(call.name, question.data.length, 'the question names no inbox for its answer')
        return
      }
      const refuse = (sentence: string): void =>
        this.#usable()?.publish(inbox, encodeAnswerMessage(Kind.FAILED, 0, new TextEncoder().encode(sentence)))
      if (this.#answers.size >= MAX_ANSWERS) return refuse(`${MAX_ANSWERS} questions are being answered already`)
      let request: Request
      try {
        request = call.request.decode(question.data)
      } catch (error) {
        this.#undecodable.note(call.name, question.data.length, error)
        return refuse('the question cannot be decoded')
      }
      const control = `${this.#inboxes.controls}${++this.#lastNumber}`
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
    const inbox = `${this.#inboxes.questions}${++this.#lastNumber}`
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
    let said: string | undefined
    for (let delayMs = FIRST_DELAY_MS; !this.#closing;) {
      try {
        const nc = await connect(this.#clientOptions)
        delayMs = FIRST_DELAY_MS
        said = undefined
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
        this.#connectFailure = reasonOf(error)
        if (said !== this.#connectFailure)
          this.#deps.log.warn(
            { servers: this.#clientOptions.servers, why: this.#connectFailure },
            'cannot connect to NATS; trying on, and saying so when it works',
          )
        said = this.#connectFailure
        this.#announceState()
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
        if (permissionContext === undefined) this.#lossLog.warn({ code: data }, 'nats-server reports an error')
        else this.#onRefused(permissionContext)
      }
    }
  }

  #onConnected(nc: NatsConnection): void {
    if (this.#connected) return
    this.#connected = true
    this.#connectFailure = undefined
    const awayMs = Math.round(this.#deps.clock.monotonic() - this.#downSinceMs)
    this.#deps.log.info({ server: nc.getServer(), awayMs }, 'connected to NATS')
    this.#refused.clear()
    this.#queues.connected()
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
    const state: BusState = this.#stateProblem === undefined ? 'connected' : 'disconnected'
    const hasChanged = state !== this.#lastState
    this.#lastState = state
    if (this.#closing) return // whoever closes it knows
    if (hasChanged) for (const listener of this.#stateListeners) listener(state)
    const { problem } = this
    if (problem === this.#lastProblem) return
    this.#lastProblem = problem
    for (const listener of this.#problemListeners) listener()
  }

  /**
   * nats-server did not take it, or does not let us hear. A call that may not be asked is told to who asked, not to health: a service whose
   * user may not do everything is in order.
   */
  #onRefused(refused: RefusedSubject): void {
    const why = sentenceOf(refused)
    const askers = [...this.#askers.values()].filter((asker) => refused.operation === 'publish' && asker.name === refused.subject)
    for (const asker of askers) asker.fail(`${refused.subject} cannot be asked: ${why}`)
    if (askers.length > 0 || refused.subject.startsWith('$JS.API.')) return // who asked JetStream is told
    if (this.#refused.note(refused, this.#deps.clock.monotonic())) this.#deps.log.error({ ...refused }, why)
    if (refused.operation === 'publish') this.#sender.refused(refused.subject, why)
    this.#announceState()
  }

  /** Permissions may have been edited; nats-server does not say so. */
  #subscribeAgain(nowMs: number): void {
    if (nowMs - this.#subscribedAgainMs < SUBSCRIBE_AGAIN_MS) return
    this.#subscribedAgainMs = nowMs
    const nc = this.#usable()
    if (nc !== undefined) for (const attachment of this.#attachments) attachment.subscribeAgain(nc)
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
    this.#queues.tick(nowMs)
    this.#refused.tick(nowMs)
    this.#subscribeAgain(nowMs)
    this.#announceState()
    for (const asker of this.#askers.values()) asker.checkIdle(nowMs)
    for (const consumer of this.#consumers) consumer.tick(nowMs)
  }

  // What comes in

  #subscribeInbox(nc: NatsConnection): void {
    nc.subscribe(this.#inboxes.all, {
      callback: (error, message) => {
        if (error === null) guarded(() => this.#onInbox(message))
      },
    })
  }

  #onInbox(message: Msg): void {
    const { subject } = message
    const { acks, questions } = this.#inboxes
    if (subject.startsWith(acks)) {
      this.#sender.onAck(Number(subject.slice(acks.length)), message.data)
    } else if (subject.startsWith(questions)) {
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
      this.#undecodable.note(`${call.name} (answer)`, bytes.length, cause)
      throw new BusError(`a part of the answer of ${call.name} cannot be decoded`, { cause })
    }
  }

  async #enqueueWhenReady(queue: QueueName, bytes: Uint8Array, number: number): Promise<void> {
    const error = await this.#queues.ensure(queue, 'sends')
    const nc = this.#usable()
    if (!this.#sender.isInFlight(number)) return
    if (error !== undefined) this.#sender.reject(number, error)
    else if (nc === undefined) this.#sender.reject(number, new BusError('NATS cannot be reached'))
    else nc.publish(queue.name, bytes, { reply: this.#inboxes.acks + number })
  }
}

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

  /** The server refused it before, and the library let it go. */
  subscribeAgain(nc: NatsConnection): void {
    if (!this.#closed && this.#subscription?.isClosed() === true) this.connected(nc)
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

/** A sentence, not a stack: that a server cannot be reached is no fault of ours. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error instanceof NatsError ? error.chainedError : undefined
  return cause === undefined ? error.message : `${error.message}: ${cause.message}`
}
