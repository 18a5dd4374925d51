/** What the next build must do. Requests that come while a build runs are gathered into one. */
import { discardResult, fetchesAlike, type FetchResult } from './fetch-request.ts'
import type { ListDefinition } from './list-definition.ts'

export interface BuildRequest {
  /** The first build: a file that cannot be read is an error. */
  isFirst: boolean
  /** Read all files; else those of the lists in `names`. */
  all: boolean
  readonly names: Set<string>
  /** Lists to take whatever they hold. */
  readonly accept: Set<string>
  /** Downloads to take, by list. */
  readonly fetched: Map<string, FetchResult>
  /** A new configuration; undefined: the lists stay as they are configured. */
  lists: readonly ListDefinition[] | undefined
}

export function newBuildRequest(): BuildRequest {
  return { isFirst: false, all: false, names: new Set(), accept: new Set(), fetched: new Map(), lists: undefined }
}

/**
 * Adds a download to the build. Returns false when the result was discarded: the list already has one, and this download was started with an
 * older definition of the list.
 */
export function addFetched(request: BuildRequest, result: FetchResult, configured: readonly ListDefinition[]): boolean {
  const { name } = result.list
  const list = (request.lists ?? configured).find((other) => other.name === name)
  const isCurrentDefinition = list !== undefined && fetchesAlike(result.list, list)
  const discarded = isCurrentDefinition ? request.fetched.get(name) : result
  if (discarded !== undefined) discardResult(discarded)
  if (discarded === result) return false
  request.fetched.set(name, result)
  return true
}
