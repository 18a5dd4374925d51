/**
 * A queue as JetStream knows it: one stream that keeps messages until they are acknowledged (work queue retention, oldest dropped
 * beyond the limits), and one durable pull consumer that all replicas share. A receiver
 * creates both where they are missing, a sender only the stream.
 */
import { BusError } from '@dnstap-bgp/bus'
import type { Queue, QueueProgress } from '@dnstap-bgp/bus'
import { AckPolicy, DeliverPolicy, DiscardPolicy, NatsError, nanos, ReplayPolicy, RetentionPolicy, StorageType } from 'nats'
import type { ConsumerConfig, JetStreamManager, NatsConnection, StreamConfig } from 'nats'
import { DURABLE, streamName } from './names.ts'
import type { QueueSide } from './queues.ts'
import { sentenceOf } from './refused-subjects.ts'

export type QueueName = Pick<Queue<unknown>, 'name' | 'limits'>

/** After this time the messages of a dead consumer are handed out again. A slow consumer reports in time that it still works on its own. */
export const ACK_WAIT_MS = 10_000
/** Handed out and not yet acknowledged, all consumers of a queue together. */
const MAX_ACK_PENDING = 16_384
const API_TIMEOUT_MS = 5000
/** JetStream that met a full disk stands still, and does not go on when there is room; the connection works (nats-server 2.9). */
export const IF_ITS_DISK_IS_FULL = 'if its disk is full, make room and restart nats-server'
/** We send no message ids; the window for them must not exceed the age limit. */
const DUPLICATE_WINDOW_MS = 1000

export interface StreamOptions {
  /** Of each stream. Undefined: as many as it has, and one for a stream that is made. */
  readonly replicas: number | undefined
}

/** A sender needs the stream, a receiver its consumer, too. @throws BusError that says what the operator has to do */
export async function ensureQueue(nc: NatsConnection, queue: QueueName, side: QueueSide, options: StreamOptions): Promise<void> {
  try {
    const jsm = await nc.jetstreamManager({ checkAPI: false, timeout: API_TIMEOUT_MS })
    await ensureStream(jsm, queue, options)
    if (side === 'receives') await ensureConsumer(jsm, queue)
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

async function ensureStream(jsm: JetStreamManager, queue: QueueName, options: StreamOptions): Promise<void> {
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
      if (isPermissionError(addError))
        throw new BusError(`there is no stream ${name}, and this user may not make it; the cache makes it`, { cause: addError })
      if (apiErrorCode(addError) !== STREAM_NAME_IN_USE) throw addError
      present = (await jsm.streams.info(name)).config // a replica of another version was quicker
    }
  }
  // Somebody else's stream of this name: its retention cannot be changed, and its messages are not ours to delete.
  if (present.retention !== RetentionPolicy.Workqueue)
    throw new BusError(`the stream ${name} keeps messages by "${present.retention}", not as a work queue; delete that stream`)
  // An operator who gave the stream more replicas by hand keeps them.
  const num_replicas = options.replicas ?? present.num_replicas
  const isAsWanted =
    present.max_bytes === limits.max_bytes &&
    present.max_age === limits.max_age &&
    present.num_replicas === num_replicas &&
    present.discard === DiscardPolicy.Old &&
    present.subjects.length === 1 &&
    present.subjects[0] === queue.name
  if (isAsWanted) return
  try {
    await jsm.streams.update(name, {
      ...present,
      ...limits,
      num_replicas,
      discard: DiscardPolicy.Old,
      subjects: [queue.name],
    })
  } catch (error) {
    // Who may not change it uses it as it is: the cache brings it in order.
    if (!isPermissionError(error)) throw error
  }
}

/**
 * The consumer has as many replicas as its stream. A consumer with other settings is deleted and made again: a work queue keeps the messages that
 * were not acknowledged.
 */
async function ensureConsumer(jsm: JetStreamManager, queue: QueueName): Promise<void> {
  const stream = streamName(queue)
  try {
    const { config } = await jsm.consumers.info(stream, DURABLE)
    if (isOurs(config, queue)) return
    await jsm.consumers.delete(stream, DURABLE)
  } catch (error) {
    if (apiErrorCode(error) !== CONSUMER_NOT_FOUND) throw error
  }
  await jsm.consumers.add(stream, OUR_CONSUMER)
}

const OUR_CONSUMER: Partial<ConsumerConfig> = {
  durable_name: DURABLE,
  ack_policy: AckPolicy.Explicit,
  deliver_policy: DeliverPolicy.All,
  replay_policy: ReplayPolicy.Instant,
  ack_wait: nanos(ACK_WAIT_MS),
  max_ack_pending: MAX_ACK_PENDING,
}

/** Does the consumer hand out every message until it is acknowledged, to any client that pulls? */
function isOurs(config: ConsumerConfig, queue: QueueName): boolean {
  return (
    config.ack_policy === AckPolicy.Explicit &&
    config.deliver_policy === DeliverPolicy.All &&
    config.replay_policy === ReplayPolicy.Instant &&
    config.ack_wait === OUR_CONSUMER.ack_wait &&
    config.max_ack_pending === MAX_ACK_PENDING &&
    (config.max_deliver ?? -1) === -1 &&
    isAbsent(config.deliver_subject) &&
    (isAbsent(config.filter_subject) || config.filter_subject === queue.name) &&
    isAbsent(config.filter_subjects) &&
    isAbsent(config.max_batch) &&
    isAbsent(config.max_bytes) &&
    isAbsent(config.max_expires) &&
    isAbsent(config.pause_until) &&
    config.headers_only !== true
  )
}

/** JetStream shows a value that is not set as missing, null, an empty text or 0. */
function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || value === '' || value === 0
}

// nats-server's error codes (server/errors.json).
const STREAM_NOT_FOUND = 10059
const STREAM_NAME_IN_USE = 10058
const CONSUMER_NOT_FOUND = 10014
const NOT_ENABLED = [10039, 10076]

function apiErrorCode(error: unknown): number | undefined {
  return error instanceof NatsError ? error.api_error?.err_code : undefined
}

function isPermissionError(error: unknown): boolean {
  return error instanceof NatsError && error.isPermissionError()
}

function explain(error: unknown): string {
  if (error instanceof NatsError && error.permissionContext !== undefined) return sentenceOf(error.permissionContext)
  const code = apiErrorCode(error)
  const noResponder = error instanceof NatsError && error.code === '503' && code === undefined
  if (noResponder || (code !== undefined && NOT_ENABLED.includes(code)))
    return 'JetStream does not answer; nats-server needs a jetstream { store_dir: … } block, and the account must be allowed to use it'
  if (error instanceof NatsError && error.code === 'TIMEOUT')
    return `nats-server did not answer within ${API_TIMEOUT_MS} ms; ${IF_ITS_DISK_IS_FULL}`
  return error instanceof Error ? error.message : String(error)
}
