export { ListLoader } from './list-loader.ts'
export type { LoadOptions, RefreshOptions } from './list-loader.ts'
export { DOWNLOAD_LIMITS } from './loader-config.ts'
export type { ListLoaderConfig, ListLoaderDeps } from './loader-config.ts'
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
