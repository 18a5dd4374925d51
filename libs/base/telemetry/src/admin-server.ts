/**
 * The small HTTP server beside every service: is it alive, is it ready, its numbers, and what operators ask it (`/api`).
 *
 *   GET /livez     200 as long as the event loop turns
 *   GET /readyz    200 or 503, with the parts and how they are
 *   GET /metrics   Prometheus text
 *   GET, POST /api/...   JSON, from the handlers that services registered
 *
 * Who may talk to it: on a UNIX socket whoever its permissions let in. On loopback TCP any local user may read; a POST needs the bearer token,
 * and is refused when none is configured. On other addresses /api asks for the token, and is closed without one. Web pages get nothing: a
 * foreign Host or Origin is refused, so that DNS rebinding and forms do not help.
 */
import {
  BearerToken,
  closeHttpServer,
  describeListenAddress,
  hostOf,
  limitConnections,
  listenOn,
  type ListenAddress,
} from '@dnstap-bgp/net'
import type { Log, SecretText } from '@dnstap-bgp/runtime'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import type { Health } from './health.ts'
import type { Metrics } from './metrics.ts'

export interface AdminRequest {
  readonly query: URLSearchParams
  /** Of a POST: the parsed JSON; undefined when the body was empty. */
  readonly body: unknown
}

/** What it returns is sent as JSON; an async iterable as a JSON array, element by element, as fast as the client reads. */
export type AdminHandler = (request: AdminRequest) => unknown

/** Keys are `GET /api/...` or `POST /api/...`. It may grow while the server runs. */
export type AdminRoutes = Map<string, AdminHandler>

/** Thrown by a handler: the answer that the request earns. */
export class AdminError extends Error {
  override readonly name = 'AdminError'
  readonly status: number

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.status = status
  }
}

export interface AdminServerConfig {
  /** Undefined: no server. */
  readonly listen: ListenAddress | undefined
  /** Permissions of a UNIX socket; default 0660. */
  readonly mode?: number
  readonly token?: SecretText | undefined
}

export interface AdminServer {
  /** Where it listens, the port filled in; undefined when switched off. */
  readonly listening: ListenAddress | undefined
  close(): Promise<void>
}

export interface AdminServerDeps {
  readonly metrics: Metrics
  readonly health: Health
  readonly log: Log
  readonly routes?: AdminRoutes
  /** Who has a path that this server lacks, if anybody. */
  readonly elsewhere?: (path: string) => string | undefined
}

const MAX_BODY_BYTES = 64 * 1024
const MAX_CONNECTIONS = 128
const REQUEST_TIMEOUT_MS = 10_000

/** @throws ListenError with one sentence when it cannot listen there */
export async function startAdminServer(config: AdminServerConfig, deps: AdminServerDeps): Promise<AdminServer> {
  const { listen } = config
  if (listen === undefined) return { listening: undefined, close: () => Promise.resolve() }
  const guard = makeGuard(listen, config.token)
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: 5000 },
    (request, response) => {
      answer(request, response, guard, deps).catch((error: unknown) => {
        deps.log.error({ error, path: request.url }, 'An admin request failed.')
        // Headers may be out already: then all that is left is to cut the answer short, so that nobody takes it for whole.
        if (response.headersSent) response.destroy()
        else sendJson(response, 500, { error: 'internal error; the log says more' })
      })
    },
  )
  limitConnections(server, MAX_CONNECTIONS)
  server.maxHeadersCount = 100
  const mode = config.mode === undefined ? {} : { mode: config.mode }
  const { address, file } = await listenOn(server, listen, { who: 'the admin server ([admin] listen)', ...mode })
  deps.log.debug({ listen: describeListenAddress(address) }, 'The admin server listens.')
  return {
    listening: address,
    async close() {
      await closeHttpServer(server)
      file?.remove()
    },
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, guard: Guard, deps: AdminServerDeps): Promise<void> {
  response.setHeader('Cache-Control', 'no-store')
  response.setHeader('X-Content-Type-Options', 'nosniff')
  const refusal = guard.refuses(request)
  if (refusal !== undefined) return sendJson(response, refusal.status, { error: refusal.message })
  const url = parseTarget(request.url)
  if (url === undefined) return sendJson(response, 400, { error: 'the request target is no path' })
  const method = request.method === 'HEAD' ? 'GET' : (request.method ?? '')
  const path = url.pathname
  if (path === '/livez' || path === '/readyz' || path === '/metrics') {
    if (method !== 'GET') return sendNotAllowed(response, 'GET')
    if (path === '/livez') return sendText(response, 200, 'text/plain; charset=utf-8', 'alive\n')
    if (path === '/metrics') return sendText(response, 200, deps.metrics.contentType, await deps.metrics.text())
    const report = deps.health.report()
    const components = report.components.map(({ sinceMs, ...rest }) => ({ ...rest, since: new Date(sinceMs).toISOString() }))
    return sendJson(response, report.ready ? 200 : 503, { ...report, components })
  }
  const routes = deps.routes ?? new Map<string, AdminHandler>()
  const handler = routes.get(`${method} ${path}`)
  if (handler === undefined) {
    const other = ['GET', 'POST'].filter((one) => routes.has(`${one} ${path}`))
    if (other.length > 0) return sendNotAllowed(response, other.join(', '))
    const who = deps.elsewhere?.(path)
    return sendJson(response, 404, { error: `there is no ${path} here${who === undefined ? '' : `; ${who} has it`}` })
  }
  const apiRefusal = guard.refusesApi(request)
  if (apiRefusal !== undefined) return sendJson(response, apiRefusal.status, { error: apiRefusal.message })
  try {
    const body = method === 'POST' ? await readBody(request) : undefined
    const result = await handler({ query: url.searchParams, body })
    if (isAsyncIterable(result)) await sendArray(response, result)
    else sendJson(response, 200, result ?? null)
  } catch (error) {
    if (!(error instanceof AdminError) || response.headersSent) throw error
    // What is left of a refused body is not read: the connection ends with this answer.
    if (error.status === 413) response.setHeader('Connection', 'close')
    sendJson(response, error.status, { error: error.message })
  }
}

