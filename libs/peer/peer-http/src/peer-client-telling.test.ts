/** What a sync peer is told: in which bytes, how fast, and what happens when it does not take it. */
import { FakeClock, waitFor } from '@dnstap-bgp/testkit'
import { encodeEntry, type PeerEntry } from '@dnstap-bgp/peer-sync'
import { silentLog } from '@dnstap-bgp/runtime'
import { type ServerResponse } from 'node:http'
import { createServer, type Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { createServer as createHttpServer } from 'node:http'
import { closers, entries, entry, listen, makeClient, ok, portOf, startPeer } from '../testing/sync-peers.ts'
import { startPeerServer } from './peer-server.ts'

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

  test('while a peer is slow, only the latest sighting of a binding waits', async () => {
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

  test('entries without room are dropped and counted', async () => {
    const { port } = await startPeer(() => {})
    const { client } = makeClient(port, { maxQueued: 10 })
    client.push(entries(30))
    expect(client.status()).toMatchObject({ queued: 6, dropped: 20 }) // four are on their way
  })

  test('a peer that never answers is given up after 5 s, and its entries wait', async () => {
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

  test.each([400, 413])('an entry that a peer answers with %d is not sent again', async (status) => {
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
