import { textToName } from '@dnstap-bgp/dns-wire'
import { NO_MATCH } from '@dnstap-bgp/domain-matcher'
import { silentLog } from '@dnstap-bgp/runtime'
import { FakeClock, waitFor } from '@dnstap-bgp/testkit'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { receive } from './download.ts'
import { ListLoader } from './list-loader.ts'
import { DOWNLOAD_LIMITS } from './loader-config.ts'
import type { ListLoaderConfig } from './loader-config.ts'
import type { ListDefinition, LoadedLists } from './list-definition.ts'

/** Called, and waited for, before the next build. */
const world = vi.hoisted(() => ({ beforeBuild: undefined as (() => Promise<void>) | undefined }))
vi.mock(import('./run-build.ts'), async (original) => {
  const { runBuild } = await original()
  return {
    async runBuild(job, cancel) {
      const before = world.beforeBuild
      world.beforeBuild = undefined
      await before?.()
      return runBuild(job, cancel)
    },
  }
})
const workerDies = () => Promise.reject(new Error('the list worker ended with code 1'))

type Answer = (request: IncomingMessage, response: ServerResponse) => void

let stateFolder: string
let server: Server
let base: string
let answer: Answer
let requests: IncomingMessage[]
const opened: ListLoader[] = []
const servers: Server[] = []

beforeEach(async () => {
  stateFolder = mkdtempSync(join(tmpdir(), 'list-state-'))
  requests = []
  answer = text('a.example\nb.example\n')
  server = await serve((request, response) => {
    requests.push(request)
    answer(request, response)
  })
  base = urlOf(server)
})
afterEach(async () => {
  for (const loader of opened.splice(0)) await loader.close()
  for (const each of servers.splice(0)) {
    each.closeAllConnections()
    each.close()
  }
  rmSync(stateFolder, { recursive: true, force: true })
})

async function serve(listener: Answer): Promise<Server> {
  const made = createServer(listener)
  servers.push(made)
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve))
  return made
}

function urlOf(one: Server): string {
  return `http://127.0.0.1:${(one.address() as AddressInfo).port}`
}

function text(body: string | Uint8Array, headers: Record<string, string> = {}): Answer {
  return (_request, response) => response.writeHead(200, headers).end(body)
}

const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (_request, response) =>
    response.writeHead(code, headers).end()

function subscription(more: Partial<ListDefinition> = {}, proxy?: string): ListDefinition {
  return {
    name: 'sub',
    source: { kind: 'url', url: `${base}/list.txt`, proxy },
    format: 'auto',
    match: 'auto',
    addresses: false,
    shortestPrefixIpv4: 8,
    shortestPrefixIpv6: 19,
    refreshIntervalMs: 3_600_000,
    origin: undefined,
    sha256: undefined,
    bearerToken: undefined,
    login: undefined,
    proxyLogin: undefined,
    minimumShare: 0.5,
    ...more,
  }
}

let clock: FakeClock
function loaderOf(definition: ListDefinition | ListDefinition[], config: Partial<ListLoaderConfig> = {}): ListLoader {
  clock = new FakeClock()
  const loader = new ListLoader(
    { lists: [definition].flat(), stateFolder, watch: false, ...config },
    { clock, log: silentLog, random: () => 0.5 },
  )
  opened.push(loader)
  return loader
}

function covers({ matcher }: LoadedLists, name: string): boolean {
  return matcher.match(textToName(name)!, 0) !== NO_MATCH
}

const only = ({ lists }: LoadedLists) => lists[0]!

test('a URL is fetched, and asked for changes only from then on', async () => {
  answer = text('a.example\n', { etag: '"v1"', 'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT' })
  const loader = loaderOf(subscription())
  const first = await loader.load()
  expect(only(first)).toMatchObject({ state: 'fresh', names: 1, source: `${base}/list.txt` })
  answer = status(304)
  const second = await loader.refresh()
  expect(requests[1]?.headers).toMatchObject({ 'if-none-match': '"v1"', 'if-modified-since': 'Thu, 01 Jan 2026 00:00:00 GMT' })
  expect(second.matcher).toBe(first.matcher)
  expect(only(second).state).toBe('fresh')
})

