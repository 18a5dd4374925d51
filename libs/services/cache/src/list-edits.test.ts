import { describe, expect, test, vi } from 'vitest'
import { SNAPSHOT } from '@dnstap-bgp/steering'
import { BASE_CONFIG, configOf, HOUR_MS, ROUTE, startTestCache, Switchable } from '../testing/cache-under-test.ts'

describe('an edit of the lists', () => {
  const rules = { default: ['example.org', 'example.net'] }

  test('withdraws exactly the routes that no list covers any more', async () => {
    const { learn, lists, settle, changes } = await startTestCache({ rules })
    await learn({}, { name: 'a.example.net', address: '93.184.215.99' })
    changes.length = 0
    lists.change({ default: ['example.org'] })
    await settle()
    expect(changes).toEqual([{ prefix: '93.184.215.99/32', lists: [] }])
  })

  test('says how many bindings and routes it ended', async () => {
    const { learn, lists, settle, informed } = await startTestCache({ rules })
    await learn({}, { name: 'a.example.net' }, { name: 'b.example.net', address: '93.184.215.99' })
    lists.change({ default: ['example.org'] })
    await settle()
    expect(informed.slice(-1)).toEqual([
      [
        'Bindings that no list covers any more have ended.',
        { bindings: 2, routesWithdrawn: 1, ms: expect.any(Number) as number },
      ],
    ])
  })

  test('can be looked at before it is made', async () => {
    const { learn, cache, changes, settle } = await startTestCache({ rules })
    await learn({}, { name: 'a.example.net' }, { name: 'b.example.net', address: '93.184.215.99' })
    changes.length = 0
    const coverage = {
      version: Symbol('edit'),
      ruleFor: (_list: string, name: string) => (name.endsWith('example.org') ? 'example.org' : undefined),
      addresses: new Map(),
      unloaded: new Set<string>(),
      isWaiting: false,
      why: () => [],
    }
    const preview = cache.preview(coverage)
    await settle()
    expect(await preview).toEqual({ bindings: 2, routes: 1 })
    expect(changes).toEqual([])
  })

  test('does not touch an address that another listed name still has', async () => {
    const { learn, lists, settle, changes } = await startTestCache({ rules })
    await learn({}, { name: 'a.example.net' })
    changes.length = 0
    lists.change({ default: ['example.org'] })
    await settle()
    expect(changes).toEqual([])
  })

  test('cannot be undone by a stale ingest or a peer that tells a removed name again', async () => {
    const { learn, lists, settle, routes } = await startTestCache({ rules })
    await learn({ name: 'a.example.net' })
    lists.change({ default: ['example.org'] })
    await settle()
    await learn({ name: 'a.example.net' })
    expect(routes()).toEqual({})
  })

  test('of the lifetime moves the deadlines of existing bindings', async () => {
    const { learn, lists, clock, settle, store, informed } = await startTestCache()
    await learn({})
    lists.reload(configOf(BASE_CONFIG.replace('1h', '10m')))
    await settle()
    expect(informed.slice(-1)).toEqual([
      ["Bindings expire by their list's new lifetime.", { bindings: 1, ms: expect.any(Number) as number }],
    ])
    const [binding] = await store.bindingsOf(ROUTE)
    expect(binding.expiresAtMs - binding.seenAtMs).toBe(600_000)
    await clock.advanceAsync(700_000)
    expect(await store.bindingsOf(ROUTE)).toEqual([])
  })

  test('that moves a name to another list, or renames its list, changes the owner and withdraws nothing', async () => {
    const config = (name: string) => configOf(`[[list]]\nname = "${name}"\nsource = "/x"\nttl = "1h"\n`)
    const { learn, lists, settle, changes } = await startTestCache()
    await learn({})
    changes.length = 0
    lists.replace({ renamed: ['example.org'] })
    lists.reload(config('renamed'))
    await settle()
    expect(changes).toEqual([
      { prefix: ROUTE, lists: ['default', 'renamed'] },
      { prefix: ROUTE, lists: ['renamed'] },
    ])
  })

  /** What is bound by a list goes on under another name, of which there is nothing yet. */
  async function renamedWhileDownloaded() {
    const started = await startTestCache()
    const { learn, lists, settle, changes } = started
    await learn({})
    changes.length = 0
    Object.assign(lists, { unloaded: ['renamed'], isWaiting: true })
    lists.replace({})
    lists.reload(configOf('[[list]]\nname = "renamed"\nsource = "https://lists.example/x"\nttl = "1h"\n'))
    await settle()
    return started
  }

  test('that renames a list withdraws nothing while the new one is still being downloaded, and passes its routes on then', async () => {
    const { lists, settle, changes } = await renamedWhileDownloaded()
    expect(changes).toEqual([])
    Object.assign(lists, { unloaded: [], isWaiting: false })
    lists.change({ renamed: ['example.org'] })
    await settle()
    expect(changes).toEqual([
      { prefix: ROUTE, lists: ['default', 'renamed'] },
      { prefix: ROUTE, lists: ['renamed'] },
    ])
  })

  test('that renames a list withdraws its routes when the new one cannot be downloaded', async () => {
    const { lists, settle, changes } = await renamedWhileDownloaded()
    lists.isWaiting = false
    lists.change({})
    await settle()
    expect(changes).toEqual([{ prefix: ROUTE, lists: [] }])
  })

  test('that renames a list of addresses changes the owner of its routes and withdraws nothing', async () => {
    const config = (name: string) => `[[list]]\nname = "${name}"\nsource = "/x"\naddresses = true\n`
    const { lists, settle, changes } = await startTestCache({ config: config('default') })
    lists.change({}, { default: ['93.184.216.0/24'] })
    await settle()
    changes.length = 0
    lists.replace({}, { renamed: ['93.184.216.0/24'] })
    lists.reload(configOf(config('renamed')))
    await settle()
    expect(changes).toEqual([
      { prefix: '93.184.216.0/24', lists: ['default', 'renamed'] },
      { prefix: '93.184.216.0/24', lists: ['renamed'] },
    ])
  })

  test('that could not be read at all ends nothing: a list without a copy keeps its bindings', async () => {
    const { learn, lists, settle, changes } = await startTestCache()
    await learn({})
    changes.length = 0
    lists.unloaded = ['default']
    lists.change({})
    await settle()
    expect(changes).toEqual([])
    lists.unloaded = []
    lists.change({})
    await settle()
    expect(changes).toEqual([{ prefix: ROUTE, lists: [] }])
  })

  test('while the cache starts is not missed', async () => {
    const store = new Switchable()
    const first = await startTestCache({ store })
    await first.learn({})
    await first.cache.close()
    // The list changes when the first audit is through and the head is asked for.
    let change = () => {}
    store.onHead = () => change()
    const second = startTestCache({ store, clock: first.clock, prepare: (lists) => (change = () => lists.change({})) })
    const { settle } = await second
    await settle()
    expect(await store.bindingsOf(ROUTE)).toEqual([])
  })

  test('while resolutions are taken is not missed: none is stored by the lists as they were', async () => {
    const store = new Switchable()
    const { cache, lists, learn, settle } = await startTestCache({ store })
    store.afterObserving = () => lists.change({})
    await learn(...Array.from({ length: 600 }, (_, i) => ({ address: `93.184.${i >> 8}.${i & 255}` })))
    await settle()
    expect((await store.counts()).bindings).toBe(0)
    expect(cache.counters.refused['not-listed']).toBe(350)
  })

  test('announces the addresses of a list with `addresses = true`, and withdraws them when they leave it', async () => {
    const config = '[[list]]\nname = "default"\nsource = "/nowhere/x"\naddresses = true\n'
    const { lists, settle, routes, clock } = await startTestCache({ config })
    lists.change({ default: [] }, { default: ['93.184.216.0/24', '127.0.0.0/8'] })
    await settle()
    expect(routes()).toEqual({ '93.184.216.0/24': ['default'] })
    await clock.advanceAsync(100 * HOUR_MS)
    expect(routes()).toEqual({ '93.184.216.0/24': ['default'] })
    lists.change({ default: [] }, {})
    await settle()
    expect(routes()).toEqual({})
  })
})

