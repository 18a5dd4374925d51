import { describe, expect, test } from 'vitest'
import { BusError } from './bus.ts'
import type { Codec, Queue, Subject } from './bus.ts'
import { busConformance } from '../testing/conformance.ts'
import { LocalBus, PORTION_OCTETS } from './local-bus.ts'

const pause = (delayMs: number): Promise<void> =>
  new Promise((resolve) => (delayMs === 0 ? setImmediate(resolve) : setTimeout(resolve, 1)))

busConformance('LocalBus', async () => {
  const bus = new LocalBus({ pause })
  return [bus, bus]
})

const neverEncoded: Codec<object> = {
  encode: () => expect.fail('LocalBus encodes nothing'),
  decode: () => expect.fail('LocalBus decodes nothing'),
}
const subject: Subject<object> = { name: 'test.v1.subject', ...neverEncoded }
const queueOf = (maxBytes: number): Queue<object> => ({
  name: 'test.v1.queue',
  limits: { maxBytes, maxAgeSeconds: 60 },
  octetsOf: (message) => (message as { octets?: number }).octets ?? 512,
  ...neverEncoded,
})

describe('LocalBus', () => {
  test('hands over the very object', async () => {
    const bus = new LocalBus({ pause })
    const message = {}
    const seen: object[] = []
    bus.subscribe(subject, (each) => seen.push(each))
    bus.consume(queueOf(1e6), async (messages) => void seen.push(...messages))
    bus.publish(subject, message)
    await bus.enqueue(queueOf(1e6), message)
    await bus.close()
    expect(seen).toHaveLength(2)
    expect(seen.every((each) => each === message)).toBe(true)
  })

  test('messages that are enqueued in one turn come as one batch', async () => {
    const bus = new LocalBus({ pause })
    const sizes: number[] = []
    bus.consume(queueOf(1e6), async (messages) => void sizes.push(messages.length))
    for (let count = 0; count < 200; count++) void bus.enqueue(queueOf(1e6), {})
    await bus.close()
    expect(sizes).toEqual([200])
  })

  test('a full queue refuses the newest with BusError and takes more once a batch is handled', async () => {
    const bus = new LocalBus({ pause })
    const queue = queueOf(10 * 512)
    for (let count = 0; count < 10; count++) await bus.enqueue(queue, {})
    await expect(bus.enqueue(queue, {})).rejects.toThrow(BusError)
    await bus.consume(queue, async () => {}).close()
    await bus.enqueue(queue, {})
  })

  test('a queue is full by the weight of its messages, not by their number', async () => {
    const bus = new LocalBus({ pause })
    const queue = queueOf(1000)
    await bus.enqueue(queue, { octets: 999 })
    await bus.enqueue(queue, { octets: 5000 })
    await expect(bus.enqueue(queue, { octets: 1 })).rejects.toThrow('2 messages wait')
    await bus.consume(queue, async () => {}).close()
    await bus.enqueue(queue, { octets: 1 })
  })

  test('heavy messages are handed over one at a time, light ones as many as weigh a portion', async () => {
    const bus = new LocalBus({ pause })
    const queue = queueOf(1e9)
    const half = PORTION_OCTETS / 2
    for (const octets of [2 * PORTION_OCTETS, PORTION_OCTETS, half, half, 1, half]) void bus.enqueue(queue, { octets })
    const sizes: number[] = []
    bus.consume(queue, async (messages) => void sizes.push(messages.length))
    await bus.close()
    expect(sizes).toEqual([1, 1, 2, 2])
  })

  test('rejected messages count in the weight again', async () => {
    const bus = new LocalBus({ pause })
    const queue = queueOf(1000)
    void bus.enqueue(queue, { octets: 1000 })
    await bus.consume(queue, () => Promise.reject(new Error('not yet'))).close()
    await expect(bus.enqueue(queue, { octets: 1 })).rejects.toThrow(BusError)
  })

  test('between two batches sockets and timers get a turn', async () => {
    let pauses = 0
    const bus = new LocalBus({
      pause: async () => {
        pauses++
      },
    })
    const queue = queueOf(1e9)
    let handled = 0
    for (let count = 0; count < 10_000; count++) void bus.enqueue(queue, {})
    bus.consume(queue, async (messages) => {
      expect(messages.length).toBeLessThanOrEqual(512)
      handled += messages.length
    })
    await bus.close()
    expect(handled).toBe(10_000)
    expect(pauses).toBe(Math.ceil(10_000 / 512) - 1)
  })

  test('the last consumer to close processes the waiting messages, because they would be lost with the process', async () => {
    const bus = new LocalBus({ pause })
    const queue = queueOf(1e9)
    let handled = 0
    const consumer = bus.consume(queue, async (messages) => void (handled += messages.length))
    for (let count = 0; count < 2000; count++) void bus.enqueue(queue, {})
    await consumer.close()
    expect(handled).toBe(2000)
  })

  test('a consumer that closes does not stay for messages enqueued meanwhile', async () => {
    const bus = new LocalBus({ pause })
    const queue = queueOf(1e9)
    let handled = 0
    const consumer = bus.consume(queue, async (messages) => {
      handled += messages.length
      await bus.enqueue(queue, {})
    })
    void bus.enqueue(queue, {})
    await consumer.close()
    expect(handled).toBe(1)
  })
})
