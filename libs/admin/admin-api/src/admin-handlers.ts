/**
 * The handlers of one process, each typed by its endpoint, and the one way to have a request answered by them: query and body are checked
 * against the contract first.
 */
import { Value } from '@sinclair/typebox/value'
import { AdminError } from './admin-error.ts'
import type { AdminEndpoint, BodyOf, Fields, PartOf, QueryOf, ReplyOf } from './endpoint.ts'

/** As it came: from HTTP, or from another program over the bus. */
export interface AdminRequest {
  readonly query: Readonly<Record<string, string>>
  /** Parsed JSON; undefined: there was none. */
  readonly body: unknown
}

/** What the request gets, or why it gets nothing. */
export type AdminReply = { readonly reply: unknown } | { readonly status: number; readonly error: string }

export type AdminHandler<E extends AdminEndpoint> = (request: {
  readonly query: QueryOf<E>
  readonly body: BodyOf<E>
}) => ReplyOf<E> | Promise<ReplyOf<E>> | AsyncIterable<PartOf<E>>

type AnyHandler = (request: AdminRequest) => unknown

export class AdminHandlers {
  readonly #handlers = new Map<string, AnyHandler>()

  /** It may grow while the server runs. */
  add<E extends AdminEndpoint>(endpoint: E, handler: AdminHandler<E>): void {
    this.#handlers.set(keyOf(endpoint.method, endpoint.path), (request) => {
      const query = checked(endpoint.query, request.query) as QueryOf<E>
      const body = (endpoint.body === undefined ? undefined : checked(endpoint.body, request.body ?? {})) as BodyOf<E>
      return handler({ query, body })
    })
  }

  has(method: string, path: string): boolean {
    return this.#handlers.has(keyOf(method, path))
  }

  /**
   * What the handler of an endpoint gives: a value for JSON, a promise of one, or an AsyncIterable of an array's elements.
   * @throws AdminError when the request is not as the contract wants it, or the handler refuses it
   */
  call(method: string, path: string, request: AdminRequest): unknown {
    const handler = this.#handlers.get(keyOf(method, path))
    if (handler === undefined) throw new AdminError(404, `there is no ${path} here`)
    return handler(request)
  }
}

/** The reply of a handler to a request from the bus. Errors that are no AdminError are ours, and pass. */
export async function replyTo<E extends AdminEndpoint>(
  endpoint: E,
  handler: AdminHandler<E>,
  request: AdminRequest,
): Promise<AdminReply> {
  const handlers = new AdminHandlers()
  handlers.add(endpoint, handler)
  try {
    return { reply: await handlers.call(endpoint.method, endpoint.path, request) }
  } catch (error) {
    if (error instanceof AdminError) return { status: error.status, error: error.message }
    throw error
  }
}

function keyOf(method: string, path: string): string {
  return `${method} ${path}`
}

/** The values of the fields that the contract knows. @throws AdminError naming the first that is missing or wrong */
function checked(fields: Fields, values: unknown): Record<string, unknown> {
  const given = typeof values === 'object' && values !== null && !Array.isArray(values) ? (values as Record<string, unknown>) : {}
  const taken: Record<string, unknown> = {}
  for (const [name, schema] of Object.entries(fields.properties)) {
    const value = given[name]
    const isRequired = fields.required?.includes(name) === true
    if (value === undefined || (value === '' && isRequired)) {
      if (isRequired) throw new AdminError(400, `${name} is missing: ${schema.description} expected`)
    } else if (Value.Check(schema, value)) taken[name] = value
    else throw new AdminError(400, `${name} is ${JSON.stringify(value)}; ${schema.description} expected`)
  }
  return taken
}
