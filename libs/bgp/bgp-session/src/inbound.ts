/** From octets to events: the one place where an error that a decoder throws becomes an event of the FSM. */
import { BgpError, ErrorCode, MessageType, OpenErrorSubcode, decodeMessage } from '@dnstap-bgp/bgp-wire'
import type { Message, ReceivedUpdate, UpdateContext } from '@dnstap-bgp/bgp-wire'
import type { BgpConnection } from './bgp-connection.ts'
import type { Event } from './fsm.ts'
import type { ReceivedSum } from './received.ts'

/** The event of the next whole message; undefined if there is none yet. UPDATEs are added to `sum`. */
export function nextEvent(connection: BgpConnection, sum: ReceivedSum): Event | undefined {
  let message: Message
  try {
    const bytes = connection.framer.next()
    if (bytes === undefined) return undefined
    const { state, negotiated } = connection.session
    // In other states an UPDATE is an error whatever it contains, and how to read it is not agreed.
    if (bytes[18] === MessageType.UPDATE && state !== 'Established') return { type: 'UpdateMsg' }
    message = decodeMessage(bytes, (state === 'Established' ? negotiated : undefined) ?? NOTHING_AGREED)
  } catch (error) {
    if (error instanceof BgpError) return errorEvent(error)
    throw error
  }
  switch (message.type) {
    case 'OPEN':
      return { type: 'BGPOpen', open: message.open }
    case 'KEEPALIVE':
      connection.idleMessages++
      return { type: 'KeepAliveMsg' }
    case 'NOTIFICATION':
      return { type: isVersionError(message.notification) ? 'NotifMsgVerErr' : 'NotifMsg', notification: message.notification }
    case 'ROUTE_REFRESH':
      connection.idleMessages++
      return { type: 'RouteRefreshMsg', ...message.routeRefresh }
    case 'UPDATE':
      if (isEmpty(message.update)) connection.idleMessages++
      sum.add(message.update)
      return { type: 'UpdateMsg' }
  }
}

const NOTHING_AGREED: UpdateContext = { fourOctetAsn: true, internal: false, families: [], extendedNextHop: [] }

function errorEvent(error: BgpError): Event {
  switch (error.code) {
    case ErrorCode.OPEN_MESSAGE_ERROR:
      return { type: 'BGPOpenMsgErr', error }
    case ErrorCode.UPDATE_MESSAGE_ERROR:
      return { type: 'UpdateMsgErr', error }
    case ErrorCode.ROUTE_REFRESH_MESSAGE_ERROR:
      return { type: 'RouteRefreshMsgErr', error }
    default:
      return { type: 'BGPHeaderErr', error }
  }
}

function isVersionError({ code, subcode }: { code: number; subcode: number }): boolean {
  return code === ErrorCode.OPEN_MESSAGE_ERROR && subcode === OpenErrorSubcode.UNSUPPORTED_VERSION_NUMBER
}

function isEmpty({ announced, withdrawn }: ReceivedUpdate): boolean {
  return announced.ipv4 + announced.ipv6 + withdrawn.ipv4 + withdrawn.ipv6 === 0
}
