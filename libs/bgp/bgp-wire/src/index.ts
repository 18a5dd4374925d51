export { encodeAttributes } from './attributes.ts'
export type { AttributeBlock, PathAttributes } from './attributes.ts'
export { BgpError, describeError, openError } from './bgp-error.ts'
export { NO_CAPABILITIES } from './capabilities.ts'
export type { Capabilities, GracefulRestartFamily, LongLivedFamily } from './capabilities.ts'
export {
  WELL_KNOWN_COMMUNITIES,
  formatCommunity,
  formatLargeCommunity,
  parseCommunity,
  parseLargeCommunity,
} from './communities.ts'
export type { LargeCommunity } from './communities.ts'
export { MessageFramer } from './framer.ts'
export { decodeMessage, encodeKeepalive } from './message.ts'
export type { Message } from './message.ts'
export { cease, decodeNotification, encodeNotification, hardReset } from './notification.ts'
export type { Notification } from './notification.ts'
export {
  AS_TRANS,
  AttributeFlag,
  AttributeType,
  CapabilityCode,
  CeaseSubcode,
  ErrorCode,
  FAMILIES,
  FsmErrorSubcode,
  HEADER_LENGTH,
  HeaderErrorSubcode,
  MAX_EXTENDED_MESSAGE_LENGTH,
  MAX_MESSAGE_LENGTH,
  MessageType,
  OpenErrorSubcode,
  Origin,
  Role,
  RouteRefreshErrorSubcode,
  SAFI_UNICAST,
  UpdateErrorSubcode,
  afiOf,
  familyOfAfi,
} from './numbers.ts'
export type { Family } from './numbers.ts'
export { uint32 } from './network-order.ts'
export { decodeOpen, encodeOpen } from './open.ts'
export type { Open } from './open.ts'
export { RouteRefreshSubtype, decodeRouteRefresh, encodeRouteRefresh } from './route-refresh.ts'
export type { RouteRefresh } from './route-refresh.ts'
export { decodeUpdate } from './update-reader.ts'
export type { AttributeFault, ReceivedUpdate, UpdateContext } from './update-reader.ts'
export { UpdateWriter, attributesFit } from './update-writer.ts'
