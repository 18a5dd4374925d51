/** Nothing that was fine once is believed for ever: each test takes away behind the bus's back what it relies on. */
import { freePort, isInstalled, waitFor, type NatsServer } from '@dnstap-bgp/testkit'
import { silentLog } from '@dnstap-bgp/runtime'
import { AckPolicy, RetentionPolicy } from 'nats'
import { createServer } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { NatsBus } from '../src/index.ts'
import { BusesUnderTest, call, queue, STREAM, subject } from '../testing/bus-under-test.ts'

describe.skipIf(!isInstalled('nats-server'))('what the bus believes about the server', () => {
  const buses = new BusesUnderTest()
  afterEach(buses.end)

  /** A bus that works off its own queue, and has shown it. */
  async function working(nats: NatsServer) {
    const opened = await buses.openWithHealth({ servers: [nats.url] })
    const worked = new Set<string>()
    opened.bus.consume(queue, async (messages) => messages.forEach((word) => worked.add(word)))
    await through(opened.bus, worked, 'before')
    return { ...opened, worked }
  }

  const through = (bus: NatsBus, worked: Set<string>, word: string) =>
    waitFor(
      async () => {
        await bus.enqueue(queue, word).catch(() => {})
        return worked.has(word)
      },
      { what: `"${word}" through the queue`, timeoutMs: 60_000 },
    )

  const wellAgain = (why: () => string) =>
    waitFor(() => why() === '', { what: () => `health to be well: ${why()}`, timeoutMs: 60_000 })

  test('a consumer that somebody deletes is made again, and health tells it meanwhile', async () => {
    const nats = await buses.server()
    const { bus, worked, told, why } = await working(nats)
    const { nc } = await buses.otherClient(nats)
    nc.publish(`$JS.API.CONSUMER.DELETE.${STREAM}.consumers`)
    await waitFor(() => told.some((sentence) => sentence.includes('does not work')), { what: 'health to tell it' })
    await through(bus, worked, 'after')
    await wellAgain(why)
  })

  test('a consumer that somebody changed is made anew', async () => {
    const nats = await buses.server()
    const { bus, worked, why } = await working(nats)
    const { jsm } = await buses.otherClient(nats)
    await jsm.consumers.delete(STREAM, 'consumers')
    await jsm.consumers
      .add(STREAM, { durable_name: 'consumers', ack_policy: AckPolicy.Explicit, filter_subject: 'test.v1.wor' })
      .catch(() =>
        jsm.consumers.add(STREAM, {
          durable_name: 'consumers',
          ack_policy: AckPolicy.Explicit,
          deliver_subject: 'somewhere.else',
        }),
      )
    await through(bus, worked, 'after')
    await wellAgain(why)
    expect((await jsm.consumers.info(STREAM, 'consumers')).config.deliver_subject).toBeUndefined()
  })

  test('a stream that somebody replaced by no work queue is reported with an advice, and is made anew once it is gone', async () => {
    const nats = await buses.server()
    const { bus, worked, why } = await working(nats)
    const { jsm } = await buses.otherClient(nats)
    await jsm.streams.delete(STREAM)
    await jsm.streams.add({ name: STREAM, subjects: ['something.else'], retention: RetentionPolicy.Limits })
    await waitFor(
      async () => {
        await bus.enqueue(queue, 'lost').catch(() => {})
        return why().includes('not as a work queue; delete that stream')
      },
      { what: () => `health to say what to do: ${why()}` },
    )
    await jsm.streams.delete(STREAM)
    await through(bus, worked, 'after')
    await wellAgain(why)
  })

  test('a server that hangs and does not close is left, for another one where there is one', async () => {
    const [first, second] = [await buses.server(), await buses.server()]
    const { bus, why } = await buses.openWithHealth({ servers: [first.url] })
    const both = await buses.openWithHealth({ servers: [first.url, second.url] })
    const heard: string[] = []
    both.bus.subscribe(subject, (word) => heard.push(word))
    first.pause()
    second.pause()
    await waitFor(() => bus.state === 'disconnected' && both.bus.state === 'disconnected', {
      what: 'the hanging servers to be left',
      timeoutMs: 60_000,
    })
    expect(why()).toContain('NATS is not reachable')
    second.resume()
    await waitFor(() => (both.bus.publish(subject, 'there'), heard.includes('there')), {
      what: 'the other server',
      timeoutMs: 60_000,
    })
    first.resume()
  })

  test('a server that is away is logged once with its reason, without a stack, and once when it is back', async () => {
    let attempts = 0
    const port = await freePort('127.0.0.1')
    const refusing = createServer((socket) => {
      attempts++
      socket.destroy()
    }).listen(port, '127.0.0.1')
    const lines: { sentence: string; fields: object }[] = []
    const note = (fields: object, sentence: string) => void lines.push({ fields, sentence })
    const { why } = await buses.openWithHealth(
      { servers: [`127.0.0.1:${port}`] },
      { ...silentLog, warn: note, info: note, error: note },
    )
    const cannot = () => lines.filter(({ sentence }) => sentence.startsWith('Cannot connect to NATS'))
    await waitFor(() => attempts >= 4, { what: 'four attempts', timeoutMs: 60_000 })
    expect(why()).toMatch(/^NATS is not reachable \(.+\); messages wait\.$/)
    expect(cannot()).toHaveLength(1)
    await new Promise((resolve) => refusing.close(resolve))
    const nats = await buses.server({ port })
    await waitFor(() => lines.some(({ sentence }) => sentence === 'Connected to NATS.'), {
      what: 'the end of it',
      timeoutMs: 60_000,
    })
    expect(JSON.stringify(cannot())).not.toContain('    at ')
    expect(nats.port).toBe(port)
  })

  test('a forbidden publish or subscription shows in health, and works once it is allowed', async () => {
    const users = (more: string) =>
      `authorization { users: [ { user: us, password: secret, permissions: { publish: ["_INBOX.>"${more}], subscribe: ["_INBOX.>"${more}] } } ] }`
    const nats = await buses.server({ extra: users('') })
    const { bus, why } = await buses.openWithHealth({ servers: [nats.url], user: 'us', password: 'secret' })
    const heard: string[] = []
    bus.subscribe(subject, (word) => heard.push(word))
    await waitFor(() => why() === 'nats-server does not let this user subscribe to test.v1.words', {
      what: () => `health: ${why()}`,
    })
    expect(bus.state).toBe('connected')
    bus.publish(subject, 'dropped')
    await expect(bus.enqueue(queue, 'x')).rejects.toThrow('does not let this user publish to $JS.API.STREAM.INFO.test_v1_work')
    const asking = async () => {
      for await (const _part of bus.askStream(call, 'x')) return
    }
    await expect(asking()).rejects.toThrow('nats-server does not let this user publish to test.v1.spell')
  })
})