test.each([
  ['gzip', gzipSync],
  ['br', brotliCompressSync],
])('%s is unpacked', async (coding, pack) => {
  answer = text(pack('a.example\n'), { 'content-encoding': coding })
  expect(covers(await loaderOf(subscription()).load(), 'a.example')).toBe(true)
  expect(requests[0]?.headers['accept-encoding']).toBe('gzip, br')
})

test('a file that is gzip itself is unpacked too', async () => {
  answer = text(gzipSync('a.example\n'), { 'content-type': 'application/gzip' })
  expect(covers(await loaderOf(subscription()).load(), 'a.example')).toBe(true)
})

test('the last good copy survives a restart while the URL is down, and is asked for soon after', async () => {
  const first = loaderOf(subscription())
  await first.load()
  await first.close()
  answer = status(503)
  const second = loaderOf(subscription())
  const loaded = await second.load()
  expect(only(loaded)).toMatchObject({ state: 'cached', names: 2, why: 'the source was not asked yet' })
  expect(requests).toHaveLength(1)
  clock.advance(5_000)
  await waitFor(() => only(second.current!).why?.includes('503'))
  expect(only(second.current!)).toMatchObject({ state: 'cached', why: `${base}/list.txt: it answers 503 Service Unavailable` })
  expect(covers(second.current!, 'a.example')).toBe(true)

  answer = text('a.example\nc.example\n')
  clock.advance(30_000)
  await waitFor(() => only(second.current!).state === 'fresh')
  expect(covers(second.current!, 'c.example')).toBe(true)
})

test('it is asked again every interval, and more seldom each time it fails', async () => {
  const loader = loaderOf(subscription())
  await loader.load()
  const asked = (count: number) => waitFor(() => requests.length === count && only(loader.current!).checkedAt === clock.now())
  clock.advance(3_599_000)
  expect(requests).toHaveLength(1)
  answer = status(500)
  clock.advance(1_000)
  await asked(2)
  for (const [index, delay] of [30_000, 60_000, 120_000].entries()) {
    await waitFor(() => clock.timers === 1)
    clock.advance(delay - 1)
    expect(requests).toHaveLength(index + 2)
    clock.advance(1)
    await asked(index + 3)
  }
})

test('without a copy a URL that is down gives a failed list, not a failed start', async () => {
  answer = status(404)
  const loaded = await loaderOf(subscription()).load()
  expect(only(loaded)).toMatchObject({ state: 'failed', names: 0, why: `${base}/list.txt: it answers 404 Not Found` })
})

test('a list that shrank or is empty is refused, and so it stays over a restart, until the word is given', async () => {
  answer = text(Array.from({ length: 10 }, (_, i) => `n${i}.example\n`).join(''))
  const first = loaderOf(subscription())
  await first.load()
  answer = text('n1.example\n')
  expect(only(await first.refresh())).toMatchObject({ state: 'refused', names: 10 })
  answer = text('# nothing\n')
  expect(only(await first.refresh())).toMatchObject({ state: 'refused', names: 10 })
  await first.close()

  answer = text('n1.example\n')
  const second = loaderOf(subscription())
  await second.load()
  expect(only(await second.refresh())).toMatchObject({ state: 'refused', names: 10 })
  expect(only(await second.refresh({ accept: ['sub'] }))).toMatchObject({ state: 'fresh', names: 1 })
})

test('a login page in place of the list is refused', async () => {
  const loader = loaderOf(subscription())
  await loader.load()
  answer = text('<html><body>Sign in</body></html>', { 'content-type': 'text/html' })
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
  const first = loaderOf(subscription())
  await first.load()
  await first.close()
  const copy = readdirSync(stateFolder).find((name) => name.endsWith('.list'))!
  writeFileSync(join(stateFolder, copy), bytes)
  const second = loaderOf(subscription())
  const loaded = await second.load()
  expect(only(loaded).state).toBe('failed')
  expect(only(loaded).why).toMatch(why)
  expect(only(await second.refresh())).toMatchObject({ state: 'fresh', names: 2 })
})

test('the copy of one URL is not taken for that of another', async () => {
  const first = loaderOf(subscription())
  await first.load()
  await first.close()
  answer = status(503)
  const other = subscription({ source: { kind: 'url', url: `${base}/other.txt`, proxy: undefined } })
  expect(only(await loaderOf(other).load()).state).toBe('failed')
})

