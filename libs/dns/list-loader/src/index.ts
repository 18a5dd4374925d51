export { ListLoader } from './list-loader.ts'
export type { ListLoaderConfig, ListLoaderDeps, ReloadOptions } from './list-loader.ts'
export { ListsError } from './list-definition.ts'
export type {
  ListDefinition,
  ListDifference,
  ListSource,
  ListState,
  ListStatus,
  LoadedLists,
  SkippedLine,
} from './list-definition.ts'
