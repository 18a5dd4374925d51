/**
 * The HTTP server beside every program.
 *
 *   GET /livez     200 as long as the event loop turns
 *   GET /readyz    200 or 503, with the parts and how they are
 *   GET /metrics   Prometheus text
 *   /api/...       the endpoints of admin-api that have a handler in this process, as JSON
 *
 * guard.ts says who may talk to it.
 */
import { ADMIN_ENDPOINTS, AdminError, ownersOf, type AdminHandlers, type AdminEndpoint } from '@dnstap-bgp/admin-api'
import {
  BodyError,
  closeHttpServer,
  describeListenAddress,
  limitConnections,
  listenOn,
  readBody,
  type ListenAddress,
} from '@dnstap-bgp/net'
import type { Log, SecretText } from '@dnstap-bgp/runtime'
import type { Health, Metrics } from '@dnstap-bgp/telemetry'
import express from 'express'
import type { NextFunction, Request, Response } from 'express'
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { Guard } from './guard.ts'
import { isAsyncIterable, sendArray, sendJson, sendText } from './send.ts'

export interface AdminServerConfig {
  /** Undefined: no server. */
  readonly listen: ListenAddress | undefined
  /** Permissions of a UNIX socket; default 0660. */
  readonly mode?: number
  readonly token?: SecretText | undefined
}

export interface AdminServer {
  /** Where it listens, with the port that the system chose; undefined when switched off. */
  readonly listening: ListenAddress | undefined
  close(): Promise<void>
}

export interface AdminServerDeps {
  readonly metrics: Metrics
  readonly health: Health
  readonly log: Log
  /** Handlers may be added while the server runs. */
  readonly handlers: AdminHandlers
}

const MAX_BODY_BYTES = 64 * 1024
const MAX_CONNECTIONS = 128
const REQUEST_TIMEOUT_MS = 10_000

/** @throws ListenError */
export async function startAdminServer(config: AdminServerConfig, deps: AdminServerDeps): Promise<AdminServer> {
  const { listen, mode, token } = config
  if (listen === undefined) return { listening: undefined, close: () => Promise.resolve() }
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: 5000 },
    routesOf(new Guard(listen, token), deps),
  )
  limitConnections(server, MAX_CONNECTIONS)
  server.maxHeadersCount = 100
  const who = 'the admin server ([admin] listen)'
  const { address, file } = await listenOn(server, listen, { who, ...(mode === undefined ? {} : { mode }) })
  deps.log.debug({ listen: describeListenAddress(address) }, 'The admin server listens.')
  return {
    listening: address,
    async close() {
      await closeHttpServer(server)
      file?.remove()
    },
  }
}

function routesOf(guard: Guard, { metrics, health, log, handlers }: AdminServerDeps): express.Express {
  const app = express()
  app.set('env', 'production') // errors never show our stack
  app.set('query parser', false)
  for (const setting of ['x-powered-by', 'etag']) app.disable(setting)
  for (const setting of ['strict routing', 'case sensitive routing']) app.enable(setting)
  app.use((request: Request, response: Response, next: NextFunction) => {
    response.setHeader('Cache-Control', 'no-store')
    response.setHeader('X-Content-Type-Options', 'nosniff')
    guard.check(request)
    if (!request.url.startsWith('/')) throw new AdminError(400, 'the request target is no path')
    next()
  })
  const probe = (path: string, answer: (response: Response) => Promise<void> | void) => {
    app.get(path, (_request, response) => answer(response))
    app.all(path, notAllowed('GET'))
  }
  probe('/livez', (response) => sendText(response, 200, 'text/plain; charset=utf-8', 'alive\n'))
  probe('/metrics', async (response) => sendText(response, 200, metrics.contentType, await metrics.text()))
  probe('/readyz', (response) => {
    const report = health.report()
    const components = report.components.map(({ sinceMs, ...rest }) => ({ ...rest, since: new Date(sinceMs).toISOString() }))
    sendJson(response, report.ready ? 200 : 503, { ...report, components })
  })
  for (const endpoint of ADMIN_ENDPOINTS) {
    const { path, method } = endpoint
    const route = method === 'GET' ? app.get.bind(app) : app.post.bind(app)
    route(path, async (request: Request, response: Response) => {
      if (!handlers.has(method, path)) throw notHere(path)
      guard.checkApi(request)
      await answer(endpoint, handlers, request, response)
    })
    app.all(path, (request, response) => {
      if (!handlers.has(method, path)) throw notHere(path)
      notAllowed(method)(request, response)
    })
  }
  app.use((request: Request) => {
    throw notHere(request.path)
  })
  // Express knows an error handler by its four parameters.
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    if (error instanceof AdminError && !response.headersSent) {
      // The rest of a refused body is not read: the connection ends with this answer.
      if (error.status === 413) response.setHeader('Connection', 'close')
      return sendJson(response, error.status, { error: error.message })
    }
    if (error instanceof BodyError && error.fault === 'gone') return void response.destroy()
    log.error({ error, path: request.path }, 'An admin request failed.')
    // When headers are out, all that is left is to cut the answer short, so that no client takes it for whole.
    if (response.headersSent) response.destroy()
    else sendJson(response, 500, { error: 'internal error; the log says more' })
  })
  return app
}

async function answer(endpoint: AdminEndpoint, handlers: AdminHandlers, request: Request, response: Response): Promise<void> {
  const { method, path } = endpoint
  const body = method === 'POST' ? await bodyOf(request) : undefined
  const reply = await handlers.call(method, path, { query: queryOf(request), body })
  if (isAsyncIterable(reply)) await sendArray(response, reply)
  else sendJson(response, 200, reply ?? null)
}

/** Of a parameter that stands there twice, the first. */
function queryOf(request: Request): Record<string, string> {
  const { searchParams } = new URL(request.url, 'http://admin')
  return Object.fromEntries([...searchParams].reverse())
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  try {
    await readBody(request, MAX_BODY_BYTES, (chunk) => chunks.push(chunk))
  } catch (error) {
    if (error instanceof BodyError && error.fault === 'too-large') throw new AdminError(413, error.message, { cause: error })
    throw error
  }
  if (chunks.length === 0) return undefined
  // A form on a foreign page cannot send this type without asking first.
  const type = request.headers['content-type'] ?? ''
  if (!/^application\/json\b/i.test(type))
    throw new AdminError(415, `the body must be application/json, not ${type === '' ? 'without a type' : type}`)
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown
  } catch (error) {
    throw new AdminError(400, 'the body is not JSON', { cause: error })
  }
}

function notHere(path: string): AdminError {
  const owners = ownersOf(path)
  return new AdminError(404, `there is no ${path} here${owners === undefined ? '' : `; ${owners} has it`}`)
}

function notAllowed(allowed: string): (request: Request, response: Response) => void {
  return (_request, response) => {
    response.setHeader('Allow', allowed)
    sendJson(response, 405, { error: `only ${allowed} here` })
  }
}
