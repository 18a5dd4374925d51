/**
 * A NOTIFICATION's code, subcode and data as an error. Decoders throw it, and the session sends the NOTIFICATION. The message is for
 * operators.
 */
import {
  CeaseSubcode,
  ErrorCode,
  FsmErrorSubcode,
  HeaderErrorSubcode,
  OpenErrorSubcode,
  RouteRefreshErrorSubcode,
  UpdateErrorSubcode,
} from './numbers.ts'

const NO_DATA = new Uint8Array(0)

export class BgpError extends Error {
  override readonly name = 'BgpError'
  readonly code: number
  readonly subcode: number
  /** The NOTIFICATION's data: a copy. */
  readonly data: Uint8Array

  /** `detail` says what was seen, for our log; the peer gets code, subcode and `data`. */
  constructor(code: number, subcode = 0, data: Uint8Array = NO_DATA, detail = '') {
    super(describeError(code, subcode) + (detail === '' ? '' : `: ${detail}`))
    this.code = code
    this.subcode = subcode
    this.data = data
  }
}

export function openError(subcode: number, detail: string, data: readonly number[] = []): BgpError {
  return new BgpError(ErrorCode.OPEN_MESSAGE_ERROR, subcode, Uint8Array.from(data), detail)
}

/** `OPEN Message Error, Bad Peer AS`; numbers if IANA has no name. */
export function describeError(code: number, subcode: number): string {
  const codeName = CODE_NAMES.get(code) ?? `error code ${code}`
  const subcodeName = SUBCODE_NAMES.get(code)?.get(subcode)
  if (subcodeName !== undefined) return `${codeName}, ${subcodeName}`
  return subcode === 0 ? codeName : `${codeName}, subcode ${subcode}`
}

const CODE_NAMES: ReadonlyMap<number, string> = new Map<number, string>([
  [ErrorCode.MESSAGE_HEADER_ERROR, 'Message Header Error'],
  [ErrorCode.OPEN_MESSAGE_ERROR, 'OPEN Message Error'],
  [ErrorCode.UPDATE_MESSAGE_ERROR, 'UPDATE Message Error'],
  [ErrorCode.HOLD_TIMER_EXPIRED, 'Hold Timer Expired'],
  [ErrorCode.FINITE_STATE_MACHINE_ERROR, 'Finite State Machine Error'],
  [ErrorCode.CEASE, 'Cease'],
  [ErrorCode.ROUTE_REFRESH_MESSAGE_ERROR, 'ROUTE-REFRESH Message Error'],
  [ErrorCode.SEND_HOLD_TIMER_EXPIRED, 'Send Hold Timer Expired'],
  [ErrorCode.LOSS_OF_LSDB_SYNCHRONIZATION, 'Loss of LSDB Synchronization'],
])

