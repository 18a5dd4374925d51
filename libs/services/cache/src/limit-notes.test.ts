import { expect, test } from 'vitest'
import { HOUR_MS, startTestCache } from '../testing/cache-under-test.ts'

test('addresses in lists count like everything else that is stored or refused', async () => {
  const config = '[[list]]\nname = "default"\nsource = "/x"\naddresses = true\n[limits]\nroutes = 2\n'
  const { lists, settle, cache } = await startTestCache({ config })
  lists.change({ default: [] }, { default: ['93.184.216.1/32', '93.184.216.2/32', '93.184.216.3/32'] })
  await settle()
  expect(cache.counters.outcomes).toMatchObject({ new: 2, 'full-routes': 1 })
})

test('a limit that is reached shows, and goes when there is room again', async () => {
  const config = 'domains = "/nowhere/x"\nttl = "1h"\n[limits]\nroutes = 2\n'
  const { learn, clock, cache, store } = await startTestCache({ config })
  await learn({ address: '93.184.215.1' }, { address: '93.184.215.2' }, { address: '93.184.215.3' })
  expect((await store.counts()).routes).toBe(2)
  expect([...cache.limitNotes.reached]).toEqual([
    ['all', 'Limit reached: all lists together have their 2 routes; new addresses are not routed.'],
  ])
  await clock.advanceAsync(2 * HOUR_MS)
  expect(cache.limitNotes.any).toBe(false)
})
