/**
 * ROUTE-REFRESH (RFC 2918 §3): | AFI (2) | Message Subtype (1) | SAFI (1) |. The subtype is RFC 7313's: 0 asks for the routes of a
 * family, 1 and 2 come before and after them in the answer (BoRR, EoRR).
 */
import { BgpError } from './bgp-error.ts'
import { message } from './header.ts'
import { ErrorCode, HEADER_LENGTH, MessageType, RouteRefreshErrorSubcode, SAFI_UNICAST, afiOf, familyOfAfi } from './numbers.ts'
import type { Family } from './numbers.ts'
import { copyOctets, readUint16, uint16 } from './network-order.ts'

export const RouteRefreshSubtype = { request: 0, beginning: 1, end: 2 } as const
export type RouteRefreshSubtype = (typeof RouteRefreshSubtype)[keyof typeof RouteRefreshSubtype]

export interface RouteRefresh {
  readonly family: Family
  readonly subtype: RouteRefreshSubtype
}

export function encodeRouteRefresh(family: Family, subtype: RouteRefreshSubtype = RouteRefreshSubtype.request): Uint8Array {
  return message(MessageType.ROUTE_REFRESH, [...uint16(afiOf(family)), subtype, SAFI_UNICAST])
}

/**
 * Reads | AFI (2) | Message Subtype (1) | SAFI (1) | behind the header (RFC 2918 §3, RFC 7313 §3.2). Undefined for an unknown family or
 * subtype, which is ignored (RFC 2918 §4, RFC 7313 §5). Throws BgpError for a bad length.
 */
export function decodeRouteRefresh(bytes: Uint8Array): RouteRefresh | undefined {
  const subtype = bytes[HEADER_LENGTH + 2]
  const isDemarcation = subtype === RouteRefreshSubtype.beginning || subtype === RouteRefreshSubtype.end
  // A request may be longer, with ORF entries behind it (RFC 5291). BoRR and EoRR may not (RFC 7313 §5).
  if (isDemarcation && bytes.length !== HEADER_LENGTH + 4) {
    throw new BgpError(ErrorCode.ROUTE_REFRESH_MESSAGE_ERROR, RouteRefreshErrorSubcode.INVALID_MESSAGE_LENGTH, copyOctets(bytes))
  }
  const family = familyOfAfi(readUint16(bytes, HEADER_LENGTH), bytes[HEADER_LENGTH + 3])
  if (family === undefined) return undefined
  if (isDemarcation) return { family, subtype }
  return subtype === RouteRefreshSubtype.request ? { family, subtype } : undefined
}
