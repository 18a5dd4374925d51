/** The contract as an OpenAPI 3.1 document, for tools and for scripts of operators. */
import type { AdminEndpoint, Fields } from './endpoint.ts'
import { ADMIN_API } from './endpoints.ts'

const ERROR = { type: 'object', required: ['error'], properties: { error: { type: 'string', description: 'one sentence' } } }

/** Errors that any endpoint may answer. */
const COMMON_ERRORS: Readonly<Record<number, string>> = {
  401: 'the bearer token is missing or wrong',
  403: 'a web page, a foreign Host, or a POST on TCP without a token',
  404: 'the program does not serve the path; the answer names the program that does',
  500: 'internal error; the log says more',
}

export function openApi(): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const [operationId, endpoint] of Object.entries(ADMIN_API)) {
    paths[endpoint.path] = { ...paths[endpoint.path], [endpoint.method.toLowerCase()]: operation(operationId, endpoint) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'dnstap-bgp admin API',
      version: '1',
      description: 'Served where [admin] says: on its address, and on the UNIX socket beside. See docs/configuration.md.',
    },
    paths: { ...probes(), ...paths },
    components: { securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'admin.token' } } },
  }
}

function operation(operationId: string, endpoint: AdminEndpoint): object {
  const { summary, servedBy, overBus, query, body, reply, errors } = endpoint
  const owners = servedBy.length === 0 ? 'the all-in-one only' : `the all-in-one, ${servedBy.join(', ')}`
  return {
    operationId,
    summary,
    description: `Served by ${owners}.${overBus ? ' Every other program asks an owner over the bus.' : ''}`,
    security: [{}, { token: [] }],
    ...(Object.keys(query.properties).length > 0 ? { parameters: parametersOf(query) } : {}),
    ...(body !== undefined && Object.keys(body.properties).length > 0
      ? { requestBody: { required: true, content: { 'application/json': { schema: body } } } }
      : {}),
    responses: {
      200: { description: 'OK', content: { 'application/json': { schema: reply } } },
      ...Object.fromEntries(
        Object.entries({ ...COMMON_ERRORS, ...errors }).map(([status, description]) => [
          status,
          { description, content: { 'application/json': { schema: ERROR } } },
        ]),
      ),
    },
  }
}

function parametersOf(query: Fields): object[] {
  return Object.entries(query.properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: query.required?.includes(name) === true,
    schema,
  }))
}

/** They tell machines, not people, how a process is, and need no token. */
function probes(): object {
  const answer = (description: string, type: string) => ({ description, content: { [type]: {} } })
  return {
    '/livez': { get: { summary: 'Does the event loop turn?', responses: { 200: answer('it does', 'text/plain') } } },
    '/readyz': {
      get: {
        summary: 'Is the start over, and has no part failed?',
        responses: { 200: answer('ready', 'application/json'), 503: answer('not ready', 'application/json') },
      },
    },
    '/metrics': { get: { summary: 'Metrics for Prometheus.', responses: { 200: answer('OK', 'text/plain') } } },
  }
}
