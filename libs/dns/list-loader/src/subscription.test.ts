import { textToName } from '@dnstap-bgp/dns-wire'
import { NO_MATCH } from '@dnstap-bgp/domain-matcher'
import { silentLog } from '@dnstap-bgp/runtime'
import { FakeClock, waitFor } from '@dnstap-bgp/testkit'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ListLoader } from './list-loader.ts'
import type { ListLoaderConfig } from './list-loader.ts'
import type { ListDefinition, LoadedLists } from './list-definition.ts'

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
    refreshIntervalMs: 3_600_000,
    sha256: undefined,
    bearerToken: undefined,
    minimumShare: 0.5,
    ...more,
  }
}

let clock: FakeClock
function loaderOf(definition: ListDefinition, config: Partial<ListLoaderConfig> = {}): ListLoader {
  clock = new FakeClock()
  const loader = new ListLoader(
    { lists: [definition], stateFolder, watch: false, ...config },
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
  const second = await loader.reload()
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
  expect(only(await first.reload())).toMatchObject({ state: 'refused', names: 10 })
  answer = text('# nothing\n')
  expect(only(await first.reload())).toMatchObject({ state: 'refused', names: 10 })
  await first.close()

  answer = text('n1.example\n')
  const second = loaderOf(subscription())
  await second.load()
  expect(only(await second.reload())).toMatchObject({ state: 'refused', names: 10 })
  expect(only(await second.reload({ accept: ['sub'] }))).toMatchObject({ state: 'fresh', names: 1 })
})

test('a login page in place of the list is refused', async () => {
  const loader = loaderOf(subscription())
  await loader.load()
  answer = text('<html><body>Sign in</body></html>', { 'content-type': 'text/html' })
  expect(only(await loader.reload())).toMatchObject({ state: 'refused', names: 2 })
})

test('a copy that is broken is not used, and fetched anew', async () => {
  const first = loaderOf(subscription())
  await first.load()
  await first.close()
  const copy = readdirSync(stateFolder).find((name) => name.endsWith('.list'))!
  writeFileSync(join(stateFolder, copy), '\n')
  const second = loaderOf(subscription())
  expect(only(await second.load()).state).toBe('failed')
  expect(only(await second.reload())).toMatchObject({ state: 'fresh', names: 2 })
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
  await loader.reload()
  expect(requests.at(-1)?.headers['if-none-match']).toBeUndefined()
  expect(covers(loader.current!, 'b.example')).toBe(true)
  expect(readdirSync(stateFolder).filter((name) => name.startsWith('.'))).toEqual([])
})