test('a preview leaves copies alone', async () => {
  const loader = loaderOf(subscription())
  await loader.load()
  answer = text('a.example\nc.example\n', { etag: '"v2"' })
  expect((await loader.preview()).differences).toMatchObject([{ added: 1, removed: 1 }])
  answer = status(304)
  await loader.refresh()
  expect(requests.at(-1)?.headers['if-none-match']).toBeUndefined()
  expect(covers(loader.current!, 'b.example')).toBe(true)
  expect(readdirSync(stateFolder).filter((name) => name.startsWith('.'))).toEqual([])
})

test('what was fetched must have the digest asked for', async () => {
  const sha256 = createHash('sha256').update('a.example\nb.example\n').digest('hex')
  const loader = loaderOf(subscription({ sha256 }))
  expect(only(await loader.load()).state).toBe('fresh')
  answer = text('a.example\nevil.example\n')
  const loaded = await loader.refresh()
  expect(only(loaded).state).toBe('refused')
  expect(only(loaded).why).toMatch(/its SHA-256 is [0-9a-f]{64}, and/)
  expect(covers(loaded, 'evil.example')).toBe(false)
})

test('a token goes to the origin it was given for, and to no other', async () => {
  const other = await serve((request, response) => {
    requests.push(request)
    text('a.example\n')(request, response)
  })
  answer = (request, response) => {
    const target = request.url === '/list.txt' ? '/next.txt' : `${urlOf(other)}/list.txt`
    status(302, { location: target })(request, response)
  }
  const loaded = await loaderOf(subscription({ bearerToken: { reveal: () => 's3cret' } })).load()
  expect(only(loaded).state).toBe('fresh')
  expect(requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer s3cret', 'Bearer s3cret', undefined])
})

test('user and password are used, and go to no other origin either', async () => {
  const other = await serve((request, response) => {
    requests.push(request)
    text('a.example\n')(request, response)
  })
  answer = status(302, { location: `${urlOf(other)}/list.txt` })
  const login = { user: 'user', password: { reveal: () => 'pass: wörd' } }
  await loaderOf(subscription({ login })).load()
  const expected = `Basic ${Buffer.from('user:pass: wörd').toString('base64')}`
  expect(requests.map(({ headers }) => headers.authorization)).toEqual([expected, undefined])
})

test.each([
  ['endless redirects', 'cached', status(302, { location: '/again' }), /it redirects more than 5 times$/],
  [
    'a redirect to a file',
    'cached',
    status(302, { location: 'file:///etc/passwd' }),
    /it redirects to file:\/\/, which is not followed$/,
  ],
  ['a redirect to nowhere', 'cached', status(302, { location: 'http://[' }), /it redirects to what is no URL$/],
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
  const loader = loaderOf(subscription(), { maxListBytes: 100_000, download: { stallMs: 200, timeoutMs: 1000 } })
  await loader.load()
  answer = bad as Answer
  const loaded = await loader.refresh()
  expect(only(loaded)).toMatchObject({ state, names: 2 })
  expect(only(loaded).why).toMatch(why)
  expect(readdirSync(stateFolder).filter((name) => name.startsWith('.'))).toEqual([])
})

test('a server that is not there is a failure with a sentence', async () => {
  const gone = await serve(status(200))
  const url = urlOf(gone)
  await new Promise((resolve) => gone.close(resolve))
  const loaded = await loaderOf(subscription({ source: { kind: 'url', url, proxy: undefined } })).load()
  expect(only(loaded)).toMatchObject({ state: 'failed', why: `${url}: the connection is refused` })
})

test('a proxy is asked for http URLs, and tunnels to https ones', async () => {
  const proxy = await serve((request, response) => {
    requests.push(request)
    text('proxied.example\n')(request, response)
  })
  const targets: string[] = []
  proxy.on('connect', (request: IncomingMessage, socket) => {
    targets.push(request.url ?? '')
    // Our plain server at the other end: the tunnel is made, and TLS in it fails.
    const { port } = server.address() as AddressInfo
    const other = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      other.pipe(socket).pipe(other)
    })
    other.on('error', () => socket.destroy())
    socket.on('error', () => other.destroy())
  })
  const proxyLogin = { user: 'me', password: { reveal: () => 'pw' } }
  const loaded = await loaderOf(subscription({ proxyLogin }, urlOf(proxy))).load()
  expect(covers(loaded, 'proxied.example')).toBe(true)
  expect(requests[0]).toMatchObject({ url: `${base}/list.txt`, headers: { host: base.slice(7) } })
  expect(requests[0]?.headers['proxy-authorization']).toBe(`Basic ${Buffer.from('me:pw').toString('base64')}`)

  const tls = subscription({ source: { kind: 'url', url: 'https://lists.example/x', proxy: urlOf(proxy) } })
  expect(only(await loaderOf(tls).load()).state).toBe('failed')
  expect(targets).toEqual(['lists.example:443'])
})

