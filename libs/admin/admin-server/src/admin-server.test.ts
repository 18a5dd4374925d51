import {
  ADMIN_API,
  AdminError,
  AdminHandlers,
  type AdminHandler,
  type AdminRequest,
  type AdminEndpoint,
} from '@dnstap-bgp/admin-api'
import { silentLog, type Log } from '@dnstap-bgp/runtime'
import { Health, Metrics } from '@dnstap-bgp/telemetry'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import type { OutgoingHttpHeaders } from 'node:http'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { startAdminServer } from './admin-server.ts'
import type { AdminServer, AdminServerConfig } from './admin-server.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const LOOPBACK = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const
const token = { reveal: () => 'sesame' }

/** By `GET /api/...`: what a handler of the endpoint gives, whatever the contract says of it. */
type Answers = Record<string, (request: AdminRequest) => unknown>

function handlersOf(answers: Answers): AdminHandlers {
  const handlers = new AdminHandlers()
  for (const endpoint of Object.values(ADMIN_API)) {
    const answer = answers[`${endpoint.method} ${endpoint.path}`]
    if (answer !== undefined) handlers.add<AdminEndpoint>(endpoint, answer as AdminHandler<AdminEndpoint>)
  }
  return handlers
}

async function start(config: Partial<AdminServerConfig> = {}, answers: Answers = {}, log: Log = silentLog) {
  const health = new Health({ clock: { now: () => 0, monotonic: () => 0 }, log: silentLog })
  const metrics = new Metrics({ process: false })
  const server = await startAdminServer({ listen: LOOPBACK, ...config }, { health, metrics, log, handlers: handlersOf(answers) })
  closers.push(() => server.close())
  return { server, health }
}

interface Answer {
  status: number
  headers: Record<string, unknown>
  text: string
}

function ask(
  server: AdminServer,
  path: string,
  more: { method?: string; headers?: OutgoingHttpHeaders; body?: string } = {},
): Promise<Answer> {
  const where = server.listening
  const target = where?.kind === 'unix' ? { socketPath: where.path } : { host: '127.0.0.1', port: where?.port }
  return new Promise((resolve, reject) => {
    const asked = request({ ...target, path, method: more.method ?? 'GET', headers: more.headers, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
      response.on('error', reject)
    })
    asked.on('error', reject)
    asked.end(more.body)
  })
}

test('a path that another service has is 404 with its name', async () => {
  const { server } = await start()
  expect(await ask(server, '/api/peers')).toMatchObject({
    status: 404,
    text: '{"error":"there is no /api/peers here; bgp-announcer has it"}\n',
  })
  expect(await ask(server, '/api/nonsense')).toMatchObject({ status: 404, text: '{"error":"there is no /api/nonsense here"}\n' })
})

const postJson = (body: string, headers: OutgoingHttpHeaders = {}) => ({
  method: 'POST',
  body,
  headers: { 'Content-Type': 'application/json', Authorization: 'Bearer sesame', ...headers },
})

test('/livez is 200 whatever the parts say; /readyz is 503 until the start is over and all parts have started', async () => {
  const { server, health } = await start()
  const empty = await ask(server, '/readyz')
  expect([empty.status, empty.text]).toEqual([503, '{"ready":false,"state":"starting","components":[]}\n'])
  health.started()
  const part = health.component('store')
  expect((await ask(server, '/livez')).status).toBe(200)
  const before = await ask(server, '/readyz')
  expect(before.status).toBe(503)
  expect(JSON.parse(before.text)).toEqual({
    ready: false,
    state: 'starting',
    components: [{ name: 'store', state: 'starting', why: '', since: '1970-01-01T00:00:00.000Z' }],
  })
  part.ok()
  expect((await ask(server, '/readyz')).status).toBe(200)
})

test('/metrics is Prometheus text', async () => {
  const { server } = await start()
  const { status, headers, text } = await ask(server, '/metrics')
  expect(status).toBe(200)
  expect(headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/)
  expect(text).toContain('# TYPE dnstap_bgp_metrics_unreadable_total counter')
})

