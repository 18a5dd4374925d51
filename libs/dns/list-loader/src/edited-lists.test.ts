/** Lists whose definitions are edited while the loader runs, and the digest and fragment that a definition asks for. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { covers, listSite, only, status, text, unlessKnown } from '../testing/list-site.ts'

const site = listSite()

test.each([
  ['match', { match: 'exact' as const }, { names: 1, addresses: 1 }, false],
  ['format', { format: 'hosts' }, { names: 1, addresses: 0 }, false],
  ['addresses', { addresses: true }, { names: 1, addresses: 1 }, true],
])('an edit of %s takes effect at once, whatever the server says about changes', async (_key, edit, counts, coversSubdomain) => {
  site.answer = unlessKnown(`a.example\n192.0.2.1${'format' in edit ? ' a.example' : ''}\n`)
  const loader = site.loaderOf(site.subscription({ format: 'plain' }))
  await loader.load()
  await loader.refresh()
  const edited = site.subscription({ format: 'plain', ...edit })
  for (const loaded of [await loader.reconfigure([edited]), await loader.refresh()]) {
    expect(only(loaded)).toMatchObject(counts)
    expect(covers(loaded, 'www.a.example')).toBe(coversSubdomain)
    expect(loaded.addressesOf('sub')).toEqual('addresses' in edit ? ['192.0.2.1/32'] : [])
  }
  expect(only(loader.current!).state).toBe('fresh')
})

test('an edit takes effect while the URL is down', async () => {
  const loader = site.loaderOf(site.subscription())
  await loader.load()
  site.answer = status(503)
  await loader.reconfigure([site.subscription({ match: 'exact' })])
  const loaded = await loader.refresh()
  expect(only(loaded)).toMatchObject({ state: 'cached', why: `${site.base}/list.txt: it answers 503 Service Unavailable` })
  expect([covers(loaded, 'a.example'), covers(loaded, 'www.a.example')]).toEqual([true, false])
})

test('a list that goes from one URL to another and back has the names of the one it is at', async () => {
  site.answer = (request, response) => unlessKnown(request.url === '/list.txt' ? 'a.example\n' : 'b.example\n')(request, response)
  const loader = site.loaderOf(site.subscription())
  await loader.load()
  const other = site.subscription({ source: { kind: 'url', url: `${site.base}/other.txt`, proxy: undefined } })
  const names = () => [covers(loader.current!, 'a.example'), covers(loader.current!, 'b.example')]
  await loader.reconfigure([other])
  expect(names()).toEqual([true, false]) // until the new source has spoken, the old names stay
  await loader.refresh()
  expect(names()).toEqual([false, true])
  await loader.reconfigure([site.subscription()])
  expect(names()).toEqual([true, false])
  await loader.refresh()
  expect(names()).toEqual([true, false])
  expect(only(loader.current!).state).toBe('fresh')
})

test('an edited definition may have fewer names, but not none', async () => {
  site.answer = (request, response) =>
    text(
      request.url === '/list.txt' ? 'a.example\nb.example\nc.example\n' : request.url === '/less.txt' ? 'a.example\n' : '# no\n',
    )(request, response)
  const at = (path: string) => site.subscription({ source: { kind: 'url', url: `${site.base}/${path}.txt`, proxy: undefined } })
  const loader = site.loaderOf(at('list'))
  await loader.load()
  await loader.reconfigure([at('none')])
  expect(only(await loader.refresh())).toMatchObject({ state: 'refused', names: 3 })
  expect(only(await loader.refresh({ accept: ['sub'] }))).toMatchObject({ state: 'fresh', names: 0 })
  await loader.reconfigure([at('list')])
  await loader.refresh()
  await loader.reconfigure([at('less')])
  expect(only(await loader.refresh())).toMatchObject({ state: 'fresh', names: 1 })
})

test('a list without a copy is not asked for changes of what it does not have', async () => {
  site.answer = unlessKnown('a.example\n')
  const loader = site.loaderOf(site.subscription(), { stateFolder: undefined })
  await loader.load()
  await loader.refresh()
  expect(site.requests[1]?.headers['if-none-match']).toBe('"v1"') // what is in memory needs no copy to be asked about
  await loader.reconfigure([site.subscription({ match: 'exact' })])
  const loaded = await loader.refresh()
  expect(site.requests.at(-1)?.headers['if-none-match']).toBeUndefined()
  expect(covers(loaded, 'www.a.example')).toBe(false)
})

// ---- a digest

const digestOf = (body: string) => createHash('sha256').update(body).digest('hex')

test('a copy must have the digest asked for, at a restart and after an edit', async () => {
  site.answer = unlessKnown('a.example\n')
  const first = site.loaderOf(site.subscription())
  await first.load()
  const wanted = site.subscription({ sha256: digestOf('b.example\n') })
  await first.reconfigure([wanted])
  const edited = await first.refresh()
  expect(only(edited)).toMatchObject({ state: 'refused', names: 1 }) // what was good stays
  expect(only(edited).why).toMatch(/its SHA-256 is [0-9a-f]{64}, and [0-9a-f]{64} is asked for$/)
  await first.close()

  site.answer = status(503)
  const second = site.loaderOf(wanted)
  expect(only(await second.load())).toMatchObject({ state: 'failed', names: 0 })
  site.answer = text('b.example\n')
  expect(only(await second.refresh())).toMatchObject({ state: 'fresh', names: 1, sha256: wanted.sha256 })
})

test('attributes in the fragment of a URL choose of a v2fly list, and are not sent', async () => {
  site.answer = text('domain:a.example @cn\ndomain:b.example\n')
  const url = `${site.base}/list.txt#@cn`
  const loaded = await site
    .loaderOf(site.subscription({ format: 'v2fly', source: { kind: 'url', url, proxy: undefined } }))
    .load()
  expect([covers(loaded, 'a.example'), covers(loaded, 'b.example')]).toEqual([true, false])
  expect(site.requests[0]?.url).toBe('/list.txt')
  expect(only(loaded).source).toBe(url)
})

test('another fragment of the same URL is taken from the copy at once', async () => {
  site.answer = unlessKnown('domain:a.example @cn\ndomain:b.example @ads\n')
  const at = (fragment: string) =>
    site.subscription({ format: 'v2fly', source: { kind: 'url', url: `${site.base}/list.txt#${fragment}`, proxy: undefined } })
  const loader = site.loaderOf(at('@cn'))
  await loader.load()
  const loaded = await loader.reconfigure([at('@ads')])
  expect([covers(loaded, 'a.example'), covers(loaded, 'b.example')]).toEqual([false, true])
})
