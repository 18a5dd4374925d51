import { BusError } from '@dnstap-bgp/bus'
import { FakeClock } from '@dnstap-bgp/testkit'
import { describe, expect, test } from 'vitest'
import { QueueSender } from './queue-sender.ts'

const queue = { name: 'test.v1.queue', limits: { maxBytes: 1, maxAgeSeconds: 1 } }
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const STORED = bytesOf('{"stream":"test_v1_queue", "seq":7}')

function sending() {
  const clock = new FakeClock()
  const evidence: string[] = []
  const sender = new QueueSender(clock, {
    works: ({ name }) => evidence.push(`${name} works`),
    fails: ({ name }, why) => evidence.push(`${name}: ${why}`),
  })
  const numbers: number[] = []
  const send = (lengthBytes = 10): Promise<string> =>
    sender
      .send(queue, lengthBytes, (number) => numbers.push(number))
      .then(
        () => 'stored',
        (error: unknown) => {
          expect(error).toBeInstanceOf(BusError)
          return (error as BusError).message
        },
      )
  return { clock, sender, send, numbers, evidence }
}

describe('QueueSender', () => {
  test('decides each message by its own acknowledgement, in whatever order they come', async () => {
    const { sender, send, numbers, evidence } = sending()
    const answers = [send(), send(), send()]
    sender.onAck(numbers[2] ?? 0, new Uint8Array())
    sender.onAck(numbers[0] ?? 0, STORED)
    sender.onAck(numbers[1] ?? 0, bytesOf('{"error":{"code":503,"description":"insufficient storage"},"stream":"x","seq":0}'))
    expect(await Promise.all(answers)).toEqual([
      'stored',
      'JetStream refused the message: insufficient storage',
      'JetStream has no stream for the queue',
    ])
    expect(evidence).toEqual([
      'test.v1.queue: JetStream has no stream for the queue',
      'test.v1.queue works',
      'test.v1.queue: JetStream refused the message: insufficient storage',
    ])
  })

  test('takes an acknowledgement that makes no sense for a refusal', async () => {
    for (const strange of ['x', '{', 'null', '[1]', '{"stre', '{"x":1,"y":2,"z":3}']) {
      const { sender, send, numbers } = sending()
      const answer = send()
      sender.onAck(numbers[0] ?? 0, bytesOf(strange))
      expect(await answer, strange).toContain('no acknowledgement')
    }
  })

  test('rejects a message that is not acknowledged within 5 s, and ignores a later acknowledgement', async () => {
    const { clock, sender, send, numbers, evidence } = sending()
    const early = send()
    clock.advance(3000)
    const late = send()
    clock.advance(2000)
    sender.checkTimeouts(clock.monotonic())
    expect(await early).toContain('within 5000 ms')
    expect(evidence).toEqual([
      'test.v1.queue: nats-server did not acknowledge a message within 5000 ms; if its disk is full, make room and restart nats-server',
    ])
    sender.onAck(numbers[0] ?? 0, STORED)
    sender.onAck(numbers[1] ?? 0, STORED)
    expect(await late).toBe('stored')
    await sender.drained()
  })

  test('rejects what nats-server will not take from us, and nothing else', async () => {
    const { sender, send } = sending()
    const answer = send()
    sender.refused('another.queue', 'not allowed')
    sender.refused('test.v1.queue', 'not allowed')
    expect(await answer).toBe('not allowed')
    await sender.drained()
  })

  test('refuses at once beyond so many messages or bytes in flight', async () => {
    const { sender, send } = sending()
    const answers = Array.from({ length: 32_768 }, () => send())
    expect(await send()).toContain('too many messages')
    sender.rejectAll('gone')
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['gone']))
    const large = send(60 * 1024 * 1024)
    expect(await send(10 * 1024 * 1024)).toContain('too many messages')
    sender.rejectAll('gone')
    expect(await large).toBe('gone')
  })
})