test('a handler gets query and body, and its value is sent as JSON', async () => {
  const { server } = await start(
    { token },
    {
      'GET /api/explain': ({ query }) => ({ asked: query['subject'] }),
      'POST /api/forget': ({ body }) => Promise.resolve({ body }),
    },
  )
  const headers = { Authorization: 'Bearer sesame' }
  expect((await ask(server, '/api/explain?subject=a%20b', { headers })).text).toBe('{"asked":"a b"}\n')
  expect((await ask(server, '/api/forget', postJson('{"subject":"x"}'))).text).toBe('{"body":{"subject":"x"}}\n')
  expect(await ask(server, '/api/forget', { method: 'POST', headers })).toMatchObject({
    status: 400,
    text: '{"error":"subject is missing: an address, a prefix or a name expected"}\n',
  })
})

test('an async iterable becomes a JSON array', async () => {
  async function* count(to: number) {
    for (let value = 0; value < to; value++) yield await Promise.resolve({ value })
  }
  const { server } = await start(
    {},
    { 'GET /api/lists': () => count(3), 'GET /api/peers': () => count(0), 'GET /api/routes': () => count(50_000) },
  )
  expect(JSON.parse((await ask(server, '/api/lists')).text)).toEqual([{ value: 0 }, { value: 1 }, { value: 2 }])
  expect(JSON.parse((await ask(server, '/api/peers')).text)).toEqual([])
  expect(JSON.parse((await ask(server, '/api/routes')).text)).toHaveLength(50_000)
})

test('a client that goes away in the middle of an array ends the iteration', async () => {
  let ended: () => void
  const done = new Promise<void>((resolve) => (ended = resolve))
  async function* forever() {
    try {
      for (;;) yield await Promise.resolve('x'.repeat(1000))
    } finally {
      ended()
    }
  }
  const { server } = await start({}, { 'GET /api/routes': () => forever() })
  const where = server.listening
  const socket = connect(where?.kind === 'tcp' ? where.port : 0, '127.0.0.1')
  socket.write('GET /api/routes HTTP/1.1\r\nHost: localhost\r\n\r\n')
  socket.once('data', () => socket.destroy())
  await done
})

test('unknown paths, wrong methods and odd targets are told apart', async () => {
  const { server } = await start({}, { 'GET /api/senders': () => 1 })
  expect((await ask(server, '/nothing')).status).toBe(404)
  expect(await ask(server, '/api/senders', { method: 'POST' })).toMatchObject({ status: 405, headers: { allow: 'GET' } })
  expect(await ask(server, '/metrics', { method: 'DELETE' })).toMatchObject({ status: 405 })
  expect((await ask(server, '*', { method: 'OPTIONS' })).status).toBe(400)
  expect((await ask(server, '//evil/livez')).status).toBe(404)
})

test('a refusal of a handler is its status and sentence; any other error is 500 without details', async () => {
  const { server } = await start(
    {},
    {
      'GET /api/senders': () => {
        throw new AdminError(404, 'there is no such peer')
      },
      'GET /api/sync-peers': () => {
        throw new Error('the password is hunter2')
      },
    },
  )
  expect(await ask(server, '/api/senders')).toMatchObject({ status: 404, text: '{"error":"there is no such peer"}\n' })
  const broken = await ask(server, '/api/sync-peers')
  expect(broken.status).toBe(500)
  expect(broken.text).not.toContain('hunter2')
})

test.each([
  ['no JSON', postJson('{'), 400],
  ['a form', { method: 'POST', body: 'a=1', headers: { 'Content-Type': 'application/x-www-form-urlencoded' } }, 415],
  ['no type', { method: 'POST', body: '{}' }, 415],
  ['too long', postJson(`"${'x'.repeat(70_000)}"`), 413],
] as const)('a body that is %s is refused', async (_what, body, status) => {
  const { server } = await start({ token }, { 'POST /api/lists/reload': () => 'taken' })
  const headers = { Authorization: 'Bearer sesame', ...('headers' in body ? body.headers : {}) }
  expect((await ask(server, '/api/lists/reload', { ...body, headers })).status).toBe(status)
  expect((await ask(server, '/livez')).status).toBe(200)
})

