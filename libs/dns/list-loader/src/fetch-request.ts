/**
 * One download of a list from its URL.
 *
 * A download belongs to the definition that the list had when the download began. After an edit of the definition the result is used only if the
 * new definition would have sent the same request and would read the answer in the same way.
 */
import { reveal } from '@dnstap-bgp/runtime'
import { rmSync } from 'node:fs'
import { readsAlike, type ListDefinition } from './list-definition.ts'
import type { ReceivedList } from './receive-includes.ts'

export interface FetchRequest {
  readonly list: ListDefinition
  readonly cancel: AbortController
  readonly done: Promise<FetchResult>
  /** Set when `done` resolves. */
  result: FetchResult | undefined
  /** The result went into the build that waited for it. */
  isInBuild: boolean
}

export interface FetchResult {
  /** The definition when the download began. */
  readonly list: ListDefinition
  readonly received: ReceivedList
  /** Digest of the version that an answer "not modified" refers to. */
  readonly knownSha256: string | undefined
}

/** Do both definitions send the same request, and read the answer in the same way? */
export function fetchesAlike(a: ListDefinition, b: ListDefinition): boolean {
  return readsAlike(a, b) && requestText(a) === requestText(b)
}

function requestText({ source, bearerToken, login, proxyLogin }: ListDefinition): string {
  return JSON.stringify([
    source.kind === 'url' ? source.proxy : undefined,
    bearerToken === undefined ? undefined : reveal(bearerToken),
    ...[login, proxyLogin].map((given) => (given === undefined ? undefined : [given.user, reveal(given.password)])),
  ])
}

/** Cancels downloads that are no longer needed, and removes their files. */
export async function cancelFetches(fetches: readonly FetchRequest[]): Promise<void> {
  for (const { cancel } of fetches) cancel.abort()
  for (const { done } of fetches) discardResult(await done)
}

/** Removes the downloaded files. A file that became the kept copy was renamed, so it is not among them. */
export function discardResult({ received }: FetchResult): void {
  if (received.outcome !== 'fetched') return
  rmSync(received.discard, { recursive: true, force: true })
  if ('includes' in received) rmSync(received.includes, { recursive: true, force: true })
}
