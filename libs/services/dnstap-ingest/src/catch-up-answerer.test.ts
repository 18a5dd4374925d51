import { LocalBus } from '@dnstap-bgp/bus'
import { CATCH_UP, CAUGHT_UP, NOT_YET } from '@dnstap-bgp/steering'
import { FakeClock } from '@dnstap-bgp/testkit'
import { describe, expect, test } from 'vitest'
import { CatchUpAnswerer } from './catch-up-answerer.ts'

function start() {
  const clock = new FakeClock()
  const bus = new LocalBus({ pause: () => new Promise((resolve) => setImmediate(resolve)) })
  const state = { reads: 0, isBehind: false, isRefused: false, onTurn: () => {}, sent: undefined as (() => void) | undefined }
  const answered: number[] = []
  let heardOf = 0
  bus.subscribe(CAUGHT_UP, ({ asker, number, ingest }) => {
    if (asker === 'cache' && ingest === 'me') answered.push(number)
    else heardOf++
  })
  const answerer = new CatchUpAnswerer({
    bus,
    clock,
    id: 'me',
    reads() {
      state.onTurn()
      return state.reads
    },
    isBehind: () => state.isBehind,
    isRefused: () => state.isRefused,
    whenSent: (reached) => (state.sent = reached),
  })
  return {
    clock,
    state,
    answered,
    answerer,
    heardOf: () => heardOf,
    ask: (number: number) => bus.publish(CATCH_UP, { asker: 'cache', number }),
    settle: () => clock.advanceAsync(20, 1),
  }
}

describe('an ingest that is asked whether a fact waits', () => {
  test('makes itself known when it starts, and not only when it is asked', async () => {
    const { heardOf, answered, settle } = start()
    await settle()
    expect(heardOf()).toBe(1)
    expect(answered).toEqual([])
  })

  test('answers when its outbox has sent what it held', async () => {
    const { state, answered, ask, settle } = start()
    ask(1)
    await settle()
    expect(answered).toEqual([])
    state.sent?.()
    await settle()
    expect(answered).toEqual([1])
  })

  test('first reads what its sockets hold, and looks at the outbox then', async () => {
    const { state, ask, settle } = start()
    let turns = 0
    state.onTurn = () => {
      if (++turns <= 5) state.reads++ // each turn reads something yet
    }
    ask(1)
    await settle()
    expect(state.sent).toBeDefined()
    expect(turns).toBeGreaterThan(5)
  })

  test('does not read for ever where every turn brings something', async () => {
    const { state, ask, settle } = start()
    state.onTurn = () => void state.reads++
    ask(1)
    await settle()
    await settle()
    expect(state.sent).toBeDefined()
  })

  test('waits while a resolver goes on with answers that it kept', async () => {
    const { state, clock, ask, settle } = start()
    state.isBehind = true
    ask(1)
    await settle()
    await clock.advanceAsync(5000)
    expect(state.sent).toBeUndefined()
    state.isBehind = false
    await clock.advanceAsync(200)
    expect(state.sent).toBeDefined()
  })

  test('says at once, to each question, that its facts wait while the bus refuses them', async () => {
    const { state, answered, ask, settle } = start()
    state.isRefused = true
    for (let times = 0; times < 3; times++) {
      ask(1)
      await settle()
    }
    expect(answered).toEqual([NOT_YET, NOT_YET, NOT_YET])
    state.isRefused = false
    ask(1)
    state.sent?.()
    await settle()
    expect(answered.slice(3)).toEqual([1])
  })

  test('answers a question that was repeated meanwhile once, and holds few of them', async () => {
    const { state, answered, ask, settle } = start()
    const reached: (() => void)[] = []
    Object.defineProperty(state, 'sent', { set: (one: () => void) => reached.push(one) })
    ask(1)
    ask(1)
    await settle()
    expect(reached).toHaveLength(1)
    for (let number = 2; number <= 200; number++) ask(number)
    await settle()
    expect(reached).toHaveLength(64)
    for (const one of reached) one()
    await settle()
    expect(answered).toHaveLength(64)
  })

  test('sends nothing once it is closed', async () => {
    const { state, answerer, ask, settle } = start()
    ask(1)
    await new Promise((resolve) => setImmediate(resolve))
    await answerer.close()
    await settle()
    expect(state.sent).toBeUndefined()
  })
})
