/**
 * Messages between the event loop's thread and the worker: plain data, so that it can be cloned.
 *
 * Matchers and addresses are SharedArrayBuffers, so they are not copied. The worker reads the version in use while it builds the next.
 */
import type { CopyNote } from './kept-copies.ts'
import type { ListDifference, ListState, ListStatus } from './list-definition.ts'

export type JobSource =
  /** The operator's file or folder. */
  | { readonly kind: 'path' }
  /** A download. It becomes the kept copy when the list is not refused. */
  | {
      readonly kind: 'fetched'
      readonly path: string
      /** A folder with the lists that this one includes (v2fly); undefined: it includes none. */
      readonly includes: string | undefined
      readonly etag: string | undefined
      readonly lastModified: string | undefined
    }
  /** The rules of the version in use. The source is not read. */
  | { readonly kind: 'keep'; readonly state: ListState; readonly why: string | undefined }
  /** The last good version, because the source gives none now. `otherwise`: the state when there is no last good version. */
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
  /** The source, as messages name it. */
  readonly sourceText: string
  /** From the fragment: `geosite.dat#google,@cn`. */
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
  /** `anything`: the operator accepted it. `less`: the definition was edited, so the size before does not count. */
  readonly accept: 'nothing' | 'less' | 'anything'
  /** Every setting that decides which rules the list has (list-definition.ts, readingOf). */
  readonly reading: string
  /** The rules in use were read with other settings, or from another source. */
  readonly isOther: boolean
  /** Where the last good version is kept. Undefined: it is not kept. */
  readonly copyPath: string | undefined
  /** The existing copy and its note: of this list, or of another list with the same URL. */
  readonly copy: string | undefined
  readonly note: CopyNote | undefined
  /** Status in the version in use, if there is one. */
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
  /** Do not touch the copies: this build is a preview, or a command's. */
  readonly readOnly: boolean
}

export interface JobListResult {
  readonly status: ListStatus
  readonly difference: ListDifference
  /** The rules are those of the version before. No source was read. */
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
