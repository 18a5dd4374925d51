export { startAdminServer } from './admin-server.ts'
export type { AdminServer, AdminServerConfig, AdminServerDeps } from './admin-server.ts'
export { askOwners, serveOwned } from './over-the-bus.ts'
