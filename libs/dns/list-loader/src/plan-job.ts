/** Turns a build request into a job for the worker: for each list, which source to read it from and what to compare it with. */
import type { BuildJob, JobList, JobSource } from './build-job.ts'
import type { BuildRequest } from './build-request.ts'
import { fetchesAlike, type FetchResult } from './fetch-request.ts'
import { copyPathOf, findCopy, readNote } from './kept-copies.ts'
import { readingOf, readsAlike, type ListDefinition, type ListStatus } from './list-definition.ts'
import { splitFragment, urlFragment, type Fragment } from './list-files.ts'
import type { BuiltLists } from './lists-version.ts'
import type { LoaderSettings } from './loader-config.ts'

export interface BuildContext {
  readonly settings: LoaderSettings
  /** The version in use. */
  readonly current: BuiltLists | undefined
  /** The lists as configured until now; the request may bring others. */
  readonly configured: readonly ListDefinition[]
  readonly seed: number
  readonly now: number
}

export function planJob(request: BuildRequest, context: BuildContext): BuildJob {
  const { settings, current, configured, seed, now } = context
  return {
    lists: (request.lists ?? configured).map((list) => planList(list, request, context)),
    seed,
    now,
    previous: current?.matcherBuffer,
    previousAddresses: current?.addressText ?? new Map(),
    maxListBytes: settings.maxListBytes,
    readOnly: settings.readOnly,
  }
}

function planList(list: ListDefinition, request: BuildRequest, { settings, current, configured, now }: BuildContext): JobList {
  const { name } = list
  const status = current?.lists.find((other) => other.name === name)
  const before = configured.find((other) => other.name === name)
  const isEdited = before === undefined || !readsAlike(before, list)
  const inUse = current?.readAs.get(name)
  const isOther = status !== undefined && (inUse === undefined || !readsAlike(inUse, list))
  const isWanted = request.isFirst || request.all || request.names.has(name) || isEdited || status === undefined
  const fetched = request.fetched.get(name)
  const { path, sites, attributes } = placeOf(list)
  const { stateFolder } = settings
  const copy = copyOf(list, stateFolder)
  return {
    name,
    source: list.source.kind === 'path' ? fileSource(isWanted, status) : urlSource(list, isEdited, status, fetched),
    path: list.source.kind === 'path' ? path : undefined,
    sourceText: sourceText(list),
    sites,
    attributes,
    format: list.format,
    match: list.match,
    addresses: list.addresses,
    shortestPrefixIpv4: list.shortestPrefixIpv4,
    shortestPrefixIpv6: list.shortestPrefixIpv6,
    origin: list.origin,
    sha256: list.sha256,
    minimumShare: list.minimumShare,
    accept: request.accept.has(name) ? 'anything' : isOther ? 'less' : 'nothing',
    reading: readingOf(list),
    isOther,
    copyPath: stateFolder === undefined ? undefined : copyPathOf(stateFolder, name, path),
    copy,
    note: readNote(copy),
    status,
    checkedAt: isWanted || fetched !== undefined ? now : (status?.checkedAt ?? now),
  }
}

function fileSource(isWanted: boolean, status: ListStatus | undefined): JobSource {
  return isWanted || status === undefined ? { kind: 'path' } : keep(status)
}

function urlSource(
  list: ListDefinition,
  isEdited: boolean,
  status: ListStatus | undefined,
  fetched: FetchResult | undefined,
): JobSource {
  if (fetched !== undefined && fetchesAlike(fetched.list, list)) return fetchedSource(list, status, fetched)
  if (status === undefined || isEdited)
    return { kind: 'last', state: 'cached', why: 'the source was not asked yet', otherwise: 'waiting' }
  return keep(status)
}

function fetchedSource(list: ListDefinition, status: ListStatus | undefined, { received, knownSha256 }: FetchResult): JobSource {
  if (received.outcome === 'fetched')
    return { ...received, kind: 'fetched', includes: 'includes' in received ? received.includes : undefined }
  if (received.outcome === 'unchanged' && status !== undefined && knownSha256 === status.sha256)
    return { kind: 'keep', state: 'fresh', why: undefined }
  const why = received.outcome === 'unchanged' ? 'it changed while it was asked' : `${sourceText(list)}: ${received.why}`
  return { kind: 'last', state: received.outcome === 'refused' ? 'refused' : 'cached', why, otherwise: 'failed' }
}

function keep({ state, why }: ListStatus): JobSource {
  return { kind: 'keep', state, why }
}

/** The source without its fragment, and what the fragment chooses. */
export function placeOf({ source }: ListDefinition): Fragment {
  return source.kind === 'path' ? splitFragment(source.path) : urlFragment(source.url)
}

function sourceText({ source }: ListDefinition): string {
  return source.kind === 'path' ? source.path : source.url
}

/** The last good version that the list can start from. */
export function copyOf(list: ListDefinition, stateFolder: string | undefined): string | undefined {
  const isUrl = list.source.kind === 'url'
  return stateFolder === undefined ? undefined : findCopy(stateFolder, list.name, placeOf(list).path, isUrl)
}
