/** Downloads that end late: after the start, after an edit, during another build. */
import { waitFor } from '@dnstap-bgp/testkit'
import { readdirSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { covers, listSite, only, text } from '../testing/list-site.ts'
import { nextBuild, workerDies } from '../testing/next-build.ts'
import type { ListDefinition } from './list-definition.ts'

vi.mock(import('./run-build.ts'), async (original) => (await import('../testing/next-build.ts')).stoppable(await original()))

const site = listSite()

test('a URL that does not answer keeps neither the start nor the changes of other lists waiting', async () => {
  const held: ServerResponse[] = []
  site.answer = (_request, response) => void held.push(response)
  const file = join(site.stateFolder, 'file.txt')
  writeFileSync(file, 'file.example\n')
  const other: ListDefinition = site.subscription({ name: 'file', source: { kind: 'path', path: file } })
  const loader = site.loaderOf([site.subscription(), other])
  const loading = loader.load()
  await waitFor(() => held.length === 1 && site.clock.timers === 1)
  site.clock.advance(5_000)
  const first = await loading
  expect(first.lists.map(({ name, state, names }) => [name, state, names])).toEqual([
    ['sub', 'waiting', 0],
    ['file', 'fresh', 1],
  ])
  writeFileSync(file, 'other.example\n')
  const second = await loader.refresh({ only: ['file'] })
  expect([covers(second, 'other.example'), second.lists[0]?.state]).toEqual([true, 'waiting'])
  held[0]!.end('late.example\n')
  await waitFor(() => loader.current?.lists[0]?.state === 'fresh')
  expect(covers(loader.current!, 'late.example')).toBe(true)
  expect(site.clock.timers).toBe(1) // the next refresh
})

test('a start that fails for a file ends what is still being asked', async () => {
  let isCut = false
  site.answer = (request, response) => {
    response.writeHead(200).write('a.example\n')
    request.on('close', () => (isCut = true))
  }
  const lost = site.subscription({ name: 'file', source: { kind: 'path', path: join(site.stateFolder, 'none.txt') } })
  const loading = site.loaderOf([site.subscription(), lost]).load()
  const refused = expect(loading).rejects.toThrow('there is no such file')
  await waitFor(() => site.requests.length === 1 && site.clock.timers === 1)
  site.clock.advance(5_000)
  await refused
  await waitFor(() => isCut)
  expect(readdirSync(site.stateFolder)).toEqual([])
})

test('who asks while a URL is being asked gets the same answer, and the word given then counts', async () => {
  site.answer = text('a.example\nb.example\nc.example\n')
  const loader = site.loaderOf(site.subscription())
  await loader.load()
  const held: ServerResponse[] = []
  site.answer = (_request, response) => void held.push(response)
  const both = [loader.refresh(), loader.refresh({ accept: ['sub'] })]
  await waitFor(() => held.length > 0)
  held[0]!.end('a.example\n')
  await Promise.all(both)
  expect(held).toHaveLength(1)
  expect(only(loader.current!)).toMatchObject({ state: 'fresh', names: 1 })
})

test('an answer to what the list was before it was edited is thrown away', async () => {
  const held: ServerResponse[] = []
  const loader = site.loaderOf(site.subscription())
  await loader.load()
  site.answer = (request, response) =>
    request.url === '/list.txt' ? void held.push(response) : text('other.example\n')(request, response)
  const slow = loader.refresh()
  await waitFor(() => held.length === 1)
  await loader.reconfigure([site.subscription({ source: { kind: 'url', url: `${site.base}/other.txt`, proxy: undefined } })])
  await loader.refresh()
  held[0]!.end('a.example\nlate.example\n')
  await slow
  expect([covers(loader.current!, 'other.example'), covers(loader.current!, 'late.example')]).toEqual([true, false])
  expect(readdirSync(site.stateFolder).filter((name) => name.startsWith('.'))).toEqual([])
})

test('an answer to an earlier definition does not take the place of the right one, even in the same build', async () => {
  const file = join(site.stateFolder, 'file.txt')
  writeFileSync(file, 'file.example\n')
  const other = site.subscription({ name: 'file', source: { kind: 'path', path: file } })
  const edited = site.subscription({ source: { kind: 'url', url: `${site.base}/edited.txt`, proxy: undefined } })
  const loader = site.loaderOf([site.subscription(), other])
  await loader.load()
  const held = new Map<string, ServerResponse>()
  site.answer = (request, response) => void held.set(request.url ?? '', response)
  const slow = loader.refresh({ only: ['sub'] })
  await waitFor(() => held.size === 1)
  await loader.reconfigure([edited, other])
  await waitFor(() => held.size === 2)
  // Both answers come while another build is going on, the right one first.
  let release: (() => void) | undefined
  nextBuild.before = () => new Promise((resolve) => (release = resolve))
  const both = [loader.refresh({ only: ['file'] }), loader.refresh({ only: ['sub'] })]
  await waitFor(() => release !== undefined, { what: 'the other build' })
  for (const [url, body] of Object.entries({ '/edited.txt': 'edited.example\n', '/list.txt': 'a.example\nlate.example\n' })) {
    held.get(url)!.end(body)
    await waitFor(() => site.requests.every((request) => request.url !== url || request.socket.destroyed))
  }
  release?.()
  await Promise.all([slow, ...both])
  expect([covers(loader.current!, 'edited.example'), covers(loader.current!, 'late.example')]).toEqual([true, false])
  expect(only(loader.current!).state).toBe('fresh')
})

test('an edit ends the download that was asked for before it', async () => {
  const loader = site.loaderOf(site.subscription())
  await loader.load()
  let isCut = false
  site.answer = (request, response) => {
    if (request.url !== '/list.txt') return void response.end('other.example\n')
    response.writeHead(200).write('a.example\n')
    response.on('close', () => (isCut = true))
  }
  const slow = loader.refresh()
  await waitFor(() => site.requests.length === 2)
  await loader.reconfigure([site.subscription({ source: { kind: 'url', url: `${site.base}/other.txt`, proxy: undefined } })])
  await slow
  await waitFor(() => isCut)
})

test('what was fetched for a build that fails is asked for again soon, not after a whole interval', async () => {
  const loader = site.loaderOf(site.subscription())
  await loader.load()
  site.answer = text('a.example\nb.example\nc.example\n')
  nextBuild.before = workerDies
  site.clock.advance(3_600_000)
  await waitFor(() => site.requests.length === 2 && site.clock.timers === 1)
  expect(covers(loader.current!, 'c.example')).toBe(false)
  site.clock.advance(30_000)
  await waitFor(() => covers(loader.current!, 'c.example'))
  expect(readdirSync(site.stateFolder).filter((name) => name.startsWith('.'))).toEqual([])
})
