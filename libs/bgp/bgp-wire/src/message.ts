/** All messages: one decoder that chooses by type, and KEEPALIVE. */
import { message } from './header.ts'
import { MessageType } from './numbers.ts'
import { decodeNotification } from './notification.ts'
import type { Notification } from './notification.ts'
import { decodeOpen } from './open.ts'
import type { Open } from './open.ts'
import { decodeRouteRefresh } from './route-refresh.ts'
import type { RouteRefresh } from './route-refresh.ts'
import { decodeUpdate } from './update-reader.ts'
import type { ReceivedUpdate, UpdateContext } from './update-reader.ts'

export type Message =
  | { readonly type: 'OPEN'; readonly open: Open }
  | { readonly type: 'UPDATE'; readonly update: ReceivedUpdate }
  | { readonly type: 'NOTIFICATION'; readonly notification: Notification }
  | { readonly type: 'KEEPALIVE' }
  | { readonly type: 'ROUTE_REFRESH'; readonly routeRefresh: RouteRefresh | undefined }

/** Reads a whole message from MessageFramer, which has checked length and type: | header (19), type at 18 | body |. Throws BgpError. */
export function decodeMessage(bytes: Uint8Array, context: UpdateContext): Message {
  switch (bytes[18]) {
    case MessageType.OPEN:
      return { type: 'OPEN', open: decodeOpen(bytes) }
    case MessageType.UPDATE:
      return { type: 'UPDATE', update: decodeUpdate(bytes, context) }
    case MessageType.NOTIFICATION:
      return { type: 'NOTIFICATION', notification: decodeNotification(bytes) }
    case MessageType.KEEPALIVE:
      return KEEPALIVE
    default:
      return { type: 'ROUTE_REFRESH', routeRefresh: decodeRouteRefresh(bytes) }
  }
}

const KEEPALIVE: Message = { type: 'KEEPALIVE' }

/** KEEPALIVE (RFC 4271 §4.4): only the header. */
export function encodeKeepalive(): Uint8Array {
  return message(MessageType.KEEPALIVE, [])
}
