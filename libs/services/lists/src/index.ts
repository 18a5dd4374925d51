export { listRow, startLists } from './start-lists.ts'
export type { Coverage, ListPreview, ListsConfig, ListsPreview, RunningLists, StartListsDeps } from './start-lists.ts'