const SUBCODE_NAMES: ReadonlyMap<number, ReadonlyMap<number, string>> = new Map<number, ReadonlyMap<number, string>>([
  [
    ErrorCode.MESSAGE_HEADER_ERROR,
    new Map<number, string>([
      [HeaderErrorSubcode.CONNECTION_NOT_SYNCHRONIZED, 'Connection Not Synchronized'],
      [HeaderErrorSubcode.BAD_MESSAGE_LENGTH, 'Bad Message Length'],
      [HeaderErrorSubcode.BAD_MESSAGE_TYPE, 'Bad Message Type'],
    ]),
  ],
  [
    ErrorCode.OPEN_MESSAGE_ERROR,
    new Map<number, string>([
      [OpenErrorSubcode.UNSUPPORTED_VERSION_NUMBER, 'Unsupported Version Number'],
      [OpenErrorSubcode.BAD_PEER_AS, 'Bad Peer AS'],
      [OpenErrorSubcode.BAD_BGP_IDENTIFIER, 'Bad BGP Identifier'],
      [OpenErrorSubcode.UNSUPPORTED_OPTIONAL_PARAMETER, 'Unsupported Optional Parameter'],
      [OpenErrorSubcode.AUTHENTICATION_FAILURE, 'Authentication Failure'],
      [OpenErrorSubcode.UNACCEPTABLE_HOLD_TIME, 'Unacceptable Hold Time'],
      [OpenErrorSubcode.UNSUPPORTED_CAPABILITY, 'Unsupported Capability'],
      [OpenErrorSubcode.ROLE_MISMATCH, 'Role Mismatch'],
    ]),
  ],
  [
    ErrorCode.UPDATE_MESSAGE_ERROR,
    new Map<number, string>([
      [UpdateErrorSubcode.MALFORMED_ATTRIBUTE_LIST, 'Malformed Attribute List'],
      [UpdateErrorSubcode.UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE, 'Unrecognized Well-known Attribute'],
      [UpdateErrorSubcode.MISSING_WELL_KNOWN_ATTRIBUTE, 'Missing Well-known Attribute'],
      [UpdateErrorSubcode.ATTRIBUTE_FLAGS_ERROR, 'Attribute Flags Error'],
      [UpdateErrorSubcode.ATTRIBUTE_LENGTH_ERROR, 'Attribute Length Error'],
      [UpdateErrorSubcode.INVALID_ORIGIN_ATTRIBUTE, 'Invalid ORIGIN Attribute'],
      [UpdateErrorSubcode.AS_ROUTING_LOOP, 'AS Routing Loop'],
      [UpdateErrorSubcode.INVALID_NEXT_HOP_ATTRIBUTE, 'Invalid NEXT_HOP Attribute'],
      [UpdateErrorSubcode.OPTIONAL_ATTRIBUTE_ERROR, 'Optional Attribute Error'],
      [UpdateErrorSubcode.INVALID_NETWORK_FIELD, 'Invalid Network Field'],
      [UpdateErrorSubcode.MALFORMED_AS_PATH, 'Malformed AS_PATH'],
    ]),
  ],
  [
    ErrorCode.FINITE_STATE_MACHINE_ERROR,
    new Map<number, string>([
      [FsmErrorSubcode.UNEXPECTED_MESSAGE_IN_OPEN_SENT, 'Receive Unexpected Message in OpenSent State'],
      [FsmErrorSubcode.UNEXPECTED_MESSAGE_IN_OPEN_CONFIRM, 'Receive Unexpected Message in OpenConfirm State'],
      [FsmErrorSubcode.UNEXPECTED_MESSAGE_IN_ESTABLISHED, 'Receive Unexpected Message in Established State'],
    ]),
  ],
  [
    ErrorCode.CEASE,
    new Map<number, string>([
      [CeaseSubcode.MAXIMUM_NUMBER_OF_PREFIXES_REACHED, 'Maximum Number of Prefixes Reached'],
      [CeaseSubcode.ADMINISTRATIVE_SHUTDOWN, 'Administrative Shutdown'],
      [CeaseSubcode.PEER_DE_CONFIGURED, 'Peer De-configured'],
      [CeaseSubcode.ADMINISTRATIVE_RESET, 'Administrative Reset'],
      [CeaseSubcode.CONNECTION_REJECTED, 'Connection Rejected'],
      [CeaseSubcode.OTHER_CONFIGURATION_CHANGE, 'Other Configuration Change'],
      [CeaseSubcode.CONNECTION_COLLISION_RESOLUTION, 'Connection Collision Resolution'],
      [CeaseSubcode.OUT_OF_RESOURCES, 'Out of Resources'],
      [CeaseSubcode.HARD_RESET, 'Hard Reset'],
      [CeaseSubcode.BFD_DOWN, 'BFD Down'],
    ]),
  ],
  [
    ErrorCode.ROUTE_REFRESH_MESSAGE_ERROR,
    new Map<number, string>([[RouteRefreshErrorSubcode.INVALID_MESSAGE_LENGTH, 'Invalid Message Length']]),
  ],
])
