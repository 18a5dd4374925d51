import { BusError, type BusState, type QueueProgress } from '@dnstap-bgp/bus'
import { CATCH_UP, NOT_YET, type CatchUp, type CaughtUp } from '@dnstap-bgp/steering'
import { FakeClock } from '@dnstap-bgp/testkit'
import { describe, expect, test } from 'vitest'
import { ExpiryGate, START_MS, WAIT_MS } from './expiry-gate.ts'
import { IngestClocks } from './ingest-clocks.ts'

const STORE_AHEAD_MS = 1_000_000

/** A gate whose bus is played by the test. */
function start({ isEmpty = true, state = 'connected' as BusState } = {}) {
  const clock = new FakeClock()
  const asked: number[] = []
  let hear: (answer: CaughtUp) => void = () => {}
  let say: (state: BusState) => void = () => {}
  const queue = { newest: 0, done: 0, fails: false }
  let opened = 0
  const gate = new ExpiryGate({
    bus: {
      state,
      onState: (listener) => (say = listener),
      publish(subject, message) {
        if ((subject as object) === CATCH_UP) asked.push((message as CatchUp).number)
      },
      subscribe(_subject, onMessage) {
        hear = onMessage as (message: unknown) => void as (answer: CaughtUp) => void
        return { close: async () => {} }
      },
      async progress(): Promise<QueueProgress> {
        if (queue.fails) throw new BusError('no JetStream')
        return { newest: queue.newest, done: queue.done }
      },
    },
    clock,
    ingestClocks: new IngestClocks(),
    id: 'me',
    storeNow: () => STORE_AHEAD_MS + clock.monotonic(),
    onOpened: () => opened++,
  })
  if (isEmpty) gate.startedEmpty()
  return {
    gate,
    clock,
    queue,
    asked,
    opened: () => opened,
    say: (to: BusState) => say(to),
    /** To the question asked last, or another. */
    answer: (ingest: string, number = asked.at(-1) ?? 0) => hear({ asker: 'me', number, ingest }),
    now: () => STORE_AHEAD_MS + clock.monotonic(),
    /** Lets some milliseconds pass, and what waits for them run. */
    settle: () => clock.advanceAsync(20, 1),
  }
}

describe('a deadline counts', () => {
  test('when every ingest has said that nothing waits there', async () => {
    const { gate, clock, answer, now, settle, opened } = start()
    answer('a')
    answer('b')
    await clock.advanceAsync(100)
    const due = now()
    gate.startRound()
    answer('a')
    await settle()
    expect(gate.upToMs).toBeLessThan(due)
    answer('b')
    await settle()
    expect(gate.upToMs).toBe(due)
    expect(opened()).toBe(1)
  })

  test('when the messages that were in the queue then are processed, not later ones', async () => {
    const { gate, queue, now, clock, opened } = start()
    queue.newest = 7
    queue.done = 3
    const due = now()
    gate.startRound()
    await clock.advanceAsync(1000, 10)
    expect(opened()).toBe(0)
    queue.newest = 900
    queue.done = 7
    await clock.advanceAsync(1000, 10)
    expect(gate.upToMs).toBe(due)
  })

  test('when the queue was lost, and the messages of its successor are processed', async () => {
    const { gate, queue, clock, opened } = start()
    queue.newest = 7
    gate.startRound()
    await clock.advanceAsync(100, 10)
    queue.newest = 2
    queue.done = 1
    await clock.advanceAsync(1000, 10)
    expect(opened()).toBe(0)
    queue.done = 2
    await clock.advanceAsync(1000, 10)
    expect(opened()).toBe(1)
  })

  test('by an answer to the question of this round only', async () => {
    const { gate, clock, asked, answer, settle, opened } = start()
    answer('a')
    await clock.advanceAsync(100)
    const before = asked.at(-1) ?? 0
    gate.startRound()
    answer('a', before)
    await settle()
    expect(opened()).toBe(0)
    answer('a')
    await settle()
    expect(opened()).toBe(1)
  })

  test('although a question was lost: it is asked again', async () => {
    const { gate, clock, asked, answer } = start()
    answer('a')
    await clock.advanceAsync(100)
    gate.startRound()
    const [number] = asked.slice(-1)
    await clock.advanceAsync(3000, 100)
    expect(asked.filter((one) => one === number).length).toBeGreaterThan(2)
  })

  test('not before the queue takes the facts of an ingest that says it does not, however long that is', async () => {
    const { gate, clock, answer, now, settle } = start()
    answer('a')
    await clock.advanceAsync(100)
    const due = now()
    gate.startRound()
    for (let seconds = 0; seconds < 120; seconds++) {
      answer('a', NOT_YET)
      await clock.advanceAsync(1000, 100)
    }
    expect(gate.upToMs).toBeLessThan(due)
    expect(gate.waitsFor).toContain('1 dnstap-ingest')
    answer('a')
    await settle()
    expect(gate.upToMs).toBeGreaterThanOrEqual(due)
  })

  test('30 s late at most, however long an ingest is silent; it is not awaited again', async () => {
    const { gate, clock, answer, now, opened, settle } = start()
    answer('a')
    await clock.advanceAsync(100)
    const due = now()
    gate.startRound()
    await clock.advanceAsync(WAIT_MS - 200, 1000)
    expect(gate.upToMs).toBeLessThan(due)
    expect(gate.waitsFor).toContain('1 dnstap-ingest')
    await clock.advanceAsync(1500, 100)
    expect(gate.upToMs).toBeGreaterThanOrEqual(due)
    expect(opened()).toBe(1)
    gate.startRound()
    await settle()
    expect(opened()).toBe(2)
    expect(gate.waitsFor).toBeUndefined()
  })

  test('30 s late at most, even if the queue is never processed', async () => {
    const { gate, clock, queue, now } = start()
    queue.newest = 1
    const due = now()
    gate.startRound()
    await clock.advanceAsync(WAIT_MS - 100, 1000)
    expect(gate.upToMs).toBeLessThan(due)
    await clock.advanceAsync(200, 10)
    expect(gate.upToMs).toBeGreaterThanOrEqual(due)
    expect(gate.waitsFor).toContain('queue')
  })
})

