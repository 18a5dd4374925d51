/**
 * NOTIFICATION (RFC 4271 §4.5): | Code (1) | Subcode (1) | Data |, after which the connection is closed.
 *
 * Some Cease subcodes give the data a layout: Administrative Shutdown and Administrative Reset carry a text for the other operator,
 * | Length (1) | UTF-8 | (RFC 9003, at most 255 octets; RFC 8203 had 128); Hard Reset wraps the NOTIFICATION that would have been sent,
 * | Code (1) | Subcode (1) | Data | (RFC 8538 §3.1).
 */
import { BgpError, describeError } from './bgp-error.ts'
import { message } from './header.ts'
import { CeaseSubcode, ErrorCode, HEADER_LENGTH, MAX_MESSAGE_LENGTH, MessageType } from './numbers.ts'
import { copyOctets, foreignTextIn, utf8Octets } from './network-order.ts'

export interface Notification {
  readonly code: number
  readonly subcode: number
  /** A copy. */
  readonly data: Uint8Array
  /** RFC 8538: routes must not be kept. Code, subcode and data are then those of the wrapped NOTIFICATION. */
  readonly hardReset: boolean
  /** The other operator's text, printable; undefined if there is none. */
  readonly shutdownCommunication?: string
  /** For a log line: `Cease, Administrative Shutdown: "back at noon"`. */
  readonly description: string
}

/** Data that does not fit 4096 octets is cut: it is for people only. */
export function encodeNotification(error: Pick<BgpError, 'code' | 'subcode' | 'data'>): Uint8Array {
  const data = error.data.subarray(0, MAX_MESSAGE_LENGTH - HEADER_LENGTH - 2)
  return message(MessageType.NOTIFICATION, [error.code, error.subcode, ...data])
}

/** Cease; the text is sent with the subcodes of RFC 9003 only (Administrative Shutdown, Administrative Reset), and cut if too long. */
export function cease(subcode: number, shutdownCommunication = ''): BgpError {
  if (shutdownCommunication === '' || !hasShutdownCommunication(subcode)) return new BgpError(ErrorCode.CEASE, subcode)
  const text = utf8Octets(shutdownCommunication, 255)
  return new BgpError(ErrorCode.CEASE, subcode, Uint8Array.of(text.length, ...text))
}

/** The same NOTIFICATION as a Hard Reset, for a peer that agreed on the N flag (RFC 8538 §3). */
export function hardReset(error: BgpError): BgpError {
  return new BgpError(
    ErrorCode.CEASE,
    CeaseSubcode.HARD_RESET,
    Uint8Array.of(error.code, error.subcode, ...error.data),
    error.message,
  )
}

/** Reads | Code (1) | Subcode (1) | Data | behind the header (RFC 4271 §4.5). Never throws: the session is over in any case. */
export function decodeNotification(bytes: Uint8Array): Notification {
  let at = HEADER_LENGTH
  let code = bytes[at]
  let subcode = bytes[at + 1]
  const isHardReset = code === ErrorCode.CEASE && subcode === CeaseSubcode.HARD_RESET
  if (isHardReset && bytes.length >= at + 4) {
    at += 2
    code = bytes[at]
    subcode = bytes[at + 1]
  }
  const data = copyOctets(bytes, at + 2)
  const text = code === ErrorCode.CEASE && hasShutdownCommunication(subcode) ? shutdownCommunicationIn(data) : ''
  const description = (isHardReset ? 'Hard Reset of ' : '') + describeError(code, subcode) + (text === '' ? '' : `: "${text}"`)
  return { code, subcode, data, hardReset: isHardReset, description, ...(text === '' ? {} : { shutdownCommunication: text }) }
}

/** Reads | Length (1) | UTF-8 text | (RFC 9003 §2). With a length that does not fit, the text is ignored; the Cease still counts. */
function shutdownCommunicationIn(data: Uint8Array): string {
  if (data.length === 0 || data[0] === 0 || data[0] > data.length - 1) return ''
  return foreignTextIn(data, 1, 1 + data[0])
}

function hasShutdownCommunication(subcode: number): boolean {
  return subcode === CeaseSubcode.ADMINISTRATIVE_SHUTDOWN || subcode === CeaseSubcode.ADMINISTRATIVE_RESET
}
