export { SteeringError } from './checked.ts'
export { NOT_YET } from './catch-up.ts'
export type { CatchUp, CaughtUp } from './catch-up.ts'
export { HeardResolvers } from './heard-resolvers.ts'
export { octetsOfResolution } from './resolution.ts'
export type { Resolution, SteadyTime } from './resolution.ts'
export { sourceOf, sourceText } from './resolution-source.ts'
export type { ResolutionSource } from './resolution-source.ts'
export type { RouteChange, RouteChanges, RoutesChunk, StoreHead, TailPart } from './route-change.ts'
export { RouteFollower } from './route-follower.ts'
export type { FollowerAction, FollowerState } from './route-follower.ts'
export { ADMIN_CALLS, CACHE_STATUS, EXPLAIN, FORGET, MATCH } from './admin-calls.ts'
export type { AdminCall } from './admin-calls.ts'
export { EXPLAIN_REPLY, EXPLAIN_REQUEST, FORGOTTEN } from './operator.ts'
export type { ExplainReply, Forgotten, ExplainRequest, Note, RouteState } from './operator.ts'
export type { SettledHow, SettledRoutes } from './settled-routes.ts'
export {
  AWAIT_ROUTES,
  BINDINGS,
  CATCH_UP,
  CAUGHT_UP,
  HEAD,
  LEARNT,
  OFFER,
  RESOLUTIONS,
  RESOLVERS,
  ROUTE_CHANGES,
  ROUTES_SETTLED,
  SNAPSHOT,
  TAIL,
  TELL_HELD_DOWN,
} from './subjects.ts'
export type { OfferAnswer } from './subjects.ts'
export { decodersOnBus, SERVICES, WHO_SAYS_WHAT } from './who-says-what.ts'
export type { BusRow, CallOnBus, NameOnBus, ServiceName } from './who-says-what.ts'
