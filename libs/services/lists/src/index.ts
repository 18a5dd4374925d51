export { listRow, startLists } from './start-lists.ts'
export type { Coverage, ListsConfig, RunningLists, StartListsDeps } from './start-lists.ts'
