export type { Resolution } from './resolution.ts'
export type { RouteChange, RouteChanges, RoutesChunk, StoreHead } from './route-change.ts'
