/** Lists from URLs: downloads, copies, refreshes. */
import { silentLog } from '@dnstap-bgp/runtime'
import { FakeClock, waitFor } from '@dnstap-bgp/testkit'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { covers, listSite, only, status, text, urlOf } from '../testing/list-site.ts'
import { ListLoader } from './list-loader.ts'

const site = listSite()

test('a URL is fetched, and asked for changes only from then on', async () => {
  site.answer = text('a.example\n', { etag: '"v1"', 'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT' })
  const loader = site.loaderOf(site.subscription())
  const first = await loader.load()
  expect(only(first)).toMatchObject({ state: 'fresh', names: 1, source: `${site.base}/list.txt` })
  site.answer = status(304)
  const second = await loader.refresh()
  expect(site.requests[1]?.headers).toMatchObject({
    'if-none-match': '"v1"',
    'if-modified-since': 'Thu, 01 Jan 2026 00:00:00 GMT',
  })
  expect(second.matcher).toBe(first.matcher)
  expect(only(second).state).toBe('fresh')
})

test.each([
  ['gzip', gzipSync],
  ['br', brotliCompressSync],
])('%s is unpacked', async (coding, pack) => {
  site.answer = text(pack('a.example\n'), { 'content-encoding': coding })
  expect(covers(await site.loaderOf(site.subscription()).load(), 'a.example')).toBe(true)
  expect(site.requests[0]?.headers['accept-encoding']).toBe('gzip, br')
})

test('a file that is gzip itself is unpacked too', async () => {
  site.answer = text(gzipSync('a.example\n'), { 'content-type': 'application/gzip' })
  expect(covers(await site.loaderOf(site.subscription()).load(), 'a.example')).toBe(true)
})

test('the last good copy survives a restart while the URL is down, and is asked for soon after', async () => {
  const first = site.loaderOf(site.subscription())
  await first.load()
  await first.close()
  site.answer = status(503)
  const second = site.loaderOf(site.subscription())
  const loaded = await second.load()
  expect(only(loaded)).toMatchObject({ state: 'cached', names: 2, why: 'the source was not asked yet' })
  expect(site.requests).toHaveLength(1)
  site.clock.advance(5_000)
  await waitFor(() => only(second.current!).why?.includes('503'))
  expect(only(second.current!)).toMatchObject({
    state: 'cached',
    why: `${site.base}/list.txt: it answers 503 Service Unavailable`,
  })
  expect(covers(second.current!, 'a.example')).toBe(true)

  site.answer = text('a.example\nc.example\n')
  site.clock.advance(30_000)
  await waitFor(() => only(second.current!).state === 'fresh')
  expect(covers(second.current!, 'c.example')).toBe(true)
})

test('it is asked again every interval, and more seldom each time it fails', async () => {
  const loader = site.loaderOf(site.subscription())
  await loader.load()
  const asked = (count: number) =>
    waitFor(() => site.requests.length === count && only(loader.current!).checkedAt === site.clock.now())
  site.clock.advance(3_599_000)
  expect(site.requests).toHaveLength(1)
  site.answer = status(500)
  site.clock.advance(1_000)
  await asked(2)
  for (const [index, delay] of [30_000, 60_000, 120_000].entries()) {
    await waitFor(() => site.clock.timers === 1)
    site.clock.advance(delay - 1)
    expect(site.requests).toHaveLength(index + 2)
    site.clock.advance(1)
    await asked(index + 3)
  }
})

test('without a copy a URL that is down gives a failed list, not a failed start', async () => {
  site.answer = status(404)
  const loaded = await site.loaderOf(site.subscription()).load()
  expect(only(loaded)).toMatchObject({ state: 'failed', names: 0, why: `${site.base}/list.txt: it answers 404 Not Found` })
})

