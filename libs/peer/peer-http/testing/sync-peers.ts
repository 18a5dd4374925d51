/** A client under test, and peers that answer as they are made to. Everything that a test opens is closed after it. */
import type { PeerEntry } from '@dnstap-bgp/peer-sync'
import { silentLog } from '@dnstap-bgp/runtime'
import { FakeClock } from '@dnstap-bgp/testkit'
import { createServer as createHttpServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo, Server } from 'node:net'
import { afterEach } from 'vitest'
import { PeerClient } from '../src/peer-client.ts'
import type { PeerClientConfig, PeerClientDeps } from '../src/peer-client.ts'

export const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

export const entry = (index: number): PeerEntry => ({
  address: '203.0.113.1',
  name: `n${index}.test`,
  seenAtMs: Date.parse('2026-11-23T01:13:08.733Z') + index,
})
export const entries = (count: number) => Array.from({ length: count }, (_, index) => entry(index))

export function makeClient(port: number, config: Partial<PeerClientConfig> = {}, deps: Partial<PeerClientDeps> = {}) {
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
export async function startPeer(respond: (request: IncomingMessage, response: ServerResponse, body: string) => void) {
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

export function listen(server: Server, port = 0): Promise<void> {
  return new Promise((resolve) => server.listen(port, '127.0.0.1', resolve))
}

export const portOf = (server: Server) => (server.address() as AddressInfo).port
export const ok = (_request: IncomingMessage, response: ServerResponse) => response.end()
