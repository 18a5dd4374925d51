export { AdminClient, AdminClientError } from './admin-client.ts'
export type { AdminClientFault, AdminTarget } from './admin-client.ts'
