/**
 * One build: every list read, judged, and put into one matcher. Runs in the worker (list-worker.ts); from sources also without one.
 *
 * A list is judged by what is in it, so it is put in first. When one turns out bad, all is built anew with its last good version in its
 * place, taken from the matcher in use. That is rare, and spares reading every list twice.
 */
import { compareMatchers, Matcher, MatcherBuilder } from '@dnstap-bgp/domain-matcher'
import type { ListCounts, ListRules } from '@dnstap-bgp/domain-matcher'
import { ListError, ListFormat, ListMatch, ListParser, RuleKind } from '@dnstap-bgp/domain-list'
import type { ListOptions } from '@dnstap-bgp/domain-list'
import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { BuildJob, BuildResult, JobList, JobListResult } from './build-job.ts'
import { includesOfCopy, keepFetched, keepFiles, keepNote, whyNotKept } from './kept-copies.ts'
import type { CopyNote } from './kept-copies.ts'
import { isCurrent, isLoaded } from './list-definition.ts'
import type { ListDifference, ListState, ListStatus, SkippedLine } from './list-definition.ts'
import { chunksOf, filesOf, FolderDigest, signatureOfFile, SourceError } from './list-files.ts'
import type { SourceFiles } from './list-files.ts'
import { lossesBySkips, notWhole } from './losses.ts'
import { LostExceptions } from './lost-exceptions.ts'
import { joinLines, splitLines } from './shared-text.ts'
import { RuleNotes } from './rule-notes.ts'
import { surveyOf } from './survey-file.ts'
import { isTooWide, tooWideSentence } from './wide-prefix.ts'

/** Where a list gets its rules from in this attempt. */
interface Plan {
  readonly from: 'path' | 'fetched' | 'copy' | 'previous' | 'nothing'
  readonly path: string
  readonly state: ListState
  readonly why: string | undefined
}

export async function buildLists(job: BuildJob): Promise<BuildResult> {
  const previous = job.previous === undefined ? undefined : new Matcher(job.previous)
  const plans = new Map(job.lists.map((list) => [list.name, firstPlan(list, previous)]))
  for (;;) {
    const attempt = await buildOnce(job, plans, previous)
    const buffer =
      attempt.refused.size === 0 ? attempt.builder.build((lengthBytes) => new SharedArrayBuffer(lengthBytes)) : undefined
    const matcher = buffer === undefined ? undefined : new Matcher(buffer)
    if (matcher !== undefined) refuseLostExceptions(attempt, matcher)
    if (buffer !== undefined && matcher !== undefined && attempt.refused.size === 0) {
      const result = resultOf(job, attempt, previous, buffer, matcher)
      return job.readOnly ? result : { ...result, lists: keepCopies(attempt, result.lists) }
    }
    for (const list of job.lists) {
      const why = attempt.refused.get(list.name)
      if (why === undefined) continue
      const isCopyGood = plans.get(list.name)?.from !== 'copy'
      plans.set(list.name, lastGood(list, previous, { state: 'refused', why, otherwise: 'failed' }, isCopyGood))
    }
  }
}

/** An exception is never lost while a rule that it excepts from stays. */
function refuseLostExceptions(attempt: Attempt, matcher: Matcher): void {
  for (const { list, reading } of attempt.lists) {
    if (reading === undefined || list.accept === 'anything' || wasTaken(list, reading)) continue
    const fault = reading.lostExceptions.fault(matcher, list.name)
    if (fault !== undefined) attempt.refused.set(list.name, `${list.sourceText}: ${fault}`)
  }
}

/** The last step, for only what became the newest version is a good copy. */
function keepCopies(attempt: Attempt, results: readonly JobListResult[]): JobListResult[] {
  return results.map((result, index) => {
    const built = attempt.lists[index]
    if (built === undefined || (built.plan.from !== 'fetched' && built.plan.from !== 'path')) return result
    return { ...result, status: { ...result.status, notKept: keepCopy(built, result.status) } }
  })
}