test('a list that shrank or is empty is refused, also after a restart, until it is accepted', async () => {
  site.answer = text(Array.from({ length: 10 }, (_, i) => `n${i}.example\n`).join(''))
  const first = site.loaderOf(site.subscription())
  await first.load()
  site.answer = text('n1.example\n')
  expect(only(await first.refresh())).toMatchObject({ state: 'refused', names: 10 })
  site.answer = text('# nothing\n')
  expect(only(await first.refresh())).toMatchObject({ state: 'refused', names: 10 })
  await first.close()

  site.answer = text('n1.example\n')
  const second = site.loaderOf(site.subscription())
  await second.load()
  expect(only(await second.refresh())).toMatchObject({ state: 'refused', names: 10 })
  expect(only(await second.refresh({ accept: ['sub'] }))).toMatchObject({ state: 'fresh', names: 1 })
})

test('a login page in place of the list is refused', async () => {
  const loader = site.loaderOf(site.subscription())
  await loader.load()
  site.answer = text('<html><body>Sign in</body></html>', { 'content-type': 'text/html' })
  expect(only(await loader.refresh())).toMatchObject({ state: 'refused', names: 2 })
})

test.each([
  ['broken', '\n', /holds no rule|is not what was kept/],
  [
    'cut off',
    'a.example\n',
    /the last good version of .*list\.txt is not what was kept: its SHA-256 is [0-9a-f]{64}, and [0-9a-f]{64} is noted$/,
  ],
])('a copy that is %s is not used, and fetched anew', async (_how, bytes, why) => {
  const first = site.loaderOf(site.subscription())
  await first.load()
  await first.close()
  const copy = readdirSync(site.stateFolder).find((name) => name.endsWith('.list'))!
  writeFileSync(join(site.stateFolder, copy), bytes)
  const second = site.loaderOf(site.subscription())
  const loaded = await second.load()
  expect(only(loaded).state).toBe('failed')
  expect(only(loaded).why).toMatch(why)
  expect(only(await second.refresh())).toMatchObject({ state: 'fresh', names: 2 })
})

test('the copy of one URL is not taken for that of another', async () => {
  const first = site.loaderOf(site.subscription())
  await first.load()
  await first.close()
  site.answer = status(503)
  const other = site.subscription({ source: { kind: 'url', url: `${site.base}/other.txt`, proxy: undefined } })
  expect(only(await site.loaderOf(other).load()).state).toBe('failed')
})

test('a preview leaves copies alone', async () => {
  const loader = site.loaderOf(site.subscription())
  await loader.load()
  site.answer = text('a.example\nc.example\n', { etag: '"v2"' })
  expect((await loader.preview()).differences).toMatchObject([{ added: 1, removed: 1 }])
  site.answer = status(304)
  await loader.refresh()
  expect(site.requests.at(-1)?.headers['if-none-match']).toBeUndefined()
  expect(covers(loader.current!, 'b.example')).toBe(true)
  expect(readdirSync(site.stateFolder).filter((name) => name.startsWith('.'))).toEqual([])
})

test('a download must have the digest asked for', async () => {
  const sha256 = createHash('sha256').update('a.example\nb.example\n').digest('hex')
  const loader = site.loaderOf(site.subscription({ sha256 }))
  expect(only(await loader.load()).state).toBe('fresh')
  site.answer = text('a.example\nevil.example\n')
  const loaded = await loader.refresh()
  expect(only(loaded).state).toBe('refused')
  expect(only(loaded).why).toMatch(/its SHA-256 is [0-9a-f]{64}, and/)
  expect(covers(loaded, 'evil.example')).toBe(false)
})

