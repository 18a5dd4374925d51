import { FakeClock, waitFor } from '@dnstap-bgp/testkit'
import type { PeerEntry } from '@dnstap-bgp/peer-sync'
import { encodeEntry } from '@dnstap-bgp/peer-sync'
import { silentLog } from '@dnstap-bgp/runtime'
import { createServer as createHttpServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { PeerClient } from './peer-client.ts'
import type { PeerClientConfig, PeerClientDeps } from './peer-client.ts'
import { startPeerServer } from './peer-server.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const entry = (index: number): PeerEntry => ({
  address: '203.0.113.1',
  name: `n${index}.test`,
  seenAtMs: Date.parse('2026-11-23T01:13:08.733Z') + index,
})
const entries = (count: number) => Array.from({ length: count }, (_, index) => entry(index))

function makeClient(port: number, config: Partial<PeerClientConfig> = {}, deps: Partial<PeerClientDeps> = {}) {
  const clock = new FakeClock()
  const accepted: PeerEntry[] = []
  const health: string[] = []
  const note = (text: string) => {
    if (health[health.length - 1] !== text) health.push(text)
  }
  const client = new PeerClient(
    { peer: { host: '127.0.0.1', port }, token: undefined, syncIntervalMs: 0, ...config },
    {
      accept: (given) => {
        accepted.push(...given)
        return Promise.resolve()
      },
      health: { ok: () => note('ok'), degraded: note },
      clock,
      log: silentLog,
      random: () => 0.5,
      ...deps,
    },
  )
  closers.push(() => client.close())
  return { client, clock, accepted, health }
}

/** A peer that notes what it is told and answers as it is made to. */
async function startPeer(respond: (request: IncomingMessage, response: ServerResponse, body: string) => void) {
  const bodies: string[] = []
  const server = createHttpServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (chunk: string) => (body += chunk))
    request.on('end', () => {
      bodies.push(body)
      respond(request, response, body)
    })
  })
  await listen(server)
  closers.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return { port: portOf(server), bodies }
}

function listen(server: Server, port = 0): Promise<void> {
  return new Promise((resolve) => server.listen(port, '127.0.0.1', resolve))
}

const portOf = (server: Server) => (server.address() as AddressInfo).port
const ok = (_request: IncomingMessage, response: ServerResponse) => response.end()

