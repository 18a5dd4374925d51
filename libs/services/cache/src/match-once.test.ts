/** Ingest of this process has matched the name: the cache matches it again only if the lists are not the same any more. */
import { expect, test } from 'vitest'
import { BASE_CONFIG, configOf, startTestCache } from '../testing/cache-under-test.ts'

const MATCHED = { name: 'www.example.org', rule: 'the rule that ingest found' }

test('a name that was matched by the lists that the cache has is not matched again', async () => {
  const { learn, lists, store } = await startTestCache()
  lists.matched = 0
  await learn({ ...MATCHED, matchedBy: lists.version })
  expect(lists.matched).toBe(0)
  expect(await store.bindingsNamed(MATCHED.name)).toMatchObject([{ rule: MATCHED.rule }])
})

test('a name that was matched by other lists, or by nobody, is matched by the lists that the cache has', async () => {
  const { learn, lists, store } = await startTestCache()
  await learn({ ...MATCHED, matchedBy: Symbol('lists') }, { ...MATCHED, address: '93.184.215.15' })
  expect(lists.matched).toBeGreaterThanOrEqual(2)
  const rules = (await store.bindingsNamed(MATCHED.name)).map(({ rule }) => rule)
  expect(rules).toEqual(['example.org', 'example.org'])
})

test('lists that change between the match and the learning decide: a name that they do not cover is refused', async () => {
  const { learn, lists, cache, changes } = await startTestCache()
  const matchedBy = lists.version
  lists.change({ default: ['example.net'] })
  await learn({ ...MATCHED, matchedBy })
  expect(changes).toEqual([])
  expect(cache.counters.refused['not-listed']).toBe(1)
})

test('settings that change leave the lists the same: what waits is not matched again', async () => {
  const { learn, lists, changes } = await startTestCache()
  const matchedBy = lists.version
  lists.unloaded = ['other']
  lists.reload(configOf(`${BASE_CONFIG}[never]\nprefixes = ["198.18.0.0/15"]\n`))
  lists.matched = 0
  await learn({ ...MATCHED, matchedBy })
  expect(changes).toHaveLength(1)
  expect(lists.matched).toBe(0)
})

test.each([
  ['the never list', { address: '127.0.0.1' }, 'never'],
  ['the age', { seenAtMs: 5 }, 'too-old'],
  ['the list', { list: 'other' }, 'unknown-list'],
] as const)('%s is still checked', async (_what, resolution, reason) => {
  const { learn, lists, changes, cache } = await startTestCache()
  await learn({ ...MATCHED, ...resolution, matchedBy: lists.version })
  expect(changes).toEqual([])
  expect(cache.counters.refused[reason]).toBe(1)
})
