import { describe, expect, test } from 'vitest'
import { LocalBus } from '@dnstap-bgp/bus'
import { FORGET, FORGOTTEN } from '@dnstap-bgp/steering'
import { FakeClock } from '@dnstap-bgp/testkit'
import {
  ADDRESS,
  explainAlone,
  RESOLUTION,
  ROUTE,
  startTestCache,
  Switchable,
  type TestCache,
} from '../testing/cache-under-test.ts'
import { CuttableBus, PAUSE } from '../testing/cuttable-bus.ts'

describe('a hold-down by hand', () => {
  const subject = ADDRESS
  const entry = { ...RESOLUTION, list: '' }

  test('is known to every replica, and a binding that one of them stored meanwhile is ended', async () => {
    const store = new Switchable()
    const one = await startTestCache({ store })
    await one.learn({})
    const two = await startTestCache({ store, clock: one.clock, bus: one.bus })
    // The second replica has not heard of it yet, and takes another name for the address.
    store.beforeReading = async () => {
      store.beforeReading = async () => {}
      await two.cache.offer([{ ...entry, name: 'other.example.org', seenAtMs: one.clock.now() }])
    }
    await one.cache.forget({ subject, holdDownMs: 60_000 })
    await one.settle()
    expect(await store.bindingsOf(ROUTE)).toEqual([])
    expect(await two.cache.offer([{ ...entry, seenAtMs: one.clock.now() }])).toMatchObject([{ refusal: 'held-down' }])
  })

  test('is in force before bindings are removed: a name that comes while they are read stays out too', async () => {
    const store = new Switchable()
    const { cache, clock, learn, settle } = await startTestCache({ store })
    await learn({})
    let answer
    store.beforeReading = async () => {
      store.beforeReading = async () => {}
      answer = await cache.offer([{ ...entry, name: 'other.example.org', seenAtMs: clock.now() }])
    }
    await cache.forget({ subject, holdDownMs: 60_000 })
    await settle()
    expect(answer).toMatchObject([{ refusal: 'held-down' }])
    expect(await store.bindingsOf(ROUTE)).toEqual([])
  })

  test('is known to a replica that starts later, with its remaining time', async () => {
    const store = new Switchable()
    const one = await startTestCache({ store })
    await one.cache.forget({ subject, holdDownMs: 60_000 })
    await one.clock.advanceAsync(50_000)
    const two = await startTestCache({ store, clock: one.clock, bus: one.bus })
    const offer = () => two.cache.offer([{ ...entry, seenAtMs: one.clock.now() }])
    expect(await offer()).toMatchObject([{ refusal: 'held-down' }])
    await one.clock.advanceAsync(10_000)
    expect(await offer()).toEqual([null])
  })

  /** Two replicas that hear each other, until the bus is away. */
  async function twoReplicas() {
    const whole = new LocalBus(PAUSE)
    const buses = [new CuttableBus(whole), new CuttableBus(whole)] as const
    const stores = [new Switchable(), new Switchable()] as const
    const one = await startTestCache({ bus: buses[0], store: stores[0] })
    const two = await startTestCache({ bus: buses[1], store: stores[1], clock: one.clock })
    const offer = (to: TestCache, address: string) => to.cache.offer([{ ...entry, address, seenAtMs: one.clock.now() }])
    return { one, two, buses, stores, offer, clock: one.clock }
  }

  test('made while the bus was away is known to all when it is back, whoever comes back first', async () => {
    const { one, two, buses, offer } = await twoReplicas()
    for (const bus of buses) bus.goesAway()
    await one.cache.forget({ subject: '93.184.215.1', holdDownMs: 60_000 })
    await two.cache.forget({ subject: '93.184.215.2', holdDownMs: 60_000 })
    for (const bus of buses) {
      bus.comesBack()
      await one.settle()
    }
    for (const to of [one, two])
      for (const address of ['93.184.215.1', '93.184.215.2'])
        expect(await offer(to, address)).toMatchObject([{ refusal: 'held-down' }])
  })

  test('is neither prolonged nor repeated when it is told again', async () => {
    const { one, two, buses, stores, offer, clock } = await twoReplicas()
    await one.cache.forget({ subject, holdDownMs: 60_000 })
    await one.settle()
    let read = 0
    for (const store of stores) store.beforeReading = async () => void read++
    for (let i = 0; i < 50; i++) {
      for (const bus of buses) bus.comesBack()
      await clock.advanceAsync(1000)
    }
    expect(read).toBe(0)
    await clock.advanceAsync(10_100)
    for (const to of [one, two]) expect(await offer(to, ADDRESS)).toEqual([null])
  })

  test('is not made shorter by another', async () => {
    const { one, two, offer, clock } = await twoReplicas()
    await one.cache.forget({ subject, holdDownMs: 60_000 })
    await one.cache.forget({ subject, holdDownMs: 10_000 })
    await clock.advanceAsync(30_000)
    for (const to of [one, two]) expect(await offer(to, ADDRESS)).toMatchObject([{ refusal: 'held-down' }])
  })

  test.each([0, 60_000])(
    'of %d ms by one replica is not undone by what the store of another one remembers',
    async (holdDownMs) => {
      const { one, stores } = await twoReplicas()
      await one.cache.forget({ subject, holdDownMs })
      await one.settle()
      expect(stores[1].forgotten).toEqual([ROUTE])
    },
  )

  test('keeps an address out that stands in a list, whatever is reloaded, and lets it come back in the end', async () => {
    const config = '[[list]]\nname = "default"\nsource = "/x"\naddresses = true\n'
    const { lists, cache, settle, routes, clock } = await startTestCache({ config })
    const prefix = '93.184.216.0/24'
    lists.change({ default: [] }, { default: [prefix] })
    await settle()
    expect(await cache.forget({ subject: prefix, holdDownMs: 60_000 })).toEqual({ forgotten: 1, withdrawn: [prefix] })
    lists.change({ default: [] }, { default: [prefix] })
    await settle()
    expect(routes()).toEqual({})
    await clock.advanceAsync(61_000)
    expect(routes()).toEqual({ [prefix]: ['default'] })
  })

  test('lets an address that stands in a list come back also when the timer is a little early', async () => {
    const config = '[[list]]\nname = "default"\nsource = "/x"\naddresses = true\n'
    const clock = new FakeClock()
    const hasty = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      after: (delayMs: number, callback: () => void) => clock.after(Math.max(0, delayMs - 0.5), callback),
      every: (periodMs: number, callback: () => void) => clock.every(periodMs, callback),
    }
    const { lists, cache, settle, routes } = await startTestCache({ config, clock, serviceClock: hasty })
    lists.change({ default: [] }, { default: ['93.184.216.0/24'] })
    await settle()
    await cache.forget({ subject: '93.184.216.0/24', holdDownMs: 60_000 })
    await clock.advanceAsync(59_998)
    expect(routes()).toEqual({})
    await clock.advanceAsync(10, 0.25)
    expect(Object.keys(routes())).toEqual(['93.184.216.0/24'])
  })

  test('of a subject without a binding reaches announcers that keep its route as stale', async () => {
    const { cache, bus, settle } = await startTestCache()
    const heard: unknown[] = []
    bus.subscribe(FORGOTTEN, (forgotten) => heard.push(forgotten))
    expect(await cache.forget({ subject, holdDownMs: 0 })).toEqual({ forgotten: 0, withdrawn: [] })
    await settle()
    expect(heard).toEqual([{ subject: ROUTE, holdDownMs: 0 }])
  })

  test('made while the store is away takes effect when it is back', async () => {
    const store = new Switchable()
    const { cache, learn, clock, bus, routes } = await startTestCache({ store })
    await learn({})
    store.away = true
    expect(await bus.ask(FORGET, { query: {}, body: { subject, holdDown: '1m' } })).toEqual({
      status: 503,
      error: 'The store cannot be asked: it is away',
    })
    store.away = false
    await clock.advanceAsync(3000)
    expect(routes()).toEqual({})
    expect((await explainAlone(cache.explainer, ADDRESS)).routed).toBe(false)
  })
})

test('forget withdraws by hand, and a hold-down keeps the address out for its time', async () => {
  const { learn, clock, cache, routes } = await startTestCache()
  await learn({})
  expect(await cache.forget({ subject: ADDRESS, holdDownMs: 60_000 })).toEqual({ forgotten: 1, withdrawn: [ROUTE] })
  await learn({})
  expect(routes()).toEqual({})
  await clock.advanceAsync(61_000)
  await learn({})
  expect(routes()).toEqual({ [ROUTE]: ['default'] })
})
