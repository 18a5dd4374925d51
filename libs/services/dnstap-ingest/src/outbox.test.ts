import { BusError, type Bus } from '@dnstap-bgp/bus'
import { silentLog } from '@dnstap-bgp/runtime'
import type { Resolution } from '@dnstap-bgp/steering'
import { FakeClock } from '@dnstap-bgp/testkit'
import { expect, test } from 'vitest'
import type { OutgoingFact } from './fact-queue.ts'
import { Outbox } from './outbox.ts'

const fact = (n: number): OutgoingFact => ({
  keyLow: n,
  keyHigh: n,
  resolution: {
    list: 'video',
    name: `n${n}`,
    rule: '',
    address: '192.0.2.1',
    ttlSeconds: 1,
    seenAtMs: 1,
    source: '',
    chain: [],
  },
})

function start(limits = { news: 10, refreshes: 5 }) {
  const clock = new FakeClock()
  const sent: string[] = []
  const dropped: number[] = []
  const behaviour = { answer: 'take' as 'take' | 'refuse' | 'hang' }
  const bus = {
    enqueue(_subject: unknown, resolutions: Resolution[]) {
      if (behaviour.answer === 'hang') return new Promise<void>(() => {})
      if (behaviour.answer === 'refuse') return Promise.reject(new BusError('away'))
      sent.push(...resolutions.map((one) => one.name))
      return Promise.resolve()
    },
  } as unknown as Bus
  const bounds = (facts: number) => ({ facts, characters: 1e9 })
  const outbox = new Outbox(bus, clock, silentLog, (one) => dropped.push(one.keyLow), {
    news: bounds(limits.news),
    refreshes: bounds(limits.refreshes),
  })
  return { outbox, clock, sent, dropped, behaviour }
}

test('news go before refreshes that came earlier', async () => {
  const { outbox, clock, sent } = start()
  outbox.refresh(fact(1))
  outbox.news(fact(2))
  await clock.advanceAsync(5)
  expect(sent).toEqual(['n2', 'n1'])
  expect(outbox.counters).toMatchObject({ sentNews: 1, sentRefreshes: 1 })
})

test.each(['refuse', 'hang'] as const)(
  'a bus that does %s bounds what waits; each fact dropped is counted and told',
  async (how) => {
    const { outbox, clock, dropped, behaviour } = start()
    behaviour.answer = how
    for (let i = 0; i < 100; i++) {
      outbox.news(fact(i))
      outbox.refresh(fact(1000 + i))
      await clock.advanceAsync(600)
    }
    // What hangs is in flight: sixteen batches at most.
    expect(outbox.waiting).toBe(15)
    expect(outbox.counters.droppedNews + outbox.counters.droppedRefreshes).toBe(dropped.length)
    expect(dropped.length).toBeGreaterThanOrEqual(200 - 15 - 16 * 10)
  },
)

test('facts refused keep their order and go when the bus is back', async () => {
  const { outbox, clock, sent, behaviour } = start()
  behaviour.answer = 'refuse'
  for (let i = 0; i < 5; i++) {
    outbox.news(fact(i))
    await clock.advanceAsync(100)
  }
  behaviour.answer = 'take'
  await clock.advanceAsync(1000)
  expect(sent).toEqual(['n0', 'n1', 'n2', 'n3', 'n4'])
  expect(outbox.failing).toBe(false)
})

test('closing sends what waits, and gives a dead bus up after a while', async () => {
  const alive = start()
  alive.outbox.news(fact(1))
  const closed = alive.outbox.close()
  await alive.clock.advanceAsync(10)
  await closed
  expect(alive.sent).toEqual(['n1'])

  const dead = start()
  dead.behaviour.answer = 'refuse'
  dead.outbox.news(fact(1))
  const given = dead.outbox.close()
  await dead.clock.advanceAsync(4000)
  await given
  expect(dead.outbox.waiting).toBe(1)
})
