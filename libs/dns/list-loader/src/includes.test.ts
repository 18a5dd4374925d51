/** v2fly lists from a URL, with what they include. */
import { textToName } from '@dnstap-bgp/dns-wire'
import { NO_MATCH } from '@dnstap-bgp/domain-matcher'
import { silentLog } from '@dnstap-bgp/runtime'
import { FakeClock } from '@dnstap-bgp/testkit'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { LoadedLists } from './list-definition.ts'
import { ListLoader } from './list-loader.ts'
import { listDefinition } from '../testing/list-definition.ts'

let folder: string
let server: Server
/** By path: what the server has; a number is a status. */
let files: Record<string, string | number>
let asked: string[]
const opened: ListLoader[] = []

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'list-includes-'))
  files = {}
  asked = []
  server = createServer((request, response) => {
    const path = request.url ?? ''
    asked.push(path)
    const found = files[path] ?? 404
    if (typeof found === 'number') response.writeHead(found).end()
    else response.writeHead(200, { etag: `"${found.length}"` }).end(found)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  for (const loader of opened.splice(0)) await loader.close()
  server.closeAllConnections()
  server.close()
  rmSync(folder, { recursive: true, force: true })
})

function loaderOf(): ListLoader {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/data/all`
  const loader = new ListLoader(
    {
      lists: [listDefinition('one', { kind: 'url', url, proxy: undefined }, { minimumShare: 0.1 })],
      stateFolder: folder,
      watch: false,
    },
    { clock: new FakeClock(), log: silentLog },
  )
  opened.push(loader)
  return loader
}

const covered = ({ matcher }: LoadedLists, ...names: string[]) =>
  names.filter((name) => matcher.match(textToName(`${name}.example`) ?? new Uint8Array(1), 0) !== NO_MATCH)

test('what a list includes is fetched beside it, at any depth, and kept over a restart', async () => {
  files = {
    '/data/all': 'full:a.example\ninclude:some @cn\ninclude:more # of them\n',
    '/data/some': 'b.example @cn\nc.example\ninclude:more\n',
    '/data/more': 'd.example\ninclude:deep\ninclude:all\n',
    '/data/deep': 'e.example @cn\n',
  }
  const loaded = await loaderOf().load()
  expect(covered(loaded, 'a', 'b', 'c', 'd', 'e')).toEqual(['a', 'b', 'd', 'e'])
  expect(loaded.lists[0]).toMatchObject({ format: 'v2fly', notKept: undefined })
  expect(asked.sort()).toEqual(['/data/all', '/data/all', '/data/deep', '/data/more', '/data/some'])
  expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([])

  files = {}
  const again = await loaderOf().load()
  expect(covered(again, 'a', 'b', 'c', 'd', 'e')).toEqual(['a', 'b', 'd', 'e'])
})

test('an edit of an included list is taken although the list itself is the same', async () => {
  files = { '/data/all': 'full:a.example\ninclude:some\n', '/data/some': 'b.example\n' }
  const loader = loaderOf()
  await loader.load()
  files['/data/some'] = 'c.example\n'
  const loaded = await loader.refresh()
  expect(covered(loaded, 'a', 'b', 'c')).toEqual(['a', 'c'])
  expect(loaded.lists[0]?.state).toBe('fresh')
})

test('a list of which an included one is not there says that it is not whole', async () => {
  files = { '/data/all': 'full:a.example\ninclude:some\ninclude:gone\n', '/data/some': 'b.example\n' }
  const loader = loaderOf()
  const loaded = await loader.load()
  expect(covered(loaded, 'a', 'b')).toEqual(['a', 'b'])
  expect(loaded.lists[0]).toMatchObject({ state: 'degraded', why: 'it is not whole: include:gone not found' })
  files['/data/gone'] = 'c.example\n'
  expect((await loader.refresh()).lists[0]).toMatchObject({ state: 'fresh', why: undefined })
})

test('when an included list cannot be had just now, the last good version stays whole', async () => {
  files = { '/data/all': 'full:a.example\ninclude:some\n', '/data/some': 'b.example\n' }
  const loader = loaderOf()
  await loader.load()
  files['/data/some'] = 503
  const loaded = await loader.refresh()
  expect(covered(loaded, 'a', 'b')).toEqual(['a', 'b'])
  expect(loaded.lists[0]?.state).toBe('cached')
  expect(loaded.lists[0]?.why).toMatch(/\/data\/all: include:some: it answers 503 Service Unavailable$/)
  expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([])
})

test('an include never leads out of the folder of the list', async () => {
  files = { '/data/all': 'full:a.example\ninclude:../secret\ninclude:http://127.0.0.1/x\ninclude:.hidden\n' }
  expect(covered(await loaderOf().load(), 'a')).toEqual(['a'])
  expect(asked).toEqual(['/data/all'])
})