test('without a state folder a URL is held in memory, and nothing is left behind', async () => {
  const left = () => readdirSync(tmpdir()).filter((name) => name.startsWith('dnstap-bgp-list-'))
  const before = left()
  const loader = loaderOf(subscription(), { stateFolder: undefined })
  await loader.load()
  answer = status(500)
  expect(only(await loader.refresh())).toMatchObject({ state: 'cached', names: 2 })
  expect(left()).toEqual(before)
})

test('a copy that cannot be kept is told, and the list is in use', async () => {
  const faults: object[] = []
  const log = { ...silentLog, child: () => log, error: (fields: object) => void faults.push(fields) }
  const loader = new ListLoader({ lists: [subscription()], stateFolder, watch: false }, { clock: new FakeClock(), log })
  opened.push(loader)
  await loader.load()
  const note = join(
    stateFolder,
    readdirSync(stateFolder).find((name) => name.endsWith('.list.json'))!,
  )
  rmSync(note)
  mkdirSync(note)
  answer = text('a.example\nc.example\n')
  expect(covers(await loader.refresh(), 'c.example')).toBe(true)
  expect(faults).toMatchObject([{ why: expect.stringMatching(/^EISDIR/) as string }])
})

// ---- an edited definition

const V1 = { etag: '"v1"' }
/** As a server does that still has the version it was asked about. */
const unlessKnown =
  (body: string): Answer =>
  (request, response) =>
    request.headers['if-none-match'] === V1.etag ? status(304)(request, response) : text(body, V1)(request, response)

test.each([
  ['match', { match: 'exact' as const }, { names: 1, addresses: 1 }, false],
  ['format', { format: 'hosts' }, { names: 1, addresses: 0 }, false],
  ['addresses', { addresses: true }, { names: 1, addresses: 1 }, true],
])('an edit of %s takes effect at once, whatever the server says about changes', async (_key, edit, counts, coversSubdomain) => {
  answer = unlessKnown(`a.example\n192.0.2.1${'format' in edit ? ' a.example' : ''}\n`)
  const loader = loaderOf(subscription({ format: 'plain' }))
  await loader.load()
  await loader.refresh()
  const edited = subscription({ format: 'plain', ...edit })
  for (const loaded of [await loader.reconfigure([edited]), await loader.refresh()]) {
    expect(only(loaded)).toMatchObject(counts)
    expect(covers(loaded, 'www.a.example')).toBe(coversSubdomain)
    expect(loaded.addressesOf('sub')).toEqual('addresses' in edit ? ['192.0.2.1/32'] : [])
  }
  expect(only(loader.current!).state).toBe('fresh')
})

test('an edit takes effect while the URL is down', async () => {
  const loader = loaderOf(subscription())
  await loader.load()
  answer = status(503)
  await loader.reconfigure([subscription({ match: 'exact' })])
  const loaded = await loader.refresh()
  expect(only(loaded)).toMatchObject({ state: 'cached', why: `${base}/list.txt: it answers 503 Service Unavailable` })
  expect([covers(loaded, 'a.example'), covers(loaded, 'www.a.example')]).toEqual([true, false])
})

