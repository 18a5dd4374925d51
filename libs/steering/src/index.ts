export { SteeringError } from './codec.ts'
export type { Resolution } from './resolution.ts'
export type { RouteChange, RouteChanges, RoutesChunk, StoreHead, TailPart } from './route-change.ts'
export { RouteFollower } from './route-follower.ts'
export type { FollowerAction, FollowerState } from './route-follower.ts'
export {
  BINDINGS,
  EXPLAIN,
  FORGET,
  HEAD,
  HOLD_DOWN,
  LEARNT,
  OFFER,
  RESOLUTIONS,
  ROUTE_CHANGES,
  SNAPSHOT,
  TAIL,
} from './subjects.ts'
export type { ExplainRequest, ForgetRequest, HoldDown, OfferAnswer } from './subjects.ts'
