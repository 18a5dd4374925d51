export type { CloseOptions, OutputReceiver, OutputStatus, RouteOutput } from './route-output.ts'
export { routeChain } from './route-sink.ts'
export type { RouteSink, RouteStage } from './route-sink.ts'
