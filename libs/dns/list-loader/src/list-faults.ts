/** Why a list that was read is refused: each check returns one sentence, or undefined. */
import type { ListRules, Matcher } from '@dnstap-bgp/domain-matcher'
import { ParserFormat, ListMatch } from '@dnstap-bgp/domain-list'
import type { JobList } from './build-job.ts'
import { isLoaded } from './list-definition.ts'
import type { ListReading } from './list-reading.ts'
import type { ReadPlan } from './read-plan.ts'

/** The checks that need only the list itself. Its rules are counted when the matcher is built. */
export function faultOf(list: JobList, plan: ReadPlan, reading: ListReading, rules: ListRules): string | undefined {
  return (
    digestFault(list, reading) ??
    zoneFault(list, rules) ??
    emptyFault(list, reading) ??
    (plan.from === 'copy' ? copyFault(list, reading) : shrinkFault(list, reading))
  )
}

/** A list that lost an exception is refused while a rule still covers the excepted name. This needs the finished matcher. */
export function lostExceptionFault(list: JobList, reading: ListReading, matcher: Matcher): string | undefined {
  if (list.accept === 'anything' || wasTaken(list, reading)) return undefined
  const fault = reading.lostExceptions.fault(matcher, list.name)
  return fault === undefined ? undefined : `${list.sourceText}: ${fault}`
}

/** Rules and addresses of the last good version; at the start, of the version before the restart. */
export function sizeBefore({ status, note, reading }: JobList): number | undefined {
  if (status !== undefined && isLoaded(status)) return status.rules + status.addresses
  return note?.reading === reading ? note.rules + note.addresses : undefined
}

/** Wildcards of a response policy zone cover the same names as in a resolver (RFC 4592 §3.3.1). */
export function isZone({ match }: JobList, { format }: ListReading): boolean {
  return format.split(', ').includes(ParserFormat.rpz) && match !== ListMatch.suffix
}

function zoneFault(list: JobList, rules: ListRules): string | undefined {
  const refusal = rules.zoneRefusal()
  return refusal === undefined ? undefined : `${list.sourceText} cannot be read as a zone: ${refusal}`
}

function digestFault(list: JobList, reading: ListReading): string | undefined {
  if (list.sha256 === undefined || list.sha256 === reading.sha256) return undefined
  if (reading.files?.isFolder === true) return `${list.sourceText} is a folder, and sha256 is for a file`
  return `${list.sourceText}: its SHA-256 is ${reading.sha256}, and ${list.sha256} is asked for`
}

/** A copy that was changed on disk was never checked. */
function copyFault({ note, sourceText }: JobList, reading: ListReading): string | undefined {
  if (note === undefined || note.sha256 === reading.sha256) return undefined
  return `the last good version of ${sourceText} is not what was kept: its SHA-256 is ${reading.sha256}, and ${note.sha256} is noted`
}

function emptyFault(list: JobList, reading: ListReading): string | undefined {
  const isKnown = list.status !== undefined || list.note !== undefined
  if (reading.size > 0 || (list.accept === 'anything' && isKnown) || wasTaken(list, reading)) return undefined
  const skipped = Object.entries(reading.skips.counts)
  const reasons = skipped.map(([reason, count]) => `${count} ${reason}`).join(', ')
  return `${list.sourceText} holds no rule${skipped.length > 0 ? ` (skipped: ${reasons})` : ''}`
}

function shrinkFault(list: JobList, reading: ListReading): string | undefined {
  const before = sizeBefore(list)
  if (before === undefined || list.accept !== 'nothing' || reading.size >= before * list.minimumShare) return undefined
  const percent = (share: number) => `${Math.floor(share * 100)} %`
  return (
    `${list.sourceText} shrank from ${before} rules to ${reading.size} (${percent(reading.size / before)}, ` +
    `and less than ${percent(list.minimumShare)} needs your word: dnstap-bgp lists --accept ${list.name})`
  )
}

/** The same bytes, read with the same settings, are in use or were before a restart. They were good enough then, perhaps because the operator accepted them. */
function wasTaken({ status, isOther, note, reading }: JobList, { sha256 }: ListReading): boolean {
  if (status !== undefined && isLoaded(status)) return !isOther && status.sha256 === sha256
  return note?.reading === reading && note.sha256 === sha256
}
