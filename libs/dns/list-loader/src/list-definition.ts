/** What a list is to the loader, and what the loader says about it. */
import type { Matcher } from '@dnstap-bgp/domain-matcher'

export type ListSource =
  /** A file, or a folder: then every file in it whose name does not begin with a dot. `file#a,b` takes the sites a and b of a geosite file. */
  | { readonly kind: 'path'; readonly path: string }
  /** http or https; `proxy` is the URL of an HTTP proxy. */
  | { readonly kind: 'url'; readonly url: string; readonly proxy: string | undefined }

/** The part of the configuration's list that concerns its names. */
export interface ListDefinition {
  readonly name: string
  readonly source: ListSource
  /** One of domain-list's formats, or `auto`; the Clash providers also as `clash-domain` and `clash-classical`. */
  readonly format: string
  readonly match: 'auto' | 'exact' | 'suffix'
  /** Hand over the addresses and prefixes in the list, rather than only count them. */
  readonly addresses: boolean
  readonly refreshIntervalMs: number
  /** Lower-case hex; what was fetched must have this digest. */
  readonly sha256: string | undefined
  readonly bearerToken: { reveal(): string } | undefined
  /** A version with fewer than this share of the last one's rules is refused. 0: never. */
  readonly minimumShare: number
}

export type ListState =
  /** What the source says now. */
  | 'fresh'
  /** The last good copy, while the source cannot be reached. */
  | 'cached'
  /** The source has something that was not taken; the last good version stays. */
  | 'refused'
  /** There is nothing: no source, and no version from before. */
  | 'failed'

export interface SkippedLine {
  readonly reason: string
  /** Given when the source is a folder. */
  readonly file: string | undefined
  readonly line: number
  readonly text: string
}

export interface ListStatus {
  readonly name: string
  readonly source: string
  readonly state: ListState
  /** One sentence, unless fresh. */
  readonly why: string | undefined
  /** As recognised, when the configuration says `auto`. */
  readonly format: string
  /** Distinct names, and distinct rules. */
  readonly names: number
  readonly rules: number
  readonly duplicates: number
  readonly addresses: number
  /** What became no rule, by reason; and the first of them. */
  readonly skipped: Readonly<Record<string, number>>
  readonly skippedLines: readonly SkippedLine[]
  /** Unix ms: when its rules last changed, and when the source was last read or asked. */
  readonly changedAt: number
  readonly checkedAt: number
}

/** How a list differs from its version before. */
export interface ListDifference {
  readonly name: string
  readonly added: number
  readonly removed: number
  /** Names whose rules are others now: exact instead of suffix, an exception. */
  readonly changed: number
  readonly addressesAdded: number
  readonly addressesRemoved: number
}

/** One version of all lists. Never changes; the next version is another object. */
export interface LoadedLists {
  readonly matcher: Matcher
  readonly lists: readonly ListStatus[]
  /** Against the version before; empty for the first. */
  readonly differences: readonly ListDifference[]
  /** Canonical prefixes of a list with `addresses`, sorted; read from shared memory at each call. */
  addressesOf(list: string): string[]
}

/** Lists that cannot be had at the start. One sentence for each. */
export class ListsError extends Error {
  override readonly name = 'ListsError'
  readonly problems: readonly { readonly list: string; readonly why: string }[]

  constructor(problems: readonly { readonly list: string; readonly why: string }[]) {
    super(problems.map(({ list, why }) => `list "${list}": ${why}`).join('; '))
    this.problems = problems
  }
}
