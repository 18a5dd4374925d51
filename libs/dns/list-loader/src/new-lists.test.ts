/** Lists that are new in a running loader, or have another name. */
import { waitFor } from '@dnstap-bgp/testkit'
import { readdirSync, utimesSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { covers, listSite, only, text } from '../testing/list-site.ts'
import { nextBuild, workerDies } from '../testing/next-build.ts'

vi.mock(import('./run-build.ts'), async (original) => (await import('../testing/next-build.ts')).stoppable(await original()))

const site = listSite()

const renamed = () => site.subscription({ name: 'renamed' })

test('a list that is renamed goes on with the copy of its URL, while the URL says nothing', async () => {
  const first = site.loaderOf(site.subscription())
  await first.load()
  site.answer = () => undefined
  const loaded = await first.reconfigure([renamed()])
  expect(only(loaded)).toMatchObject({ name: 'renamed', state: 'cached', names: 2 })
  await first.close()
  expect(only(await site.loaderOf(renamed()).load())).toMatchObject({ name: 'renamed', state: 'cached', names: 2 })
})

test('of several copies of a URL a list that has none begins with the newest', async () => {
  const second = site.subscription({ name: 'second' })
  const loader = site.loaderOf([site.subscription(), second])
  await loader.load()
  site.answer = text('a.example\nb.example\nnewest.example\n')
  await loader.refresh({ only: ['second'] })
  await loader.close()
  for (const name of readdirSync(site.stateFolder).filter((name) => name.startsWith('sub-')))
    utimesSync(join(site.stateFolder, name), 1, 1)
  expect(covers(await site.loaderOf(renamed()).load(), 'newest.example')).toBe(true)
})

test('a list that is new, with nothing to begin with, has its names in the very version that has the list', async () => {
  const loader = site.loaderOf(site.subscription(), { stateFolder: undefined })
  await loader.load()
  const seen: unknown[] = []
  loader.onChange(({ lists }) => seen.push(lists.map(({ name, state, names }) => [name, state, names])))
  await loader.reconfigure([renamed()])
  expect(seen).toEqual([[['renamed', 'fresh', 2]]])
  expect(site.requests).toHaveLength(2)
  expect(site.clock.timers).toBe(1) // the next refresh
})

test('a new list whose URL does not answer within seconds is waiting, and comes when it comes', async () => {
  const loader = site.loaderOf(site.subscription(), { stateFolder: undefined })
  await loader.load()
  const held: ServerResponse[] = []
  site.answer = (_request, response) => void held.push(response)
  const reconfigured = loader.reconfigure([renamed()])
  await waitFor(() => held.length === 1 && site.clock.timers === 2)
  site.clock.advance(5_000)
  expect(only(await reconfigured)).toMatchObject({ name: 'renamed', state: 'waiting', names: 0 })
  expect(only(await loader.reconfigure([renamed()])).state).toBe('waiting') // nobody waits for it twice
  held[0]!.end('late.example\n')
  await waitFor(() => only(loader.current!).state === 'fresh')
  expect(covers(loader.current!, 'late.example')).toBe(true)
  expect(held).toHaveLength(1)
})

test('of two edits the later one stays, though the earlier one waits for a URL', async () => {
  const loader = site.loaderOf(site.subscription(), { stateFolder: undefined })
  await loader.load()
  site.answer = (request, response) => (request.url === '/slow.txt' ? undefined : text('a.example\n')(request, response))
  const slow = site.subscription({ name: 'slow', source: { kind: 'url', url: `${site.base}/slow.txt`, proxy: undefined } })
  const both = [loader.reconfigure([slow]), loader.reconfigure([site.subscription()])]
  await waitFor(() => site.requests.length === 2 && site.clock.timers === 2)
  site.clock.advance(5_000)
  await Promise.all(both)
  expect(loader.current!.lists.map(({ name }) => name)).toEqual(['sub'])
})

test('an edit that cannot be built ends what it asked for, and leaves nothing', async () => {
  const loader = site.loaderOf(site.subscription(), { stateFolder: site.stateFolder })
  await loader.load()
  const url = `${site.base}/new.txt`
  nextBuild.before = workerDies
  const edit = loader.reconfigure([site.subscription({ name: 'new', source: { kind: 'url', url, proxy: undefined } })])
  await expect(edit).rejects.toThrow('ended with code 1')
  expect(loader.current!.lists.map(({ name, state }) => [name, state])).toEqual([['sub', 'fresh']])
  expect(readdirSync(site.stateFolder).filter((name) => name.startsWith('.'))).toEqual([])
})

test('a preview waits for a slow URL no longer than seconds, and shows it as it is', async () => {
  const loader = site.loaderOf(site.subscription())
  await loader.load()
  const held: ServerResponse[] = []
  site.answer = (_request, response) => void held.push(response)
  const preview = loader.preview()
  await waitFor(() => held.length === 1 && site.clock.timers === 2)
  site.clock.advance(5_000)
  expect((await preview).lists).toMatchObject([{ state: 'fresh', names: 2 }])
  held[0]!.end()
})
