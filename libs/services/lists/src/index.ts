export { placeKey, placesOfRules } from './places-of-rules.ts'
export type { WantedRule } from './places-of-rules.ts'
export { listRow, startLists } from './start-lists.ts'
export type { ListsCoverage, ListPreview, ListsConfig, ListsPreview, RunningLists, StartListsDeps } from './start-lists.ts'
