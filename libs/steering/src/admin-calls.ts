/** The admin API over the bus: a program passes a request on to an owner of the endpoint (docs/decisions/0016-one-admin-contract.md). */
import { ADMIN_API, type AdminReply, type AdminRequest, type AdminEndpoint } from '@dnstap-bgp/admin-api'
import type { Call } from '@dnstap-bgp/bus'
import { adminReplyCodec, adminRequestCodec } from './admin-codec.ts'

export type AdminCall = Call<AdminRequest, AdminReply>

/** One name on the bus for each endpoint: NATS users may ask some and not others. */
function adminCall(name: string): AdminCall {
  return { name: `dnstap-bgp.v1.admin.${name}`, request: adminRequestCodec, reply: adminReplyCodec }
}

export const EXPLAIN = adminCall('explain')
export const FORGET = adminCall('forget')
export const CACHE_STATUS = adminCall('cache')
export const MATCH = adminCall('match')

/** Every endpoint with `overBus`. */
export const ADMIN_CALLS: ReadonlyMap<AdminEndpoint, AdminCall> = new Map<AdminEndpoint, AdminCall>()
  .set(ADMIN_API.explain, EXPLAIN)
  .set(ADMIN_API.forget, FORGET)
  .set(ADMIN_API.cache, CACHE_STATUS)
  .set(ADMIN_API.match, MATCH)
