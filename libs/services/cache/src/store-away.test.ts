import { describe, expect, test } from 'vitest'
import { EXPLAIN, FORGET, HEAD, SNAPSHOT } from '@dnstap-bgp/steering'
import { ADDRESS, HOUR_MS, ROUTE, startTestCache, Switchable } from '../testing/cache-under-test.ts'

describe('a store that is away', () => {
  test('in the middle of a sweep is tried again by the next one', async () => {
    const store = new Switchable()
    const { learn, clock, changes } = await startTestCache({ store })
    await learn(...Array.from({ length: 600 }, (_, i) => ({ address: `93.184.${i >> 8}.${i & 255}` })))
    store.afterExpiring = () => (store.away = true)
    await clock.advanceAsync(HOUR_MS + 1000, 60_000)
    expect(changes.filter(({ lists }) => lists.length === 0)).toHaveLength(store.expireBatch)
    store.afterExpiring = () => {}
    store.away = false
    await clock.advanceAsync(2000)
    expect((await store.counts()).routes).toBe(0)
  })

  test('is not our fault: an operator who asks is told the reason', async () => {
    const store = new Switchable()
    const { bus } = await startTestCache({ store })
    store.away = true
    const away = { status: 503, error: 'The store cannot be asked: it is away' }
    expect(await bus.ask(EXPLAIN, { query: { subject: ADDRESS }, body: undefined })).toEqual(away)
    expect(await bus.ask(FORGET, { query: {}, body: { subject: ADDRESS } })).toEqual(away)
    expect(await bus.ask(EXPLAIN, { query: { subject: 'a..b' }, body: undefined })).toEqual({
      status: 400,
      error: '"a..b" is no address, prefix or name',
    })
  })

  test('and lost its memory is noticed with the first write, not only with the next heartbeat', async () => {
    const store = new Switchable()
    const { learn, bus } = await startTestCache({ store })
    const heads: string[] = []
    bus.subscribe(HEAD, ({ epoch }) => heads.push(epoch))
    store.forgetEverything('e2')
    await learn({})
    expect(heads).toEqual(['e2'])
  })

  test('when the cache starts is waited for, and nothing is answered before the store was checked', async () => {
    const store = new Switchable()
    store.away = true
    const { cache, clock, bus } = await startTestCache({ store })
    expect(cache.opened).toBe(false)
    const ask = async () => {
      for await (const part of bus.askStream(SNAPSHOT, undefined)) return part
      return undefined
    }
    await expect(ask()).rejects.toThrow(/nobody serves/)
    store.away = false
    await clock.advanceAsync(2000)
    expect(cache.opened).toBe(true)
    expect(await ask()).toMatchObject({ epoch: 'e1' })
  })

  test('leaves resolutions waiting, and an edit of the lists takes effect when it is back', async () => {
    const store = new Switchable()
    const { learn, clock, lists, routes, settle } = await startTestCache({
      store,
      rules: { default: ['example.org', 'example.net'] },
    })
    await learn({ name: 'example.net', address: '93.184.215.99' })
    store.away = true
    await learn({})
    for (let i = 0; i < 5; i++) lists.change({ default: ['example.org'] })
    await settle()
    expect(routes()).toEqual({ '93.184.215.99/32': ['default'] })
    store.away = false
    await clock.advanceAsync(3000)
    expect(routes()).toEqual({ [ROUTE]: ['default'] })
  })

  test('and lost its memory gets the addresses in lists again', async () => {
    const config = '[[list]]\nname = "default"\nsource = "/x"\naddresses = true\n'
    const store = new Switchable()
    const { lists, clock, settle, bus } = await startTestCache({ config, store })
    lists.change({ default: [] }, { default: ['93.184.216.0/24'] })
    await settle()
    store.forgetEverything('e2')
    await clock.advanceAsync(3000)
    const prefixes: string[] = []
    for await (const chunk of bus.askStream(SNAPSHOT, undefined)) prefixes.push(...chunk.routes.map(({ prefix }) => prefix))
    expect(prefixes).toEqual(['93.184.216.0/24'])
  })
})
