import { BusError } from '@dnstap-bgp/bus'
import type { Bus, BusState, Queue } from '@dnstap-bgp/bus'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import type { Log } from '@dnstap-bgp/runtime'
import { freePort, isInstalled, makeCertificates, waitFor } from '@dnstap-bgp/testkit'
import { connect } from 'nats'
import { afterEach, describe, expect, test } from 'vitest'
import { openNatsBus } from '../src/index.ts'
import { BusesUnderTest, call, queue, STREAM, subject, words } from '../testing/bus-under-test.ts'

describe.skipIf(!isInstalled('nats-server'))('NatsBus and a real nats-server', () => {
  const buses = new BusesUnderTest()
  afterEach(buses.end)

  /** Everything a service does, on one bus; what arrives is collected. */
  function useEverything(bus: Bus): { published: string[]; worked: Set<string>; states: BusState[] } {
    const seen = { published: [] as string[], worked: new Set<string>(), states: [] as BusState[] }
    bus.onState((state) => seen.states.push(state))
    bus.subscribe(subject, (word) => seen.published.push(word))
    bus.consume(queue, async (messages) => messages.forEach((word) => seen.worked.add(word)))
    bus.serveStream(call, async function* (word) {
      yield* word
    })
    return seen
  }

  test('its component of health tells when the server is away, and when it is back', async () => {
    const nats = await buses.server()
    const { bus, state } = await buses.openWithHealth({ servers: [nats.url] })
    expect(state()).toMatchObject({ name: 'bus', state: 'ok' })
    await nats.kill()
    await waitFor(() => state().state === 'degraded', { what: 'the bus to be degraded' })
    expect(state().why).toMatch(/NATS is not reachable/)
    await nats.restart()
    await waitFor(() => state().state === 'ok', { what: 'the bus to be ok again' })
    await bus.close()
    expect(state()).toMatchObject({ state: 'ok' }) // a stop that was asked for is no trouble
  })

  test('a question beyond the 64 that are being answered is refused with a sentence, and answered when there is room', async () => {
    const nats = await buses.server()
    const bus = await buses.open({ servers: [nats.url] })
    let begun = 0
    let go = (): void => {}
    const gate = new Promise<void>((resolve) => (go = resolve))
    bus.serveStream(call, async function* () {
      begun++
      await gate
      yield 'x'
    })
    const answer = async (): Promise<number> => {
      let parts = 0
      for await (const _part of bus.askStream(call, 'x')) parts++
      return parts
    }
    const asked = Array.from({ length: 64 }, answer)
    await waitFor(() => begun === 64, { what: '64 questions' })
    await expect(answer()).rejects.toThrow('64 questions are being answered already')
    go()
    expect(await Promise.all(asked)).toEqual(asked.map(() => 1))
    expect(await answer()).toBe(1)
  })

  async function expectEverythingWorks(bus: Bus, seen: ReturnType<typeof useEverything>, mark: string): Promise<void> {
    await waitFor(
      () => {
        bus.publish(subject, mark)
        return seen.published.includes(mark)
      },
      { what: `"${mark}" published` },
    )
    await waitFor(
      async () => {
        await bus.enqueue(queue, mark)
        return seen.worked.has(mark)
      },
      { what: `"${mark}" through the queue` },
    )
    const letters: string[] = []
    await waitFor(
      async () => {
        letters.length = 0
        for await (const letter of bus.askStream(call, mark)) letters.push(letter)
        return true
      },
      { what: `"${mark}" spelt` },
    )
    expect(letters.join('')).toBe(mark)
  }

  test('killed and started again, everything goes on, and what was enqueued before is not lost', async () => {
    const nats = await buses.server()
    const sender = await buses.open({ servers: [nats.url] })
    for (let count = 0; count < 100; count++) await sender.enqueue(queue, `kept-${count}`)
    await nats.kill()
    await waitFor(() => sender.state === 'disconnected', { what: 'the sender to notice' })
    await expect(sender.enqueue(queue, 'refused')).rejects.toBeInstanceOf(BusError)
    await nats.restart()
    const receiver = await buses.open({ servers: [nats.url] })
    const seen = useEverything(receiver)
    await waitFor(() => sender.state === 'connected', { what: 'the sender to be back' })
    await expectEverythingWorks(sender, seen, 'after')
    await waitFor(() => seen.worked.size >= 101, { what: 'the kept messages' })
    expect(seen.worked.has('refused')).toBe(false)
  })

  test('subscriptions, consumers and served calls come back with the server, again and again', async () => {
    const nats = await buses.server()
    const bus = await buses.open({ servers: [nats.url] })
    const seen = useEverything(bus)
    await expectEverythingWorks(bus, seen, 'first')
    for (const mark of ['second', 'third']) {
      await nats.kill()
      await waitFor(() => bus.state === 'disconnected', { what: 'the loss to be noticed' })
      await nats.restart()
      await expectEverythingWorks(bus, seen, mark)
    }
    expect(seen.states).toEqual(['disconnected', 'connected', 'disconnected', 'connected'])
    expect(bus.counts.reconnects).toBe(2)
  })

  test('a server that lost its storage gets its streams again', async () => {
    const nats = await buses.server()
    const bus = await buses.open({ servers: [nats.url] })
    const seen = useEverything(bus)
    await expectEverythingWorks(bus, seen, 'before')
    await nats.kill()
    await nats.restart({ loseData: true })
    await expectEverythingWorks(bus, seen, 'after')
  })

  test('a stream that somebody deletes is made again', async () => {
    const nats = await buses.server()
    const bus = await buses.open({ servers: [nats.url] })
    const seen = useEverything(bus)
    await expectEverythingWorks(bus, seen, 'before')
    const admin = await connect({ servers: nats.url })
    await (await admin.jetstreamManager()).streams.delete(STREAM)
    await admin.close()
    await expectEverythingWorks(bus, seen, 'after')
  })

  test('a server that is not there at the start is awaited without holding up anybody', async () => {
    const port = await freePort('127.0.0.1')
    const bus = await buses.open({ servers: [`127.0.0.1:${port}`] })
    expect(bus.state).toBe('disconnected')
    const seen = useEverything(bus)
    bus.publish(subject, 'nobody hears this')
    await expect(bus.enqueue(queue, 'refused')).rejects.toBeInstanceOf(BusError)
    await buses.server({ port })
    await expectEverythingWorks(bus, seen, 'at last')
    expect(bus.counts.unpublished).toBeGreaterThan(0)
  })

  test('a frozen server lets no enqueue hang: it rejects with BusError', async () => {
    const nats = await buses.server()
    const bus = await buses.open({ servers: [nats.url] })
    const seen = useEverything(bus)
    await expectEverythingWorks(bus, seen, 'before')
    nats.pause()
    await expect(bus.enqueue(queue, 'x')).rejects.toThrow(/did not acknowledge/)
    nats.resume()
    await expectEverythingWorks(bus, seen, 'after')
  })

  test('without JetStream, enqueue says what the operator has to do, the rest works, and health shows it', async () => {
    const nats = await buses.server({ jetstream: false })
    const errors: string[] = []
    const log = { ...silentLog, error: (_fields: object, sentence: string) => void errors.push(sentence) }
    const { bus, why } = await buses.openWithHealth({ servers: [nats.url] }, log)
    const seen: string[] = []
    bus.subscribe(subject, (word) => seen.push(word))
    await expect(bus.enqueue(queue, 'x')).rejects.toThrow(/nats-server needs a jetstream/)
    await expect(bus.enqueue(queue, 'x')).rejects.toThrow(BusError)
    expect(errors).toHaveLength(1)
    expect(bus.state).toBe('disconnected')
    expect(why()).toMatch(/^A queue cannot be used: .*nats-server needs a jetstream/)
    bus.publish(subject, 'still')
    await waitFor(() => seen.includes('still'), { what: 'a published word' })
  })

  test('a message whose consumer died without a word comes to another', async () => {
    const nats = await buses.server()
    const bus = await buses.open({ servers: [nats.url] })
    const first = useEverything(bus)
    await expectEverythingWorks(bus, first, 'before')
    await bus.close()
    const sender = await buses.open({ servers: [nats.url] })
    await sender.enqueue(queue, 'orphan')
    const dying = await connect({ servers: nats.url })
    const taken = await dying.request('$JS.API.CONSUMER.MSG.NEXT.test_v1_work.consumers', '', { noMux: true, timeout: 5000 })
    expect(words.decode(taken.data)).toBe('orphan')
    await dying.close()
    const seen = useEverything(sender)
    await waitFor(() => seen.worked.has('orphan'), { what: 'the message to come again', timeoutMs: 30_000 })
  })

  test('limits that were changed are applied to the stream that is there', async () => {
    const nats = await buses.server()
    const before = await buses.open({ servers: [nats.url] })
    await before.enqueue(queue, 'x')
    const after = await buses.open({ servers: [nats.url] })
    await after.enqueue({ ...queue, limits: { maxBytes: 2_000_000, maxAgeSeconds: 30 } }, 'y')
    const admin = await connect({ servers: nats.url })
    const { config, state } = await (await admin.jetstreamManager()).streams.info(STREAM)
    await admin.close()
    expect(config).toMatchObject({ max_bytes: 2_000_000, max_age: 30e9, retention: 'workqueue', discard: 'old', storage: 'file' })
    expect(state.messages).toBe(2)
  })

  test('beyond the limits the oldest messages go', async () => {
    const nats = await buses.server()
    const bus = await buses.open({ servers: [nats.url] })
    const small: Queue<string> = { ...queue, limits: { maxBytes: 100_000, maxAgeSeconds: 60 } }
    for (let count = 0; count < 30; count++) await bus.enqueue(small, `${count}-${'x'.repeat(10_000)}`)
    const seen: string[] = []
    bus.consume(small, async (messages) => void seen.push(...messages.map((word) => word.split('-')[0] ?? '')))
    await waitFor(() => seen.includes('29'), { what: 'the newest message' })
    expect(seen).not.toContain('0')
    expect(seen.length).toBeLessThan(10)
  })

  test('messages that cannot be decoded are dropped for good and counted; the others arrive', async () => {
    const nats = await buses.server()
    const warnings: string[] = []
    const bus = await buses.open(
      { servers: [nats.url] },
      { ...silentLog, warn: (_fields, sentence) => void warnings.push(sentence) },
    )
    const seen = useEverything(bus)
    await expectEverythingWorks(bus, seen, 'before')
    const stranger = await connect({ servers: nats.url })
    for (let count = 0; count < 50; count++) {
      stranger.publish(queue.name, new Uint8Array([255, 0, count]))
      stranger.publish(subject.name, 'nonsense')
      stranger.publish(call.name, 'nonsense', { reply: 'somewhere' })
    }
    await stranger.flush()
    await expectEverythingWorks(bus, seen, 'after')
    await waitFor(() => bus.counts.undecodable >= 150, { what: 'the counter' })
    const { num_ack_pending, num_pending } = await (await stranger.jetstreamManager()).consumers.info(STREAM, 'consumers')
    await stranger.close()
    expect({ num_ack_pending, num_pending }).toEqual({ num_ack_pending: 0, num_pending: 0 })
    expect(bus.counts.undecodable).toBe(150)
    expect(warnings.length).toBeLessThan(20) // ten at once, then few
  })

  test('a message larger than the server takes is refused with a sentence; an answer of any size is cut to fit', async () => {
    const nats = await buses.server({ maxPayloadBytes: 10_000 })
    const bus = await buses.open({ servers: [nats.url] })
    const long = 'x'.repeat(100_000)
    await expect(bus.enqueue(queue, long)).rejects.toThrow(/100005 bytes; nats-server takes 10000/)
    bus.publish(subject, long)
    expect(bus.counts.unpublished).toBe(1)
    bus.serveStream(call, async function* () {
      yield long
      yield 'end'
    })
    const parts = await waitFor(
      async () => {
        const all: string[] = []
        for await (const part of bus.askStream(call, 'x')) all.push(part)
        return all
      },
      { what: 'the answer' },
    )
    expect(parts).toEqual([long, 'end'])
  })

  test('a server that dies in the middle of an answer ends it with BusError', async () => {
    const nats = await buses.server()
    const bus = await buses.open({ servers: [nats.url] })
    bus.serveStream(call, async function* () {
      for (;;) yield 'x'
    })
    const asking = async (): Promise<void> => {
      let count = 0
      for await (const _part of bus.askStream(call, 'x')) if (++count === 1000) await nats.kill()
    }
    await expect(asking()).rejects.toThrow(BusError)
  })

  test('TLS with a client certificate and a password; a certificate of another host is refused', async () => {
    const certificates = makeCertificates()
    const user = { name: 'dnstap', password: 'secret' }
    const nats = await buses.server({ user, tls: { ...certificates.server, clientCaFile: certificates.caFile } })
    const tls = { caFile: certificates.caFile, ...certificates.client }
    const good = { servers: [nats.url], user: user.name, password: { reveal: () => user.password }, tls }
    expect((await buses.open(good)).state).toBe('connected')
    expect((await buses.open({ ...good, servers: [`tls://dnstap:secret@${nats.url}`], user: undefined })).state).toBe('connected')
    const refusals: string[] = []
    const log: Log = {
      ...silentLog,
      warn: (fields) => void refusals.push(JSON.stringify(fields) + String(Object.values(fields))),
    }
    expect((await buses.open({ ...good, password: 'wrong' }, log)).state).toBe('disconnected')
    expect((await buses.open({ ...good, tls: { caFile: certificates.caFile } }, log)).state).toBe('disconnected')
    expect(refusals.length).toBeGreaterThanOrEqual(2)
    expect(refusals.join()).not.toContain('wrong')
    const stranger = await buses.server({ tls: certificates.stranger })
    expect((await buses.open({ servers: [stranger.url], tls: { caFile: certificates.caFile } })).state).toBe('disconnected')
    const plain = await buses.server()
    expect((await buses.open({ servers: [plain.url], tls: { caFile: certificates.caFile } })).state).toBe('disconnected')
  })

  test('a token is accepted; wrong options end the start with a sentence that hides them', async () => {
    const withToken = await buses.server({ token: 'open-sesame' })
    expect((await buses.open({ servers: [withToken.url], token: 'open-sesame' })).state).toBe('connected')
    await expect(openNatsBus({ servers: ['http://me:hidden@host'] }, { clock: systemClock, log: silentLog })).rejects.toThrow(
      /not 'http:\/\/…@host'/,
    )
    await expect(
      openNatsBus({ servers: ['host'], credsFile: '/nowhere/user.creds' }, { clock: systemClock, log: silentLog }),
    ).rejects.toThrow(/nowhere/)
  })
})
