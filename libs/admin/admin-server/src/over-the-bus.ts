/** The admin API between programs: a program that does not own an endpoint asks an owner over the bus. */
import {
  AdminError,
  replyTo,
  type AdminHandlers,
  type AdminReply,
  type AdminRequest,
  type AdminEndpoint,
} from '@dnstap-bgp/admin-api'
import { BusError, type Bus } from '@dnstap-bgp/bus'
import type { Closeable } from '@dnstap-bgp/runtime'
import { ADMIN_CALLS, type AdminCall } from '@dnstap-bgp/steering'

/** Adds a handler for each endpoint that any owner can answer and that has none here. A handler added later takes its place. */
export function askOwners(bus: Pick<Bus, 'ask'>, handlers: AdminHandlers): void {
  for (const [endpoint, call] of ADMIN_CALLS) {
    if (handlers.has(endpoint.method, endpoint.path)) continue
    handlers.add(endpoint, ({ query, body }) => ask(bus, endpoint, call, { query: query as Record<string, string>, body }))
  }
}

async function ask(bus: Pick<Bus, 'ask'>, { servedBy }: AdminEndpoint, call: AdminCall, request: AdminRequest): Promise<unknown> {
  const owner = servedBy.includes('cache') ? 'cache' : servedBy.join(' or ')
  try {
    return replyIn(await bus.ask(call, request))
  } catch (error) {
    if (!(error instanceof BusError)) throw error
    throw new AdminError(503, `no ${owner} can be asked: ${error.message}`, { cause: error })
  }
}

function replyIn(answer: AdminReply): unknown {
  if ('reply' in answer) return answer.reply
  throw new AdminError(answer.status, answer.error)
}

/** Answers other programs with the handlers of this one. */
export function serveOwned(bus: Pick<Bus, 'serve'>, handlers: AdminHandlers, endpoints: readonly AdminEndpoint[]): Closeable {
  const serving = [...ADMIN_CALLS].flatMap(([endpoint, call]) => {
    if (!endpoints.includes(endpoint)) return []
    const handler = (request: AdminRequest) => handlers.call(endpoint.method, endpoint.path, request)
    return [bus.serve(call, (request) => replyTo(endpoint, async () => handler(request), request))]
  })
  return {
    async close() {
      await Promise.all(serving.map((one) => one.close()))
    },
  }
}
