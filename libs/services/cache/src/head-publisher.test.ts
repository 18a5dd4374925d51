import { expect, test } from 'vitest'
import { HEAD, TAIL, type StoreHead } from '@dnstap-bgp/steering'
import { ROUTE, startTestCache } from '../testing/cache-under-test.ts'

test('every second the head is published, and the tail and the snapshot are served', async () => {
  const { learn, clock, bus } = await startTestCache()
  const heads: StoreHead[] = []
  bus.subscribe(HEAD, (head) => heads.push(head))
  await learn({})
  await clock.advanceAsync(1500)
  expect(heads.at(-1)).toEqual({ epoch: 'e1', revision: 1 })
  const ask = (revision: number) => bus.ask(TAIL, { epoch: 'e1', revision })
  expect(await ask(0)).toEqual({ epoch: 'e1', firstRevision: 1, changes: [{ prefix: ROUTE, lists: ['default'] }] })
  expect(await ask(1)).toBe('up-to-date')
  expect(await ask(99)).toBe('gap')
})