describe('a part that was away is waited for when it is back', () => {
  test('the bus: nothing ends while it is away, and then not before all have answered', async () => {
    const { gate, clock, say, answer, now, settle } = start()
    answer('a')
    await clock.advanceAsync(100)
    say('disconnected')
    await clock.advanceAsync(20 * WAIT_MS, WAIT_MS)
    gate.startRound()
    await settle()
    const due = now()
    expect(gate.upToMs).toBe(-Infinity)
    say('connected')
    gate.startRound()
    await settle()
    expect(gate.upToMs).toBe(-Infinity)
    await clock.advanceAsync(WAIT_MS / 2, 1000) // the ingest, too, must find the bus again
    expect(gate.upToMs).toBe(-Infinity)
    answer('a')
    await settle()
    expect(gate.upToMs).toBeGreaterThanOrEqual(due)
  })

  test('a queue that cannot be asked, as without JetStream, holds deadlines like a bus that is away', async () => {
    const { gate, clock, queue, settle } = start()
    queue.fails = true
    gate.startRound()
    await clock.advanceAsync(4 * WAIT_MS, 1000)
    expect(gate.upToMs).toBe(-Infinity)
    queue.fails = false
    await clock.advanceAsync(1000, 100)
    gate.startRound()
    await settle()
    expect(gate.upToMs).toBeGreaterThan(0)
  })

  test('this process, after a stall longer than the bound', async () => {
    const { gate, clock, answer, now } = start()
    answer('a')
    await clock.advanceAsync(WAIT_MS, 1000)
    answer('a')
    clock.stall(10 * WAIT_MS)
    expect(gate.upToMs).toBe(-Infinity)
    gate.startRound()
    await clock.advanceAsync(WAIT_MS - 1000, 1000)
    expect(gate.upToMs).toBe(-Infinity)
    await clock.advanceAsync(3000, 1000)
    expect(gate.upToMs).toBeGreaterThan(now() - 2 * WAIT_MS)
  })

  test('the store', async () => {
    const { gate, clock, queue } = start()
    queue.newest = 1
    await clock.advanceAsync(2 * WAIT_MS, 1000)
    gate.storeWasAway()
    await clock.advanceAsync(WAIT_MS - 1000, 1000)
    expect(gate.upToMs).toBe(-Infinity)
    await clock.advanceAsync(2000, 1000)
    expect(gate.upToMs).toBeGreaterThan(0)
  })

  test('the ingests and resolvers, after a start with bindings in the store', async () => {
    const { gate, clock, answer, settle, opened } = start({ isEmpty: false })
    gate.startRound()
    await clock.advanceAsync(START_MS - 100, 100)
    expect(opened()).toBe(0)
    answer('a')
    await clock.advanceAsync(200)
    gate.startRound()
    await settle()
    expect(opened()).toBe(0)
    answer('a')
    await settle()
    expect(opened()).toBe(1)
  })

  test('a bus that is not there at the start', async () => {
    const { gate, clock, say, settle, opened } = start({ isEmpty: false, state: 'disconnected' })
    await clock.advanceAsync(2 * WAIT_MS, 1000)
    expect(gate.upToMs).toBe(-Infinity)
    say('connected')
    gate.startRound()
    await settle()
    expect(opened()).toBe(0)
  })
})

test('rounds are not made more often than every 50 ms', async () => {
  const { gate, clock, asked } = start()
  const before = asked.length
  for (let ms = 0; ms < 500; ms += 5) {
    gate.startRound()
    await clock.advanceAsync(5, 5)
  }
  expect(asked.length - before).toBeLessThanOrEqual(11)
  expect(asked.length - before).toBeGreaterThan(5)
})
