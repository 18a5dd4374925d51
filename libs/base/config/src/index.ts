export { BGP_ROLES, DNSTAP_TYPES, LIST_FORMATS, LOG_LEVELS } from './config.ts'
export type {
  AdminConfig,
  BgpConfig,
  BgpPeerConfig,
  BgpRole,
  BusConfig,
  Config,
  ConfigWith,
  DnstapConfig,
  DnstapType,
  Lifetime,
  LimitsConfig,
  ListConfig,
  LogConfig,
  LogLevel,
  NatsConfig,
  NeverConfig,
  Part,
  RedisConfig,
  ResolverConfig,
  ResolverKind,
  StoreConfig,
  SyncerConfig,
  TlsClientConfig,
  TlsServerConfig,
} from './config.ts'
export { DEFAULTS } from './defaults.ts'
export { lifetimeMsOf } from './lifetime.ts'
export { ConfigError, describeMistakes } from './mistakes.ts'
export type { Mistake } from './mistakes.ts'
export { keysThatNeedRestart } from './needs-restart.ts'
export { neverListOptions } from './never-list-options.ts'
export { sameRouting } from './same-routing.ts'
export { protectHosts } from './protected-hosts.ts'
export type { ProtectedHosts } from './protected-hosts.ts'
export { loadConfig, parseConfig, readConfig } from './parse-config.ts'
export type { Environment } from './context.ts'
export type { ParseOptions } from './parse-config.ts'
export { Secret } from './secret.ts'
export { formatDuration, parseDuration } from './values.ts'
export { PROGRAM_NEEDS } from './program-needs.ts'
