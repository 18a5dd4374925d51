/** The lists as the cache sees them. */
import type { Coverage } from './admission.ts'

/** What the lists say now; replaced as a whole when they change. */
export interface ListsView {
  readonly current: LoadedCoverage
  /** The listener is called after `current` was replaced. */
  onChange(listener: () => void): void
}

export interface LoadedCoverage extends Coverage {
  /** Prefixes written in lists that want them routed, by list. */
  readonly addresses: ReadonlyMap<string, readonly string[]>
}
