import { describe, expect, test } from 'vitest'
import { configOf, startTestCache, Switchable } from '../testing/cache-under-test.ts'

/** A list that may make a route a second, three at once. */
const rated = (relearnTime: string) =>
  '[[list]]\nname = "default"\nsource = "/x"\nttl = "1h"\nnewRoutesPerSecond = 1\nnewRoutesBurst = 3\n' +
  `[bgp]\nas = 65000\nrouterID = "192.0.2.1"\nrelearnTime = "${relearnTime}"\n`

test('a list that makes new routes too fast is capped, and its existing routes stay', async () => {
  const config = rated('0')
  const { learn, clock, cache, store, settle } = await startTestCache({ config })
  for (let i = 1; i <= 10; i++) await learn({ address: `93.184.215.${i}` })
  const known = (await store.counts()).routes
  expect(known).toBeGreaterThanOrEqual(3)
  expect(known).toBeLessThan(10)
  expect(cache.counters.refused.rate).toBe(10 - known)
  const before = (await store.bindingsOf('93.184.215.1/32'))[0].seenAtMs
  await learn({ address: '93.184.215.1' })
  expect((await store.bindingsOf('93.184.215.1/32'))[0].seenAtMs).toBeGreaterThan(before)
  await clock.advanceAsync(5000)
  await settle()
  await learn({ address: '93.184.215.200' })
  expect((await store.counts()).routes).toBe(known + 1)
})

describe('the rate of a list is ten times as high', () => {
  const some = (net: number) =>
    Array.from({ length: 50 }, (_, i) => ({ name: `n${net}-${i}.example.org`, address: `93.184.${net}.${i}` }))

  test('while a store that lost its memory is taught again, and no higher; after the relearn time it is not', async () => {
    const store = new Switchable()
    const { learn, clock, cache } = await startTestCache({ config: rated('1m'), store })
    await clock.advanceAsync(60_000)
    await learn(...some(1))
    expect((await store.counts()).routes).toBe(3)
    await clock.advanceAsync(1000) // a beat
    store.forgetEverything('e2')
    await clock.advanceAsync(1500)
    await learn(...some(1))
    expect((await store.counts()).routes).toBe(30)
    await clock.advanceAsync(60_000)
    await learn(...some(2))
    expect((await store.counts()).routes).toBe(33)
    expect(cache.counters.refused.rate).toBe(47 + 20 + 47)
  })

  test('not at a start with a store that has nothing: it may never have had anything', async () => {
    const { learn, store } = await startTestCache({ config: rated('1m') })
    await learn(...some(1))
    expect((await store.counts()).routes).toBe(3)
  })

  test('not when most of the routes are still there, in another epoch', async () => {
    const store = new Switchable()
    const { learn, clock } = await startTestCache({ config: rated('1m'), store })
    await learn(...some(1))
    await clock.advanceAsync(3000)
    await store.forgetNothing('e2')
    await clock.advanceAsync(3000)
    await learn(...some(3))
    expect((await store.counts()).routes).toBe(6)
  })

  test('also after an edit of something else', async () => {
    const store = new Switchable()
    const { learn, clock, lists } = await startTestCache({ config: rated('1m'), store })
    await learn(...some(1))
    await clock.advanceAsync(1000) // a beat
    store.forgetEverything('e2')
    await clock.advanceAsync(1500)
    lists.reload(configOf(rated('1m').replace('ttl = "1h"', 'ttl = "2h"')))
    await learn(...some(1))
    expect((await store.counts()).routes).toBe(30)
  })
})

test('a burst in one message costs a list no more new routes than it may make', async () => {
  const config = rated('0')
  const { learn, store } = await startTestCache({ config })
  await learn(...Array.from({ length: 50 }, (_, i) => ({ address: `93.184.215.${i}` })))
  expect((await store.counts()).routes).toBe(3)
})

test('a refresh costs nothing of the rate for new routes, also in the same message', async () => {
  const config = rated('0')
  const { learn, cache, clock, store } = await startTestCache({ config })
  const known = Array.from({ length: 3 }, (_, i) => ({ address: `93.184.215.${i}` }))
  await learn(...known)
  await clock.advanceAsync(5000)
  const seenAtMs = clock.now() + 60_000
  await learn(...known, ...Array.from({ length: 5 }, (_, i) => ({ address: `93.184.216.${i}`, seenAtMs })))
  expect((await store.counts()).routes).toBe(6)
  expect(cache.counters.refused.rate).toBe(2)
  expect(cache.counters.fromTheFuture).toBe(5)
})

test('a resolution that is taken at the second try is judged by the lists as they are then', async () => {
  const config = rated('0')
  const store = new Switchable()
  const { learn, clock, lists, cache } = await startTestCache({ config, store })
  const known = Array.from({ length: 3 }, (_, i) => ({ address: `93.184.215.${i}` }))
  await learn(...known)
  await clock.advanceAsync(5000)
  store.afterObserving = () => {
    store.afterObserving = () => {}
    lists.change({ default: [] })
  }
  await learn(...known, { address: '93.184.216.1' })
  expect(cache.counters.refused['not-listed']).toBe(1)
})

test('another name for a route that is there costs its list no new route', async () => {
  const config = rated('0')
  const { learn, store } = await startTestCache({ config })
  for (let i = 0; i < 20; i++) await learn({ name: `n${i}.example.org` })
  await learn({ address: '93.184.215.2' }, { address: '93.184.215.3' })
  expect((await store.counts()).routes).toBe(3)
})

test('an edit of another setting does not refill the rate of a list', async () => {
  const config = rated('0')
  const { learn, lists, store } = await startTestCache({ config })
  await learn({ address: '93.184.215.1' }, { address: '93.184.215.2' }, { address: '93.184.215.3' })
  lists.reload(configOf(config.replace('1h', '2h')))
  await learn({ address: '93.184.215.4' })
  expect((await store.counts()).routes).toBe(3)
})
