/** The definition of a list, and its status. */
import type { Matcher } from '@dnstap-bgp/domain-matcher'
import type { SecretText } from '@dnstap-bgp/runtime'

export type ListSource =
  /** A file, or a folder: then every file in it whose name does not begin with a dot. `file#a,@b` takes site a, with attribute b. */
  | { readonly kind: 'path'; readonly path: string }
  /** http or https, with a fragment as above; `proxy` is the URL of an HTTP proxy. */
  | { readonly kind: 'url'; readonly url: string; readonly proxy: string | undefined }

/** The settings of a list that concern its names. */
export interface ListDefinition {
  readonly name: string
  readonly source: ListSource
  /** One of domain-list's formats, or `auto`; the Clash providers also as `clash-domain` and `clash-classical`. */
  readonly format: string
  readonly match: 'auto' | 'exact' | 'suffix'
  /** Hand over the addresses and prefixes in the list, rather than only count them. */
  readonly addresses: boolean
  /** A shorter (wider) prefix is skipped. */
  readonly shortestPrefixIpv4: number
  readonly shortestPrefixIpv6: number
  readonly refreshIntervalMs: number
  /** RPZ: the zone's name, if the file does not give it. */
  readonly origin: string | undefined
  /** Lower-case hex; a version with another digest is refused. */
  readonly sha256: string | undefined
  readonly bearerToken: SecretText | undefined
  /** For the URL's server, and for the proxy. */
  readonly login: Login | undefined
  readonly proxyLogin: Login | undefined
  /** A version with fewer than this share of the last one's rules is refused. 0: never. */
  readonly minimumShare: number
}

export interface Login {
  readonly user: string
  readonly password: SecretText
}

export type ListState =
  /** The rules are those of the source now. */
  | 'fresh'
  /** As fresh, but rules are missing: the source is not whole, or much of it was not understood. */
  | 'degraded'
  /** The last good copy, while the source cannot be reached. */
  | 'cached'
  /** The source's version was refused; the last good version stays. */
  | 'refused'
  /** No rules: the source cannot be read, and there is no last good version. */
  | 'failed'
  /** No rules yet: the first download is under way. */
  | 'waiting'

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
  /** Why the last good version cannot be kept for a restart; undefined: it is kept, or no folder is configured. */
  readonly notKept: string | undefined
  /** Rules of the source that are not in use; one sentence for each kind. */
  readonly losses: readonly string[]
  /** Properties of the rules in use that the operator may not expect; one sentence each. */
  readonly warnings: readonly string[]
  /** As recognised, when the configuration says `auto`. */
  readonly format: string
  /** Distinct names, and distinct rules. */
  readonly names: number
  readonly rules: number
  readonly duplicates: number
  readonly addresses: number
  /** Digest of the octets that the rules in use were read from; undefined: no rules are in use. */
  readonly sha256: string | undefined
  /** Lines that gave no rule, by reason; and the first of them. */
  readonly skipped: Readonly<Record<string, number>>
  readonly skippedLines: readonly SkippedLine[]
  /** Unix ms: when its rules last changed, and when the source was last read or asked. */
  readonly changedAt: number
  readonly checkedAt: number
}

/** Are rules of the list in use, of any version? */
export function isLoaded({ state }: Pick<ListStatus, 'state'>): boolean {
  return state !== 'failed' && state !== 'waiting'
}

/** Are the rules in use those of the source now? */
export function isCurrent({ state }: Pick<ListStatus, 'state'>): boolean {
  return state === 'fresh' || state === 'degraded'
}

/** Do both definitions give the same rules for the same octets? They may still differ in how the source is fetched. */
export function readsAlike(a: ListDefinition, b: ListDefinition): boolean {
  return readingOf(a) === readingOf(b)
}

/** Every setting that decides which rules a list has, as one text. */
export function readingOf(list: ListDefinition): string {
  const { source, format, match, addresses, origin, sha256, shortestPrefixIpv4, shortestPrefixIpv6 } = list
  const where = source.kind === 'path' ? source.path : source.url
  return JSON.stringify([
    where,
    format,
    match,
    addresses,
    origin,
    sha256,
    ...(addresses ? [shortestPrefixIpv4, shortestPrefixIpv6] : []),
  ])
}

/** How a list differs from its version before. */
export interface ListDifference {
  readonly name: string
  readonly added: number
  readonly removed: number
  /** Names whose rules changed: exact instead of suffix, an exception. */
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

/** Lists that cannot be loaded at the start. One sentence for each. */
export class ListsError extends Error {
  override readonly name = 'ListsError'
  readonly problems: readonly { readonly list: string; readonly why: string }[]

  constructor(problems: readonly { readonly list: string; readonly why: string }[]) {
    super(problems.map(({ list, why }) => `list "${list}": ${why}`).join('; '))
    this.problems = problems
  }
}
