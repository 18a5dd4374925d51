export { LmdbIpStore, openLmdbStore } from './lmdb-ip-store.ts'
export type { LmdbStoreConfig, LmdbStoreDependencies, LoadedBindings } from './lmdb-ip-store.ts'
export { StoreFileError } from './store-file-error.ts'
export type { StoreFileFault } from './store-file-error.ts'
