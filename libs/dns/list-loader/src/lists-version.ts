/** One version of all lists, made from the result of a build. */
import { Matcher } from '@dnstap-bgp/domain-matcher'
import type { Clock } from '@dnstap-bgp/runtime'
import type { BuildResult } from './build-job.ts'
import { isLoaded, type ListDefinition, type LoadedLists } from './list-definition.ts'
import { splitLines } from './shared-text.ts'

export interface BuiltLists extends LoadedLists {
  readonly matcherBuffer: SharedArrayBuffer
  readonly addressText: ReadonlyMap<string, SharedArrayBuffer>
  /** By list: the definition that its rules in use were read with. An edited definition takes effect when the source is read with it. */
  readonly readAs: ReadonlyMap<string, ListDefinition>
}

export function versionOf(
  result: BuildResult,
  before: BuiltLists | undefined,
  definitions: readonly ListDefinition[] = [],
): BuiltLists {
  const matcherBuffer = result.matcher ?? before?.matcherBuffer
  if (matcherBuffer === undefined) throw new Error('the first build gave no matcher')
  const matcher = result.matcher === undefined && before !== undefined ? before.matcher : new Matcher(matcherBuffer)
  const readAs = new Map<string, ListDefinition>()
  for (const { status, isKept } of result.lists) {
    const list = isKept ? before?.readAs.get(status.name) : definitions.find(({ name }) => name === status.name)
    if (list !== undefined && isLoaded(status)) readAs.set(status.name, list)
  }
  return {
    matcher,
    matcherBuffer,
    addressText: result.addresses,
    readAs,
    lists: result.lists.map(({ status }) => status),
    differences: before === undefined ? [] : result.lists.map(({ difference }) => difference),
    addressesOf: (list) => splitLines(result.addresses.get(list)),
  }
}

/** The event loop is held no longer than this at a time. */
const PREPARE_MS = 4

/** Compiles the regular expressions before the matcher is used, a few at a time. Otherwise the first name would wait for all of them. */
export async function prepareMatcher(matcher: Matcher, clock: Clock): Promise<void> {
  let began = clock.monotonic()
  for (const _ of matcher.prepare()) {
    if (clock.monotonic() - began < PREPARE_MS) continue
    await new Promise<void>((resolve) => clock.after(0, resolve))
    began = clock.monotonic()
  }
}
