/** Asks a running instance over its admin server, on TCP or a UNIX socket. */
import type { BodyOf, AdminEndpoint, QueryOf, ReplyOf } from '@dnstap-bgp/admin-api'
import { describeListenAddress, type ListenAddress } from '@dnstap-bgp/net'
import { reveal, type SecretText } from '@dnstap-bgp/runtime'
import { request } from 'node:http'

export interface AdminTarget {
  /** Tried in this order. */
  readonly places: readonly ListenAddress[]
  readonly token: SecretText | undefined
}

/** nobody: no instance listens there; forbidden: we may not use the socket; refused: the instance said no; failed: anything else. */
export type AdminClientFault = 'nobody' | 'forbidden' | 'refused' | 'failed'

export class AdminClientError extends Error {
  override readonly name = 'AdminClientError'
  readonly fault: AdminClientFault
  /** Of the answer; undefined when there was none. */
  readonly status: number | undefined

  constructor(fault: AdminClientFault, message: string, status?: number) {
    super(message)
    this.fault = fault
    this.status = status
  }
}

export class AdminClient {
  readonly #target: AdminTarget

  constructor(target: AdminTarget) {
    this.#target = target
  }

  /** @throws AdminClientError */
  async call<E extends AdminEndpoint>(
    endpoint: E,
    { query, body }: { readonly query?: QueryOf<E>; readonly body?: BodyOf<E> } = {},
  ): Promise<ReplyOf<E>> {
    const { places } = this.#target
    for (const [index, place] of places.entries()) {
      try {
        return (await this.#callAt(place, endpoint, query, body)) as ReplyOf<E>
      } catch (error) {
        if (!(error instanceof AdminClientError)) throw error
        // The socket may be missing, or belong to another user: what only reads can be had at the port as well.
        const isElsewhere = error.fault === 'nobody' || (error.fault === 'forbidden' && endpoint.method === 'GET')
        if (!isElsewhere || index === places.length - 1) throw error
      }
    }
    throw new AdminClientError('nobody', 'The admin server is switched off.')
  }

  async #callAt(
    place: ListenAddress,
    { method, path, patienceSeconds }: AdminEndpoint,
    query: object = {},
    body: unknown,
  ): Promise<unknown> {
    const local: ListenAddress = place.kind === 'tcp' ? { ...place, host: place.host ?? '127.0.0.1' } : place
    const shown = describeListenAddress(local)
    const parameters = new URLSearchParams()
    for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, String(value))
    const target = parameters.size === 0 ? path : `${path}?${parameters}`
    const { status, text } = await this.#send(local, method, target, body, patienceSeconds).catch((error: unknown) => {
      throw explain(error, shown, path)
    })
    let answer: unknown
    try {
      answer = JSON.parse(text)
    } catch {
      throw new AdminClientError('failed', `${shown} answered ${path} with status ${status} and no JSON.`, status)
    }
    if (status === 200) return answer
    const why = typeof answer === 'object' && answer !== null && 'error' in answer ? String(answer.error) : `status ${status}`
    throw new AdminClientError('refused', `${shown} refused: ${why}`, status)
  }

  #send(
    place: ListenAddress,
    method: string,
    path: string,
    body: unknown,
    patienceSeconds: number,
  ): Promise<{ status: number; text: string }> {
    const { token } = this.#target
    const payload = body === undefined ? undefined : JSON.stringify(body)
    const headers = {
      ...(token === undefined ? {} : { Authorization: `Bearer ${reveal(token)}` }),
      ...(payload === undefined
        ? {}
        : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(payload)) }),
    }
    const where = place.kind === 'unix' ? { socketPath: place.path } : { host: place.host, port: place.port }
    return new Promise((resolve, reject) => {
      const asked = request({ ...where, method, path, headers, timeout: patienceSeconds * 1000 }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }))
        response.on('error', reject)
      })
      asked.on('timeout', () => asked.destroy(new Error(`no answer within ${patienceSeconds} s`)))
      asked.on('error', reject)
      asked.end(payload)
    })
  }
}

function explain(error: unknown, shown: string, path: string): AdminClientError {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EACCES')
    return new AdminClientError('forbidden', `You may not use ${shown}: be root, or the user that dnstap-bgp runs as.`)
  if (code === 'ECONNREFUSED' || code === 'ENOENT')
    return new AdminClientError(
      'nobody',
      `Nothing answers at ${shown} (${message}). Does dnstap-bgp run, and is [admin] listen the same?`,
    )
  return new AdminClientError('failed', `${shown} did not answer ${path}: ${message}`)
}
