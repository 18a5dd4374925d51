/**
 * Requests and replies of the admin API, to and from steering.proto.
 *
 * Query, body and reply are what a person wrote and reads: the owner of the endpoint checks them against the contract (admin-api).
 */
import type { AdminReply, AdminRequest } from '@dnstap-bgp/admin-api'
import type { Codec } from '@dnstap-bgp/bus'
import { checkedCodec, cut, SteeringError, textOf } from './checked.ts'
import { dnstapbgp } from './generated/steering.js'

const v1 = dnstapbgp.v1

const MAX_PARAMETERS = 16
const MAX_PARAMETER_NAME = 64
/** As the admin server takes them. */
const MAX_BODY = 64 * 1024
/** A status that is no error of HTTP becomes this. */
const NO_STATUS = 503

export const adminRequestCodec: Codec<AdminRequest> = checkedCodec(
  v1.AdminRequest,
  ({ query, body }): dnstapbgp.v1.IAdminRequest => ({
    query: Object.fromEntries(Object.entries(query).map(([name, value]) => [name, cut(value)])),
    bodyJson: body === undefined ? '' : JSON.stringify(body),
  }),
  (wire) => {
    const parameters = Object.entries(wire.query ?? {})
    if (parameters.length > MAX_PARAMETERS) throw new SteeringError(`query has ${parameters.length} parameters`)
    for (const [name] of parameters) textOf(name, 'a parameter', MAX_PARAMETER_NAME)
    const json = textOf(wire.bodyJson, 'body_json', MAX_BODY)
    return {
      query: Object.fromEntries(parameters.map(([name, value]) => [name, textOf(value, 'a value')])),
      body: json === '' ? undefined : jsonIn(json, 'body_json'),
    }
  },
)

export const adminReplyCodec: Codec<AdminReply> = checkedCodec(
  v1.AdminReply,
  (answer): dnstapbgp.v1.IAdminReply =>
    'reply' in answer ? { replyJson: JSON.stringify(answer.reply) } : { refusal: { status: answer.status, error: answer.error } },
  ({ refusal, replyJson }) => {
    // Only people and their tools read it. Its length is that of one part of an answer, which the bus bounds.
    if (refusal === null || refusal === undefined) return { reply: jsonIn(replyJson ?? '', 'reply_json') }
    const status = refusal.status ?? 0
    return { status: status >= 400 && status <= 599 ? status : NO_STATUS, error: textOf(refusal.error, 'error') }
  },
)

function jsonIn(json: string, field: string): object {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (cause) {
    throw new SteeringError(`${field} is no JSON`, { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new SteeringError(`${field} is no object`)
  return value
}