/** Returns why it could not be kept. */
function keepCopy({ list, reading, plan }: Built, status: ListStatus): string | undefined {
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

function firstPlan(list: JobList, previous: Matcher | undefined): Plan {
  const { source } = list
  switch (source.kind) {
    case 'path':
      return { from: 'path', path: list.path ?? '', state: 'fresh', why: undefined }
    case 'fetched':
      return { from: 'fetched', path: source.path, state: 'fresh', why: undefined }
    case 'keep':
      return { from: 'previous', path: '', state: source.state, why: source.why }
    case 'last':
      return lastGood(list, previous, source, true)
  }
}

interface Instead {
  readonly state: 'cached' | 'refused'
  readonly why: string
  readonly otherwise: 'failed' | 'waiting'
}

/** The version in use, or the copy; where both are, the one that was read by the settings of today. */
function lastGood(list: JobList, previous: Matcher | undefined, { state, why, otherwise }: Instead, isCopyGood: boolean): Plan {
  const isInUse =
    list.status !== undefined && isLoaded(list.status) && previous?.lists.some(({ name }) => name === list.name) === true
  const copy = isCopyGood ? list.copy : undefined
  if (copy !== undefined && (list.isOther || !isInUse)) return { from: 'copy', path: copy, state, why }
  if (isInUse) return { from: 'previous', path: '', state, why }
  return { from: 'nothing', path: '', state: otherwise, why }
}

interface Attempt {
  readonly builder: MatcherBuilder
  readonly lists: Built[]
  /** Why, by list. */
  readonly refused: Map<string, string>
}

/** A list as one attempt found it. */
interface Built {
  readonly list: JobList
  readonly plan: Plan
  readonly counts: ListCounts
  readonly addresses: readonly string[]
  readonly reading: Reading | undefined
  /** What the version before had and this one has no room for, by reason. */
  readonly lost: ReadonlyMap<string, number>
}

const NOTHING_LOST: ReadonlyMap<string, number> = new Map()

async function buildOnce(job: BuildJob, plans: ReadonlyMap<string, Plan>, previous: Matcher | undefined): Promise<Attempt> {
  const attempt: Attempt = { builder: new MatcherBuilder({ seed: job.seed }), lists: [], refused: new Map() }
  for (const list of job.lists) {
    const plan = plans.get(list.name)
    if (plan === undefined) continue
    const rules = attempt.builder.addList(list.name)
    if (plan.from === 'nothing') {
      attempt.lists.push({ list, plan, counts: rules.counts, addresses: [], reading: undefined, lost: NOTHING_LOST })
    } else if (plan.from === 'previous') {
      const index = previous?.lists.findIndex(({ name }) => name === list.name) ?? -1
      const lost = previous !== undefined && index >= 0 ? rules.copy(previous, index) : NOTHING_LOST
      const addresses = splitLines(job.previousAddresses.get(list.name))
      attempt.lists.push({ list, plan, counts: rules.counts, addresses, reading: undefined, lost })
    } else {
      const reading = new Reading(list, rules)
      const fault =
        (await reading.read(plan.path, includeFolder(list, plan), job.maxListBytes)) ??
        digestFault(list, reading) ??
        zoneFault(list, reading, rules) ??
        emptyFault(list, reading) ??
        (plan.from === 'copy' ? copyFault(list, reading) : shrinkFault(list, reading))
      if (fault !== undefined) attempt.refused.set(list.name, fault)
      attempt.lists.push({
        list,
        plan,
        counts: rules.counts,
        addresses: reading.sortedAddresses(),
        reading,
        lost: NOTHING_LOST,
      })
    }
  }
  return attempt
}

/** Wildcards of a response policy zone reach as far as they do in a resolver (RFC 4592 §3.3.1). */
function zoneFault(list: JobList, { format }: Reading, rules: ListRules): string | undefined {
  if (!format.split(', ').includes(ListFormat.rpz) || list.match === ListMatch.suffix) return undefined
  const refusal = rules.asZone()
  return refusal === undefined ? undefined : `${list.sourceText} cannot be read as a zone: ${refusal}`
}

function digestFault(list: JobList, reading: Reading): string | undefined {
  if (list.sha256 === undefined || list.sha256 === reading.sha256) return undefined
  if (reading.files?.isFolder === true) return `${list.sourceText} is a folder, and sha256 is for a file`
  return `${list.sourceText}: its SHA-256 is ${reading.sha256}, and ${list.sha256} is asked for`
}

/** Nobody judged what came into the copy by itself. */
function copyFault({ note, sourceText }: JobList, reading: Reading): string | undefined {
  if (note === undefined || note.sha256 === reading.sha256) return undefined
  return `the last good version of ${sourceText} is not what was kept: its SHA-256 is ${reading.sha256}, and ${note.sha256} is noted`
}

function emptyFault(list: JobList, reading: Reading): string | undefined {
  const isKnown = list.status !== undefined || list.note !== undefined
  if (reading.size > 0 || (list.accept === 'anything' && isKnown) || wasTaken(list, reading)) return undefined
  const skipped = Object.entries(reading.skipped)
  const reasons = skipped.map(([reason, count]) => `${count} ${reason}`).join(', ')
  return `${list.sourceText} holds no rule${skipped.length > 0 ? ` (skipped: ${reasons})` : ''}`
}

/** The very bytes that are in use, or were before a restart, read in the same way: what they hold was good enough then, be it by the operator's word. */
function wasTaken({ status, isOther, note, reading }: JobList, { sha256 }: Reading): boolean {
  if (status !== undefined && isLoaded(status)) return !isOther && status.sha256 === sha256
  return note?.reading === reading && note.sha256 === sha256
}

function shrinkFault(list: JobList, reading: Reading): string | undefined {
  const before = sizeBefore(list)
  if (before === undefined || list.accept !== 'nothing' || reading.size >= before * list.minimumShare) return undefined
  const percent = (share: number) => `${Math.floor(share * 100)} %`
  return (
    `${list.sourceText} shrank from ${before} rules to ${reading.size} (${percent(reading.size / before)}, ` +
    `and less than ${percent(list.minimumShare)} needs your word: dnstap-bgp lists --accept ${list.name})`
  )
}

/** Of the last good version; at the start that is what was in use before. */
function sizeBefore({ status, note, reading }: JobList): number | undefined {
  if (status !== undefined && isLoaded(status)) return status.rules + status.addresses
  return note?.reading === reading ? note.rules + note.addresses : undefined
}

/** Of what was skipped: so many are shown in any case, and so many of each reason. */
const KEPT_LINES = 5
const KEPT_OF_REASON = 3
const KEPT_IN_ALL = 60
const MAX_ADDRESSES = 1_000_000

/** The rules of one list on their way from files to the builder, and what was skipped. */
class Reading {
  readonly skipped: Record<string, number> = {}
  readonly skippedLines: SkippedLine[] = []
  format: string
  addressCount = 0
  /** What was read; undefined: it could not be found. */
  files: SourceFiles | undefined
  /** Of the file; of a folder, of the names and digests of its files. */
  sha256 = ''
  /** Files that `include:` lines named, there or not, with their signatures. */
  readonly included = new Map<string, string>()
  readonly lostExceptions = new LostExceptions()
  readonly notes = new RuleNotes()
  readonly #list: JobList
  readonly #rules: ListRules
  readonly #addresses = new Set<string>()
  readonly #tooWide: string[] = []
  readonly #missing = new Set<string>()
  #file: string | undefined
  #lastSkip = ''

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
  async read(path: string, includes: string | undefined, maxBytes: number): Promise<string | undefined> {
    const list = this.#list
    try {
      this.files = filesOf(path)
      const { files, isFolder, dangling } = this.files
      const options: ListOptions = {
        match: list.match,
        // `google@cn` and `google,@cn` are the same wish.
        sites: list.sites.map((site) => [site, ...list.attributes].join('@')),
        attributes: list.attributes,
        include: (name) => {
          const bytes = includes === undefined ? undefined : this.#includedBytes(includes, name, maxBytes)
          if (bytes === undefined && this.#missing.size < KEPT_LINES) this.#missing.add(name)
          return bytes
        },
        ...(list.origin === undefined ? {} : { origin: list.origin }),
      }
      const formats = new Set<string>()
      const whole = new FolderDigest()
      for (const file of files) {
        this.#file = isFolder ? basename(file) : undefined
        try {
          formats.add(await this.#readFile(file, options, maxBytes))
        } catch (error) {
          if (!(error instanceof ListError)) throw error
          return `${isFolder ? file : list.sourceText}: ${error.message}`
        }
        whole.add(file, this.sha256)
      }
      this.#file = undefined
      for (const name of dangling) this.#skip('dangling-link', 0, name)
      if (isFolder) this.sha256 = whole.sha256
      this.format = [...formats].join(', ')
      return undefined
    } catch (error) {
      if (!(error instanceof SourceError)) throw error
      return error.message
    }
  }

  async #readFile(file: string, options: ListOptions, maxBytes: number): Promise<string> {
    const rules = this.#rules
    const note = (refusal: string | undefined, line: number, exception: string, text: () => string) => {
      if (refusal === undefined) return
      this.#skip(refusal, line, text())
      if (exception !== '') this.lostExceptions.add(exception === 'of a name' ? text() : '', line, text())
    }
    const isName = (kind: RuleKind) => kind === RuleKind.suffix || kind === RuleKind.exact || kind === RuleKind.subdomains
    const excepted = (kind: RuleKind, exception: boolean) => (!exception ? '' : isName(kind) ? 'of a name' : 'of names')
    let lastReason = ''
    const survey = await surveyOf(file, this.#list, maxBytes)
    const parser = new ListParser(survey, options, {
      rule: (kind, pattern, exception, important, line) =>
        note(rules.rule(kind, pattern, exception, important), line, excepted(kind, exception), () => pattern.slice(0, 255)),
      ruleBytes: (kind, bytes, start, end, exception, important, line) =>
        note(rules.ruleBytes(kind, bytes, start, end, exception, important), line, excepted(kind, exception), () =>
          Buffer.from(bytes.subarray(start, Math.min(end, start + 255))).toString('latin1'),
        ),
      address: (prefix, line) => {
        if (!this.#list.addresses) this.addressCount++
        else if (isTooWide(prefix, this.#list)) this.#skipTooWide(prefix, line)
        else if (this.#addresses.size < MAX_ADDRESSES) this.addressCount = this.#addresses.add(prefix).size
        else this.#skip('too-many-addresses', line, prefix)
      },
      skip: (reason, line, text) => {
        lastReason = reason
        this.#skip(reason, line, text)
      },
      note: (kind, _line, text) => this.notes.add(kind, text),
      exceptionSkipped: (line, name, text) => {
        // An excepted address counts where addresses make routes.
        if (lastReason !== 'address-exception' || this.#list.addresses) this.lostExceptions.add(name, line, text)
      },
    })
    const hash = createHash('sha256')
    for await (const chunk of chunksOf(file, maxBytes, (bytes) => hash.update(bytes))) parser.push(chunk)
    this.sha256 = hash.digest('hex')
    return parser.end().format
  }

  /** Sentences about rules that the source has and that are not in use. */
  losses(): string[] {
    const { 'prefix-too-wide': tooWide = 0, 'include-not-found': missing = 0 } = this.skipped
    const { rules, duplicates } = this.#rules.counts
    const losses = lossesBySkips({
      entries: rules + duplicates + this.addressCount,
      skipped: this.skipped,
      minimumShare: this.#list.minimumShare,
    })
    const { count } = this.lostExceptions
    if (count > 0) losses.push(`${count} ${count === 1 ? 'exception is' : 'exceptions are'} missing`)
    if (missing > 0) losses.push(notWhole([...this.#missing], missing))
    if (tooWide > 0) losses.push(tooWideSentence(this.#tooWide, tooWide, this.#list))
    return losses
  }

  #skipTooWide(prefix: string, line: number): void {
    if (this.#tooWide.length < KEPT_LINES) this.#tooWide.push(prefix)
    this.#skip('prefix-too-wide', line, prefix)
  }

  /** A v2fly list includes its neighbours, and nothing else. */
  #includedBytes(folder: string, name: string, maxBytes: number): Uint8Array | undefined {
    if (!/^[\w!@.-]+$/.test(name) || name.startsWith('.')) return undefined
    const path = join(folder, name)
    // Before it is read: what is written meanwhile is another version.
    this.included.set(path, signatureOfFile(path))
    try {
      const bytes = readFileSync(path)
      return bytes.length <= maxBytes ? bytes : undefined
    } catch {
      return undefined
    }
  }

  /** A line counts once for each reason, whatever it holds. */
  #skip(reason: string, line: number, text: string): void {
    const place = `${reason} ${line} ${this.#file ?? ''}`
    if (line > 0 && place === this.#lastSkip) return
    this.#lastSkip = place
    this.skipped[reason] = (this.skipped[reason] ?? 0) + 1
    const isSample =
      this.skippedLines.length < KEPT_LINES || (this.skipped[reason] <= KEPT_OF_REASON && this.skippedLines.length < KEPT_IN_ALL)
    if (isSample) this.skippedLines.push({ reason, file: this.#file, line, text })
  }
}

/** Where the lists lie that a v2fly list may include: beside the operator's file, also when a copy of it is read; or where they were fetched to. */
function includeFolder({ path, source }: JobList, plan: Plan): string | undefined {
  if (path !== undefined) return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true ? path : dirname(path)
  if (plan.from === 'copy') return includesOfCopy(plan.path)
  return source.kind === 'fetched' ? source.includes : undefined
}

function resultOf(
  job: BuildJob,
  attempt: Attempt,
  previous: Matcher | undefined,
  buffer: SharedArrayBuffer,
  matcher: Matcher,
): BuildResult {
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
    return {
      status: statusOf(job, built, isChanged),
      difference,
      isKept: built.plan.from === 'previous',
      included: built.reading === undefined ? undefined : [...built.reading.included],
    }
  })
  return { matcher: anyChange ? buffer : undefined, addresses, lists }
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
  const { list, plan, counts, reading, lost } = built
  const { names, rules, duplicates } = counts
  const before = plan.from === 'previous' ? list.status : undefined
  const skipped = { ...(reading?.skipped ?? before?.skipped) }
  for (const [reason, count] of lost) skipped[reason] = (skipped[reason] ?? 0) + count
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
    skippedLines: reading?.skippedLines ?? before?.skippedLines ?? [],
    changedAt: changedAt(job, list, sha256, isChanged),
    checkedAt: list.checkedAt,
  }
}

function stateBy(losses: readonly string[]): Pick<ListStatus, 'state' | 'why'> {
  return losses.length > 0 ? { state: 'degraded', why: losses.join('; ') } : { state: 'fresh', why: undefined }
}

const GROWTH = 10

function warningsOf(list: JobList, reading: Reading): string[] {
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

/** How the version in use was recognised, by the same settings. A source that changes its format has other meanings for the same lines. */
function formatBefore({ status, isOther }: JobList): string | undefined {
  return status !== undefined && isLoaded(status) && !isOther ? status.format : undefined
}

function changedAt(job: BuildJob, { status, note, reading }: JobList, sha256: string | undefined, isChanged: boolean): number {
  const isNoted = note !== undefined && note.sha256 === sha256 && note.reading === reading
  if (status === undefined || !isLoaded(status)) return isNoted ? note.changedAt : job.now
  return isChanged ? job.now : status.changedAt
}
