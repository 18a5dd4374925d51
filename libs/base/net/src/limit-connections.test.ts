import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { limitConnections } from './limit-connections.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** A server with room for three that answers `/wait` only when told. */
async function start() {
  const waiting: (() => void)[] = []
  const server = createServer((request, response) => {
    if (request.url === '/wait') waiting.push(() => response.end('waited'))
    else response.end('served')
  })
  limitConnections(server, 3)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  const open = async (text = ''): Promise<Socket> => {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    socket.setEncoding('utf8')
    socket.on('error', () => {})
    socket.write(text)
    const accepted = once(server, 'connection')
    await accepted
    closers.push(() => socket.destroy())
    return socket
  }
  return { open, waiting }
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`

test.each([
  ['that never send anything', ''],
  ['that dribble their headers', 'GET / HTTP/1.1\r\nHost: a\r\nX-'],
])('connections %s make room for others, the oldest first', async (_what, text) => {
  const { open } = await start()
  const silent = [await open(text), await open(text), await open(text)]
  const gone = once(silent[0], 'close')
  const good = await open(get('/'))
  expect(String((await once(good, 'data'))[0])).toContain('served')
  await gone
  expect(silent.map((socket) => socket.destroyed)).toEqual([true, false, false])
})

test('a connection that is being served stays, whoever comes; with all served, the newest is refused', async () => {
  const { open, waiting } = await start()
  const served = [await open(get('/wait')), await open(get('/wait')), await open(get('/wait'))]
  await expect.poll(() => waiting.length, { timeout: 60_000 }).toBe(3)
  const refused = await open(get('/'))
  await once(refused, 'close')
  const answers = served.map((socket) => once(socket, 'data'))
  for (const answer of waiting) answer()
  for (const [text] of await Promise.all(answers)) expect(String(text)).toContain('waited')
})
