/** Asks a running instance over its admin server (TCP or UNIX socket). */
import { loadConfig, readConfig } from '@dnstap-bgp/config'
import { DOWNLOAD_LIMITS } from '@dnstap-bgp/list-loader'
import type { ListenAddress } from '@dnstap-bgp/net'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { UsageError } from './usage-error.ts'

export class AdminClientError extends Error {
  override readonly name = 'AdminClientError'
  /** Of the answer; undefined when nothing answered. */
  readonly status: number | undefined
  /** Nobody listens there: no instance runs, or it runs elsewhere. */
  readonly isNobody: boolean
  /** We may not use the socket. */
  readonly isForbidden: boolean

  constructor(message: string, status?: number, isNobody = false, isForbidden = false) {
    super(message)
    this.status = status
    this.isNobody = isNobody
    this.isForbidden = isForbidden
  }
}

export interface AdminTarget {
  readonly config: string
  /** In place of the address in the configuration's [admin] table; the token is still from there. */
  readonly admin: string | undefined
}

const TIMEOUT_MS = 30_000
/** Some answers come when the work is done: a list is asked for at its server and built, a file is copied, however large it is. */
const LONG_TIMEOUTS_MS: Readonly<Record<string, number>> = {
  '/api/lists/accept': DOWNLOAD_LIMITS.timeoutMs + 60_000,
  '/api/backup': 600_000,
}

/** How long an instance may be silent before it is given up on. */
export function timeoutMsOf(path: string): number {
  return LONG_TIMEOUTS_MS[path] ?? TIMEOUT_MS
}

export async function askAdmin(target: AdminTarget, method: 'GET' | 'POST', path: string, body?: unknown): Promise<unknown> {
  const { places, token } = whereIs(target)
  for (const [index, listen] of places.entries()) {
    try {
      return await askAt(listen, token, method, path, body)
    } catch (error) {
      // The socket may be of another user's group, or missing; what is only read can be had at the port as well.
      const isLast = index === places.length - 1
      if (isLast || !(error instanceof AdminClientError) || !(error.isNobody || error.isForbidden)) throw error
      if (error.isForbidden && method === 'POST') throw error
    }
  }
  throw new AdminClientError('The admin server is switched off.')
}

async function askAt(
  listen: ListenAddress,
  token: string | undefined,
  method: 'GET' | 'POST',
  path: string,
  body: unknown,
): Promise<unknown> {
  const where = listen.kind === 'unix' ? { socketPath: listen.path } : { host: listen.host ?? '127.0.0.1', port: listen.port }
  const shown = listen.kind === 'unix' ? listen.path : `${where.host}:${listen.port}`
  const payload = body === undefined ? undefined : JSON.stringify(body)
  const headers = {
    ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    ...(payload === undefined
      ? {}
      : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(payload)) }),
  }
  const timeoutMs = timeoutMsOf(path)
  const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
    const asked = request({ ...where, method, path, headers, timeout: timeoutMs }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }))
      response.on('error', reject)
    })
    asked.on('timeout', () => asked.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)))
    asked.on('error', reject)
    asked.end(payload)
  }).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error)
    const { code } = error as NodeJS.ErrnoException
    const isNobody = code === 'ECONNREFUSED' || code === 'ENOENT'
    if (code === 'EACCES' && listen.kind === 'unix')
      throw new AdminClientError(
        `You may not use ${shown}: be root, or the user that dnstap-bgp runs as.`,
        undefined,
        false,
        true,
      )
    throw new AdminClientError(
      isNobody
        ? `Nothing answers at ${shown} (${why}). Does dnstap-bgp run, and is [admin] listen the same?`
        : `${shown} did not answer ${path}: ${why}`,
      undefined,
      isNobody,
    )
  })
  let answer: unknown
  try {
    answer = JSON.parse(text)
  } catch {
    throw new AdminClientError(`${shown} answered ${path} with status ${status} and no JSON.`, status)
  }
  if (status !== 200) {
    const why = typeof answer === 'object' && answer !== null && 'error' in answer ? String(answer.error) : `status ${status}`
    throw new AdminClientError(`${shown} refused: ${why}`, status)
  }
  return answer
}

interface Places {
  /** To be tried in this order. */
  readonly places: readonly ListenAddress[]
  readonly token: string | undefined
}

function whereIs({ config, admin }: AdminTarget): Places {
  if (admin !== undefined) {
    const token = tokenOf(config)
    if (admin.includes('/')) return { places: [{ kind: 'unix', path: admin }], token }
    const colon = admin.lastIndexOf(':')
    const port = Number(admin.slice(colon + 1))
    if (colon < 0 || !Number.isInteger(port) || port < 1 || port > 65535)
      throw new UsageError(`--admin is "${admin}"; HOST:PORT or a socket's path expected`)
    return { places: [{ kind: 'tcp', host: admin.slice(0, colon).replace(/^\[|\]$/g, ''), port }], token }
  }
  const { listen, socket, token } = loadConfig(config, process.env).admin
  const places: ListenAddress[] = socket === undefined ? [] : [{ kind: 'unix', path: socket.path }]
  if (listen !== undefined) places.push(listen)
  if (places.length === 0) throw new AdminClientError(`${config} switches the admin server off ([admin] listen = "off").`)
  return { places, token: token?.reveal() }
}

/** From the configuration, as far as there is one that we can read, or from the environment. */
function tokenOf(configFile: string): string | undefined {
  let text = ''
  try {
    text = readFileSync(configFile, 'utf8')
  } catch {
    // Another machine's instance is asked from where there is no configuration.
  }
  return readConfig(text, configFile, process.env).config.admin.token?.reveal()
}
