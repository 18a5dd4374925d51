import { BusError, type Bus, type BusState } from '@dnstap-bgp/bus'
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
    source: { kind: 'resolver' as const, identity: '' },
    chain: [],
  },
})

function start(limits = { news: 10, refreshes: 5 }) {
  const clock = new FakeClock()
  const sent: string[] = []
  const dropped: { n: number; isNews: boolean }[] = []
  /** When each batch was offered. */
  const offeredAt: number[] = []
  let say: (state: BusState) => void = () => {}
  const behaviour = { answer: 'take' as 'take' | 'refuse' | 'hang' }
  const bus = {
    onState(listener: (state: BusState) => void) {
      say = listener
    },
    enqueue(_subject: unknown, resolutions: Resolution[]) {
      offeredAt.push(clock.monotonic())
      if (behaviour.answer === 'hang') return new Promise<void>(() => {})
      if (behaviour.answer === 'refuse') return Promise.reject(new BusError('away'))
      sent.push(...resolutions.map((one) => one.name))
      return Promise.resolve()
    },
  } as unknown as Bus
  const bounds = (facts: number) => ({ facts, octets: 1e9 })
  const outbox = new Outbox({
    bus,
    clock,
    log: silentLog,
    onDrop: (one, isNews) => dropped.push({ n: one.keyLow, isNews }),
    random: () => 1,
    limits: { news: bounds(limits.news), refreshes: bounds(limits.refreshes) },
  })
  return { outbox, clock, sent, dropped, behaviour, offeredAt, say: (state: BusState) => say(state) }
}

const namesTo = (count: number) => Array.from({ length: count }, (_, n) => `n${n}`)

test('new facts go before refreshes that came earlier', async () => {
  const { outbox, clock, sent } = start()
  outbox.refresh(fact(1))
  outbox.news(fact(2))
  await clock.advanceAsync(5)
  expect(sent).toEqual(['n2', 'n1'])
  expect(outbox.counters).toMatchObject({ sentNews: 1, sentRefreshes: 1 })
})

test.each(['refuse', 'hang'] as const)(
  'with a bus that does %s the outbox is bounded; each dropped fact is counted and reported',
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
    expect(dropped.filter((one) => one.isNews)).toHaveLength(outbox.counters.droppedNews)
    expect(dropped.filter((one) => !one.isNews)).toHaveLength(outbox.counters.droppedRefreshes)
    expect(dropped.length).toBeGreaterThanOrEqual(200 - 15 - 16 * 10)
    expect(outbox.sinceDroppedMs).toBeLessThan(60_000)
  },
)

test('sixteen batches that are refused together keep their order', async () => {
  const { outbox, clock, sent, behaviour } = start({ news: 20_000, refreshes: 5 })
  behaviour.answer = 'refuse'
  for (let i = 0; i < 12_000; i++) outbox.news(fact(i))
  await clock.advanceAsync(10)
  expect(outbox.counters.refusedBatches).toBe(16)
  expect(outbox.waiting).toBe(12_000)
  behaviour.answer = 'take'
  await clock.advanceAsync(1000)
  expect(sent).toEqual(namesTo(12_000))
})

test('while the bus is away one batch at a time asks whether it is back, less and less often', async () => {
  const { outbox, clock, offeredAt, behaviour } = start({ news: 20_000, refreshes: 5 })
  behaviour.answer = 'refuse'
  for (let i = 0; i < 12_000; i++) outbox.news(fact(i))
  await clock.advanceAsync(20_000, 10)
  const probes = offeredAt.slice(16)
  expect(probes.slice(1).map((at, i) => at - probes[i])).toEqual([500, 1000, 2000, 4000, 4000, 4000, 4000])
})

test('a bus that says it is back is tried at once', async () => {
  const { outbox, clock, sent, behaviour, say } = start()
  behaviour.answer = 'refuse'
  outbox.news(fact(0))
  await clock.advanceAsync(10_000, 10)
  behaviour.answer = 'take'
  say('connected')
  expect(sent).toEqual(['n0'])
})

test('a bus that takes one batch and refuses the next is failing all the time, and well ten seconds after', async () => {
  const { outbox, clock, behaviour } = start()
  for (let i = 0; i < 20; i++) {
    behaviour.answer = i % 2 === 0 ? 'refuse' : 'take'
    outbox.news(fact(i))
    await clock.advanceAsync(600)
    expect(outbox.failing).toBe(true)
  }
  behaviour.answer = 'take'
  outbox.news(fact(100))
  await clock.advanceAsync(9_000)
  expect(outbox.failing).toBe(true)
  await clock.advanceAsync(6_000)
  expect(outbox.failing).toBe(false)
})

test('closing sends the waiting facts', async () => {
  const { outbox, clock, sent } = start({ news: 20_000, refreshes: 5 })
  for (let i = 0; i < 12_000; i++) outbox.news(fact(i))
  const closed = outbox.close()
  await clock.advanceAsync(10)
  await closed
  expect(sent).toEqual(namesTo(12_000))
  expect(clock.timers).toBe(0)
})

test('closing waits a while for a bus that is away, asks it now and then, and gives up', async () => {
  const { outbox, clock, behaviour, offeredAt } = start()
  behaviour.answer = 'refuse'
  outbox.news(fact(1))
  const given = outbox.close()
  await clock.advanceAsync(4000, 10)
  await given
  expect(outbox.waiting).toBe(1)
  expect(offeredAt).toHaveLength(4)
  expect(clock.timers).toBe(0)
})

test('closing sends the waiting facts to a bus that comes back', async () => {
  const { outbox, clock, behaviour, sent } = start()
  behaviour.answer = 'refuse'
  outbox.news(fact(1))
  const closed = outbox.close()
  await clock.advanceAsync(100)
  behaviour.answer = 'take'
  await clock.advanceAsync(1000)
  await closed
  expect(sent).toEqual(['n1'])
})

test('reports when the waiting facts have left, however many come after them', async () => {
  const { outbox, clock, behaviour } = start()
  let reached = 0
  outbox.whenSent(() => reached++)
  expect(reached).toBe(1) // nothing waits
  behaviour.answer = 'refuse'
  outbox.news(fact(1))
  outbox.refresh(fact(2))
  await clock.advanceAsync(100)
  outbox.whenSent(() => reached++)
  expect(reached).toBe(1)
  outbox.refresh(fact(3))
  behaviour.answer = 'take'
  await clock.advanceAsync(1000)
  expect(reached).toBe(2)
})

test('does not report it while a batch is on its way, and reports it when the waiting facts were dropped', async () => {
  const { outbox, clock, behaviour } = start({ news: 1, refreshes: 1 })
  let reached = 0
  behaviour.answer = 'hang'
  outbox.news(fact(1))
  await clock.advanceAsync(10)
  outbox.whenSent(() => reached++)
  expect(reached).toBe(0)

  const other = start({ news: 2, refreshes: 2 })
  other.outbox.news(fact(1))
  other.outbox.news(fact(2))
  other.behaviour.answer = 'refuse'
  await other.clock.advanceAsync(10) // a batch of two comes back
  other.outbox.whenSent(() => reached++)
  other.behaviour.answer = 'take'
  await other.clock.advanceAsync(1000)
  expect(other.sent).toEqual(['n1', 'n2'])
  expect(reached).toBe(1)
})
