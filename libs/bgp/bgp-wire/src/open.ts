/**
 * OPEN (RFC 4271 §4.2), with capabilities (RFC 5492) and the longer optional parameters of RFC 9072.
 *
 *     | Version (1) | My AS (2) | Hold Time (2) | BGP Identifier (4) | Opt Parm Len (1) | parameters ... |
 *     parameter:           | Type (1) | Length (1) | value |
 *     RFC 9072 instead:    Opt Parm Len, then | 255 (1) | Length of all (2) | and each | Type (1) | Length (2) | value |
 *
 * The session checks whether an OPEN suits us (AS, identifier, role). Here only what no OPEN may contain is refused.
 */
import { openError, type BgpError } from './bgp-error.ts'
import { CapabilityReader, encodeCapabilities } from './capabilities.ts'
import type { Capabilities } from './capabilities.ts'
import { message } from './header.ts'
import { AS_TRANS, BGP_VERSION, HEADER_LENGTH, MessageType, OpenErrorSubcode } from './numbers.ts'
import { readUint16, readUint32, uint16, uint32 } from './network-order.ts'

export interface Open {
  /** The four-octet AS number if the sender has one (RFC 6793), else My AS. */
  readonly asn: number
  /** 0: no KEEPALIVEs and no hold timer. */
  readonly holdTimeSeconds: number
  /** As an unsigned number, which RFC 6286 compares. */
  readonly bgpIdentifier: number
  readonly capabilities: Capabilities
}

const CAPABILITIES_PARAMETER = 2
const EXTENDED_LENGTH_MARK = 255

/** `withCapabilities: false` is for a peer that refused optional parameters (RFC 5492 §3). */
export function encodeOpen(open: Open, withCapabilities = true): Uint8Array {
  const capabilities = withCapabilities ? encodeCapabilities(open.capabilities) : []
  return message(MessageType.OPEN, [
    BGP_VERSION,
    ...uint16(open.asn > 0xffff ? AS_TRANS : open.asn),
    ...uint16(open.holdTimeSeconds),
    ...uint32(open.bgpIdentifier),
    ...optionalParameters(capabilities),
  ])
}

/** All capabilities in one parameter, as RFC 5492 §4 asks. */
function optionalParameters(capabilities: readonly number[]): number[] {
  if (capabilities.length === 0) return [0]
  if (capabilities.length <= 253) return [capabilities.length + 2, CAPABILITIES_PARAMETER, capabilities.length, ...capabilities]
  const parameter = [CAPABILITIES_PARAMETER, ...uint16(capabilities.length), ...capabilities]
  return [255, EXTENDED_LENGTH_MARK, ...uint16(parameter.length), ...parameter]
}

/**
 * Reads | Version (1) | My AS (2) | Hold Time (2) | BGP Identifier (4) | Opt Parm Len (1) | parameters ... | behind the header (RFC 4271 §4.2).
 * Throws BgpError (OPEN Message Error).
 */
export function decodeOpen(bytes: Uint8Array): Open {
  const version = bytes[HEADER_LENGTH]
  if (version !== BGP_VERSION) {
    throw openError(OpenErrorSubcode.UNSUPPORTED_VERSION_NUMBER, `version ${version}, not 4`, uint16(BGP_VERSION))
  }
  const capabilities = decodeOptionalParameters(bytes)
  const asn = capabilities.fourOctetAsn ?? readUint16(bytes, HEADER_LENGTH + 1)
  // RFC 7607: no speaker is AS 0, in either field.
  if (asn === 0 || readUint16(bytes, HEADER_LENGTH + 1) === 0) throw openError(OpenErrorSubcode.BAD_PEER_AS, 'AS 0')
  const holdTimeSeconds = readUint16(bytes, HEADER_LENGTH + 3)
  if (holdTimeSeconds === 1 || holdTimeSeconds === 2) {
    throw openError(OpenErrorSubcode.UNACCEPTABLE_HOLD_TIME, `a hold time of ${holdTimeSeconds} s`)
  }
  const bgpIdentifier = readUint32(bytes, HEADER_LENGTH + 5)
  if (bgpIdentifier === 0) throw openError(OpenErrorSubcode.BAD_BGP_IDENTIFIER, 'BGP Identifier 0') // RFC 6286 §2.2
  return { asn, holdTimeSeconds, bgpIdentifier, capabilities }
}

/**
 * Reads the optional parameters.
 *
 *     RFC 4271 §4.2:   | Opt Parm Len (1) | and each | Type (1) | Length (1) | value |
 *     RFC 9072 §2:     | Opt Parm Len (1, not 0) | 255 (1) | Length of all (2) | and each | Type (1) | Length (2) | value |
 */
function decodeOptionalParameters(bytes: Uint8Array): Capabilities {
  const lengthAt = HEADER_LENGTH + 9
  const extended = bytes[lengthAt] !== 0 && bytes.length >= lengthAt + 4 && bytes[lengthAt + 1] === EXTENDED_LENGTH_MARK
  let at = lengthAt + (extended ? 4 : 1)
  const end = at + (extended ? readUint16(bytes, lengthAt + 2) : bytes[lengthAt])
  if (end !== bytes.length) throw malformed(`optional parameters end at ${end} of ${bytes.length} octets`)
  const reader = new CapabilityReader()
  const headLength = extended ? 3 : 2
  while (at < end) {
    if (end - at < headLength) throw malformed('an optional parameter is cut short')
    const type = bytes[at]
    const valueStart = at + headLength
    const valueEnd = valueStart + (extended ? readUint16(bytes, at + 1) : bytes[at + 1])
    if (valueEnd > end) throw malformed('an optional parameter is longer than the message')
    if (type !== CAPABILITIES_PARAMETER) {
      throw openError(OpenErrorSubcode.UNSUPPORTED_OPTIONAL_PARAMETER, `optional parameter of type ${type}`)
    }
    if (!reader.read(bytes, valueStart, valueEnd)) throw malformed('a capability is longer than its parameter')
    at = valueEnd
  }
  return reader.result()
}

/** RFC 4271 §6.2: a parameter that is recognized and malformed is Unspecific. */
function malformed(detail: string): BgpError {
  return openError(OpenErrorSubcode.UNSPECIFIC, detail)
}