test('a list that goes from one URL to another and back has the names of the one it is at', async () => {
  answer = (request, response) => unlessKnown(request.url === '/list.txt' ? 'a.example\n' : 'b.example\n')(request, response)
  const loader = loaderOf(subscription())
  await loader.load()
  const other = subscription({ source: { kind: 'url', url: `${base}/other.txt`, proxy: undefined } })
  const names = () => [covers(loader.current!, 'a.example'), covers(loader.current!, 'b.example')]
  await loader.reconfigure([other])
  expect(names()).toEqual([true, false]) // until the new source has spoken, the old names stay
  await loader.refresh()
  expect(names()).toEqual([false, true])
  await loader.reconfigure([subscription()])
  expect(names()).toEqual([true, false])
  await loader.refresh()
  expect(names()).toEqual([true, false])
  expect(only(loader.current!).state).toBe('fresh')
})

test('an edited definition may have fewer names, but not none', async () => {
  answer = (request, response) =>
    text(
      request.url === '/list.txt' ? 'a.example\nb.example\nc.example\n' : request.url === '/less.txt' ? 'a.example\n' : '# no\n',
    )(request, response)
  const at = (path: string) => subscription({ source: { kind: 'url', url: `${base}/${path}.txt`, proxy: undefined } })
  const loader = loaderOf(at('list'))
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
  answer = unlessKnown('a.example\n')
  const loader = loaderOf(subscription(), { stateFolder: undefined })
  await loader.load()
  await loader.refresh()
  expect(requests[1]?.headers['if-none-match']).toBe('"v1"') // what is in memory needs no copy to be asked about
  await loader.reconfigure([subscription({ match: 'exact' })])
  const loaded = await loader.refresh()
  expect(requests.at(-1)?.headers['if-none-match']).toBeUndefined()
  expect(covers(loaded, 'www.a.example')).toBe(false)
})

// ---- a digest

const digestOf = (body: string) => createHash('sha256').update(body).digest('hex')

test('a copy must have the digest asked for, at a restart and after an edit', async () => {
  answer = unlessKnown('a.example\n')
  const first = loaderOf(subscription())
  await first.load()
  const wanted = subscription({ sha256: digestOf('b.example\n') })
  await first.reconfigure([wanted])
  const edited = await first.refresh()
  expect(only(edited)).toMatchObject({ state: 'refused', names: 1 }) // what was good stays
  expect(only(edited).why).toMatch(/its SHA-256 is [0-9a-f]{64}, and [0-9a-f]{64} is asked for$/)
  await first.close()

  answer = status(503)
  const second = loaderOf(wanted)
  expect(only(await second.load())).toMatchObject({ state: 'failed', names: 0 })
  answer = text('b.example\n')
  expect(only(await second.refresh())).toMatchObject({ state: 'fresh', names: 1, sha256: wanted.sha256 })
})

// ---- a slow server

test('a URL that does not answer keeps neither the start nor the changes of other lists waiting', async () => {
  const held: ServerResponse[] = []
  answer = (_request, response) => void held.push(response)
  const file = join(stateFolder, 'file.txt')
  writeFileSync(file, 'file.example\n')
  const other: ListDefinition = subscription({ name: 'file', source: { kind: 'path', path: file } })
  const loader = loaderOf([subscription(), other])
  const loading = loader.load()
  await waitFor(() => held.length === 1 && clock.timers === 1)
  clock.advance(5_000)
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
  expect(clock.timers).toBe(1) // the next refresh
})

test('a start that fails for a file ends what is still being asked', async () => {
  let isCut = false
  answer = (request, response) => {
    response.writeHead(200).write('a.example\n')
    request.on('close', () => (isCut = true))
  }
  const lost = subscription({ name: 'file', source: { kind: 'path', path: join(stateFolder, 'none.txt') } })
  const loading = loaderOf([subscription(), lost]).load()
  const refused = expect(loading).rejects.toThrow('there is no such file')
  await waitFor(() => requests.length === 1 && clock.timers === 1)
  clock.advance(5_000)
  await refused
  await waitFor(() => isCut)
  expect(readdirSync(stateFolder)).toEqual([])
})

