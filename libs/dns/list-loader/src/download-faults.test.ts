/** What a bad server may send, and places that cannot be written. */
import { readdirSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { listSite, only, status, text } from '../testing/list-site.ts'
import type { Respond } from '../testing/list-site.ts'
import { receive } from './download.ts'
import { DOWNLOAD_LIMITS } from './loader-config.ts'

const site = listSite()

test.each([
  ['endless redirects', 'cached', status(302, { location: '/again' }), /it redirects more than 5 times$/],
  [
    'a redirect to a file',
    'cached',
    status(302, { location: 'file:///etc/passwd' }),
    /it redirects to file:\/\/, which is not followed$/,
  ],
  ['a redirect to nowhere', 'cached', status(302, { location: 'http://[' }), /it redirects to an invalid URL$/],
  [
    'a status line with terminal escapes, and without end',
    'cached',
    (_request: IncomingMessage, response: ServerResponse) => {
      // Node refuses to write such a line, a hostile server does not.
      response.socket?.end(`HTTP/1.1 503 \u009b2J\u00ad${'x'.repeat(4000)}\r\n\r\n`, 'latin1')
    },
    /it answers 503 \\u009b2J\\u00adx{40,80}…$/,
  ],
  ['a redirect without a place', 'cached', status(302), /it answers 302 Found$/],
  ['too much', 'refused', text('x'.repeat(200_000)), /it is over the limit of 100000 bytes$/],
  [
    'a gzip bomb',
    'refused',
    text(gzipSync(Buffer.alloc(2 ** 25)), { 'content-encoding': 'gzip' }),
    /it is over the limit of 100000 bytes$/,
  ],
  [
    'a brotli bomb',
    'refused',
    text(brotliCompressSync(Buffer.alloc(2 ** 22)), { 'content-encoding': 'br' }),
    /it is over the limit/,
  ],
  ['broken gzip', 'refused', text('no gzip', { 'content-encoding': 'gzip' }), /what it sent cannot be unpacked/],
  [
    'gzip that is cut',
    'refused',
    text(gzipSync('a.example\n'.repeat(9)).subarray(0, 20), { 'content-encoding': 'gzip' }),
    /cannot be unpacked/,
  ],
  [
    'a web page',
    'refused',
    text('Maintenance', { 'content-type': 'Text/HTML; charset=utf-8' }),
    /it sends a web page \(Text\/HTML/,
  ],
  ['an answer to a question that was not asked', 'cached', status(304), /it answers 304 Not Modified$/],
  ['an unknown coding', 'refused', text('x', { 'content-encoding': 'zstd' }), /its content coding "zstd" is unknown$/],
  [
    'a cut body',
    'cached',
    (_request: IncomingMessage, response: ServerResponse) => {
      response.writeHead(200, { 'content-length': '1000' })
      response.write('a.example\n', () => response.destroy())
    },
    /the connection was cut|aborted/,
  ],
  ['silence', 'cached', () => undefined, /it says nothing for 0.2 s$/],
  [
    'silence in the middle',
    'cached',
    (_request: IncomingMessage, response: ServerResponse) => {
      response.write('a.example\n')
    },
    /it says nothing for 0.2 s$/,
  ],
  [
    'a trickle',
    'cached',
    (_request: IncomingMessage, response: ServerResponse) => {
      response.writeHead(200)
      const timer = setInterval(() => response.write('# more\n'), 20)
      response.on('close', () => clearInterval(timer))
    },
    /it took longer than 1 s$/,
  ],
] as const)('%s makes the list %s with a sentence, and the last good version stays', async (_case, state, bad, why) => {
  const loader = site.loaderOf(site.subscription(), { maxListBytes: 100_000, download: { stallMs: 200, timeoutMs: 1000 } })
  await loader.load()
  site.answer = bad as Respond
  const loaded = await loader.refresh()
  expect(only(loaded)).toMatchObject({ state, names: 2 })
  expect(only(loaded).why).toMatch(why)
  expect(readdirSync(site.stateFolder).filter((name) => name.startsWith('.'))).toEqual([])
})

test('where the folder for copies cannot be written, lists are used all the same, and none is kept', async () => {
  const file = join(site.stateFolder, 'file.txt')
  writeFileSync(file, 'file.example\n')
  const other = site.subscription({ name: 'file', source: { kind: 'path', path: file } })
  const loaded = await site.loaderOf([site.subscription(), other], { stateFolder: join(file, 'below') }).load()
  expect(loaded.lists.map(({ state, notKept }) => [state, notKept?.slice(0, 7)])).toEqual([
    ['fresh', 'ENOTDIR'],
    ['fresh', 'ENOTDIR'],
  ])
})

test.each([
  ['a service', (folder: string) => folder, '[lists] state names another folder'],
  ['a look', () => undefined, 'TMPDIR names another folder'],
] as const)('%s without any place for downloads says by which setting it gets one', async (_who, folderFor, setting) => {
  const nowhere = join(site.stateFolder, 'nowhere', 'below')
  const { proxy, bearerToken, login, proxyLogin } = { ...site.subscription(), proxy: undefined }
  const received = await receive(
    {
      ...{ url: `${site.base}/list.txt`, proxy, bearerToken, login, proxyLogin, etag: undefined, lastModified: undefined },
      ...{ folder: folderFor(nowhere), maxBytes: 1000, limits: DOWNLOAD_LIMITS },
    },
    new AbortController().signal,
    ['/dev/null/lists', '/dev/null/more'],
  )
  expect(received).toMatchObject({ outcome: 'failed' })
  expect('why' in received && received.why).toMatch(
    /^there is no room for what it sends: \/dev\/null\/lists cannot be written \(ENOTDIR\); /,
  )
  expect('why' in received && received.why).toContain(setting)
})

/** Everything in the folder, with when it was written. */
