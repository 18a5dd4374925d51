/** Asks a running instance over its admin server (TCP or UNIX socket). */
import { loadConfig, type ListenAddress } from '@dnstap-bgp/config'
import { request } from 'node:http'

export class AdminClientError extends Error {
  override readonly name = 'AdminClientError'
}

export interface AdminTarget {
  readonly config: string
  /** Overrides the configuration's [admin] table. */
  readonly admin: string | undefined
}

const TIMEOUT_MS = 30_000

export async function askAdmin(target: AdminTarget, method: 'GET' | 'POST', path: string, body?: unknown): Promise<unknown> {
  const { listen, token } = whereIs(target)
  const where = listen.kind === 'unix' ? { socketPath: listen.path } : { host: listen.host ?? '127.0.0.1', port: listen.port }
  const shown = listen.kind === 'unix' ? listen.path : `${where.host}:${listen.port}`
  const payload = body === undefined ? undefined : JSON.stringify(body)
  const headers = {
    ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    ...(payload === undefined
      ? {}
      : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(payload)) }),
  }
  const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
    const asked = request({ ...where, method, path, headers, timeout: TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }))
      response.on('error', reject)
    })
    asked.on('timeout', () => asked.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)))
    asked.on('error', reject)
    asked.end(payload)
  }).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error)
    throw new AdminClientError(`Nothing answers at ${shown} (${why}). Does dnstap-bgp run, and is [admin] listen the same?`)
  })
  let answer: unknown
  try {
    answer = JSON.parse(text)
  } catch {
    throw new AdminClientError(`${shown} answered ${path} with status ${status} and no JSON.`)
  }
  if (status !== 200) {
    const why = typeof answer === 'object' && answer !== null && 'error' in answer ? String(answer.error) : `status ${status}`
    throw new AdminClientError(`${shown} refused ${path}: ${why}`)
  }
  return answer
}

function whereIs(target: AdminTarget): { listen: ListenAddress; token: string | undefined } {
  if (target.admin !== undefined) {
    if (target.admin.includes('/')) return { listen: { kind: 'unix', path: target.admin }, token: undefined }
    const colon = target.admin.lastIndexOf(':')
    const port = Number(target.admin.slice(colon + 1))
    if (colon < 0 || !Number.isInteger(port))
      throw new AdminClientError(`--admin is "${target.admin}"; HOST:PORT or a socket's path expected`)
    return { listen: { kind: 'tcp', host: target.admin.slice(0, colon).replace(/^\[|\]$/g, ''), port }, token: undefined }
  }
  const { admin } = loadConfig(target.config, process.env)
  if (admin.listen === undefined)
    throw new AdminClientError(`${target.config} switches the admin server off ([admin] listen = "off").`)
  return { listen: admin.listen, token: admin.token?.reveal() }
}