test('who asks while a URL is being asked gets the same answer, and the word given then counts', async () => {
  answer = text('a.example\nb.example\nc.example\n')
  const loader = loaderOf(subscription())
  await loader.load()
  const held: ServerResponse[] = []
  answer = (_request, response) => void held.push(response)
  const both = [loader.refresh(), loader.refresh({ accept: ['sub'] })]
  await waitFor(() => held.length > 0)
  held[0]!.end('a.example\n')
  await Promise.all(both)
  expect(held).toHaveLength(1)
  expect(only(loader.current!)).toMatchObject({ state: 'fresh', names: 1 })
})

test('an answer to what the list was before it was edited is thrown away', async () => {
  const held: ServerResponse[] = []
  const loader = loaderOf(subscription())
  await loader.load()
  answer = (request, response) =>
    request.url === '/list.txt' ? void held.push(response) : text('other.example\n')(request, response)
  const slow = loader.refresh()
  await waitFor(() => held.length === 1)
  await loader.reconfigure([subscription({ source: { kind: 'url', url: `${base}/other.txt`, proxy: undefined } })])
  await loader.refresh()
  held[0]!.end('a.example\nlate.example\n')
  await slow
  expect([covers(loader.current!, 'other.example'), covers(loader.current!, 'late.example')]).toEqual([true, false])
  expect(readdirSync(stateFolder).filter((name) => name.startsWith('.'))).toEqual([])
})

test('an answer to an earlier definition does not take the place of the right one, even in the same build', async () => {
  const file = join(stateFolder, 'file.txt')
  writeFileSync(file, 'file.example\n')
  const other = subscription({ name: 'file', source: { kind: 'path', path: file } })
  const edited = subscription({ source: { kind: 'url', url: `${base}/edited.txt`, proxy: undefined } })
  const loader = loaderOf([subscription(), other])
  await loader.load()
  const held = new Map<string, ServerResponse>()
  answer = (request, response) => void held.set(request.url ?? '', response)
  const slow = loader.refresh({ only: ['sub'] })
  await waitFor(() => held.size === 1)
  await loader.reconfigure([edited, other])
  await waitFor(() => held.size === 2)
  // Both answers come while another build is going on, the right one first.
  let release: (() => void) | undefined
  world.beforeBuild = () => new Promise((resolve) => (release = resolve))
  const both = [loader.refresh({ only: ['file'] }), loader.refresh({ only: ['sub'] })]
  await waitFor(() => release !== undefined, { what: 'the other build' })
  for (const [url, body] of Object.entries({ '/edited.txt': 'edited.example\n', '/list.txt': 'a.example\nlate.example\n' })) {
    held.get(url)!.end(body)
    await waitFor(() => requests.every((request) => request.url !== url || request.socket.destroyed))
  }
  release?.()
  await Promise.all([slow, ...both])
  expect([covers(loader.current!, 'edited.example'), covers(loader.current!, 'late.example')]).toEqual([true, false])
  expect(only(loader.current!).state).toBe('fresh')
})

test('an edit ends the download that was asked for before it', async () => {
  const loader = loaderOf(subscription())
  await loader.load()
  let isCut = false
  answer = (request, response) => {
    if (request.url !== '/list.txt') return void response.end('other.example\n')
    response.writeHead(200).write('a.example\n')
    response.on('close', () => (isCut = true))
  }
  const slow = loader.refresh()
  await waitFor(() => requests.length === 2)
  await loader.reconfigure([subscription({ source: { kind: 'url', url: `${base}/other.txt`, proxy: undefined } })])
  await slow
  await waitFor(() => isCut)
})

test('what was fetched for a build that fails is asked for again soon, not after a whole interval', async () => {
  const loader = loaderOf(subscription())
  await loader.load()
  answer = text('a.example\nb.example\nc.example\n')
  world.beforeBuild = workerDies
  clock.advance(3_600_000)
  await waitFor(() => requests.length === 2 && clock.timers === 1)
  expect(covers(loader.current!, 'c.example')).toBe(false)
  clock.advance(30_000)
  await waitFor(() => covers(loader.current!, 'c.example'))
  expect(readdirSync(stateFolder).filter((name) => name.startsWith('.'))).toEqual([])
})

// ---- lists that are new in a running loader

const renamed = () => subscription({ name: 'renamed' })