test('a token goes to the origin it was given for, and to no other', async () => {
  const other = await site.serve((request, response) => {
    site.requests.push(request)
    text('a.example\n')(request, response)
  })
  site.answer = (request, response) => {
    const target = request.url === '/list.txt' ? '/next.txt' : `${urlOf(other)}/list.txt`
    status(302, { location: target })(request, response)
  }
  const loaded = await site.loaderOf(site.subscription({ bearerToken: { reveal: () => 's3cret' } })).load()
  expect(only(loaded).state).toBe('fresh')
  expect(site.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer s3cret', 'Bearer s3cret', undefined])
})

test('user and password are used, and go to no other origin either', async () => {
  const other = await site.serve((request, response) => {
    site.requests.push(request)
    text('a.example\n')(request, response)
  })
  site.answer = status(302, { location: `${urlOf(other)}/list.txt` })
  const login = { user: 'user', password: { reveal: () => 'pass: wörd' } }
  await site.loaderOf(site.subscription({ login })).load()
  const expected = `Basic ${Buffer.from('user:pass: wörd').toString('base64')}`
  expect(site.requests.map(({ headers }) => headers.authorization)).toEqual([expected, undefined])
})

test('a server that is not there is a failure with a sentence', async () => {
  const gone = await site.serve(status(200))
  const url = urlOf(gone)
  await new Promise((resolve) => gone.close(resolve))
  const loaded = await site.loaderOf(site.subscription({ source: { kind: 'url', url, proxy: undefined } })).load()
  expect(only(loaded)).toMatchObject({ state: 'failed', why: `${url}: the connection is refused` })
})

test('a proxy is asked for http URLs, and tunnels to https ones', async () => {
  const proxy = await site.serve((request, response) => {
    site.requests.push(request)
    text('proxied.example\n')(request, response)
  })
  const targets: string[] = []
  proxy.on('connect', (request: IncomingMessage, socket) => {
    targets.push(request.url ?? '')
    // Our plain server at the other end: the tunnel is made, and TLS in it fails.
    const { port } = site.server.address() as AddressInfo
    const other = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      other.pipe(socket).pipe(other)
    })
    other.on('error', () => socket.destroy())
    socket.on('error', () => other.destroy())
  })
  const proxyLogin = { user: 'me', password: { reveal: () => 'pw' } }
  const loaded = await site.loaderOf(site.subscription({ proxyLogin }, urlOf(proxy))).load()
  expect(covers(loaded, 'proxied.example')).toBe(true)
  expect(site.requests[0]).toMatchObject({ url: `${site.base}/list.txt`, headers: { host: site.base.slice(7) } })
  expect(site.requests[0]?.headers['proxy-authorization']).toBe(`Basic ${Buffer.from('me:pw').toString('base64')}`)

  const tls = site.subscription({ source: { kind: 'url', url: 'https://lists.example/x', proxy: urlOf(proxy) } })
  expect(only(await site.loaderOf(tls).load()).state).toBe('failed')
  expect(targets).toEqual(['lists.example:443'])
})

test('without a state folder a URL is held in memory, and nothing is left behind', async () => {
  const left = () => readdirSync(tmpdir()).filter((name) => name.startsWith('dnstap-bgp-list-'))
  const before = left()
  const loader = site.loaderOf(site.subscription(), { stateFolder: undefined })
  await loader.load()
  site.answer = status(500)
  expect(only(await loader.refresh())).toMatchObject({ state: 'cached', names: 2 })
  expect(left()).toEqual(before)
})

test('a copy that cannot be written is reported, and the list is in use', async () => {
  const faults: object[] = []
  const log = { ...silentLog, child: () => log, error: (fields: object) => void faults.push(fields) }
  const loader = new ListLoader(
    { lists: [site.subscription()], stateFolder: site.stateFolder, watch: false },
    { clock: new FakeClock(), log },
  )
  site.opened.push(loader)
  await loader.load()
  const note = join(
    site.stateFolder,
    readdirSync(site.stateFolder).find((name) => name.endsWith('.list.json'))!,
  )
  rmSync(note)
  mkdirSync(note)
  site.answer = text('a.example\nc.example\n')
  expect(covers(await loader.refresh(), 'c.example')).toBe(true)
  expect(faults).toMatchObject([{ why: expect.stringMatching(/^EISDIR/) as string }])
})
