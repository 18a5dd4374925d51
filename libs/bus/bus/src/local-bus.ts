/**
 * The bus of one process: objects passed by reference, nothing encoded, nothing durable. The all-in-one runs on it.
 *
 * Nobody is called from inside publish() or enqueue(): delivery starts in a microtask, so a subscriber that publishes neither
 * recurses nor overtakes, and whatever one socket read produced arrives as one batch. Between batches the bus pauses, so that
 * sockets and timers get their turn however much waits; the pause comes from outside, because a domain lib has no timers.
 *
 *   publish ──▶ pending ──microtask──▶ each subscriber, in order
 *   enqueue ──▶ waiting ──microtask──▶ handler(batch) ──resolved──▶ pause(0) ──▶ handler(next batch)
 *                  ▲                       │ rejected: the batch goes back to the front, pause(RETRY_DELAY_MS)
 *                  └───────────────────────┘
 *
 * Messages weigh what their queue says (octetsOf): a message may be one fact or five hundred. A batch is as much as PORTION_OCTETS, or one
 * message. Backpressure: a queue that keeps limits.maxBytes refuses the newest with BusError: here the sender is at hand and can keep it,
 * which loses less than dropping the oldest. maxAgeSeconds is not applied: nothing
 * outlives the process.
 */
import { BusError } from './bus.ts'
import type { Bus, BusState, Call, Queue, QueueProgress, StreamCall, Subject, Subscription } from './bus.ts'
import { asParts, asStreamCall, firstPart } from './unary-call.ts'

/** About five hundred resolutions: at 12 µs each the loop is held for 6 ms. */
export const PORTION_OCTETS = 256 * 1024
const RETRY_DELAY_MS = 200
/** Taken messages at the front of the array that are worth a copy of the rest. */
const COMPACT_AFTER = 65_536
/** Rounds of publish-in-answer-to-publish before everybody else gets a turn. */
const ROUNDS_BEFORE_PAUSE = 16

const ACCEPTED = Promise.resolve()
const NEXT_MICROTASK = ACCEPTED

export interface LocalBusOptions {
  /** Resolves after `delayMs`; 0 means: after sockets and timers had a turn (setImmediate). */
  readonly pause: (delayMs: number) => Promise<void>
}

export class LocalBus implements Bus {
  readonly #pause: LocalBusOptions['pause']
  readonly #subscribers = new Map<string, Set<(message: unknown) => void>>()
  readonly #queues = new Map<string, LocalQueue>()
  readonly #servers = new Map<string, Server[]>()
  #pending: { name: string; message: unknown }[] = []
  #delivering: Promise<void> | undefined
  #closed = false

  constructor(options: LocalBusOptions) {
    this.#pause = options.pause
  }

  get state(): BusState {
    return this.#closed ? 'disconnected' : 'connected'
  }

  /** Inside one process there is nothing to lose: no listener is ever called. */
  onState(_listener: (state: BusState) => void): void {}

