/**
 * What the event loop's thread and the worker say to each other: plain data, so that it can be cloned.
 *
 * Big things go as SharedArrayBuffer: nothing is copied either way, and the version in use can be read by the worker that builds the next.
 */
import type { ListDifference, ListStatus } from './list-definition.ts'

export interface DownloadLimits {
  /** From request to last byte. */
  readonly timeoutMs: number
  /** Without a byte. */
  readonly stallMs: number
  readonly redirects: number
}

export type JobSource =
  | { readonly kind: 'path'; readonly path: string }
  /** Take what the version in use has, without a look at the source. */
  | { readonly kind: 'keep' }
  /** The last good copy of a URL, at the start. */
  | { readonly kind: 'copy' }
  | { readonly kind: 'url'; readonly url: string; readonly proxy: string | undefined; readonly bearerToken: string | undefined }

export interface JobList {
  readonly name: string
  readonly source: JobSource
  /** How the source is called in sentences. */
  readonly sourceText: string
  readonly format: string
  readonly match: 'auto' | 'exact' | 'suffix'
  readonly addresses: boolean
  readonly minimumShare: number
  /** The operator has said: take it, however small. */
  readonly accept: boolean
  readonly sha256: string | undefined
  /** URLs: `geosite.dat#google` asks for these. */
  readonly sites: readonly string[]
  /** URLs: where the last good copy is kept. Undefined: nowhere. */
  readonly copyPath: string | undefined
  /** Of the version in use, if there is one. */
  readonly status: ListStatus | undefined
}

export interface BuildJob {
  readonly lists: readonly JobList[]
  readonly seed: number
  readonly now: number
  /** The matcher in use, and the addresses of its lists by name (text, one in a line). */
  readonly previous: SharedArrayBuffer | undefined
  readonly previousAddresses: ReadonlyMap<string, SharedArrayBuffer>
  readonly maxListBytes: number
  readonly download: DownloadLimits
  /** Do not touch the copies: this is only a look. */
  readonly dryRun: boolean
}

export interface JobListResult {
  readonly status: ListStatus
  readonly difference: ListDifference
}

export interface BuildResult {
  /** Undefined: no rule changed, the matcher in use stays. */
  readonly matcher: SharedArrayBuffer | undefined
  readonly addresses: ReadonlyMap<string, SharedArrayBuffer>
  readonly lists: readonly JobListResult[]
  /** Last good copies that could not be kept: one sentence each. */
  readonly copyFaults: readonly string[]
}
