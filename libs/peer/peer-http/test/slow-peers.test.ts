/** Peers that take their time, against the real clock: Node's own limits end them. */
import type { PeerEntry } from '@dnstap-bgp/peer-sync'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startPeerServer } from '../src/index.ts'
import type { PeerServer } from '../src/index.ts'

let server: PeerServer
const accepted: PeerEntry[] = []
beforeAll(async () => {
  server = await startPeerServer(
    { listen: { kind: 'tcp', host: '127.0.0.1', port: 0 }, peers: ['127.0.0.1'], allow: [], names: [], token: undefined },
    {
      entries: async function* () {},
      accept: (entries) => {
        accepted.push(...entries)
        return Promise.resolve(entries.map(() => undefined))
      },
      clock: systemClock,
      log: silentLog,
    },
  )
})
afterAll(() => server.close())

/** Sends the start, then an octet now and then, until the server has had enough; gives what it said. */
function drip(start: string, octet: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(server.port, '127.0.0.1', () => socket.write(start))
    const timer = setInterval(() => socket.write(octet), 200)
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => (text += chunk))
    socket.on('error', () => {})
    socket.on('close', () => {
      clearInterval(timer)
      resolve(text)
    })
  })
}

test('headers and bodies that come an octet at a time are ended with 408, and nothing of them is taken', async () => {
  const answers = await Promise.all([
    drip('PUT /put HTTP/1.1\r\nHost: a\r\nX-Slow: ', 'a'),
    drip('PUT /put HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n', '1\r\n{\r\n'),
    drip('PUT /put HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{"IP":"', 'x'),
  ])
  for (const answer of answers) expect(answer).toMatch(/^(HTTP\/1\.1 408 |$)/)
  expect(accepted).toEqual([])
})
