import { expect, test } from 'vitest'
import { configOf, FakeLists, startTestCache } from '../testing/cache-under-test.ts'

const configWith = (...lists: string[]) =>
  `ipv6 = true\n${lists.map((name) => `[[list]]\nname = "${name}"\nsource = "/nowhere/${name}"\naddresses = true\n`).join('')}`

test('a preview of a renamed list says that only routes that no list covers then would be withdrawn', async () => {
  const { learn, lists, settle, cache } = await startTestCache({
    config: configWith('video'),
    rules: { video: ['example.org', 'example.net'] },
  })
  await learn({ list: 'video' }, { list: 'video', name: 'a.example.net', address: '93.184.215.99' })
  lists.change({ video: ['example.org', 'example.net'] }, { video: ['93.184.216.0/24', '93.184.217.0/24'] })
  await settle()

  const renamed = new FakeLists({ films: ['example.org'] })
  renamed.change({ films: ['example.org'] }, { films: ['93.184.216.0/24'] })
  const preview = cache.preview(renamed.current, configOf(configWith('films')))
  await settle()
  // a.example.net and 93.184.217.0/24 are in no list any more.
  expect(await preview).toEqual({ bindings: 2, routes: 2 })
})
