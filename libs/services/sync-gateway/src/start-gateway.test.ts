import { AdminHandlers } from '@dnstap-bgp/admin-api'
import { LocalBus } from '@dnstap-bgp/bus'
import { parseConfig } from '@dnstap-bgp/config'
import { silentLog } from '@dnstap-bgp/runtime'
import { BINDINGS, HEAD, LEARNT, OFFER, type OfferAnswer, type Resolution } from '@dnstap-bgp/steering'
import { Health, Metrics } from '@dnstap-bgp/telemetry'
import { FakeClock, waitFor } from '@dnstap-bgp/testkit'
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { startSyncGateway } from './start-gateway.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const SEEN_MS = Date.UTC(2026, 0, 1)
const SEEN = '2026-01-01T00:00:00Z'

const resolution = (more: Partial<Resolution> = {}): Resolution => ({
  list: 'video',
  name: 'www.example.org',
  rule: 'example.org',
  address: '203.0.113.1',
  ttlSeconds: 300,
  seenAtMs: SEEN_MS,
  source: { kind: 'resolver', identity: 'unbound' },
  chain: ['www.example.org'],
  ...more,
})

const jsonOf = (ip: string, domain = 'www.example.org') => `{"IP":"${ip}","Domain":"${domain}","TS":"${SEEN}"}`

interface CacheOptions {
  /** What the cache has, in parts. */
  readonly bindings?: readonly (readonly Resolution[])[]
  readonly answer?: (resolution: Resolution) => OfferAnswer
  readonly absent?: boolean
}

/** A gateway on a local bus; at the other end of it somebody who answers as a cache does and keeps the questions. */
async function start(syncer: string, { bindings = [], answer = () => null, absent = false }: CacheOptions = {}) {
  const clock = new FakeClock()
  const bus = new LocalBus({ pause: () => new Promise((resolve) => setImmediate(resolve)) })
  const offers: (readonly Resolution[])[] = []
  async function* parts<T>(...given: readonly T[]) {
    for (const part of given) yield await Promise.resolve(part)
  }
  if (!absent) {
    bus.serveStream(BINDINGS, () => parts(...bindings))
    bus.serve(OFFER, async (resolutions) => {
      offers.push(resolutions)
      return resolutions.map(answer)
    })
  }
  const metrics = new Metrics({ process: false })
  const health = new Health({ clock, log: silentLog })
  health.started()
  const handlers = new AdminHandlers()
  const config = parseConfig(syncer, 'test.toml', {})
  const gateway = await startSyncGateway(config, { bus, clock, log: silentLog, metrics, health, handlers })
  closers.push(() => gateway.close())
  // Not fetch(): it sends Sec-Fetch-Mode, as a web page does.
  const ask = (method: string, path: string, body?: string, headers = {}) =>
    new Promise<{ status: number; body: string }>((resolve, reject) => {
      const asked = httpRequest({ host: '127.0.0.1', port: gateway.port, method, path, headers, agent: false }, (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => (text += chunk))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }))
        response.on('error', reject)
      })
      asked.on('error', reject)
      asked.end(body)
    })
  return { gateway, bus, clock, offers, metrics, health, handlers, ask }
}