test.each(['evil.example', 'evil.example:80', '192.0.2.1', '127.0.0.1.evil.example', '[2001:db8::1]:80'])(
  'on loopback the Host %o is refused: a page that rebinds its name gets nothing',
  async (host) => {
    const { server } = await start({}, { 'GET /api/senders': () => 1 })
    expect((await ask(server, '/api/senders', { headers: { Host: host } })).status).toBe(403)
  },
)

test.each(['localhost', 'LOCALHOST:8053', '127.0.0.1:1', '127.9.9.9', '[::1]:8053'])(
  'on loopback the Host %o is fine',
  async (host) => {
    const { server } = await start({}, { 'GET /api/senders': () => 1 })
    expect((await ask(server, '/api/senders', { headers: { Host: host } })).status).toBe(200)
  },
)

test("another page's request is refused, the same origin's is not", async () => {
  const { server } = await start({ token }, { 'POST /api/lists/reload': () => 1, 'GET /api/senders': () => 1 })
  for (const site of ['cross-site', 'same-site'])
    expect((await ask(server, '/metrics', { headers: { 'Sec-Fetch-Site': site } })).status).toBe(403)
  expect((await ask(server, '/metrics', { headers: { 'Sec-Fetch-Site': 'same-origin' } })).status).toBe(200)
  expect(
    (await ask(server, '/api/lists/reload', postJson('{}', { Host: 'localhost', Origin: 'https://evil.example' }))).status,
  ).toBe(403)
  expect((await ask(server, '/api/lists/reload', postJson('{}', { Host: 'localhost', Origin: 'null' }))).status).toBe(403)
  expect((await ask(server, '/api/lists/reload', postJson('{}', { Host: 'localhost', Origin: 'http://localhost' }))).status).toBe(
    200,
  )
})

test('off loopback /api is closed without a token and asks for it when there is one; probes and metrics stay open', async () => {
  const everywhere = { kind: 'tcp', host: '0.0.0.0', port: 0 } as const
  const routes = { 'GET /api/senders': () => 1 }
  const closed = (await start({ listen: everywhere }, routes)).server
  expect((await ask(closed, '/api/senders')).status).toBe(403)
  expect((await ask(closed, '/livez', { headers: { Host: '192.0.2.1:8053' } })).status).toBe(200)
  const guarded = (await start({ listen: everywhere, token }, routes)).server
  expect((await ask(guarded, '/api/senders')).status).toBe(401)
  expect((await ask(guarded, '/api/senders', { headers: { Authorization: 'Bearer sesam' } })).status).toBe(401)
  expect((await ask(guarded, '/api/senders', { headers: { Authorization: 'Bearer sesame' } })).status).toBe(200)
  expect((await ask(guarded, '/metrics')).status).toBe(200)
})

test('on loopback TCP any local user may read, and change nothing without the token; the UNIX socket needs none', async () => {
  const routes = { 'GET /api/senders': () => 1, 'POST /api/lists/reload': () => 2 }
  const tcp = (await start({}, routes)).server
  expect((await ask(tcp, '/api/senders')).status).toBe(200)
  const refused = await ask(tcp, '/api/lists/reload', postJson('{}'))
  expect([refused.status, refused.text]).toEqual([403, expect.stringContaining('needs a token (admin.token)')])
  const guarded = (await start({ token }, routes)).server
  expect((await ask(guarded, '/api/lists/reload', postJson('{}', { Authorization: 'Bearer open' }))).status).toBe(401)
  expect((await ask(guarded, '/api/lists/reload', postJson('{}'))).status).toBe(200)
  const folder = mkdtempSync(join(tmpdir(), 'admin-'))
  closers.push(() => rmSync(folder, { recursive: true }))
  const socket = (await start({ listen: { kind: 'unix', path: join(folder, 'admin.sock') } }, routes)).server
  expect((await ask(socket, '/api/lists/reload', { method: 'POST' })).text).toBe('2\n')
})

