import { AckPolicy, DeliverPolicy, nanos, ReplayPolicy, type ConsumerConfig, type NatsConnection, type StreamConfig } from 'nats'
import { expect, test } from 'vitest'
import { ACK_WAIT_MS, ensureQueue } from './streams.ts'

const queue = { name: 'test.v1.work', limits: { maxBytes: 1_000_000, maxAgeSeconds: 60 } }

/** As much of JetStream as is asked, with a stream and a consumer that an operator looks after. */
function jetStream(stream: object, consumer: object = OUR_CONSUMER) {
  const updates: Partial<StreamConfig>[] = []
  const consumers: string[] = []
  const manager = {
    streams: {
      info: () => Promise.resolve({ config: stream }),
      update: (_name: string, config: Partial<StreamConfig>) => {
        updates.push(config)
        return Promise.resolve()
      },
    },
    consumers: {
      info: () => Promise.resolve({ config: consumer }),
      delete: () => Promise.resolve(consumers.push('deleted')),
      add: (_stream: string, { durable_name }: Partial<ConsumerConfig>) =>
        Promise.resolve(consumers.push(`${durable_name} added`)),
    },
  }
  return { nc: { jetstreamManager: () => Promise.resolve(manager) } as unknown as NatsConnection, updates, consumers }
}

const PRESENT = {
  name: 'test_v1_work',
  subjects: ['test.v1.work'],
  retention: 'workqueue',
  discard: 'old',
  max_bytes: 1_000_000,
  max_age: nanos(60_000),
  num_replicas: 3,
}
const OUR_CONSUMER = {
  durable_name: 'consumers',
  ack_policy: AckPolicy.Explicit,
  deliver_policy: DeliverPolicy.All,
  replay_policy: ReplayPolicy.Instant,
  ack_wait: nanos(ACK_WAIT_MS),
  max_ack_pending: 16_384,
  max_deliver: -1,
  filter_subject: '',
}

test('the replicas that a stream has stay when none are configured, even when its limits change', async () => {
  const same = jetStream(PRESENT)
  await ensureQueue(same.nc, queue, 'sends', { replicas: undefined })
  expect(same.updates).toEqual([])
  const other = jetStream({ ...PRESENT, max_bytes: 5 })
  await ensureQueue(other.nc, queue, 'sends', { replicas: undefined })
  expect(other.updates).toEqual([PRESENT])
})

test('configured replicas are what a stream gets', async () => {
  const { nc, updates } = jetStream(PRESENT)
  await ensureQueue(nc, queue, 'sends', { replicas: 5 })
  expect(updates).toEqual([{ ...PRESENT, num_replicas: 5 }])
})

test.each([
  ['other subjects', { subjects: ['something.else'] }],
  ['the newest dropped beyond its limits', { discard: 'new' }],
])('a stream with %s is brought in order', async (_what, otherwise) => {
  const { nc, updates } = jetStream({ ...PRESENT, ...otherwise })
  await ensureQueue(nc, queue, 'sends', { replicas: undefined })
  expect(updates).toEqual([PRESENT])
})

test('a stream that is no work queue is refused with an advice', async () => {
  const { nc } = jetStream({ ...PRESENT, retention: 'limits' })
  await expect(ensureQueue(nc, queue, 'sends', { replicas: undefined })).rejects.toThrow(
    'the stream test_v1_work keeps messages by "limits", not as a work queue; delete that stream',
  )
})

test('a consumer like ours stays; a sender checks no consumer', async () => {
  const { nc, consumers } = jetStream(PRESENT)
  await ensureQueue(nc, queue, 'receives', { replicas: undefined })
  const other = jetStream(PRESENT, { ack_policy: 'none' })
  await ensureQueue(other.nc, queue, 'sends', { replicas: undefined })
  expect([...consumers, ...other.consumers]).toEqual([])
})

test.each([
  ['that acknowledges by itself', { ack_policy: 'none' }],
  ['that pushes to somebody', { deliver_subject: 'somewhere' }],
  ['of another subject', { filter_subject: 'something.else' }],
  ['that gives up after two times', { max_deliver: 2 }],
  ['with another time for acknowledgements', { ack_wait: nanos(1) }],
  ['that hands over one at a time', { max_batch: 1 }],
  ['that is paused', { pause_until: '2100-01-01T00:00:00Z' }],
])('a consumer %s is made anew', async (_what, otherwise) => {
  const { nc, consumers } = jetStream(PRESENT, { ...OUR_CONSUMER, ...otherwise })
  await ensureQueue(nc, queue, 'receives', { replicas: undefined })
  expect(consumers).toEqual(['deleted', 'consumers added'])
})