test('a list that is renamed goes on with the copy of its URL, while the URL says nothing', async () => {
  const first = loaderOf(subscription())
  await first.load()
  answer = () => undefined
  const loaded = await first.reconfigure([renamed()])
  expect(only(loaded)).toMatchObject({ name: 'renamed', state: 'cached', names: 2 })
  await first.close()
  expect(only(await loaderOf(renamed()).load())).toMatchObject({ name: 'renamed', state: 'cached', names: 2 })
})

test('of several copies of a URL a list that has none begins with the newest', async () => {
  const second = subscription({ name: 'second' })
  const loader = loaderOf([subscription(), second])
  await loader.load()
  answer = text('a.example\nb.example\nnewest.example\n')
  await loader.refresh({ only: ['second'] })
  await loader.close()
  for (const name of readdirSync(stateFolder).filter((name) => name.startsWith('sub-'))) utimesSync(join(stateFolder, name), 1, 1)
  expect(covers(await loaderOf(renamed()).load(), 'newest.example')).toBe(true)
})

test('a list that is new, with nothing to begin with, has its names in the very version that has the list', async () => {
  const loader = loaderOf(subscription(), { stateFolder: undefined })
  await loader.load()
  const seen: unknown[] = []
  loader.onChange(({ lists }) => seen.push(lists.map(({ name, state, names }) => [name, state, names])))
  await loader.reconfigure([renamed()])
  expect(seen).toEqual([[['renamed', 'fresh', 2]]])
  expect(requests).toHaveLength(2)
  expect(clock.timers).toBe(1) // the next refresh
})

test('a new list whose URL does not answer within seconds is waiting, and comes when it comes', async () => {
  const loader = loaderOf(subscription(), { stateFolder: undefined })
  await loader.load()
  const held: ServerResponse[] = []
  answer = (_request, response) => void held.push(response)
  const reconfigured = loader.reconfigure([renamed()])
  await waitFor(() => held.length === 1 && clock.timers === 2)
  clock.advance(5_000)
  expect(only(await reconfigured)).toMatchObject({ name: 'renamed', state: 'waiting', names: 0 })
  expect(only(await loader.reconfigure([renamed()])).state).toBe('waiting') // nobody waits for it twice
  held[0]!.end('late.example\n')
  await waitFor(() => only(loader.current!).state === 'fresh')
  expect(covers(loader.current!, 'late.example')).toBe(true)
  expect(held).toHaveLength(1)
})

test('of two edits the later one stays, though the earlier one waits for a URL', async () => {
  const loader = loaderOf(subscription(), { stateFolder: undefined })
  await loader.load()
  answer = (request, response) => (request.url === '/slow.txt' ? undefined : text('a.example\n')(request, response))
  const slow = subscription({ name: 'slow', source: { kind: 'url', url: `${base}/slow.txt`, proxy: undefined } })
  const both = [loader.reconfigure([slow]), loader.reconfigure([subscription()])]
  await waitFor(() => requests.length === 2 && clock.timers === 2)
  clock.advance(5_000)
  await Promise.all(both)
  expect(loader.current!.lists.map(({ name }) => name)).toEqual(['sub'])
})

test('an edit that cannot be built ends what it asked for, and leaves nothing', async () => {
  const loader = loaderOf(subscription(), { stateFolder })
  await loader.load()
  const url = `${base}/new.txt`
  world.beforeBuild = workerDies
  const edit = loader.reconfigure([subscription({ name: 'new', source: { kind: 'url', url, proxy: undefined } })])
  await expect(edit).rejects.toThrow('ended with code 1')
  expect(loader.current!.lists.map(({ name, state }) => [name, state])).toEqual([['sub', 'fresh']])
  expect(readdirSync(stateFolder).filter((name) => name.startsWith('.'))).toEqual([])
})

test('a preview waits for a slow URL no longer than seconds, and shows it as it is', async () => {
  const loader = loaderOf(subscription())
  await loader.load()
  const held: ServerResponse[] = []
  answer = (_request, response) => void held.push(response)
  const preview = loader.preview()
  await waitFor(() => held.length === 1 && clock.timers === 2)
  clock.advance(5_000)
  expect((await preview).lists).toMatchObject([{ state: 'fresh', names: 2 }])
  held[0]!.end()
})

// ---- folders that cannot be written, and looks that must not write