test('a POST whose body is never whole is no fault of ours: no line in the log', async () => {
  const lines: string[] = []
  const note = (_fields: object, sentence: string) => void lines.push(sentence)
  let asked = 0
  const routes = { 'POST /api/lists/reload': () => asked++, 'GET /api/senders': () => 1 }
  const { server } = await start({ token }, routes, { ...silentLog, warn: note, error: note })
  const where = server.listening
  const port = where?.kind === 'tcp' ? where.port : 0
  const head =
    'POST /api/lists/reload HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer sesame\r\nContent-Type: application/json\r\n'
  for (const body of ['Content-Length: 50\r\n\r\n{"a"', 'Transfer-Encoding: chunked\r\n\r\n5\r\n{"a"'])
    for (const leave of ['destroy', 'end', 'resetAndDestroy'] as const) {
      await new Promise<void>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => socket.write(head + body, () => socket[leave]()))
        socket.on('error', () => {})
        socket.on('close', () => resolve())
        socket.resume()
      })
    }
  expect((await ask(server, '/api/senders', { headers: { Authorization: 'Bearer sesame' } })).status).toBe(200)
  expect([asked, lines]).toEqual([0, []])
})

test('connections that never send anything leave room for others', async () => {
  const { server } = await start()
  const where = server.listening
  const port = where?.kind === 'tcp' ? where.port : 0
  const silent = Array.from({ length: 200 }, () => connect(port, '127.0.0.1').on('error', () => {}))
  closers.push(() => silent.forEach((socket) => socket.destroy()))
  await Promise.all(silent.map((socket) => new Promise((resolve) => socket.once('connect', resolve))))
  expect((await ask(server, '/livez')).status).toBe(200)
})

test('bytes that are no HTTP hurt nobody', async () => {
  const { server } = await start()
  const where = server.listening
  const port = where?.kind === 'tcp' ? where.port : 0
  for (const bytes of ['\0\0\0\0', 'GET', 'GET / HTTP/9.9\r\n\r\n', `GET /${'a'.repeat(100_000)} HTTP/1.1\r\n\r\n`]) {
    await new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.end(bytes))
      socket.resume()
      socket.once('error', () => {})
      socket.once('close', () => resolve())
    })
  }
  expect((await ask(server, '/livez')).status).toBe(200)
})

test('a port that is taken is one sentence', async () => {
  const { server } = await start()
  const where = server.listening
  const port = where?.kind === 'tcp' ? where.port : 0
  await expect(start({ listen: { ...LOOPBACK, port } })).rejects.toMatchObject({
    name: 'ListenError',
    code: 'EADDRINUSE',
    message: `the admin server ([admin] listen) cannot listen on 127.0.0.1:${port}: another process listens there`,
  })
})

test('switched off, nothing listens', async () => {
  expect((await start({ listen: undefined })).server.listening).toBeUndefined()
})

test('on a UNIX socket: a dead one is replaced, a live one and a file are left alone', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'admin-'))
  closers.push(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'admin.sock')
  const listen = { kind: 'unix', path } as const
  await leaveDeadSocket(path)
  const { server } = await start({ listen }, { 'GET /api/senders': () => 1 })
  expect((await ask(server, '/api/senders', { headers: { Host: 'whatever' } })).status).toBe(200)
  expect(statSync(path).mode & 0o777).toBe(0o660)
  await expect(start({ listen })).rejects.toThrow(/another process listens there/)
  const file = join(folder, 'precious')
  writeFileSync(file, 'data')
  await expect(start({ listen: { kind: 'unix', path: file } })).rejects.toThrow(/no socket/)
  expect(readFileSync(file, 'utf8')).toBe('data')
  await expect(start({ listen: { kind: 'unix', path: join(folder, 'none', 'x') } })).rejects.toThrow(
    /folder does not exist|cannot listen/,
  )
})

/** A socket file whose owner died: close() would remove it, so the file is renamed away under the server and back. */
async function leaveDeadSocket(path: string) {
  const { renameSync } = await import('node:fs')
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(path, resolve))
  renameSync(path, `${path}.kept`)
  await new Promise((resolve) => server.close(resolve))
  renameSync(`${path}.kept`, path)
}
