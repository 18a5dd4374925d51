/** What a sync peer is asked for: its whole cache, bounded in time and memory. */
import { FakeClock, waitFor } from '@dnstap-bgp/testkit'
import { encodeEntry } from '@dnstap-bgp/peer-sync'
import { silentLog } from '@dnstap-bgp/runtime'
import { type ServerResponse } from 'node:http'
import { createServer } from 'node:net'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { closers, entries, entry, listen, makeClient, ok, portOf, startPeer } from '../testing/sync-peers.ts'
import { startPeerServer } from './peer-server.ts'

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

  test('is repeated at once when the store lost its memory, and again when that happens during a fetch', async () => {
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

  test('an answer that stops in the middle is given up, its earlier entries are kept', async () => {
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