function parseTarget(target: string | undefined): URL | undefined {
  if (target === undefined || !target.startsWith('/')) return undefined
  const url = `http://admin${target}`
  return URL.canParse(url) ? new URL(url) : undefined
}

interface Guard {
  refuses(request: IncomingMessage): AdminError | undefined
  refusesApi(request: IncomingMessage): AdminError | undefined
}

function makeGuard(listen: ListenAddress, token: AdminServerConfig['token']): Guard {
  const isTcp = listen.kind === 'tcp'
  const isLocal = !isTcp || isLoopback(listen.host)
  const expected = token === undefined ? undefined : new BearerToken(token)
  return {
    refuses({ headers }) {
      if (isTcp && isLocal && headers.host !== undefined && !isLoopback(hostOf(headers.host)))
        return new AdminError(403, `this server answers to loopback names only, not to ${headers.host}`)
      const { origin } = headers
      const isForeign = origin !== undefined && origin !== `http://${headers.host}` && origin !== `https://${headers.host}`
      if (isForeign || headers['sec-fetch-site'] === 'cross-site' || headers['sec-fetch-site'] === 'same-site')
        return new AdminError(403, 'requests from other web pages are refused')
      return undefined
    },
    refusesApi({ headers, method }) {
      if (expected === undefined) {
        if (!isLocal) return new AdminError(403, '/api is closed on this address until admin.token is set')
        return isTcp && method === 'POST' ? new AdminError(403, NO_POST) : undefined
      }
      const token = expected.check(headers.authorization)
      if (token === 'missing') return new AdminError(401, 'a bearer token is needed (admin.token)')
      return token === 'wrong' ? new AdminError(401, 'the bearer token is wrong') : undefined
    },
  }
}

const NO_POST =
  'on TCP this needs a token (admin.token): any local user can reach the port; the UNIX socket (admin.socket) needs none'

function isLoopback(host: string | undefined): boolean {
  const name = host?.toLowerCase()
  return name === 'localhost' || name === '::1' || (name?.startsWith('127.') === true && isIP(name) === 4)
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const type = request.headers['content-type'] ?? ''
  const body = await readOctets(request)
  if (body.length === 0) return undefined
  // A form on a foreign page cannot send this type without asking first.
  if (!/^application\/json\b/i.test(type))
    throw new AdminError(415, `the body must be application/json, not ${type === '' ? 'without a type' : type}`)
  try {
    return JSON.parse(body.toString('utf8')) as unknown
  } catch (error) {
    throw new AdminError(400, 'the body is not JSON', { cause: error })
  }
}

/** By events, not `for await`: leaving such a loop early destroys the request, and with it the connection that the answer shall take. */
function readOctets(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    request.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length <= MAX_BODY_BYTES) chunks.push(chunk)
      else {
        chunks.length = 0 // the rest is thrown away until the connection closes
        reject(new AdminError(413, `the body is over ${MAX_BODY_BYTES} octets`))
      }
    })
    request.once('end', () => resolve(Buffer.concat(chunks)))
    const ended = () => reject(new AdminError(400, 'the body ended in the middle'))
    request.once('error', ended)
    request.once('close', ended)
  })
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}

async function sendArray(response: ServerResponse, elements: AsyncIterable<unknown>): Promise<void> {
  // The first element before the headers: a handler that refuses at once still gets its own answer.
  const iterator = elements[Symbol.asyncIterator]()
  try {
    let next = await iterator.next()
    response.writeHead(200, { 'Content-Type': 'application/json' })
    let separator = '['
    while (next.done !== true) {
      if (!response.write(`${separator}${JSON.stringify(next.value)}\n`)) await drained(response)
      if (response.destroyed) return
      separator = ','
      next = await iterator.next()
    }
    response.end(separator === '[' ? '[]\n' : ']\n')
  } finally {
    await iterator.return?.()
  }
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.once('drain', done)
    response.once('close', done)
  })
}

function sendNotAllowed(response: ServerResponse, allowed: string): void {
  response.setHeader('Allow', allowed)
  sendJson(response, 405, { error: `only ${allowed} here` })
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  sendText(response, status, 'application/json', `${JSON.stringify(value)}\n`)
}

function sendText(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) })
  response.end(text)
}
