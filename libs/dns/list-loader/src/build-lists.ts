/**
 * One build: reads every list, checks it, and puts all into one matcher. Runs in the worker (list-worker.ts); from TypeScript sources also without one.
 *
 * The checks need the rules of a list, so the list is put into the matcher first. When a list is refused, everything is built again with the list's last good
 * version, copied from the matcher in use. That is rare, and it saves reading every list twice.
 */
import { Matcher, MatcherBuilder, type ListRules } from '@dnstap-bgp/domain-matcher'
import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { BuildJob, BuildResult, JobList, JobListResult } from './build-job.ts'
import { resultOf, type BuiltList } from './build-result.ts'
import { includesOfCopy, keepFetched, keepFiles, keepNote, whyNotKept, type CopyNote } from './kept-copies.ts'
import type { ListStatus } from './list-definition.ts'
import { faultOf, isZone, lostExceptionFault } from './list-faults.ts'
import { ListReading } from './list-reading.ts'
import { firstPlan, planAfterRefusal, type ReadPlan } from './read-plan.ts'
import { splitLines } from './shared-text.ts'

export async function buildLists(job: BuildJob): Promise<BuildResult> {
  const previous = job.previous === undefined ? undefined : new Matcher(job.previous)
  const plans = new Map(job.lists.map((list) => [list.name, firstPlan(list, previous)]))
  for (;;) {
    const { builder, built, refused } = await readAll(job, plans, previous)
    const buffer = refused.size === 0 ? builder.build((lengthBytes) => new SharedArrayBuffer(lengthBytes)) : undefined
    const matcher = buffer === undefined ? undefined : new Matcher(buffer)
    if (matcher !== undefined) refuseFaulty(built, matcher, refused)
    if (buffer !== undefined && matcher !== undefined && refused.size === 0) {
      const result = resultOf(job, built, previous, buffer, matcher)
      return job.readOnly ? result : { ...result, lists: keepCopies(built, result.lists) }
    }
    for (const list of job.lists) {
      const why = refused.get(list.name)
      if (why !== undefined) plans.set(list.name, planAfterRefusal(list, previous, plans.get(list.name), why))
    }
  }
}

interface BuildAttempt {
  readonly builder: MatcherBuilder
  readonly built: BuiltList[]
  /** Why, by list. */
  readonly refused: Map<string, string>
}

const NONE: ReadonlyMap<string, number> = new Map()

async function readAll(
  job: BuildJob,
  plans: ReadonlyMap<string, ReadPlan>,
  previous: Matcher | undefined,
): Promise<BuildAttempt> {
  const attempt: BuildAttempt = { builder: new MatcherBuilder({ seed: job.seed }), built: [], refused: new Map() }
  for (const list of job.lists) {
    const plan = plans.get(list.name)
    if (plan === undefined) continue
    const rules = attempt.builder.addList(list.name)
    if (plan.from === 'nothing') {
      attempt.built.push({ list, plan, rules, addresses: [], reading: undefined, notCopied: NONE })
    } else if (plan.from === 'previous') {
      attempt.built.push(copyFromPrevious(job, list, plan, rules, previous))
    } else {
      const reading = new ListReading(list, rules)
      const fault = await reading.read(plan.path, includeFolder(list, plan), job.maxListBytes)
      if (fault !== undefined) attempt.refused.set(list.name, fault)
      if (isZone(list, reading)) rules.asZone()
      const addresses = reading.sortedAddresses()
      attempt.built.push({ list, plan, rules, addresses, reading, notCopied: NONE })
    }
  }
  return attempt
}

function copyFromPrevious(
  job: BuildJob,
  list: JobList,
  plan: ReadPlan,
  rules: ListRules,
  previous: Matcher | undefined,
): BuiltList {
  const index = previous?.lists.findIndex(({ name }) => name === list.name) ?? -1
  const notCopied = previous !== undefined && index >= 0 ? rules.copy(previous, index) : NONE
  const addresses = splitLines(job.previousAddresses.get(list.name))
  return { list, plan, rules, addresses, reading: undefined, notCopied }
}

/** The folder of the lists that a v2fly list may include: beside the operator's file, also when its copy is read, or beside the download. */
function includeFolder({ path, source }: JobList, plan: ReadPlan): string | undefined {
  if (path !== undefined) return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true ? path : dirname(path)
  if (plan.from === 'copy') return includesOfCopy(plan.path)
  return source.kind === 'fetched' ? source.includes : undefined
}

function refuseFaulty(built: readonly BuiltList[], matcher: Matcher, refused: Map<string, string>): void {
  for (const { list, plan, rules, reading } of built) {
    if (reading === undefined) continue
    const fault = faultOf(list, plan, reading, rules) ?? lostExceptionFault(list, reading, matcher)
    if (fault !== undefined) refused.set(list.name, fault)
  }
}

/** The last step of a build: only a version that is taken becomes the kept copy. */
function keepCopies(built: readonly BuiltList[], results: readonly JobListResult[]): JobListResult[] {
  return results.map((result, index) => {
    const each = built[index]
    if (each === undefined || (each.plan.from !== 'fetched' && each.plan.from !== 'path')) return result
    return { ...result, status: { ...result.status, notKept: keepCopy(each, result.status) } }
  })
}

/** Returns why the copy could not be kept. */
function keepCopy({ list, reading, plan }: BuiltList, status: ListStatus): string | undefined {
  const { copyPath, source, note } = list
  if (copyPath === undefined || status.sha256 === undefined) return undefined
  const { rules, addresses, changedAt, sha256 } = status
  const { etag, lastModified } = source.kind === 'fetched' ? source : { etag: undefined, lastModified: undefined }
  const fresh: CopyNote = { reading: list.reading, sha256, etag, lastModified, rules, addresses, changedAt }
  try {
    if (source.kind === 'fetched' && plan.from === 'fetched') keepFetched(copyPath, source, fresh)
    else if (note?.sha256 === sha256) {
      if (JSON.stringify(note) !== JSON.stringify(fresh)) keepNote(copyPath, fresh)
    } else if (reading?.files !== undefined) keepFiles(copyPath, reading.files, fresh)
    return undefined
  } catch (error) {
    return whyNotKept(copyPath, error)
  }
}