test('where the folder for copies cannot be written, lists are used all the same, and none is kept', async () => {
  const file = join(stateFolder, 'file.txt')
  writeFileSync(file, 'file.example\n')
  const other = subscription({ name: 'file', source: { kind: 'path', path: file } })
  const loaded = await loaderOf([subscription(), other], { stateFolder: join(file, 'below') }).load()
  expect(loaded.lists.map(({ state, notKept }) => [state, notKept?.slice(0, 7)])).toEqual([
    ['fresh', 'ENOTDIR'],
    ['fresh', 'ENOTDIR'],
  ])
})

test.each([
  ['a service', (folder: string) => folder, '[lists] state names another folder'],
  ['a look', () => undefined, 'TMPDIR names another folder'],
] as const)('%s without any place for downloads says by which setting it gets one', async (_who, folderFor, setting) => {
  const nowhere = join(stateFolder, 'nowhere', 'below')
  const { proxy, bearerToken, login, proxyLogin } = { ...subscription(), proxy: undefined }
  const received = await receive(
    {
      ...{ url: `${base}/list.txt`, proxy, bearerToken, login, proxyLogin, etag: undefined, lastModified: undefined },
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
function inventory(): string[] {
  return readdirSync(stateFolder, { recursive: true, withFileTypes: true }).map((entry) => {
    const path = join(entry.parentPath, entry.name)
    return `${path} ${statSync(path).mtimeMs} ${statSync(path).ino}`
  })
}

test('a look leaves the folder of a running service as it is, and asks the URL itself when it shall', async () => {
  answer = text(['a', 'b', 'c'].map((name) => `${name}.example\n`).join(''), V1)
  const running = loaderOf(subscription())
  await running.load()
  writeFileSync(join(stateFolder, '.download-running'), 'half a li')
  const before = inventory()

  answer = text('x.example\ny.example\n')
  const copy = await loaderOf(subscription(), { readOnly: true }).load()
  expect(only(copy)).toMatchObject({ state: 'cached', names: 3 })
  const asked = await loaderOf(subscription(), { readOnly: true }).load({ askUrls: true })
  expect(only(asked)).toMatchObject({ state: 'fresh', names: 2 })
  answer = text('x.example\n')
  const refused = await loaderOf(subscription(), { readOnly: true }).load({ askUrls: true })
  expect(only(refused)).toMatchObject({ state: 'refused', names: 3 })
  expect(only(refused).why).toMatch(/shrank from 3 rules to 1/)
  expect(inventory()).toEqual(before)
})

test('what a killed process left is removed; what is young may belong to one that lives', async () => {
  for (const name of ['.download-old', '.download-young']) writeFileSync(join(stateFolder, name), '')
  const loader = loaderOf(subscription())
  const hourAgo = clock.now() / 1000 - 3601
  utimesSync(join(stateFolder, '.download-old'), hourAgo, hourAgo)
  utimesSync(join(stateFolder, '.download-young'), hourAgo + 100, hourAgo + 100)
  await loader.load()
  expect(readdirSync(stateFolder).filter((name) => name.startsWith('.'))).toEqual(['.download-young'])
})

// ---- what stands behind #

test('attributes in the fragment of a URL choose of a v2fly list, and are not sent', async () => {
  answer = text('domain:a.example @cn\ndomain:b.example\n')
  const url = `${base}/list.txt#@cn`
  const loaded = await loaderOf(subscription({ format: 'v2fly', source: { kind: 'url', url, proxy: undefined } })).load()
  expect([covers(loaded, 'a.example'), covers(loaded, 'b.example')]).toEqual([true, false])
  expect(requests[0]?.url).toBe('/list.txt')
  expect(only(loaded).source).toBe(url)
})

test('another fragment of the same URL is taken from the copy at once', async () => {
  answer = unlessKnown('domain:a.example @cn\ndomain:b.example @ads\n')
  const at = (fragment: string) =>
    subscription({ format: 'v2fly', source: { kind: 'url', url: `${base}/list.txt#${fragment}`, proxy: undefined } })
  const loader = loaderOf(at('@cn'))
  await loader.load()
  const loaded = await loader.reconfigure([at('@ads')])
  expect([covers(loaded, 'a.example'), covers(loaded, 'b.example')]).toEqual([false, true])
})
