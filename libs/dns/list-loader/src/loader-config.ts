/** What a ListLoader is given, and every default of it. */
import type { Clock, Log } from '@dnstap-bgp/runtime'
import type { DownloadLimits } from './download.ts'
import type { ListDefinition } from './list-definition.ts'

export interface ListLoaderConfig {
  readonly lists: readonly ListDefinition[]
  /** Where last good versions are kept. Undefined: after a restart every URL must be downloaded, and a file is not compared with its last version. */
  readonly stateFolder: string | undefined
  /** The largest list, unpacked. */
  readonly maxListBytes?: number
  readonly download?: Partial<DownloadLimits>
  /** Read a file again when it changes; false: only when refresh() or reconfigure() is called. */
  readonly watch?: boolean
  /** A changed file must stay the same for this long before it is read. */
  readonly settleMs?: number
  /** A file that keeps changing is read after this long. */
  readonly longestSettleMs?: number
  /** How often files are checked, for changes that the kernel did not report. */
  readonly pollIntervalMs?: number
  /** For commands beside a running service: writes and removes nothing in the state folder, and downloads only if load() is told to. */
  readonly readOnly?: boolean
  /** How long load() and reconfigure() wait for URLs that have no copy, and preview() for slow URLs. */
  readonly patienceMs?: number
}

export interface ListLoaderDeps {
  readonly clock: Clock
  readonly log: Log
  /** For jitter; 0 to 1. */
  readonly random?: () => number
}

/** The configuration with its defaults, without the lists: those change. */
export type LoaderSettings = Required<Omit<ListLoaderConfig, 'lists' | 'download'>> & { readonly download: DownloadLimits }

export const DOWNLOAD_LIMITS: DownloadLimits = { timeoutMs: 300_000, stallMs: 20_000, redirects: 5 }

const DEFAULTS = {
  maxListBytes: 2 ** 30,
  watch: true,
  settleMs: 300,
  longestSettleMs: 5_000,
  pollIntervalMs: 30_000,
  readOnly: false,
  patienceMs: 5_000,
} as const satisfies Partial<ListLoaderConfig>

export const MAX_LIST_BYTES = DEFAULTS.maxListBytes

export function settingsOf({ lists: _, download, ...config }: ListLoaderConfig): LoaderSettings {
  return { ...DEFAULTS, ...config, download: { ...DOWNLOAD_LIMITS, ...download } }
}
