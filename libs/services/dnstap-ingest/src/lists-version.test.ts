/** Each fact says by which lists its name was matched: the cache beside ingest does not match it again. */
import { parseConfig } from '@dnstap-bgp/config'
import { expect, test } from 'vitest'
import { a, cname, CONFIG, matcherOf, startIngest } from '../testing/ingest-under-test.ts'

const before = Symbol('lists')
const after = Symbol('lists')
const { lists } = parseConfig(CONFIG, 'test.toml', {})
const matcher = matcherOf({ video: ['example.org'] })
const resolver = { messageType: 4 }

test('a fact bears the version of the lists that matched it', async () => {
  const { answer, got, ingest } = startIngest({ version: before })
  await answer('www.example.org', [a('www.example.org')])
  ingest.use({ ipv6: true, types: ['CLIENT_RESPONSE'], lists }, matcher, after)
  await answer('www.example.org', [a('www.example.org', '93.184.215.15')])
  expect(got.map(({ matchedBy }) => matchedBy)).toEqual([before, after])
})

test('a chain in pieces whose name was matched by lists of before is not joined under the new ones', async () => {
  const types = ['RESOLVER_RESPONSE']
  const { answer, got, ingest } = startIngest({ types, version: before })
  await answer('www.example.org', [cname('www.example.org', 'a.cdn.net', 60)], resolver)
  ingest.use({ ipv6: true, types, lists }, matcherOf({ video: ['example.net'] }), after)
  await answer('a.cdn.net', [a('a.cdn.net')], resolver)
  expect(got).toEqual([])
})

test('a chain in pieces is joined across a change of settings that leaves the lists as they are', async () => {
  const types = ['RESOLVER_RESPONSE']
  const { answer, got, ingest } = startIngest({ types, version: before })
  await answer('www.example.org', [cname('www.example.org', 'a.cdn.net', 60)], resolver)
  ingest.use({ ipv6: false, types, lists }, matcher, before)
  await answer('a.cdn.net', [a('a.cdn.net')], resolver)
  expect(got.map(({ name, matchedBy }) => [name, matchedBy])).toEqual([['www.example.org', before]])
})
