import type { NatsConnection, StreamConfig } from 'nats'
import { nanos } from 'nats'
import { expect, test } from 'vitest'
import { ensureStream } from './streams.ts'

const queue = { name: 'test.v1.work', limits: { maxBytes: 1_000_000, maxAgeSeconds: 60 } }

/** As much of JetStream as is asked, with a stream that an operator looks after. */
function jetStream(stream: Partial<StreamConfig>) {
  const updates: Partial<StreamConfig>[] = []
  const manager = {
    streams: {
      info: () => Promise.resolve({ config: stream }),
      update: (_name: string, config: Partial<StreamConfig>) => {
        updates.push(config)
        return Promise.resolve()
      },
    },
    consumers: { info: () => Promise.resolve({}) },
  }
  return { nc: { jetstreamManager: () => Promise.resolve(manager) } as unknown as NatsConnection, updates }
}

const PRESENT = { name: 'test_v1_work', max_bytes: 1_000_000, max_age: nanos(60_000), num_replicas: 3 }

test('the replicas that a stream has stay when none are configured, even when its limits change', async () => {
  const same = jetStream(PRESENT)
  await ensureStream(same.nc, queue, { replicas: undefined })
  expect(same.updates).toEqual([])
  const other = jetStream({ ...PRESENT, max_bytes: 5 })
  await ensureStream(other.nc, queue, { replicas: undefined })
  expect(other.updates).toEqual([PRESENT])
})

test('configured replicas are what a stream gets', async () => {
  const { nc, updates } = jetStream(PRESENT)
  await ensureStream(nc, queue, { replicas: 5 })
  expect(updates).toEqual([{ ...PRESENT, num_replicas: 5 }])
})
