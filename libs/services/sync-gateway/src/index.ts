export { startSyncGateway } from './start-gateway.ts'
export type { RunningGateway, StartGatewayDeps } from './start-gateway.ts'
