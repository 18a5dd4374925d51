/**
 * One build: every list read, judged, and put into one matcher. Runs in the worker (list-worker.ts); from sources also without one.
 *
 * A list is judged by what is in it, so it is put in first. When one turns out bad, all is built anew with its last good version in its
 * place, taken from the matcher in use. That is rare, and spares reading every list twice.
 */
import { compareMatchers, Matcher, MatcherBuilder } from '@dnstap-bgp/domain-matcher'
import type { ListCounts, ListRules } from '@dnstap-bgp/domain-matcher'
import { ListError, ListFormat, ListParser } from '@dnstap-bgp/domain-list'
import type { ListOptions } from '@dnstap-bgp/domain-list'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { BuildJob, BuildResult, JobList } from './build-job.ts'
import { receive } from './download.ts'
import type { Received } from './download.ts'
import type { ListDifference, ListState, ListStatus, SkippedLine } from './list-definition.ts'
import { chunksOf, filesOf, SourceError, splitFragment } from './list-files.ts'
import { joinLines, splitLines } from './shared-text.ts'

/** Where a list gets its rules from in this attempt. */
interface Plan {
  readonly from: 'path' | 'download' | 'copy' | 'previous' | 'nothing'
  readonly path: string
  readonly state: ListState
  readonly why: string | undefined
}

export async function buildLists(job: BuildJob): Promise<BuildResult> {
  const previous = job.previous === undefined ? undefined : new Matcher(job.previous)
  const received = new Map<string, Received>()
  try {
    await Promise.all(
      job.lists.map(async (list) => {
        if (list.source.kind === 'url') received.set(list.name, await receive(list, list.source, job))
      }),
    )
    const plans = new Map(job.lists.map((list) => [list.name, firstPlan(list, received.get(list.name), previous)]))
    for (;;) {
      const attempt = await buildOnce(job, plans, previous)
      if (attempt.refused.size === 0) {
        const result = resultOf(job, attempt, previous)
        return job.dryRun ? result : { ...result, copyFaults: keepCopies(plans, received) }
      }
      for (const list of job.lists) {
        const why = attempt.refused.get(list.name)
        if (why === undefined) continue
        const tried = plans.get(list.name)
        if (tried?.from === 'copy' && list.copyPath !== undefined && !job.dryRun) rmSync(list.copyPath, { force: true })
        const isCopyGood = tried?.from !== 'copy'
        plans.set(
          list.name,
          lastGood(list, previous, isCopyGood, why.unreadable && list.source.kind !== 'path' ? 'cached' : 'refused', why.why),
        )
      }
    }
  } finally {
    for (const each of received.values()) each.discard()
  }
}

