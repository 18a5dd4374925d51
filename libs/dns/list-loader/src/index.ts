export { DOWNLOAD_LIMITS, ListLoader } from './list-loader.ts'
export type { ListLoaderConfig, ListLoaderDeps, LoadOptions, ReloadOptions } from './list-loader.ts'
export { eachRule } from './list-rules.ts'
export type { RuleInFile } from './list-rules.ts'
export { isCurrent, isLoaded, ListsError } from './list-definition.ts'
export type {
  ListDefinition,
  ListDifference,
  ListSource,
  ListState,
  ListStatus,
  LoadedLists,
  Login,
  SkippedLine,
} from './list-definition.ts'
