/** Queues over JetStream: sends messages (queue-sender.ts), consumes them (queue-consumer.ts), and knows which queues work (queues.ts). */
import { BusError } from '@dnstap-bgp/bus'
import type { Queue, QueueProgress, Subscription } from '@dnstap-bgp/bus'
import type { Clock, Log } from '@dnstap-bgp/runtime'
import type { Msg, NatsConnection } from 'nats'
import type { ServerConnection } from './server-connection.ts'
import type { Inboxes } from './inboxes.ts'
import { QueueConsumer } from './queue-consumer.ts'
import { QueueSender } from './queue-sender.ts'
import { Queues } from './queues.ts'
import { ensureQueue, streamProgress, type QueueName } from './streams.ts'
import type { Undecodable } from './undecodable.ts'

export interface JetStreamQueuesDeps {
  readonly clock: Clock
  readonly log: Log
  readonly connection: () => ServerConnection
  readonly inboxes: Inboxes
  readonly undecodable: Undecodable
  /** Of each stream; undefined: as many as it has. */
  readonly replicas: number | undefined
  readonly onChange: () => void
}

export class JetStreamQueues {
  readonly #deps: JetStreamQueuesDeps
  readonly #queues: Queues
  readonly #sender: QueueSender
  readonly #consumers = new Set<QueueConsumer<unknown>>()
  #closed = false

  constructor(deps: JetStreamQueuesDeps) {
    this.#deps = deps
    this.#queues = new Queues({
      clock: deps.clock,
      log: deps.log,
      connection: () => this.#usable,
      ensure: async (queue, side) => {
        const nc = this.#usable
        if (nc === undefined) throw new BusError('NATS cannot be reached')
        await ensureQueue(nc, queue, side, { replicas: deps.replicas })
      },
      onChange: deps.onChange,
    })
    this.#sender = new QueueSender(deps.clock, {
      works: (queue) => this.#queues.works(queue, 'sends'),
      fails: (queue, why) => this.#queues.doubt(queue, 'sends', why),
    })
  }

  /** What does not work, in a sentence. */
  get problem(): string | undefined {
    return this.#queues.problem
  }

  enqueue<T>(queue: Queue<T>, message: T): Promise<void> {
    const bytes = queue.encode(message)
    const nc = this.#usable
    if (nc === undefined) return Promise.reject(this.#unusable())
    const max = this.#deps.connection().maxPayloadBytes
    if (bytes.length > max)
      return Promise.reject(
        new BusError(`a message for ${queue.name} has ${bytes.length} bytes; nats-server takes ${max} (max_payload)`),
      )
    if (this.#queues.isReady(queue, 'sends')) {
      const { acks } = this.#deps.inboxes
      return this.#sender.send(queue, bytes.length, (number) => nc.publish(queue.name, bytes, { reply: acks + number }))
    }
    return this.#sender.send(queue, bytes.length, (number) => void this.#sendWhenReady(queue, bytes, number))
  }

  consume<T>(queue: Queue<T>, onMessages: (messages: readonly T[]) => Promise<void>): Subscription {
    const { clock, inboxes, undecodable } = this.#deps
    undecodable.expect(queue.name)
    const consumer = new QueueConsumer<T>(queue, (bytes) => queue.decode(bytes), onMessages, {
      clock,
      inboxPrefix: inboxes.prefix,
      undecodable,
      ensure: async () => (await this.#queues.ensure(queue, 'receives')) === undefined,
      doubt: (why) => this.#queues.doubt(queue, 'receives', why),
      works: () => this.#queues.works(queue, 'receives'),
    }) as QueueConsumer<unknown>
    this.#consumers.add(consumer)
    const nc = this.#usable
    if (nc !== undefined) consumer.connected(nc)
    return {
      close: async () => {
        await consumer.close()
        this.#consumers.delete(consumer)
      },
    }
  }

  async progress<T>(queue: Queue<T>): Promise<QueueProgress> {
    const nc = this.#usable
    if (nc === undefined) throw this.#unusable()
    const error = await this.#queues.ensure(queue, 'sends')
    if (error !== undefined) throw error
    return streamProgress(nc, queue)
  }

  /** JetStream's acknowledgement of a message that we sent. */
  onAck(number: number, message: Msg): void {
    this.#sender.onAck(number, message.data)
  }

  connected(nc: NatsConnection): void {
    this.#queues.connected()
    for (const consumer of this.#consumers) consumer.connected(nc)
  }

  disconnected(): void {
    for (const consumer of this.#consumers) consumer.disconnected()
    this.#sender.rejectAll('the connection to NATS broke before the message was acknowledged')
  }

  /** nats-server does not let this user publish to the subject. */
  refused(subject: string, why: string): void {
    this.#sender.refused(subject, why)
  }

  tick(nowMs: number): void {
    this.#sender.checkTimeouts(nowMs)
    this.#queues.tick(nowMs)
    for (const consumer of this.#consumers) consumer.tick(nowMs)
  }

  async closeConsumers(): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.close()))
    this.#consumers.clear()
  }

  /** Resolves when every message that was sent is acknowledged or given up. */
  drained(): Promise<void> {
    return this.#sender.drained()
  }

  close(): void {
    this.#closed = true
    this.#sender.rejectAll('the bus is closed')
  }

  get #usable(): NatsConnection | undefined {
    return this.#deps.connection().usable
  }

  #unusable(): BusError {
    return new BusError(this.#closed ? 'the bus is closed' : 'NATS cannot be reached')
  }

  async #sendWhenReady(queue: QueueName, bytes: Uint8Array, number: number): Promise<void> {
    const error = await this.#queues.ensure(queue, 'sends')
    const nc = this.#usable
    if (!this.#sender.isInFlight(number)) return
    if (error !== undefined) this.#sender.reject(number, error)
    else if (nc === undefined) this.#sender.reject(number, new BusError('NATS cannot be reached'))
    else nc.publish(queue.name, bytes, { reply: this.#deps.inboxes.acks + number })
  }
}
