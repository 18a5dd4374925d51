/**
 * The numbers of BGP by their names in the IANA registries: message types, error codes and subcodes, capabilities, path attributes,
 * families.
 *
 * Everything that reads or writes BGP takes its numbers from here; nothing here computes.
 */

/** RFC 4271 §4.1. */
export const HEADER_LENGTH = 19
export const MAX_MESSAGE_LENGTH = 4096
/** RFC 8654 §4: for UPDATE, NOTIFICATION and ROUTE-REFRESH if both sides have the capability; never for OPEN or KEEPALIVE. */
export const MAX_EXTENDED_MESSAGE_LENGTH = 65535
export const BGP_VERSION = 4
/** RFC 6793: stands for a larger AS number where only two octets fit. */
export const AS_TRANS = 23456

export const MessageType = { OPEN: 1, UPDATE: 2, NOTIFICATION: 3, KEEPALIVE: 4, ROUTE_REFRESH: 5 } as const
export type MessageType = (typeof MessageType)[keyof typeof MessageType]

export const ErrorCode = {
  MESSAGE_HEADER_ERROR: 1,
  OPEN_MESSAGE_ERROR: 2,
  UPDATE_MESSAGE_ERROR: 3,
  HOLD_TIMER_EXPIRED: 4,
  FINITE_STATE_MACHINE_ERROR: 5,
  CEASE: 6,
  ROUTE_REFRESH_MESSAGE_ERROR: 7, // RFC 7313
  SEND_HOLD_TIMER_EXPIRED: 8, // RFC 9687
  LOSS_OF_LSDB_SYNCHRONIZATION: 9, // RFC 9815
} as const
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode]

export const HeaderErrorSubcode = { CONNECTION_NOT_SYNCHRONIZED: 1, BAD_MESSAGE_LENGTH: 2, BAD_MESSAGE_TYPE: 3 } as const

export const OpenErrorSubcode = {
  UNSPECIFIC: 0,
  UNSUPPORTED_VERSION_NUMBER: 1,
  BAD_PEER_AS: 2,
  BAD_BGP_IDENTIFIER: 3,
  UNSUPPORTED_OPTIONAL_PARAMETER: 4,
  AUTHENTICATION_FAILURE: 5, // deprecated
  UNACCEPTABLE_HOLD_TIME: 6,
  UNSUPPORTED_CAPABILITY: 7, // RFC 5492
  ROLE_MISMATCH: 11, // RFC 9234
} as const

export const UpdateErrorSubcode = {
  MALFORMED_ATTRIBUTE_LIST: 1,
  UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE: 2,
  MISSING_WELL_KNOWN_ATTRIBUTE: 3,
  ATTRIBUTE_FLAGS_ERROR: 4,
  ATTRIBUTE_LENGTH_ERROR: 5,
  INVALID_ORIGIN_ATTRIBUTE: 6,
  AS_ROUTING_LOOP: 7, // deprecated
  INVALID_NEXT_HOP_ATTRIBUTE: 8,
  OPTIONAL_ATTRIBUTE_ERROR: 9,
  INVALID_NETWORK_FIELD: 10,
  MALFORMED_AS_PATH: 11,
} as const

/** RFC 6608 §3. */
export const FsmErrorSubcode = {
  UNSPECIFIED: 0,
  UNEXPECTED_MESSAGE_IN_OPEN_SENT: 1,
  UNEXPECTED_MESSAGE_IN_OPEN_CONFIRM: 2,
  UNEXPECTED_MESSAGE_IN_ESTABLISHED: 3,
} as const

/** RFC 4486, RFC 8538, RFC 9384. */
export const CeaseSubcode = {
  MAXIMUM_NUMBER_OF_PREFIXES_REACHED: 1,
  ADMINISTRATIVE_SHUTDOWN: 2,
  PEER_DE_CONFIGURED: 3,
  ADMINISTRATIVE_RESET: 4,
  CONNECTION_REJECTED: 5,
  OTHER_CONFIGURATION_CHANGE: 6,
  CONNECTION_COLLISION_RESOLUTION: 7,
  OUT_OF_RESOURCES: 8,
  HARD_RESET: 9,
  BFD_DOWN: 10,
} as const

export const RouteRefreshErrorSubcode = { INVALID_MESSAGE_LENGTH: 1 } as const

export const CapabilityCode = {
  MULTIPROTOCOL_EXTENSIONS: 1, // RFC 4760
  ROUTE_REFRESH: 2, // RFC 2918
  EXTENDED_NEXT_HOP_ENCODING: 5, // RFC 8950
  BGP_EXTENDED_MESSAGE: 6, // RFC 8654
  BGP_ROLE: 9, // RFC 9234
  GRACEFUL_RESTART: 64, // RFC 4724
  FOUR_OCTET_AS_NUMBER: 65, // RFC 6793
  ENHANCED_ROUTE_REFRESH: 70, // RFC 7313
  LONG_LIVED_GRACEFUL_RESTART: 71, // RFC 9494
  FQDN: 73, // draft-walton-bgp-hostname-capability
} as const

export const AttributeType = {
  ORIGIN: 1,
  AS_PATH: 2,
  NEXT_HOP: 3,
  MULTI_EXIT_DISC: 4,
  LOCAL_PREF: 5,
  ATOMIC_AGGREGATE: 6,
  AGGREGATOR: 7,
  COMMUNITIES: 8,
  ORIGINATOR_ID: 9,
  CLUSTER_LIST: 10,
  MP_REACH_NLRI: 14,
  MP_UNREACH_NLRI: 15,
  EXTENDED_COMMUNITIES: 16,
  AS4_PATH: 17,
  AS4_AGGREGATOR: 18,
  AIGP: 26,
  LARGE_COMMUNITY: 32,
  ONLY_TO_CUSTOMER: 35,
} as const

export const AttributeFlag = { OPTIONAL: 0x80, TRANSITIVE: 0x40, PARTIAL: 0x20, EXTENDED_LENGTH: 0x10 } as const

export const Origin = { IGP: 0, EGP: 1, INCOMPLETE: 2 } as const
export type Origin = (typeof Origin)[keyof typeof Origin]

/** RFC 9234 §4.1. */
export const Role = { provider: 0, routeServer: 1, routeServerClient: 2, customer: 3, peer: 4 } as const
export type Role = (typeof Role)[keyof typeof Role]

/** IPv4 unicast or IPv6 unicast. */
export type Family = 'ipv4' | 'ipv6'
export const FAMILIES: readonly Family[] = ['ipv4', 'ipv6']
export const SAFI_UNICAST = 1

export function afiOf(family: Family): number {
  return family === 'ipv4' ? 1 : 2
}

/** The family of an AFI and SAFI; undefined if we do not speak it. */
export function familyOfAfi(afi: number, safi: number): Family | undefined {
  if (safi !== SAFI_UNICAST) return undefined
  return afi === 1 ? 'ipv4' : afi === 2 ? 'ipv6' : undefined
}
