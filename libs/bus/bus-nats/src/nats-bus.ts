/**
 * The bus between processes: nats-server.
 *
 *   publish/subscribe   core NATS (core-subscriptions.ts); nothing is sent while there is no connection
 *   enqueue/consume     JetStream (jetstream-queues.ts)
 *   serve/ask           request with many replies, windowed (calls.ts)
 *
 * One connection, kept for ever (server-connection.ts). One tick per half second looks after time-outs; no message has a timer of its own.
 *
 * The state is `connected` when the server is reached and every queue in use works.
 */
import { asParts, asStreamCall, firstPart } from '@dnstap-bgp/bus'
import type { Bus, BusState, Call, Queue, QueueProgress, StreamCall, Subject, Subscription } from '@dnstap-bgp/bus'
import type { Health, Metrics } from '@dnstap-bgp/telemetry'
import { RateLimitedLog, type Clock, type Log, type Timer } from '@dnstap-bgp/runtime'
import type { Msg, NatsConnection } from 'nats'
import { describeBusMetrics } from './bus-metrics.ts'
import { Calls } from './calls.ts'
import { ServerConnection } from './server-connection.ts'
import { CoreSubscriptions, crashOnError } from './core-subscriptions.ts'
import { makeInboxes, type Inboxes } from './inboxes.ts'
import { JetStreamQueues } from './jetstream-queues.ts'
import { clientName, connectionOptions, type NatsBusOptions } from './options.ts'
import { RefusedSubjects, sentenceOf, type RefusedSubject } from './refused-subjects.ts'
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

/** Resolves after the first attempt to connect, whether it succeeded or not. @throws when the options are wrong or a file is missing */
export async function openNatsBus(options: NatsBusOptions, deps: NatsBusDeps): Promise<NatsBus> {
  const health = deps.health?.component('bus')
  const bus = new NatsBus(options, deps)
  await bus.opened
  const reportHealth = () => {
    if (bus.problem === undefined) health?.ok()
    else health?.degraded(bus.problem)
  }
  bus.onProblem(reportHealth)
  reportHealth()
  if (deps.metrics !== undefined) describeBusMetrics(deps.metrics, bus)
  return bus
}

export class NatsBus implements Bus {
  readonly opened: Promise<void>
  readonly #deps: NatsBusDeps
  readonly #undecodable: Undecodable
  readonly #lossLog: RateLimitedLog
  readonly #stateListeners: ((state: BusState) => void)[] = []
  readonly #problemListeners: (() => void)[] = []
  readonly #refused = new RefusedSubjects()
  readonly #inboxes: Inboxes
  readonly #subscriptions: CoreSubscriptions
  readonly #queues: JetStreamQueues
  readonly #connection: ServerConnection
  readonly #calls: Calls
  readonly #tick: Timer
  #unpublished = 0
  #lastState: BusState = 'disconnected'
  #lastProblem: string | undefined
  #closing: Promise<void> | undefined