  publish<T>(subject: Subject<T>, message: T): void {
    if (this.#closed || !this.#subscribers.has(subject.name)) return
    this.#pending.push({ name: subject.name, message })
    this.#delivering ??= this.#deliver()
  }

  subscribe<T>(subject: Subject<T>, onMessage: (message: T) => void): Subscription {
    let subscribers = this.#subscribers.get(subject.name)
    if (subscribers === undefined) this.#subscribers.set(subject.name, (subscribers = new Set()))
    const own = subscribers
    const subscriber = (message: unknown): void => onMessage(message as T)
    own.add(subscriber)
    return {
      close: async () => {
        own.delete(subscriber)
        if (own.size === 0 && this.#subscribers.get(subject.name) === own) this.#subscribers.delete(subject.name)
      },
    }
  }

  enqueue<T>(queue: Queue<T>, message: T): Promise<void> {
    if (this.#closed) return Promise.reject(new BusError('the bus is closed'))
    return this.#queue(queue).add(message)
  }

  consume<T>(queue: Queue<T>, onMessages: (messages: readonly T[]) => Promise<void>): Subscription {
    return this.#queue(queue).consume(onMessages as (messages: readonly unknown[]) => Promise<void>)
  }

  progress<T>(queue: Queue<T>): Promise<QueueProgress> {
    if (this.#closed) return Promise.reject(new BusError('the bus is closed'))
    return Promise.resolve(this.#queue(queue).progress)
  }

  serve<Request, Reply>(call: Call<Request, Reply>, answer: (request: Request) => Promise<Reply>): Subscription {
    return this.serveStream(asStreamCall(call), (request) => asParts(answer(request)))
  }

  ask<Request, Reply>(call: Call<Request, Reply>, request: Request): Promise<Reply> {
    return firstPart(call.name, this.askStream(asStreamCall(call), request))
  }

  serveStream<Request, Part>(call: StreamCall<Request, Part>, answer: (request: Request) => AsyncIterable<Part>): Subscription {
    const server: Server = { answer: answer as (request: unknown) => AsyncIterable<unknown>, closed: false, steps: new Set() }
    const servers = this.#servers.get(call.name) ?? []
    servers.push(server)
    this.#servers.set(call.name, servers)
    return {
      close: async () => {
        server.closed = true
        const index = servers.indexOf(server)
        if (index >= 0) servers.splice(index, 1)
        await Promise.allSettled(server.steps)
      },
    }
  }

  async *askStream<Request, Part>(call: StreamCall<Request, Part>, request: Request): AsyncIterable<Part> {
    const servers = this.#servers.get(call.name)
    const server = servers?.shift()
    if (this.#closed || servers === undefined || server === undefined) throw new BusError(`nobody serves ${call.name}`)
    servers.push(server) // the next question goes to the next server
    const parts = server.answer(request)[Symbol.asyncIterator]()
    try {
      for (;;) {
        const step = parts.next()
        server.steps.add(step)
        const { done, value } = await step.finally(() => server.steps.delete(step))
        if (done === true) return
        if (server.closed) throw new BusError(`the server of ${call.name} went away in the middle of its answer`)
        yield value as Part
      }
    } catch (cause) {
      if (cause instanceof BusError) throw cause
      throw new BusError(`the server of ${call.name} failed: ${cause instanceof Error ? cause.message : String(cause)}`, {
        cause,
      })
    } finally {
      await parts.return?.()
    }
  }

  async close(): Promise<void> {
    while (this.#delivering !== undefined) await this.#delivering
    this.#closed = true
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()))
  }

  #queue<T>(queue: Queue<T>): LocalQueue {
    let local = this.#queues.get(queue.name)
    if (local === undefined) {
      const octetsOf = (message: unknown): number => queue.octetsOf(message as T)
      this.#queues.set(queue.name, (local = new LocalQueue(queue.name, queue.limits.maxBytes, octetsOf, this.#pause)))
    }
    return local
  }

  /** A subscriber that throws ends the process by an unhandled rejection: its fault is ours, not the publisher's. */
  async #deliver(): Promise<void> {
    await NEXT_MICROTASK
    try {
      for (let round = 1; this.#pending.length > 0; round++) {
        const messages = this.#pending
        this.#pending = []
        for (const { name, message } of messages) {
          const subscribers = this.#subscribers.get(name)
          if (subscribers !== undefined) for (const subscriber of subscribers) subscriber(message)
        }
        if (round % ROUNDS_BEFORE_PAUSE === 0) await this.#pause(0)
      }
    } finally {
      this.#delivering = undefined
    }
  }
}

interface Server {
  readonly answer: (request: unknown) => AsyncIterable<unknown>
  /** Steps of answers that are being worked on. */
  readonly steps: Set<Promise<unknown>>
  closed: boolean
}

interface Consumer {
  readonly onMessages: (messages: readonly unknown[]) => Promise<void>
  /** Set while batches are being handed over. */
  running: Promise<void> | undefined
  /** It takes messages up to this one, counted from the queue's first; finite once it is leaving. */
  until: number
}

interface Waiting {
  readonly message: unknown
  /** Counts up from 1 over the life of the queue. */
  readonly number: number
  readonly octets: number
}

class LocalQueue {
  readonly #name: string
  readonly #maxOctets: number
  readonly #octetsOf: (message: unknown) => number
  readonly #pause: LocalBusOptions['pause']
  readonly #consumers = new Set<Consumer>()
  #waiting: Waiting[] = []
  /** Batches that handlers work on. */
  readonly #inHand = new Set<readonly Waiting[]>()
  /** The number of the newest message. */
  #newest = 0
  /** Index in #waiting of the oldest message; those before it are taken. */
  #first = 0
  /** Octets that wait. */
  #octets = 0
  /** Messages handed over since the queue's beginning; those a handler rejected count as not. */
  #taken = 0

  constructor(name: string, maxOctets: number, octetsOf: (message: unknown) => number, pause: LocalBusOptions['pause']) {
    this.#name = name
    this.#maxOctets = maxOctets
    this.#octetsOf = octetsOf
    this.#pause = pause
  }

  get #length(): number {
    return this.#waiting.length - this.#first
  }

  get progress(): QueueProgress {
    let oldest = this.#length > 0 ? this.#waiting[this.#first].number : this.#newest + 1
    for (const [first] of this.#inHand) oldest = Math.min(oldest, first.number)
    return { newest: this.#newest, done: oldest - 1 }
  }

  add(message: unknown): Promise<void> {
    if (this.#octets >= this.#maxOctets)
      return Promise.reject(new BusError(`the queue ${this.#name} is full: ${this.#length} messages wait`))
    const octets = this.#octetsOf(message)
    this.#waiting.push({ message, number: ++this.#newest, octets })
    this.#octets += octets
    this.#wake()
    return ACCEPTED
  }

  consume(onMessages: Consumer['onMessages']): Subscription {
    const consumer: Consumer = { onMessages, running: undefined, until: Infinity }
    this.#consumers.add(consumer)
    this.#wake()
    return { close: () => this.#leave(consumer) }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => this.#leave(consumer)))
  }

  /** What waits would die with the process, so the last consumer to leave takes it along; a failing one leaves it. */
  async #leave(consumer: Consumer): Promise<void> {
    if (!this.#consumers.delete(consumer)) return consumer.running
    const last = this.#consumers.size === 0
    consumer.until = last ? this.#taken + this.#length : 0
    if (last && this.#length > 0) consumer.running ??= this.#run(consumer)
    await consumer.running
  }

  /** Sets one idle consumer to work when something waits. */
  #wake(): void {
    if (this.#length === 0) return
    for (const consumer of this.#consumers) {
      if (consumer.running !== undefined) continue
      consumer.running = this.#run(consumer)
      return
    }
  }

  /** Hands over batches until nothing waits; forgets itself in the same turn in which it saw that. */
  async #run(consumer: Consumer): Promise<void> {
    await NEXT_MICROTASK
    while (this.#length > 0 && this.#taken < consumer.until) {
      const batch = this.#take(consumer.until - this.#taken)
      let delayMs = 0
      this.#inHand.add(batch)
      try {
        await consumer.onMessages(batch.map(({ message }) => message))
      } catch {
        // The handler has logged the reason. Here the failure only means that the batch is tried again later.
        this.#putBack(batch)
        if (!this.#consumers.has(consumer)) break
        delayMs = RETRY_DELAY_MS
      } finally {
        this.#inHand.delete(batch)
      }
      if (this.#length > 0 && this.#taken < consumer.until) await this.#pause(delayMs)
    }
    consumer.running = undefined
    this.#wake()
  }

  /** At most so many messages, and no more than a portion unless a single one is. */
  #take(maxMessages: number): Waiting[] {
    const last = Math.min(this.#first + maxMessages, this.#waiting.length)
    let end = this.#first
    let octets = 0
    do octets += this.#waiting[end++].octets
    while (end < last && octets + this.#waiting[end].octets <= PORTION_OCTETS)
    const batch = this.#waiting.slice(this.#first, end)
    this.#octets -= octets
    this.#taken += batch.length
    this.#first = end
    if (end === this.#waiting.length || end > COMPACT_AFTER) {
      this.#waiting = this.#waiting.slice(end)
      this.#first = 0
    }
    return batch
  }

  #putBack(batch: readonly Waiting[]): void {
    this.#waiting = [...batch, ...this.#waiting.slice(this.#first)]
    this.#first = 0
    this.#taken -= batch.length
    for (const { octets } of batch) this.#octets += octets
  }
}