test('the bindings in the store are checked against the lists before any is published', async () => {
  const store = new Switchable()
  const first = await startTestCache({ store, rules: { default: ['example.org', 'example.net'] } })
  await first.learn({}, { name: 'a.example.net', address: '93.184.215.99' })
  await first.cache.close()
  const second = await startTestCache({ store, clock: first.clock })
  const routes: string[] = []
  for await (const chunk of second.bus.askStream(SNAPSHOT, undefined)) routes.push(...chunk.routes.map((route) => route.prefix))
  expect(routes).toEqual([ROUTE])
})

describe('a reload', () => {
  const config = '[[list]]\nname = "default"\nsource = "/x"\naddresses = true\nttl = "1h"\n'
  async function started() {
    const one = await startTestCache({ config })
    await one.learn({})
    const walks = vi.spyOn(one.store, 'bindings')
    return { ...one, walks }
  }

  test('walks the store once when configuration and lists changed, and the owner is right at once', async () => {
    const { lists, settle, walks, changes } = await started()
    changes.length = 0
    lists.replace({ renamed: ['example.org'] })
    lists.reload(configOf(config.replace('"default"', '"renamed"')))
    await settle()
    expect(changes.at(-1)).toEqual({ prefix: ROUTE, lists: ['renamed'] })
    expect(walks).toHaveBeenCalledTimes(1)
  })

  test('that changes nothing about routes does not walk the store', async () => {
    const { lists, settle, walks } = await started()
    lists.reload(configOf(config))
    lists.reload(configOf(`${config}communities = ["64500:1"]\n`))
    await settle()
    expect(walks).not.toHaveBeenCalled()
  })

  test('brings back an address of a list that was forgotten by hand, though nothing changed', async () => {
    const { cache, lists, settle, routes } = await started()
    const prefix = '93.184.216.0/24'
    lists.change({ default: ['example.org'] }, { default: [prefix] })
    await settle()
    await cache.forget({ subject: prefix, holdDownMs: 0 })
    await settle()
    expect(Object.keys(routes())).toEqual([ROUTE])
    lists.reload(configOf(config))
    await settle()
    expect(Object.keys(routes())).toContain(prefix)
  })
})