/** Another instance: notes what it is put, and has what it is made to have. */
async function startPeer(
  respond: (request: IncomingMessage, response: ServerResponse) => void = (_request, response) => response.end(),
) {
  const puts: string[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (chunk: string) => (body += chunk))
    request.on('end', () => {
      if (request.method === 'PUT') puts.push(body)
      respond(request, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return { where: `127.0.0.1:${(server.address() as AddressInfo).port}`, puts }
}

const LISTENING = '[syncer]\nlisten = "127.0.0.1:0"\nallow = ["127.0.0.1/32"]\n'

test('without a [syncer] table there is no gateway', async () => {
  const { gateway, handlers, health } = await start('')
  expect(gateway.port).toBeUndefined()
  expect(handlers.has('GET', '/api/sync-peers')).toBe(false)
  expect(health.report().components).toEqual([])
})

describe('a peer that puts', () => {
  test('has its entry judged by the cache: lists, source, and a TTL longer than the pause between two pushes', async () => {
    const { ask, offers } = await start(LISTENING)
    expect(await ask('PUT', '/put', jsonOf('203.0.113.1', 'WWW.Example.ORG'))).toEqual({ status: 200, body: '' })
    expect(offers).toEqual([
      [{ ...resolution(), list: '', rule: '', ttlSeconds: 900, source: { kind: 'sync-peer', name: '127.0.0.1' } }],
    ])
  })

  test("hears the cache's reason, and the refusal is counted", async () => {
    const { ask, metrics } = await start(LISTENING, {
      answer: (one) => (one.address === '127.0.0.1' ? { refusal: 'never', why: 'the never list has it: loopback' } : null),
    })
    expect(await ask('PUT', '/put', jsonOf('127.0.0.1'))).toEqual({
      status: 200,
      body: 'Ignored: the never list has it: loopback',
    })
    expect(await ask('PUT', '/put', jsonOf('::ffff:203.0.113.1'))).toMatchObject({ status: 400 })
    expect(await ask('PUT', '/put', jsonOf('203.0.113.1'))).toEqual({ status: 200, body: '' })
    const text = await metrics.text()
    expect(text).toContain('gateway_entries_total{result="taken"} 1')
    expect(text).toContain('gateway_entries_total{result="unwanted"} 1')
    expect(text).toContain('gateway_requests_total{result="malformed"} 1')
    expect(text).toContain('gateway_requests_total{result="puts"} 3')
  })

  test('gets 503 while there is no cache, and health says so until there is one', async () => {
    const { ask, bus, metrics, health } = await start(LISTENING, { absent: true })
    expect(health.report().state).toBe('ok')
    expect(await ask('PUT', '/put', jsonOf('203.0.113.1'))).toMatchObject({ status: 503 })
    expect(await ask('GET', '/fetch')).toMatchObject({ status: 503 })
    expect(await metrics.text()).toContain('gateway_requests_total{result="unavailable"} 2')
    expect(health.report().components).toMatchObject([
      { name: 'sync gateway', state: 'degraded', why: expect.stringMatching(/^The cache cannot be asked: /) },
    ])
    bus.serve(OFFER, async () => [null])
    expect(await ask('PUT', '/put', jsonOf('203.0.113.1'))).toEqual({ status: 200, body: '' })
    expect(health.report().state).toBe('ok')
  })
})

test("a peer that asks gets everything the cache has, in the ancestor's form", async () => {
  const { ask } = await start(LISTENING, {
    bindings: [[resolution()], [resolution({ address: '2001:db8::1', name: 'b.example' })]],
  })
  expect(await ask('GET', '/fetch')).toEqual({
    status: 200,
    body: `[${jsonOf('203.0.113.1')},${jsonOf('2001:db8::1', 'b.example')}]\n`,
  })
})

test('a question to the cache is bounded in entries and in octets, and every entry gets its own answer', async () => {
  const long = Array.from({ length: 4 }, () => '\\001'.repeat(50)).join('.') // of octets that take four characters each
  const names = Array.from({ length: 1000 }, (_, n) => `n${n}.${n < 600 ? 'short' : long}`)
  const bodies = names.map((name, n) => JSON.stringify({ IP: `203.0.113.${n % 250}`, Domain: name, TS: SEEN }))
  const { ask, offers } = await start(LISTENING, {
    answer: (one) => (one.name === names[999] ? { refusal: 'not-listed', why: `no list covers ${one.name}` } : null),
  })
  const { body } = await ask('PUT', '/put', bodies.join('\n'), { 'Content-Type': 'application/x-ndjson' })
  expect(body).toBe(`Ignored 1 of 1000: no list covers ${names[999]}`)
  expect(offers.flat().map((one) => one.name)).toEqual(names)
  expect(Math.max(...offers.map((offer) => offer.length))).toBeLessThanOrEqual(500)
  for (const offer of offers) expect(JSON.stringify(offer).length).toBeLessThan(500_000)
})

describe('a binding that the cache learnt', () => {
  test('is told to every peer; one that never answers delays no other, and health names it', async () => {
    const mute = await startPeer(() => {})
    const alive = await startPeer()
    const { bus, clock, gateway, metrics, health, handlers } = await start(
      `[syncer]\npeers = ["${mute.where}", "${alive.where}"]\nsyncInterval = "0s"`,
    )
    expect(gateway.port).toBeUndefined()
    bus.publish(LEARNT, [resolution(), resolution({ address: '203.0.113.2' })])
    await waitFor(() => alive.puts.length === 2 && mute.puts.length === 2)
    expect(alive.puts.sort()).toEqual([jsonOf('203.0.113.1'), jsonOf('203.0.113.2')])
    // Its answers are on their way: the clock waits for them.
    await waitFor(() => JSON.stringify(gateway.report()).includes(`${alive.where}: 2 told`))
    clock.advance(5000)
    await waitFor(() => health.report().state === 'degraded')
    expect(health.report().components).toMatchObject([
      { name: 'sync gateway', state: 'ok' },
      {
        name: `sync peer ${mute.where}`,
        state: 'degraded',
        why: `${mute.where} cannot be told anything: it gave no answer in 5 s`,
      },
      { name: `sync peer ${alive.where}`, state: 'ok' },
    ])
    expect(await handlers.call('GET', '/api/sync-peers', { query: {}, body: undefined })).toMatchObject([
      { peer: mute.where, pushed: 0, queued: 2 },
      { peer: alive.where, pushed: 2, queued: 0 },
    ])
    expect(gateway.report()).toEqual({ syncPeers: [`${mute.where}: 0 told, 2 waiting`, `${alive.where}: 2 told, 0 waiting`] })
    const text = await metrics.text()
    expect(text).toContain(`gateway_pushed_total{sync_peer="${alive.where}"} 2`)
    expect(text).toContain(`gateway_queued{sync_peer="${mute.where}"} 2`)
  })

  test('is pushed to nobody after close()', async () => {
    const peer = await startPeer()
    const { bus, gateway, clock } = await start(`[syncer]\npeers = ["${peer.where}"]\nsyncInterval = "10m"`)
    await gateway.close()
    bus.publish(LEARNT, [resolution()])
    await new Promise((resolve) => setImmediate(resolve))
    expect(peer.puts).toEqual([])
    expect(clock.timers).toBe(0)
  })
})

test('at the start every peer is asked for everything, and the cache judges that too', async () => {
  const peer = await startPeer((_request, response) =>
    response.end(`[${jsonOf('203.0.113.1')},{"IP":"nonsense","Domain":"a.example","TS":"${SEEN}"},${jsonOf('127.0.0.1')}]\n`),
  )
  const { clock, offers, metrics } = await start(`[syncer]\npeers = ["${peer.where}"]`, {
    answer: (one) => (one.address === '127.0.0.1' ? { refusal: 'never', why: 'the never list has it: loopback' } : null),
  })
  clock.advance(0)
  await waitFor(async () => (await metrics.text()).includes(`gateway_fetches_total{sync_peer="${peer.where}"} 1`))
  expect(offers.flat().map(({ address, source }) => [address, source])).toEqual([
    ['203.0.113.1', { kind: 'sync-peer', name: '127.0.0.1' }],
    ['127.0.0.1', { kind: 'sync-peer', name: '127.0.0.1' }],
  ])
  const text = await metrics.text()
  for (const result of ['taken', 'unwanted', 'malformed']) expect(text).toContain(`gateway_entries_total{result="${result}"} 1`)
})

test('when the store comes back with another epoch every peer is asked again at once', async () => {
  let asked = 0
  const peer = await startPeer((_request, response) => {
    asked++
    response.end('null\n')
  })
  const { bus, clock, metrics, gateway } = await start(`[syncer]\npeers = ["${peer.where}"]\nsyncInterval = "10m"`)
  const fetched = (times: number) =>
    waitFor(async () => {
      clock.advance(0)
      return (await metrics.text()).includes(`gateway_fetches_total{sync_peer="${peer.where}"} ${times}`)
    })
  await fetched(1)
  for (const epoch of ['e1', 'e1', 'e1', 'e2', 'e2']) {
    bus.publish(HEAD, { epoch, revision: 1 })
    await new Promise((resolve) => setImmediate(resolve))
  }
  await fetched(2)
  await gateway.close()
  expect(asked).toBe(2)
})

describe('a fetch that brings more new routes than a list may make at once', () => {
  const tooFast = { refusal: 'rate', why: 'list "video" makes new routes too fast' }

  test('goes on at the rate of the list', async () => {
    const peer = await startPeer((_request, response) => response.end(`[${jsonOf('203.0.113.1')},${jsonOf('203.0.113.2')}]\n`))
    let isFull = true
    const { clock, offers, metrics } = await start(`[syncer]\npeers = ["${peer.where}"]`, {
      answer: (one) => (isFull && one.address === '203.0.113.2' ? tooFast : null),
    })
    clock.advance(0)
    await waitFor(() => offers.length === 1)
    isFull = false
    await waitFor(() => {
      clock.advance(100)
      return offers.length === 2
    })
    expect(offers[1].map((one) => one.address)).toEqual(['203.0.113.2'])
    await waitFor(async () => (await metrics.text()).includes(`gateway_fetches_total{sync_peer="${peer.where}"} 1`))
    expect(await metrics.text()).toContain('gateway_entries_total{result="taken"} 2')
    expect(await metrics.text()).toContain('gateway_entries_total{result="unwanted"} 0')
  })

  test('leaves the rest to the next fetch after a few pauses, and lets us stop meanwhile', async () => {
    const peer = await startPeer((_request, response) => response.end(`[${jsonOf('203.0.113.1')}]\n`))
    const { clock, offers, metrics } = await start(`[syncer]\npeers = ["${peer.where}"]`, { answer: () => tooFast })
    clock.advance(0)
    await waitFor(() => offers.length === 1)
    await waitFor(() => {
      clock.advance(100)
      return offers.length === 4
    })
    await waitFor(async () => (await metrics.text()).includes(`gateway_fetches_total{sync_peer="${peer.where}"} 1`))
    expect(offers).toHaveLength(4)
    expect(await metrics.text()).toContain('gateway_entries_total{result="unwanted"} 1')

    const other = await start(`[syncer]\npeers = ["${peer.where}"]`, { answer: () => tooFast })
    other.clock.advance(0)
    await waitFor(() => other.offers.length === 1)
    await other.gateway.close()
    await waitFor(() => other.clock.timers === 0)
  })
})