  constructor(options: NatsBusOptions, deps: NatsBusDeps) {
    const { clock, log } = deps
    this.#deps = deps
    this.#undecodable = new Undecodable(log, clock)
    this.#lossLog = new RateLimitedLog(log, clock)
    this.#inboxes = makeInboxes(clientName(options))
    const shared = { clock, log, inboxes: this.#inboxes, undecodable: this.#undecodable }
    this.#subscriptions = new CoreSubscriptions(() => this.#connection.usable)
    this.#queues = new JetStreamQueues({
      ...shared,
      replicas: options.replicas,
      connection: () => this.#connection,
      onChange: () => this.#announceState(),
    })
    this.#connection = new ServerConnection((delayMs) => connectionOptions(options, delayMs), {
      clock,
      log,
      onOpened: (nc) => this.#onOpened(nc),
      onConnected: (nc) => this.#onConnected(nc),
      onDisconnected: () => this.#onDisconnected(),
      onFailure: () => this.#announceState(),
      onRefused: (refused) => this.#onRefused(refused),
      onServerError: (code) => this.#lossLog.warn({ code }, 'nats-server reports an error.'),
    })
    this.#calls = new Calls({ ...shared, connection: this.#connection, subscriptions: this.#subscriptions })
    this.#tick = clock.every(TICK_MS, () => this.#onTick())
    this.opened = this.#connection.start()
  }

  get state(): BusState {
    return this.#lastState
  }

  /** What does not work, in a sentence. When a subject is refused, the state may still be `connected`: the rest works. */
  get problem(): string | undefined {
    return this.#stateProblem ?? this.#refused.problem
  }

  get #stateProblem(): string | undefined {
    if (this.#connection.usable !== undefined) return this.#queues.problem
    const { failure } = this.#connection
    return `NATS is not reachable${failure === undefined ? '' : ` (${failure})`}; messages wait.`
  }

  get counts(): NatsBusCounts {
    return {
      unpublished: this.#unpublished,
      reconnects: this.#connection.reconnects,
      undecodable: this.#undecodable.count,
      undecodableByName: this.#undecodable.byName,
    }
  }

  /** The listener is called when `problem` has changed. */
  onProblem(listener: () => void): void {
    this.#problemListeners.push(listener)
  }

  onState(listener: (state: BusState) => void): void {
    this.#stateListeners.push(listener)
  }

  publish<T>(subject: Subject<T>, message: T): void {
    const bytes = subject.encode(message)
    const nc = this.#connection.usable
    if (nc === undefined) {
      this.#unpublished++
      return
    }
    const { maxPayloadBytes } = this.#connection
    if (bytes.length > maxPayloadBytes) {
      this.#unpublished++
      const fields = { subject: subject.name, lengthBytes: bytes.length, maxPayloadBytes }
      this.#lossLog.warn(fields, 'A message is larger than nats-server takes (max_payload); it was not published.')
      return
    }
    nc.publish(subject.name, bytes)
  }

  subscribe<T>(subject: Subject<T>, onMessage: (message: T) => void): Subscription {
    this.#undecodable.expect(subject.name)
    return this.#subscriptions.add(subject.name, undefined, (message) => {
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
    return this.#queues.enqueue(queue, message)
  }

  consume<T>(queue: Queue<T>, onMessages: (messages: readonly T[]) => Promise<void>): Subscription {
    return this.#queues.consume(queue, onMessages)
  }

  progress<T>(queue: Queue<T>): Promise<QueueProgress> {
    return this.#queues.progress(queue)
  }

  serve<Request, Reply>(call: Call<Request, Reply>, answer: (request: Request) => Promise<Reply>): Subscription {
    return this.#calls.serve(asStreamCall(call), (request) => asParts(answer(request)))
  }

  ask<Request, Reply>(call: Call<Request, Reply>, request: Request): Promise<Reply> {
    return firstPart(call.name, this.#calls.ask(asStreamCall(call), request))
  }

  serveStream<Request, Part>(call: StreamCall<Request, Part>, answer: (request: Request) => AsyncIterable<Part>): Subscription {
    return this.#calls.serve(call, answer)
  }

  askStream<Request, Part>(call: StreamCall<Request, Part>, request: Request): AsyncIterable<Part> {
    return this.#calls.ask(call, request)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#queues.closeConsumers()
    this.#subscriptions.closeAll()
    this.#calls.stopAnswers('it is closing')
    if (this.#connection.isConnected) await this.#queues.drained()
    this.#connection.stop()
    this.#queues.close()
    this.#calls.failQuestions('the bus is closed')
    this.#tick.cancel()
    await this.#connection.close()
    this.#announceState()
  }

  #onOpened(nc: NatsConnection): void {
    nc.subscribe(this.#inboxes.all, {
      callback: (error, message) => {
        if (error === null) crashOnError(() => this.#onInbox(message))
      },
    })
    this.#subscriptions.opened(nc)
  }

  #onInbox(message: Msg): void {
    const { subject } = message
    const { acks, questions } = this.#inboxes
    if (subject.startsWith(acks)) this.#queues.onAck(Number(subject.slice(acks.length)), message)
    else if (subject.startsWith(questions)) this.#calls.onAnswer(message)
    else this.#calls.onControl(message)
  }

  #onConnected(nc: NatsConnection): void {
    this.#refused.clear()
    this.#queues.connected(nc)
    this.#announceState()
  }

  #onDisconnected(): void {
    this.#queues.disconnected()
    this.#calls.disconnected()
    this.#announceState()
  }

  /**
   * nats-server refused a publication or a subscription. When it refused a question, the asker is told and health is not: a service whose
   * user may not ask everything is in order.
   */
  #onRefused(refused: RefusedSubject): void {
    const why = sentenceOf(refused)
    if (this.#calls.refused(refused, why)) return
    if (refused.subject.startsWith('$JS.API.')) return // the request to JetStream fails by itself
    if (this.#refused.note(refused, this.#deps.clock.monotonic())) this.#deps.log.error({ ...refused }, why)
    if (refused.operation === 'publish') this.#queues.refused(refused.subject, why)
    this.#announceState()
  }

  #announceState(): void {
    const state: BusState = this.#stateProblem === undefined ? 'connected' : 'disconnected'
    const hasChanged = state !== this.#lastState
    this.#lastState = state
    if (this.#connection.isStopped) return // nobody needs to be told of a close that was asked for
    if (hasChanged) for (const listener of this.#stateListeners) listener(state)
    const { problem } = this
    if (problem === this.#lastProblem) return
    this.#lastProblem = problem
    for (const listener of this.#problemListeners) listener()
  }

  #onTick(): void {
    const nowMs = this.#deps.clock.monotonic()
    this.#queues.tick(nowMs)
    this.#refused.tick(nowMs)
    this.#subscriptions.tick(nowMs)
    this.#announceState()
    this.#calls.tick(nowMs)
  }
}
