import { expect, test } from 'vitest'
import { ROUTE_CHANGES } from '@dnstap-bgp/steering'
import { HOUR_MS, RESOLUTION, ROUTE, startTestCache, Switchable } from '../testing/cache-under-test.ts'

test('a route that falls due while a large store is read at the start is withdrawn in time', async () => {
  const store = new Switchable()
  const first = await startTestCache({ store })
  await first.learn({})
  await first.cache.close()
  let go = () => {}
  store.beforeBindings = () => new Promise((resolve) => (go = resolve))
  const second = startTestCache({ store, clock: first.clock })
  await first.clock.advanceAsync(HOUR_MS + 1000, 60_000)
  expect((await store.counts()).bindings).toBe(0)
  go()
  await second
})

test('route changes are published in the order of their revisions, also while very much falls due and more is learnt', async () => {
  const store = new Switchable()
  const { learn, cache, clock, bus } = await startTestCache({ store })
  await learn(...Array.from({ length: 1800 }, (_, i) => ({ name: `n${i}.example.org`, address: `93.184.${i >> 8}.${i & 255}` })))
  const revisions: number[] = []
  bus.subscribe(ROUTE_CHANGES, ({ firstRevision }) => revisions.push(firstRevision))
  let i = 0
  const offers: Promise<unknown>[] = []
  store.afterExpiring = () => offers.push(cache.offer([{ ...RESOLUTION, seenAtMs: clock.now(), address: `93.185.0.${i++}` }]))
  await clock.advanceAsync(HOUR_MS + 1000, 60_000)
  await clock.advanceAsync(100, 1)
  await Promise.all(offers)
  expect(revisions).toHaveLength(8)
  expect(revisions).toEqual(revisions.toSorted((a, b) => a - b))
})

test('a route is withdrawn at its deadline, not with the sweep that comes after it', async () => {
  const store = new Switchable()
  const { learn, clock, changes } = await startTestCache({ store })
  await learn({})
  const [{ expiresAtMs }] = await store.bindingsOf(ROUTE)
  await clock.advanceAsync(expiresAtMs - store.now() - 1, 50)
  expect(changes).toHaveLength(1)
  await clock.advanceAsync(2, 1)
  expect(changes.at(-1)).toEqual({ prefix: ROUTE, lists: [] })
})

test("a binding that is not yet due by the store's clock is left to the sweep every 200 ms", async () => {
  const store = new Switchable()
  const { learn, clock } = await startTestCache({ store })
  await learn({})
  const [{ expiresAtMs }] = await store.bindingsOf(ROUTE)
  let sweeps = 0
  store.expire = async () => {
    sweeps++
    return { changes: undefined, bindings: 0, nextDeadlineMs: expiresAtMs }
  }
  await clock.advanceAsync(HOUR_MS, 60_000)
  sweeps = 0
  await clock.advanceAsync(1000, 1)
  expect(sweeps).toBeLessThanOrEqual(2 * 6) // a look and a try
})
