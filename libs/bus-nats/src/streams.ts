/**
 * A queue as JetStream knows it: one stream that keeps messages until they are acknowledged (work queue retention, oldest dropped
 * beyond the limits), and one durable pull consumer that all replicas share. Whoever needs a queue makes sure of both.
 */
import { BusError } from '@dnstap-bgp/bus'
import type { Queue, QueueProgress } from '@dnstap-bgp/bus'
import { AckPolicy, DeliverPolicy, DiscardPolicy, NatsError, nanos, ReplayPolicy, RetentionPolicy, StorageType } from 'nats'
import type { ConsumerConfig, JetStreamManager, NatsConnection, StreamConfig } from 'nats'

export type QueueName = Pick<Queue<unknown>, 'name' | 'limits'>

/** The same name in every stream: consumers of one queue are alike. */
export const DURABLE = 'consumers'
/** A consumer that dies gives its messages back after so long; one that is only slow says so in time. */
export const ACK_WAIT_MS = 10_000
/** Handed out and not yet acknowledged, all consumers of a queue together. */
const MAX_ACK_PENDING = 16_384
const API_TIMEOUT_MS = 5000
/** We send no message ids; the window for them must not exceed the age limit. */
const DUPLICATE_WINDOW_MS = 1000

/** A stream's name cannot have dots. */
export function streamName(queue: QueueName): string {
  return queue.name.replaceAll('.', '_')
}

export interface StreamOptions {
  /** Of each stream. Undefined: as many as it has, and one for a stream that is made. */
  readonly replicas: number | undefined
}

/** @throws BusError that says what the operator has to do */
export async function ensureStream(nc: NatsConnection, queue: QueueName, options: StreamOptions): Promise<void> {
  try {
    const jsm = await nc.jetstreamManager({ checkAPI: false, timeout: API_TIMEOUT_MS })
    await ensureStreamItself(jsm, queue, options)
    await ensureConsumer(jsm, queue)
  } catch (cause) {
    throw new BusError(`the queue ${queue.name} cannot be had: ${explain(cause)}`, { cause })
  }
}

/** A message that is acknowledged leaves the stream. @throws BusError */
export async function streamProgress(nc: NatsConnection, queue: QueueName): Promise<QueueProgress> {
  try {
    const jsm = await nc.jetstreamManager({ checkAPI: false, timeout: API_TIMEOUT_MS })
    const { messages, first_seq, last_seq } = (await jsm.streams.info(streamName(queue))).state
    return { newest: last_seq, done: messages === 0 ? last_seq : first_seq - 1 }
  } catch (cause) {
    throw new BusError(`how far the queue ${queue.name} has come cannot be known: ${explain(cause)}`, { cause })
  }
}

async function ensureStreamItself(jsm: JetStreamManager, queue: QueueName, options: StreamOptions): Promise<void> {
  const name = streamName(queue)
  const limits = { max_bytes: queue.limits.maxBytes, max_age: nanos(queue.limits.maxAgeSeconds * 1000) }
  const wanted: Partial<StreamConfig> = {
    name,
    subjects: [queue.name],
    retention: RetentionPolicy.Workqueue,
    discard: DiscardPolicy.Old,
    storage: StorageType.File,
    num_replicas: options.replicas ?? 1,
    duplicate_window: nanos(Math.min(DUPLICATE_WINDOW_MS, queue.limits.maxAgeSeconds * 1000)),
    ...limits,
  }
  let present: StreamConfig
  try {
    present = (await jsm.streams.info(name)).config
  } catch (error) {
    if (apiErrorCode(error) !== STREAM_NOT_FOUND) throw error
    try {
      await jsm.streams.add(wanted)
      return
    } catch (addError) {
      if (apiErrorCode(addError) !== STREAM_NAME_IN_USE) throw addError
      present = (await jsm.streams.info(name)).config // a replica of another version was quicker
    }
  }
  // An operator who gave the stream more replicas by hand keeps them.
  const num_replicas = options.replicas ?? present.num_replicas
  if (present.max_bytes !== limits.max_bytes || present.max_age !== limits.max_age || present.num_replicas !== num_replicas)
    await jsm.streams.update(name, { ...present, ...limits, num_replicas })
}

/** It has as many replicas as its stream. */
async function ensureConsumer(jsm: JetStreamManager, queue: QueueName): Promise<void> {
  const stream = streamName(queue)
  try {
    await jsm.consumers.info(stream, DURABLE)
  } catch (error) {
    if (apiErrorCode(error) !== CONSUMER_NOT_FOUND) throw error
    const wanted: Partial<ConsumerConfig> = {
      durable_name: DURABLE,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      replay_policy: ReplayPolicy.Instant,
      ack_wait: nanos(ACK_WAIT_MS),
      max_ack_pending: MAX_ACK_PENDING,
    }
    await jsm.consumers.add(stream, wanted)
  }
}

// nats-server's error codes (server/errors.json).
const STREAM_NOT_FOUND = 10059
const STREAM_NAME_IN_USE = 10058
const CONSUMER_NOT_FOUND = 10014
const NOT_ENABLED = [10039, 10076]

function apiErrorCode(error: unknown): number | undefined {
  return error instanceof NatsError ? error.api_error?.err_code : undefined
}

function explain(error: unknown): string {
  const code = apiErrorCode(error)
  const noResponder = error instanceof NatsError && error.code === '503' && code === undefined
  if (noResponder || (code !== undefined && NOT_ENABLED.includes(code)))
    return 'JetStream does not answer; nats-server needs a jetstream { store_dir: … } block, and the account must be allowed to use it'
  if (error instanceof NatsError && error.code === 'TIMEOUT') return `nats-server did not answer within ${API_TIMEOUT_MS} ms`
  return error instanceof Error ? error.message : String(error)
}
