/**
 * The sending side of all queues: publishes to JetStream and resolves each message when its acknowledgement comes.
 *
 * The library's js.publish makes an inbox and a promise chain per message (32-36 µs). Here one wildcard inbox serves all; the
 * message's number is the last token of its reply subject. Acknowledgements are matched by number, not by counting: when a stream is
 * missing, nats-server's "no responders" overtakes acknowledgements still on their way.
 *
 * Beyond MAX_IN_FLIGHT messages or bytes, and while there is no connection, enqueue rejects at once: the caller keeps the message.
 */
import { BusError } from '@dnstap-bgp/bus'
import type { Clock } from '@dnstap-bgp/runtime'
import { IF_ITS_DISK_IS_FULL, type QueueName } from './streams.ts'

const MAX_IN_FLIGHT_MESSAGES = 32_768
const MAX_IN_FLIGHT_BYTES = 64 * 1024 * 1024
const ACK_TIMEOUT_MS = 5000

/** What acknowledgements tell about a queue. */
export interface SenderEvidence {
  readonly works: (queue: QueueName) => void
  readonly fails: (queue: QueueName, why: string) => void
}

interface InFlight {
  readonly queue: QueueName
  readonly sentAtMs: number
  readonly lengthBytes: number
  readonly resolve: () => void
  readonly reject: (error: BusError) => void
}

export class QueueSender {
  readonly #clock: Clock
  readonly #evidence: SenderEvidence
  readonly #inFlight = new Map<number, InFlight>()
  #bytes = 0
  #lastNumber = 0
  /** Called when the last message in flight is settled; close() waits for it. */
  #onEmpty: (() => void) | undefined

  constructor(clock: Clock, evidence: SenderEvidence) {
    this.#clock = clock
    this.#evidence = evidence
  }

  /** Notes a message and hands its number to `publish`, now or later. */
  send(queue: QueueName, lengthBytes: number, publish: (number: number) => void): Promise<void> {
    if (this.#inFlight.size >= MAX_IN_FLIGHT_MESSAGES || this.#bytes + lengthBytes > MAX_IN_FLIGHT_BYTES)
      return Promise.reject(
        new BusError(`too many messages for ${queue.name} wait for nats-server: ${this.#inFlight.size}, ${this.#bytes} bytes`),
      )
    return new Promise((resolve, reject) => {
      const number = ++this.#lastNumber
      this.#inFlight.set(number, { queue, sentAtMs: this.#clock.monotonic(), lengthBytes, resolve, reject })
      this.#bytes += lengthBytes
      publish(number)
    })
  }

  isInFlight(number: number): boolean {
    return this.#inFlight.has(number)
  }

  onAck(number: number, ack: Uint8Array): void {
    const queue = this.#inFlight.get(number)?.queue
    if (queue === undefined) return // it timed out before
    const refusal = refusalIn(ack)
    if (refusal === undefined) this.#evidence.works(queue)
    else this.#evidence.fails(queue, refusal)
    this.#settle(number, refusal === undefined ? undefined : new BusError(refusal))
  }

  reject(number: number, error: BusError): void {
    this.#settle(number, error)
  }

  rejectAll(why: string): void {
    for (const number of [...this.#inFlight.keys()]) this.#settle(number, new BusError(why))
  }

  /** nats-server will not take messages of this subject from us. */
  refused(subject: string, why: string): void {
    for (const [number, { queue }] of this.#inFlight) {
      if (queue.name !== subject) continue
      this.#evidence.fails(queue, why)
      this.#settle(number, new BusError(why))
    }
  }

  /** Asked by the bus's tick. */
  checkTimeouts(nowMs: number): void {
    for (const [number, { queue, sentAtMs }] of this.#inFlight) {
      if (nowMs - sentAtMs < ACK_TIMEOUT_MS) return // insertion order is time order
      const why = `nats-server did not acknowledge a message within ${ACK_TIMEOUT_MS} ms; ${IF_ITS_DISK_IS_FULL}`
      this.#evidence.fails(queue, why)
      this.#settle(number, new BusError(why))
    }
  }

  /** Resolves when nothing is in flight; the time-out bounds it. */
  drained(): Promise<void> {
    if (this.#inFlight.size === 0) return Promise.resolve()
    return new Promise((resolve) => (this.#onEmpty = resolve))
  }

  #settle(number: number, error: BusError | undefined): void {
    const message = this.#inFlight.get(number)
    if (message === undefined) return // it timed out before
    this.#inFlight.delete(number)
    this.#bytes -= message.lengthBytes
    if (error === undefined) message.resolve()
    else message.reject(error)
    if (this.#inFlight.size === 0) this.#onEmpty?.()
  }
}

const NO_STREAM = 'JetStream has no stream for the queue'
const SUCCESS = '{"stream":'

/** `{"stream":…,"seq":…}` is success; `{"error":{"code":…,"description":…},…}` is not; nothing means: no responders. */
function refusalIn(ack: Uint8Array): string | undefined {
  if (ack.length === 0) return NO_STREAM
  if (ack.length > SUCCESS.length && ack[2] === 0x73 /* s */) return undefined
  try {
    const { error, seq } = JSON.parse(new TextDecoder().decode(ack)) as { error?: { description?: string }; seq?: number }
    if (error !== undefined) return `JetStream refused the message: ${String(error.description)}`
    if (typeof seq === 'number') return undefined
  } catch {
    // No JSON, or null.
  }
  return 'JetStream answered with something that is no acknowledgement'
}
