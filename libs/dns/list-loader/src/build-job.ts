/**
 * What the event loop's thread and the worker say to each other: plain data, so that it can be cloned.
 *
 * Big things go as SharedArrayBuffer: nothing is copied either way, and the version in use can be read by the worker that builds the next.
 */
import type { CopyNote } from './kept-copies.ts'
import type { ListDifference, ListState, ListStatus } from './list-definition.ts'

export type JobSource =
  /** The operator's file or folder. */
  | { readonly kind: 'path' }
  /** What was fetched from a URL; it becomes the copy when it is taken. */
  | {
      readonly kind: 'fetched'
      readonly path: string
      /** A folder with what the list includes (v2fly); undefined: it includes nothing. */
      readonly includes: string | undefined
      readonly etag: string | undefined
      readonly lastModified: string | undefined
    }
  /** What the version in use has, without a look at the source. */
  | { readonly kind: 'keep'; readonly state: ListState; readonly why: string | undefined }
  /** The last good version, for the source has none now; `otherwise` when there is none. */
  | {
      readonly kind: 'last'
      readonly state: 'cached' | 'refused'
      readonly why: string
      readonly otherwise: 'failed' | 'waiting'
    }

export interface JobList {
  readonly name: string
  readonly source: JobSource
  /** Without fragment; undefined for URLs. */
  readonly path: string | undefined
  /** How the source is called in sentences. */
  readonly sourceText: string
  /** What stands in the fragment: `geosite.dat#google,@cn`. */
  readonly sites: readonly string[]
  readonly attributes: readonly string[]
  readonly format: string
  readonly match: 'auto' | 'exact' | 'suffix'
  readonly addresses: boolean
  readonly shortestPrefixIpv4: number
  readonly shortestPrefixIpv6: number
  readonly origin: string | undefined
  readonly sha256: string | undefined
  readonly minimumShare: number
  /** `anything`: the operator has said so. `less`: the definition is another, and its size says nothing. */
  readonly accept: 'nothing' | 'less' | 'anything'
  /** All that decides which rules it has (list-definition.ts, readingOf). */
  readonly reading: string
  /** What is in use was read by other settings, or from elsewhere. */
  readonly isOther: boolean
  /** Where the last good version is kept over restarts. Undefined: nowhere. */
  readonly copyPath: string | undefined
  /** The copy that is there, and what is noted of it: the list's own, or what another one kept of the same URL. */
  readonly copy: string | undefined
  readonly note: CopyNote | undefined
  /** Of the version in use, if there is one. */
  readonly status: ListStatus | undefined
  /** Unix ms: when the source was last read or asked. */
  readonly checkedAt: number
}

export interface BuildJob {
  readonly lists: readonly JobList[]
  readonly seed: number
  readonly now: number
  /** The matcher in use, and the addresses of its lists by name (text, one in a line). */
  readonly previous: SharedArrayBuffer | undefined
  readonly previousAddresses: ReadonlyMap<string, SharedArrayBuffer>
  readonly maxListBytes: number
  /** Do not touch the copies: this is only a look. */
  readonly readOnly: boolean
}

export interface JobListResult {
  readonly status: ListStatus
  readonly difference: ListDifference
  /** Its rules are those of the version before: nothing was read. */
  readonly isKept: boolean
  /** Files that `include:` lines named, with their signatures (list-files.ts); undefined: nothing was read. */
  readonly included: readonly (readonly [path: string, signature: string])[] | undefined
}

export interface BuildResult {
  /** Undefined: no rule changed, the matcher in use stays. */
  readonly matcher: SharedArrayBuffer | undefined
  readonly addresses: ReadonlyMap<string, SharedArrayBuffer>
  readonly lists: readonly JobListResult[]
}