describe('telling', () => {
  test("an entry goes out in the ancestor's bytes, and the next one over the same connection", async () => {
    let received = ''
    let connections = 0
    const server = createServer((socket) => {
      connections++
      socket.setEncoding('utf8')
      socket.on('data', (chunk: string) => {
        received += chunk
        if (chunk.endsWith('0\r\n\r\n'))
          socket.write('HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 01:13:08 GMT\r\nContent-Length: 0\r\n\r\n')
      })
    })
    await listen(server)
    closers.push(() => server.close())
    const { client } = makeClient(portOf(server))
    client.push([{ address: '203.0.113.1', name: 'listed.test', seenAtMs: Date.parse('2026-11-23T01:13:08.733Z') }])
    await waitFor(() => client.status().pushed === 1)
    const body = '{"IP":"203.0.113.1","Domain":"listed.test","TS":"2026-11-23T01:13:08.733Z"}'
    expect(received).toBe(
      `PUT /put HTTP/1.1\r\nHost: 127.0.0.1:${portOf(server)}\r\nUser-Agent: Go-http-client/1.1\r\nTransfer-Encoding: chunked\r\nAccept-Encoding: gzip\r\n\r\n` +
        `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    )
    client.push([entry(1)])
    await waitFor(() => client.status().pushed === 2)
    expect(connections).toBe(1)
  })

  test('many entries go one by one to an ancestor, each told once', async () => {
    const { port, bodies } = await startPeer(ok)
    const { client } = makeClient(port)
    client.push(entries(50))
    await waitFor(() => client.status().pushed === 50)
    expect([...bodies].sort()).toEqual(entries(50).map(encodeEntry).sort())
  })

  test('in batches to one of ours', async () => {
    const told: PeerEntry[] = []
    let calls = 0
    const server = await startPeerServer(
      {
        listen: { kind: 'tcp', host: '127.0.0.1', port: 0 },
        peers: ['127.0.0.1'],
        allow: [],
        names: [],
        token: { reveal: () => 'sesame' },
      },
      {
        entries: async function* () {},
        accept: (given) => {
          calls++
          told.push(...given)
          return Promise.resolve(given.map(() => undefined))
        },
        clock: new FakeClock(),
        log: silentLog,
      },
    )
    closers.push(() => server.close())
    const { client } = makeClient(server.port, { token: { reveal: () => 'sesame' } })
    client.push(entries(3000))
    await waitFor(() => client.status().pushed === 3000)
    expect(new Set(told.map(({ name }) => name)).size).toBe(3000)
    expect(calls).toBeLessThan(20)
  })

  test('while a peer is slow, sightings of one binding become one, the latest', async () => {
    const waiting: ServerResponse[] = []
    const { port, bodies } = await startPeer((_request, response) => waiting.push(response))
    const { client } = makeClient(port)
    client.push(entries(4))
    await waitFor(() => waiting.length === 4)
    for (let seen = 0; seen < 100; seen++) client.push([{ ...entry(9), seenAtMs: seen }])
    expect(client.status()).toMatchObject({ queued: 1, coalesced: 99 })
    for (const response of waiting.splice(0)) response.end()
    await waitFor(() => waiting.length === 1)
    expect(bodies[4]).toBe(encodeEntry({ ...entry(9), seenAtMs: 99 }))
  })

  test('what has no room is dropped and counted', async () => {
    const { port } = await startPeer(() => {})
    const { client } = makeClient(port, { maxQueued: 10 })
    client.push(entries(30))
    expect(client.status()).toMatchObject({ queued: 6, dropped: 20 }) // four are on their way
  })

  test('a peer that never answers is given up after 5 s, and what it was told waits', async () => {
    const { port } = await startPeer(() => {})
    const { client, clock, health } = makeClient(port)
    client.push([entry(1)])
    await waitFor(() => clock.timers === 1)
    clock.advance(5000)
    await waitFor(() => client.status().pushFailures === 1)
    expect(client.status().queued).toBe(1)
    expect(health).toEqual([`127.0.0.1:${port} cannot be told anything: it gave no answer in 5 s`])
  })

  test('a peer that is away is tried again with growing pauses, and told everything when it is back', async () => {
    const bodies: string[] = []
    const server = createHttpServer((request, response) => {
      request.on('data', (chunk: Buffer) => bodies.push(chunk.toString()))
      request.on('end', () => response.end())
    })
    await listen(server)
    const port = portOf(server)
    await new Promise((resolve) => server.close(resolve))
    const { client, clock, health } = makeClient(port)
    client.push(entries(3))
    for (let failure = 1; failure <= 4; failure++) {
      await waitFor(() => client.status().pushFailures >= failure && clock.timers === 1)
      const before = client.status().pushFailures
      const pauseMs = Math.min(60_000, 1000 * 2 ** (before - 1)) * 0.75
      clock.advance(pauseMs - 1)
      expect(clock.timers).toBe(1)
      if (failure < 4) clock.advance(1)
      if (failure < 4) await waitFor(() => client.status().pushFailures === before + 1)
    }
    await listen(server, port)
    closers.push(() => {
      server.closeAllConnections()
      server.close()
    })
    clock.advance(1)
    await waitFor(() => client.status().pushed === 3)
    expect(bodies.sort()).toEqual(entries(3).map(encodeEntry).sort())
    expect(health).toEqual([`127.0.0.1:${port} cannot be told anything: nobody listens there`, 'ok'])
    expect(client.status().problem).toBeUndefined()
  })

  test('a dead peer delays no other', async () => {
    const dead = await startPeer(() => {})
    const alive = await startPeer(ok)
    const first = makeClient(dead.port).client
    const second = makeClient(alive.port).client
    for (const client of [first, second]) client.push(entries(20))
    await waitFor(() => second.status().pushed === 20)
    expect(first.status().pushed).toBe(0)
  })

  test.each([400, 413])('what a peer answers with %d is not told again', async (status) => {
    const { port, bodies } = await startPeer((_request, response, body) => {
      response.statusCode = body.includes('n1.test') ? status : 200
      response.end('Bad request: no')
    })
    const { client } = makeClient(port)
    client.push(entries(3))
    await waitFor(() => client.status().pushed === 2)
    expect(client.status()).toMatchObject({ refused: 1, queued: 0, pushFailures: 0 })
    expect(bodies).toHaveLength(3)
  })

  test.each([401, 403, 500, 503, 302, 204])(
    '%d is a failure: it is told again later, and the operator sees the answer',
    async (status) => {
      const { port } = await startPeer((_request, response) => {
        response.statusCode = status
        response.setHeader('Location', 'http://192.0.2.1/')
        response.end(status === 204 ? undefined : 'because\nof this\u001b[2J')
      })
      const { client, health } = makeClient(port)
      client.push([entry(1)])
      await waitFor(() => client.status().queued === 1 && client.status().pushFailures === 1)
      expect(health[0]).toContain(`it answered ${status}${status === 204 ? '' : ' (because of this'}`)
    },
  )

  test('a kept connection that the peer has closed is replaced without a failure', async () => {
    const sockets: Socket[] = []
    const { port } = await startPeer((request, response) => {
      sockets.push(request.socket)
      response.end()
    })
    const { client } = makeClient(port)
    for (let told = 1; told <= 5; told++) {
      client.push([entry(told)])
      await waitFor(() => client.status().pushed === told)
      sockets[sockets.length - 1].resetAndDestroy() // the client learns of it when it is about to write, or just before
    }
    expect(client.status().pushFailures).toBe(0)
  })

  test('closed, it holds nothing open', async () => {
    const { port } = await startPeer(() => {})
    const { client, clock } = makeClient(port, { syncIntervalMs: 60_000 })
    client.start()
    clock.advance(0)
    client.push(entries(3))
    await waitFor(() => clock.timers > 1)
    await client.close()
    await waitFor(() => clock.timers === 0)
  })
})

describe('asking', () => {
  const RECORDED =
    '[{"IP":"203.0.113.1","Domain":"listed.test","TS":"2026-11-23T01:13:09.733754902Z"},{"IP":"2001:db8:2::1","Domain":"listed.test","TS":"2026-11-23T01:13:09.234821322Z"}]\n'

  test("at once and then every interval, in the ancestor's bytes; its answer is handed on", async () => {
    let received = ''
    const server = createServer((socket) => {
      socket.setEncoding('utf8')
      socket.on('data', (chunk: string) => {
        received += chunk
        socket.write(
          `HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${RECORDED.length}\r\n\r\n${RECORDED}`,
        )
      })
    })
    await listen(server)
    closers.push(() => server.close())
    const { client, clock, accepted } = makeClient(portOf(server), { syncIntervalMs: 600_000 })
    client.start()
    clock.advance(0)
    await waitFor(() => client.status().fetches === 1)
    expect(received).toBe(
      `GET /fetch HTTP/1.1\r\nHost: 127.0.0.1:${portOf(server)}\r\nUser-Agent: Go-http-client/1.1\r\nAccept-Encoding: gzip\r\n\r\n`,
    )
    expect(accepted).toEqual([
      { address: '203.0.113.1', name: 'listed.test', seenAtMs: Date.parse('2026-11-23T01:13:09.733Z') },
      { address: '2001:db8:2::1', name: 'listed.test', seenAtMs: Date.parse('2026-11-23T01:13:09.234Z') },
    ])
    expect(client.status()).toMatchObject({ lastFetchEntries: 2, lastFetchAtMs: clock.now(), problem: undefined })
    await waitFor(() => clock.timers === 1)
    clock.advance(599_999)
    expect(client.status().fetches).toBe(1)
    clock.advance(1)
    await waitFor(() => client.status().fetches === 2)
  })

  test('is made at once when what it brought is lost, and once more when that happens in the middle of one', async () => {
    const held: (() => void)[] = []
    const { port } = await startPeer((_request, response) => held.push(() => response.end('null\n')))
    const { client, clock } = makeClient(port, { syncIntervalMs: 600_000 })
    const answer = async (fetches: number) => {
      await waitFor(() => held.length === 1)
      held.pop()?.()
      await waitFor(() => client.status().fetches === fetches)
    }
    client.start()
    clock.advance(0)
    await answer(1)
    client.fetchSoon()
    client.fetchSoon()
    clock.advance(0)
    await waitFor(() => held.length === 1)
    client.fetchSoon()
    await answer(2)
    await waitFor(() => {
      clock.advance(0)
      return held.length === 1
    })
    await answer(3)
    await waitFor(() => clock.timers === 1)
    clock.advance(599_999)
    expect(client.status().fetches).toBe(3)
  })

  test.each([
    ['null', 'null\n', 0],
    ['an empty array', '[]\n', 0],
    ['many', `[${entries(2500).map(encodeEntry).join()}]\n`, 2500],
  ])('%s is an answer', async (_what, body, count) => {
    const { port } = await startPeer((_request, response) => response.end(body))
    const { client, clock, accepted } = makeClient(port, { syncIntervalMs: 1000 })
    client.start()
    clock.advance(0)
    await waitFor(() => client.status().fetches === 1)
    expect(accepted).toHaveLength(count)
  })

  test('a compressed answer, as a proxy in between may make it, is read', async () => {
    const { port } = await startPeer((_request, response) => {
      response.setHeader('Content-Encoding', 'gzip')
      response.end(gzipSync(`[${entries(100).map(encodeEntry).join()}]\n`))
    })
    const { client, clock, accepted } = makeClient(port, { syncIntervalMs: 1000 })
    client.start()
    clock.advance(0)
    await waitFor(() => client.status().fetches === 1)
    expect(accepted).toEqual(entries(100))
  })

  test('the peer is read as fast as its entries are taken, in bounded parts', async () => {
    const { port } = await startPeer((_request, response) => response.end(`[${entries(5000).map(encodeEntry).join()}]\n`))
    const sizes: number[] = []
    let running = 0
    const { client, clock } = makeClient(
      port,
      { syncIntervalMs: 1000 },
      {
        accept: async (given) => {
          expect(++running).toBe(1)
          sizes.push(given.length)
          await new Promise((resolve) => setImmediate(resolve))
          running--
        },
      },
    )
    client.start()
    clock.advance(0)
    await waitFor(() => client.status().fetches === 1)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1000)
    expect(sizes.reduce((sum, size) => sum + size)).toBe(5000)
  })

  test.each<[what: string, respond: (response: ServerResponse) => void, problem: string]>([
    ['cut short', (response) => response.end('[{"IP":"203.0.113.1"'), 'its answer is broken: unexpected EOF'],
    [
      'a page',
      (response) => response.end('<html>'),
      "its answer is broken: invalid character '<' looking for beginning of value",
    ],
    [
      'a refusal',
      (response) => response.writeHead(403).end('Forbidden: 192.0.2.1 is not among the peers'),
      'it answered 403 (Forbidden: 192.0.2.1 is not among the peers)',
    ],
    ['gone in the middle', (response) => response.writeHead(200).write('[', () => response.destroy()), ''],
    ['bad gzip', (response) => response.writeHead(200, { 'Content-Encoding': 'gzip' }).end('not gzip'), ''],
  ])('an answer that is %s is a failure, and it is asked again soon', async (_what, respond, problem) => {
    const { port, bodies } = await startPeer((_request, response) => respond(response))
    const { client, clock, health } = makeClient(port, { syncIntervalMs: 600_000 })
    client.start()
    clock.advance(0)
    await waitFor(() => client.status().fetchFailures === 1)
    expect(health[1]).toContain(`127.0.0.1:${port} cannot be asked for what it has: ${problem}`)
    await waitFor(() => clock.timers === 1)
    clock.advance(750)
    await waitFor(() => bodies.length === 2)
  })

  test('an answer that stops in the middle is given up, what came before stands', async () => {
    const { port } = await startPeer((_request, response) => response.write(`[${entries(1500).map(encodeEntry).join()},`))
    const { client, clock, accepted } = makeClient(port, { syncIntervalMs: 600_000 })
    client.start()
    clock.advance(0)
    await waitFor(() => accepted.length === 1000)
    await waitFor(() => clock.timers === 1) // the standstill's
    clock.advance(5000)
    await waitFor(() => client.status().fetchFailures === 1)
    expect(client.status().problem).toContain('it stopped in the middle of its answer')
  })

  test('however long we take over its entries, the peer is not blamed', async () => {
    const { port } = await startPeer((_request, response) => response.end(`[${entries(5000).map(encodeEntry).join()}]\n`))
    const { client, clock, health } = makeClient(
      port,
      { syncIntervalMs: 86_400_000 },
      {
        accept: () => {
          clock.advance(200_000)
          return Promise.resolve()
        },
      },
    )
    client.start()
    clock.advance(0)
    await waitFor(() => client.status().fetches + client.status().fetchFailures === 1)
    expect(client.status()).toMatchObject({ fetches: 1, lastFetchEntries: 5000 })
    expect(health).toEqual(['ok'])
  })

  test('an answer that trickles for more than 5 min is given up', async () => {
    const responses: ServerResponse[] = []
    const { port } = await startPeer((_request, response) => responses.push(response))
    const { client, clock, accepted } = makeClient(port, { syncIntervalMs: 86_400_000 })
    client.start()
    clock.advance(0)
    await waitFor(() => responses.length === 1)
    responses[0].writeHead(200)
    for (let thousands = 1; client.status().fetchFailures === 0; thousands++) {
      expect(thousands).toBeLessThan(100)
      responses[0].write(`${thousands === 1 ? '[' : ','}${entries(1000).map(encodeEntry).join()}`)
      await waitFor(() => client.status().fetchFailures > 0 || (accepted.length === thousands * 1000 && clock.timers === 1))
      await new Promise((resolve) => setImmediate(resolve))
      clock.advance(4000)
    }
    expect(client.status().problem).toContain('its answer is not whole after 300 s')
  })

  test('when nothing can be taken the fetch ends and is tried again', async () => {
    const { port } = await startPeer((_request, response) => response.end(`[${encodeEntry(entry(1))}]\n`))
    const { client, clock } = makeClient(
      port,
      { syncIntervalMs: 600_000 },
      { accept: () => Promise.reject(new Error('the bus is away')) },
    )
    client.start()
    clock.advance(0)
    await waitFor(() => client.status().fetchFailures === 1)
    expect(client.status().problem).toBe(`127.0.0.1:${port} has entries that we cannot take now: the bus is away`)
  })

  test('an interval of 0 never asks', async () => {
    const { port, bodies } = await startPeer(ok)
    const { client, clock } = makeClient(port)
    client.start()
    clock.advance(86_400_000)
    await new Promise((resolve) => setImmediate(resolve))
    expect(bodies).toEqual([])
  })
})

test('two of ours: what one has the other learns, in thousands', async () => {
  const have = entries(20_000)
  const server = await startPeerServer(
    { listen: { kind: 'tcp', host: '127.0.0.1', port: 0 }, peers: ['127.0.0.1'], allow: [], names: [], token: undefined },
    {
      entries: async function* () {
        for (let at = 0; at < have.length; at += 512) yield await Promise.resolve(have.slice(at, at + 512))
      },
      accept: (given) => Promise.resolve(given.map(() => undefined)),
      clock: new FakeClock(),
      log: silentLog,
    },
  )
  closers.push(() => server.close())
  const { client, clock, accepted } = makeClient(server.port, { syncIntervalMs: 1000 })
  client.start()
  clock.advance(0)
  await waitFor(() => client.status().fetches === 1)
  expect(accepted).toEqual(have)
})
