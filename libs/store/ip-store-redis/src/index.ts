export type { RedisStoreOptions } from './options.ts'
export { openRedisStore, RedisIpStore } from './redis-store.ts'
export type { RedisStoreDeps } from './redis-store.ts'