test('what was fetched must have the digest asked for', async () => {
  const sha256 = createHash('sha256').update('a.example\nb.example\n').digest('hex')
  const loader = loaderOf(subscription({ sha256 }))
  expect(only(await loader.load()).state).toBe('fresh')
  answer = text('a.example\nevil.example\n')
  const loaded = await loader.reload()
  expect(only(loaded).state).toBe('cached')
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

test('user and password of a URL are used, and not told', async () => {
  const url = base.replace('//', '//user:pass%20word@')
  const loaded = await loaderOf(subscription({ source: { kind: 'url', url, proxy: undefined } })).load()
  expect(requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from('user:pass word').toString('base64')}`)
  expect(only(loaded).source).toBe(`${base}/`)
})

test.each([
  ['endless redirects', status(302, { location: '/again' }), /it redirects more than 5 times$/],
  ['a redirect to a file', status(302, { location: 'file:///etc/passwd' }), /it redirects to file:\/\/, which is not followed$/],
  ['a redirect to nowhere', status(302, { location: 'http://[' }), /it redirects to what is no URL$/],
  ['a redirect without a place', status(302), /it answers 302 Found$/],
  ['too much', text('x'.repeat(200_000)), /it is over the limit of 100000 bytes$/],
  ['a gzip bomb', text(gzipSync(Buffer.alloc(2 ** 25)), { 'content-encoding': 'gzip' }), /it is over the limit of 100000 bytes$/],
  ['a brotli bomb', text(brotliCompressSync(Buffer.alloc(2 ** 22)), { 'content-encoding': 'br' }), /it is over the limit/],
  ['broken gzip', text('no gzip', { 'content-encoding': 'gzip' }), /what it sent cannot be unpacked/],
  [
    'gzip that is cut',
    text(gzipSync('a.example\n'.repeat(9)).subarray(0, 20), { 'content-encoding': 'gzip' }),
    /cannot be unpacked/,
  ],
  ['an unknown coding', text('x', { 'content-encoding': 'zstd' }), /its content coding "zstd" is unknown$/],
  [
    'a cut body',
    (_request: IncomingMessage, response: ServerResponse) => {
      response.writeHead(200, { 'content-length': '1000' })
      response.write('a.example\n', () => response.destroy())
    },
    /the connection was cut|aborted/,
  ],
  ['silence', () => undefined, /it says nothing for 0.2 s$/],
  [
    'a trickle',
    (_request: IncomingMessage, response: ServerResponse) => {
      response.writeHead(200)
      const timer = setInterval(() => response.write('# more\n'), 20)
      response.on('close', () => clearInterval(timer))
    },
    /it took longer than 1 s$/,
  ],
] as const)('%s is a failure with a sentence, and the last good copy stays', async (_case, bad, why) => {
  const loader = loaderOf(subscription(), { maxListBytes: 100_000, download: { stallMs: 200, timeoutMs: 1000 } })
  await loader.load()
  answer = bad as Answer
  const loaded = await loader.reload()
  expect(only(loaded)).toMatchObject({ state: 'cached', names: 2 })
  expect(only(loaded).why).toMatch(why)
  expect(readdirSync(stateFolder).filter((name) => name.startsWith('.'))).toEqual([])
})

test('a server that is not there is a failure with a sentence', async () => {
  const gone = await serve(status(200))
  const url = urlOf(gone)
  await new Promise((resolve) => gone.close(resolve))
  const loaded = await loaderOf(subscription({ source: { kind: 'url', url, proxy: undefined } })).load()
  expect(only(loaded)).toMatchObject({ state: 'failed', why: `${url}/: the connection is refused` })
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
  const proxyUrl = urlOf(proxy).replace('//', '//me:pw@')
  const loaded = await loaderOf(subscription({}, proxyUrl)).load()
  expect(covers(loaded, 'proxied.example')).toBe(true)
  expect(requests[0]).toMatchObject({ url: `${base}/list.txt`, headers: { host: base.slice(7) } })
  expect(requests[0]?.headers['proxy-authorization']).toBe(`Basic ${Buffer.from('me:pw').toString('base64')}`)

  const tls = subscription({ source: { kind: 'url', url: 'https://lists.example/x', proxy: proxyUrl } })
  expect(only(await loaderOf(tls).load()).state).toBe('failed')
  expect(targets).toEqual(['lists.example:443'])
})

test('without a state folder a URL is held in memory, and nothing is left behind', async () => {
  const left = () => readdirSync(tmpdir()).filter((name) => name.startsWith('dnstap-bgp-list-'))
  const before = left()
  const loader = loaderOf(subscription(), { stateFolder: undefined })
  await loader.load()
  answer = status(500)
  expect(only(await loader.reload())).toMatchObject({ state: 'cached', names: 2 })
  expect(left()).toEqual(before)
})

test('a copy that cannot be kept is told, and the list is in use', async () => {
  const faults: object[] = []
  const log = { ...silentLog, child: () => log, error: (fields: object) => void faults.push(fields) }
  const loader = new ListLoader({ lists: [subscription()], stateFolder, watch: false }, { clock: new FakeClock(), log })
  opened.push(loader)
  await loader.load()
  const copy = join(
    stateFolder,
    readdirSync(stateFolder).find((name) => name.endsWith('.list'))!,
  )
  rmSync(copy)
  mkdirSync(copy)
  answer = text('a.example\nc.example\n')
  expect(covers(await loader.reload(), 'c.example')).toBe(true)
  expect(faults).toMatchObject([{ why: expect.stringMatching(/^list "sub": EISDIR/) as string }])
})