/** The last step, for only what became the newest version is a good copy. */
function keepCopies(plans: ReadonlyMap<string, Plan>, received: ReadonlyMap<string, Received>): string[] {
  const faults: string[] = []
  for (const [name, each] of received) {
    if (plans.get(name)?.from !== 'download') continue
    try {
      each.keep()
    } catch (error) {
      faults.push(`list "${name}": ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return faults
}

function firstPlan(list: JobList, received: Received | undefined, previous: Matcher | undefined): Plan {
  switch (list.source.kind) {
    case 'path':
      return { from: 'path', path: list.source.path, state: 'fresh', why: undefined }
    case 'keep':
      return { from: 'previous', path: '', state: list.status?.state ?? 'fresh', why: list.status?.why }
    case 'copy':
      return lastGood(list, previous, true, 'cached', 'the source was not asked yet')
    case 'url':
      if (received?.outcome === 'fetched') return { from: 'download', path: received.path, state: 'fresh', why: undefined }
      if (received?.outcome === 'unchanged') return lastGood(list, previous, true, 'fresh', undefined)
      return lastGood(list, previous, true, 'cached', received?.why)
  }
}

function lastGood(
  list: JobList,
  previous: Matcher | undefined,
  isCopyGood: boolean,
  state: ListState,
  why: string | undefined,
): Plan {
  const isInUse = list.status !== undefined && list.status.state !== 'failed'
  if (isInUse && previous?.lists.some(({ name }) => name === list.name)) return { from: 'previous', path: '', state, why }
  if (isCopyGood && list.copyPath !== undefined && existsSync(list.copyPath))
    return { from: 'copy', path: list.copyPath, state, why }
  return { from: 'nothing', path: '', state: 'failed', why }
}

interface Refused {
  readonly why: string
  readonly unreadable: boolean
}

interface Attempt {
  readonly builder: MatcherBuilder
  readonly lists: Built[]
  readonly refused: Map<string, Refused>
}

/** A list as one attempt found it. */
interface Built {
  readonly list: JobList
  readonly plan: Plan
  readonly counts: ListCounts
  readonly addresses: readonly string[]
  readonly reading: Reading | undefined
}

async function buildOnce(job: BuildJob, plans: ReadonlyMap<string, Plan>, previous: Matcher | undefined): Promise<Attempt> {
  const attempt: Attempt = { builder: new MatcherBuilder({ seed: job.seed }), lists: [], refused: new Map() }
  for (const list of job.lists) {
    const plan = plans.get(list.name)
    if (plan === undefined) continue
    const rules = attempt.builder.addList(list.name)
    if (plan.from === 'nothing') {
      attempt.lists.push({ list, plan, counts: rules.counts, addresses: [], reading: undefined })
    } else if (plan.from === 'previous') {
      const index = previous?.lists.findIndex(({ name }) => name === list.name) ?? -1
      if (previous !== undefined && index >= 0) rules.copy(previous, index)
      const addresses = splitLines(job.previousAddresses.get(list.name))
      attempt.lists.push({ list, plan, counts: rules.counts, addresses, reading: undefined })
    } else {
      const reading = new Reading(list, rules)
      const refused = await reading.read(plan.path, job.maxListBytes)
      const fault =
        refused ?? (plan.from === 'copy' ? emptyFault(list, reading) : (emptyFault(list, reading) ?? shrinkFault(list, reading)))
      if (fault !== undefined) attempt.refused.set(list.name, fault)
      attempt.lists.push({ list, plan, counts: rules.counts, addresses: reading.sortedAddresses(), reading })
    }
  }
  return attempt
}

function emptyFault(list: JobList, reading: Reading): Refused | undefined {
  if (reading.size > 0 || (list.accept && list.status !== undefined)) return undefined
  const skipped = Object.entries(reading.skipped)
  const reasons = skipped.map(([reason, count]) => `${count} ${reason}`).join(', ')
  return { why: `${list.sourceText} holds no rule${skipped.length > 0 ? ` (skipped: ${reasons})` : ''}`, unreadable: false }
}

function shrinkFault(list: JobList, reading: Reading): Refused | undefined {
  const { status } = list
  if (status === undefined || status.state === 'failed' || list.accept) return undefined
  const before = status.rules + status.addresses
  if (reading.size >= before * list.minimumShare) return undefined
  const percent = (share: number) => `${Math.floor(share * 100)} %`
  return {
    why:
      `${list.sourceText} shrank from ${before} rules to ${reading.size} (${percent(reading.size / before)}, ` +
      `and less than ${percent(list.minimumShare)} needs your word: --accept ${list.name})`,
    unreadable: false,
  }
}

const KEPT_LINES = 5
const MAX_ADDRESSES = 1_000_000

/** The rules of one list on their way from files to the builder, and what was skipped. */
class Reading {
  readonly skipped: Record<string, number> = {}
  readonly skippedLines: SkippedLine[] = []
  format: string
  addressCount = 0
  readonly #list: JobList
  readonly #rules: ListRules
  readonly #addresses = new Set<string>()
  #file: string | undefined

  constructor(list: JobList, rules: ListRules) {
    this.#list = list
    this.#rules = rules
    this.format = list.format
  }

  get size(): number {
    return this.#rules.counts.rules + this.addressCount
  }

  sortedAddresses(): string[] {
    return [...this.#addresses].sort()
  }

  /** Reads a file or a folder; returns what is wrong with it. */
  async read(source: string, maxBytes: number): Promise<Refused | undefined> {
    const { path, sites, attributes } = splitFragment(source)
    try {
      const { files, isFolder } = filesOf(path)
      const formats = new Set<string>()
      for (const file of files) {
        this.#file = isFolder ? basename(file) : undefined
        try {
          const options: ListOptions = {
            match: this.#list.match,
            sites: [...sites, ...this.#list.sites],
            attributes,
            include: (name) => includedBytes(dirname(file), name, maxBytes),
          }
          formats.add(await this.#readFile(file, options, maxBytes))
        } catch (error) {
          if (!(error instanceof ListError)) throw error
          return { why: `${isFolder ? file : this.#list.sourceText}: ${error.message}`, unreadable: false }
        }
      }
      this.format = [...formats].join(', ')
      return undefined
    } catch (error) {
      if (!(error instanceof SourceError)) throw error
      return { why: error.message, unreadable: true }
    }
  }

  async #readFile(file: string, options: ListOptions, maxBytes: number): Promise<string> {
    const rules = this.#rules
    const note = (refusal: string | undefined, line: number, text: () => string) => {
      if (refusal !== undefined) this.#skip(refusal, line, text())
    }
    const parser = new ListParser(formatOf(this.#list.format), options, {
      rule: (kind, pattern, exception, important, line) =>
        note(rules.rule(kind, pattern, exception, important), line, () => pattern.slice(0, 100)),
      ruleBytes: (kind, bytes, start, end, exception, important, line) =>
        note(rules.ruleBytes(kind, bytes, start, end, exception, important), line, () =>
          Buffer.from(bytes.subarray(start, Math.min(end, start + 100))).toString('latin1'),
        ),
      address: (prefix, line) => {
        if (!this.#list.addresses) this.addressCount++
        else if (this.#addresses.size < MAX_ADDRESSES) this.addressCount = this.#addresses.add(prefix).size
        else this.#skip('too-many-addresses', line, prefix)
      },
      skip: (reason, line, text) => this.#skip(reason, line, text),
    })
    for await (const chunk of chunksOf(file, maxBytes)) parser.push(chunk)
    return parser.end().format
  }

  #skip(reason: string, line: number, text: string): void {
    this.skipped[reason] = (this.skipped[reason] ?? 0) + 1
    if (this.skippedLines.length < KEPT_LINES) this.skippedLines.push({ reason, file: this.#file, line, text })
  }
}

/** The configuration knows the two kinds of Clash providers apart; the parser recognises them. */
function formatOf(format: string): ListFormat | 'auto' {
  return (format.startsWith('clash') ? ListFormat.clash : format) as ListFormat | 'auto'
}

/** A v2fly list includes its neighbours, and nothing else. */
function includedBytes(folder: string, name: string, maxBytes: number): Uint8Array | undefined {
  if (!/^[\w!@.-]+$/.test(name) || name.startsWith('.')) return undefined
  try {
    const bytes = readFileSync(join(folder, name))
    return bytes.length <= maxBytes ? bytes : undefined
  } catch {
    return undefined
  }
}

function resultOf(job: BuildJob, attempt: Attempt, previous: Matcher | undefined): BuildResult {
  const buffer = attempt.builder.build((lengthBytes) => new SharedArrayBuffer(lengthBytes))
  const matcher = new Matcher(buffer)
  const compared = new Map((previous === undefined ? [] : compareMatchers(previous, matcher)).map((each) => [each.list, each]))
  const addresses = new Map<string, SharedArrayBuffer>()
  let anyChange = previous === undefined || previous.lists.length !== matcher.lists.length
  const lists = attempt.lists.map((built, index) => {
    const { name } = built.list
    if (previous?.lists[index]?.name !== name) anyChange = true
    if (built.addresses.length > 0) addresses.set(name, joinLines(built.addresses))
    const difference = differenceOf(built, compared.get(name), new Set(splitLines(job.previousAddresses.get(name))))
    const { added, removed, changed, addressesAdded, addressesRemoved } = difference
    const isChanged = added + removed + changed + addressesAdded + addressesRemoved > 0
    if (isChanged) anyChange = true
    return { status: statusOf(job, built, isChanged), difference }
  })
  return { matcher: anyChange ? buffer : undefined, addresses, lists, copyFaults: [] }
}

function differenceOf(
  built: Built,
  names: { readonly added: number; readonly removed: number; readonly changed: number } | undefined,
  addressesBefore: ReadonlySet<string>,
): ListDifference {
  let addressesAdded = 0
  for (const address of built.addresses) if (!addressesBefore.has(address)) addressesAdded++
  return {
    name: built.list.name,
    added: names?.added ?? built.counts.rules,
    removed: names?.removed ?? 0,
    changed: names?.changed ?? 0,
    addressesAdded,
    addressesRemoved: addressesBefore.size + addressesAdded - built.addresses.length,
  }
}

function statusOf(job: BuildJob, built: Built, isChanged: boolean): ListStatus {
  const { list, plan, counts, reading } = built
  const { names, rules, duplicates } = counts
  const before = plan.from === 'previous' ? list.status : undefined
  return {
    name: list.name,
    source: list.sourceText,
    state: plan.state,
    why: plan.why,
    format: reading?.format ?? before?.format ?? list.format,
    names,
    rules,
    duplicates: before?.duplicates ?? duplicates,
    addresses: reading?.addressCount ?? before?.addresses ?? 0,
    skipped: reading?.skipped ?? before?.skipped ?? {},
    skippedLines: reading?.skippedLines ?? before?.skippedLines ?? [],
    changedAt: isChanged || list.status === undefined ? job.now : list.status.changedAt,
    checkedAt: list.source.kind === 'keep' || list.source.kind === 'copy' ? (list.status?.checkedAt ?? job.now) : job.now,
  }
}
