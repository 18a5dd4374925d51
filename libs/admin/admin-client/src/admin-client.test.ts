import { ADMIN_API } from '@dnstap-bgp/admin-api'
import type { ListenAddress } from '@dnstap-bgp/net'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { AdminClient } from './admin-client.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

async function instance(
  answer: (request: IncomingMessage, response: ServerResponse, body: string) => void,
): Promise<ListenAddress> {
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (text: string) => (body += text))
    request.on('end', () => answer(request, response, body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => new Promise((resolve) => server.close(resolve)))
  return { kind: 'tcp', host: '127.0.0.1', port: (server.address() as AddressInfo).port }
}

const NOBODY: ListenAddress = { kind: 'unix', path: '/nonexistent/admin.sock' }

test('query, body and token are sent, and the reply comes back', async () => {
  const asked: unknown[] = []
  const place = await instance(({ method, url, headers }, response, body) => {
    asked.push([method, url, headers.authorization, body])
    response.end('{"ok":true}')
  })
  const client = new AdminClient({ places: [place], token: { reveal: () => 'sesame' } })
  expect(await client.call(ADMIN_API.explain, { query: { subject: 'a b' } })).toEqual({ ok: true })
  expect(await client.call(ADMIN_API.routes, { query: { peer: undefined } as object })).toEqual({ ok: true })
  await client.call(ADMIN_API.forget, { body: { subject: 'x', holdDown: '1h' } })
  expect(asked).toEqual([
    ['GET', '/api/explain?subject=a+b', 'Bearer sesame', ''],
    ['GET', '/api/routes', 'Bearer sesame', ''],
    ['POST', '/api/forget', 'Bearer sesame', '{"subject":"x","holdDown":"1h"}'],
  ])
})

test('where nobody listens the next place is asked', async () => {
  const place = await instance((_request, response) => response.end('[]'))
  expect(await new AdminClient({ places: [NOBODY, place], token: undefined }).call(ADMIN_API.peers)).toEqual([])
  await expect(new AdminClient({ places: [NOBODY], token: undefined }).call(ADMIN_API.peers)).rejects.toMatchObject({
    fault: 'nobody',
    message: expect.stringMatching(/^Nothing answers at \/nonexistent\/admin\.sock/) as string,
  })
  await expect(new AdminClient({ places: [], token: undefined }).call(ADMIN_API.peers)).rejects.toMatchObject({ fault: 'nobody' })
})

test('a refusal is told with its sentence, and an answer that is no JSON with its status', async () => {
  const place = await instance(({ url }, response) => {
    response.statusCode = 409
    response.end(url === '/api/peers' ? '{"error":"not now"}' : 'oops')
  })
  const client = new AdminClient({ places: [place], token: undefined })
  await expect(client.call(ADMIN_API.peers)).rejects.toMatchObject({
    fault: 'refused',
    status: 409,
    message: expect.stringMatching(/refused: not now$/) as string,
  })
  await expect(client.call(ADMIN_API.lists)).rejects.toMatchObject({ fault: 'failed', status: 409 })
})
