/**
 * The configuration as services see it: typed, complete, checked, with units in the names.
 *
 * `parseConfig` makes it; no other code reads the file or the environment. The sections (*-section.ts) describe each key with its default. A table that
 * the file does not have is undefined; a service names the tables that it needs (`ConfigWith`).
 */
import type { AdminConfig } from './admin-section.ts'
import type { BgpConfig } from './bgp-section.ts'
import type { BusConfig, NatsConfig } from './bus-section.ts'
import type { DnstapConfig } from './dnstap-section.ts'
import type { LimitsConfig, LogConfig, NeverConfig } from './limits-section.ts'
import type { ListConfig } from './list-section.ts'
import type { ResolverConfig } from './resolver-section.ts'
import type { WrittenValues } from './setting.ts'
import type { RedisConfig, StoreConfig } from './store-section.ts'
import type { SyncerConfig } from './syncer-section.ts'

export interface Config {
  /** The file it came from, as it was named. */
  readonly fileName: string
  /** Settings that are legal but perhaps not meant; each is logged at the start. */
  readonly warnings: readonly string[]
  /** Files that hold secrets (passwords, tokens, private keys), the configuration itself if it holds some. Other users must not read them. */
  readonly secretFiles: readonly string[]
  /** Key by key, for `keysThatNeedRestart`; everybody else uses the properties below. */
  readonly written: WrittenValues
  /** Are AAAA records and IPv6 routes wanted? */
  readonly ipv6: boolean
  /** In the order of the file, which is their priority: `domains` (named `default`) first. */
  readonly lists: readonly ListConfig[]
  /** Where the last good versions of lists are kept; undefined: beside the store, or in systemd's STATE_DIRECTORY. */
  readonly listState: string | undefined
  /** A file with the names of all lists, for programs beside us. */
  readonly namesFile: string | undefined
  readonly limits: LimitsConfig
  readonly never: NeverConfig
  readonly dnstap: DnstapConfig | undefined
  /** Resolvers that ingest asks questions itself. */
  readonly resolvers: readonly ResolverConfig[]
  readonly bgp: BgpConfig | undefined
  readonly syncer: SyncerConfig | undefined
  readonly bus: BusConfig
  readonly store: StoreConfig
  readonly admin: AdminConfig
  readonly log: LogConfig
}

/**
 * The parts that may be absent from a file, and that a service may need. `lists`: at least one. `alone`: neither [bus] nor [store], because the
 * all-in-one would ignore them.
 */
export type Part = 'lists' | 'dnstap' | 'bgp' | 'syncer' | 'nats' | 'redis' | 'alone'

/** A configuration in which these tables are certain to be there. */
export type ConfigWith<Needed extends Part> = Config & {
  readonly [Name in Needed & keyof Config]: NonNullable<Config[Name]>
} & ('nats' extends Needed ? { readonly bus: NatsConfig } : unknown) &
  ('redis' extends Needed ? { readonly store: RedisConfig } : unknown)
