/** What a build tells about each list: its status, and how it differs from the version before. */
import { compareMatchers, type ListRules, type Matcher } from '@dnstap-bgp/domain-matcher'
import type { BuildJob, BuildResult, JobList } from './build-job.ts'
import { isCurrent, isLoaded, type ListDifference, type ListStatus } from './list-definition.ts'
import { sizeBefore } from './list-faults.ts'
import type { ListReading } from './list-reading.ts'
import type { ReadPlan } from './read-plan.ts'
import { joinLines, splitLines } from './shared-text.ts'

/** One list of a build. */
export interface BuiltList {
  readonly list: JobList
  readonly plan: ReadPlan
  readonly rules: ListRules
  readonly addresses: readonly string[]
  /** Undefined: no file was read. */
  readonly reading: ListReading | undefined
  /** Rules of the version before that this one has no room for, by reason. */
  readonly notCopied: ReadonlyMap<string, number>
}

export function resultOf(
  job: BuildJob,
  built: readonly BuiltList[],
  previous: Matcher | undefined,
  buffer: SharedArrayBuffer,
  matcher: Matcher,
): BuildResult {
  const compared = new Map((previous === undefined ? [] : compareMatchers(previous, matcher)).map((each) => [each.list, each]))
  const addresses = new Map<string, SharedArrayBuffer>()
  let anyChange = previous === undefined || previous.lists.length !== matcher.lists.length
  const lists = built.map((each, index) => {
    const { name } = each.list
    if (previous?.lists[index]?.name !== name) anyChange = true
    if (each.addresses.length > 0) addresses.set(name, joinLines(each.addresses))
    const difference = differenceOf(each, compared.get(name), new Set(splitLines(job.previousAddresses.get(name))))
    const { added, removed, changed, addressesAdded, addressesRemoved } = difference
    const isChanged = added + removed + changed + addressesAdded + addressesRemoved > 0
    if (isChanged) anyChange = true
    return {
      status: statusOf(job, each, isChanged),
      difference,
      isKept: each.plan.from === 'previous',
      included: each.reading === undefined ? undefined : [...each.reading.included],
    }
  })
  return { matcher: anyChange ? buffer : undefined, addresses, lists }
}

function differenceOf(
  { list, rules, addresses }: BuiltList,
  names: { readonly added: number; readonly removed: number; readonly changed: number } | undefined,
  addressesBefore: ReadonlySet<string>,
): ListDifference {
  let addressesAdded = 0
  for (const address of addresses) if (!addressesBefore.has(address)) addressesAdded++
  return {
    name: list.name,
    added: names?.added ?? rules.counts.rules,
    removed: names?.removed ?? 0,
    changed: names?.changed ?? 0,
    addressesAdded,
    addressesRemoved: addressesBefore.size + addressesAdded - addresses.length,
  }
}

function statusOf(job: BuildJob, built: BuiltList, isChanged: boolean): ListStatus {
  const { list, plan, reading, notCopied } = built
  const { names, rules, duplicates } = built.rules.counts
  const before = plan.from === 'previous' ? list.status : undefined
  const skipped = { ...(reading?.skips.counts ?? before?.skipped) }
  for (const [reason, count] of notCopied) skipped[reason] = (skipped[reason] ?? 0) + count
  const sha256 = reading?.sha256 ?? before?.sha256
  const losses = reading?.losses() ?? before?.losses ?? []
  return {
    name: list.name,
    source: list.sourceText,
    ...(isCurrent(plan) ? stateBy(losses) : { state: plan.state, why: plan.why }),
    notKept: before?.notKept,
    losses,
    warnings: reading === undefined ? (before?.warnings ?? []) : warningsOf(list, reading),
    format: reading?.format ?? before?.format ?? list.format,
    names,
    rules,
    duplicates: before?.duplicates ?? duplicates,
    addresses: reading?.addressCount ?? before?.addresses ?? 0,
    sha256,
    skipped,
    skippedLines: reading?.skips.samples ?? before?.skippedLines ?? [],
    changedAt: changedAt(job, list, sha256, isChanged),
    checkedAt: list.checkedAt,
  }
}

function stateBy(losses: readonly string[]): Pick<ListStatus, 'state' | 'why'> {
  return losses.length > 0 ? { state: 'degraded', why: losses.join('; ') } : { state: 'fresh', why: undefined }
}

/** A list that grew this many times gets a warning. */
const GROWTH = 10

function warningsOf(list: JobList, reading: ListReading): string[] {
  const before = sizeBefore(list)
  const hasGrown = before !== undefined && before > 0 && list.accept !== 'less' && reading.size >= before * GROWTH
  const format = formatBefore(list)
  return [
    ...(hasGrown ? [`it grew from ${before} rules to ${reading.size}`] : []),
    ...(format !== undefined && format !== reading.format
      ? [`it is read as ${reading.format} now, and was read as ${format}`]
      : []),
    ...reading.notes.warnings(),
  ]
}

/** The format of the version in use, if it was read with the same settings. In another format the same lines mean something else. */
function formatBefore({ status, isOther }: JobList): string | undefined {
  return status !== undefined && isLoaded(status) && !isOther ? status.format : undefined
}

function changedAt(job: BuildJob, { status, note, reading }: JobList, sha256: string | undefined, isChanged: boolean): number {
  const isNoted = note !== undefined && note.sha256 === sha256 && note.reading === reading
  if (status === undefined || !isLoaded(status)) return isNoted ? note.changedAt : job.now
  return isChanged ? job.now : status.changedAt
}
