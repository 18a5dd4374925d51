export { SteeringError } from './codec.ts'
export { HeardResolvers } from './heard-resolvers.ts'
export { octetsOfResolution } from './resolution.ts'
export type { Resolution } from './resolution.ts'
export type { RouteChange, RouteChanges, RoutesChunk, StoreHead, TailPart } from './route-change.ts'
export { RouteFollower } from './route-follower.ts'
export type { FollowerAction, FollowerState } from './route-follower.ts'
export {
  BINDINGS,
  EXPLAIN,
  FINDINGS,
  FORGET,
  FORGOTTEN,
  HEAD,
  INQUIRY,
  LEARNT,
  OFFER,
  RESOLUTIONS,
  RESOLVERS,
  ROUTE_CHANGES,
  SNAPSHOT,
  TAIL,
  TELL_HELD_DOWN,
} from './subjects.ts'
export type {
  ExplainRequest,
  Findings,
  ForgetRequest,
  Forgotten,
  Inquiry,
  OfferAnswer,
  OperatorAnswer,
  RouteState,
} from './subjects.ts'
