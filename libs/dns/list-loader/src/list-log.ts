/** Logs how the lists differ from the version before: state, warnings, counts. */
import type { Log } from '@dnstap-bgp/runtime'
import { isLoaded, type ListDifference, type ListStatus, type LoadedLists } from './list-definition.ts'

export function logChanges(log: Log, before: LoadedLists | undefined, current: LoadedLists): void {
  for (const { name, source, names } of before?.lists ?? [])
    if (!current.lists.some((list) => list.name === name)) log.info({ list: name, source, names }, 'The list is gone.')
  for (const status of current.lists) {
    const last = before?.lists.find(({ name }) => name === status.name)
    const difference = current.differences.find(({ name }) => name === status.name)
    const listLog = log.child({ list: status.name, source: status.source })
    if (status.state !== last?.state || status.why !== last.why) logState(listLog, status, last)
    logKept(listLog, status, last)
    for (const warning of status.warnings)
      if (last?.warnings.includes(warning) !== true) listLog.warn({}, `${status.name}: ${warning}.`)
    logCounts(listLog, status, last, difference)
  }
}

function logState(log: Log, { state, why }: ListStatus, last: ListStatus | undefined): void {
  if (state === 'refused') log.error({ why }, 'The list is refused; its last good version stays.')
  else if (state === 'waiting') log.warn({ why }, 'The list has no names yet: its first download is under way.')
  else if (state === 'failed') log.error({ why }, 'The list failed; it has no names.')
  else if (state === 'cached') log.warn({ why }, 'The list is taken from its last good copy.')
  else if (state === 'degraded') log.warn({ why }, 'Rules of the list are missing.')
  else if (last !== undefined) log.info({}, 'The list is fresh again.')
}

function logKept(log: Log, { notKept }: ListStatus, last: ListStatus | undefined): void {
  if (notKept !== undefined && last?.notKept === undefined)
    log.error({ why: notKept }, 'The list is in use, but its last good version cannot be kept for a restart.')
  else if (notKept === undefined && last?.notKept !== undefined) log.info({}, 'The last good version of the list is kept again.')
}

function logCounts(log: Log, status: ListStatus, last: ListStatus | undefined, difference: ListDifference | undefined): void {
  const wasLoaded = last !== undefined && isLoaded(last)
  if (!isLoaded(status) || (wasLoaded && (difference === undefined || !hasChange(difference)))) return
  const { names, rules, addresses, format, skipped, skippedLines } = status
  const { added, removed, changed } = difference ?? { added: rules, removed: 0, changed: 0 }
  log.info({ names, rules, addresses, format, added, removed, changed }, 'The list is loaded.')
  if (skippedLines.length > 0) log.warn({ skipped, first: skippedLines.slice(0, 5) }, 'Some of the list was skipped.')
}

function hasChange({ added, removed, changed, addressesAdded, addressesRemoved }: ListDifference): boolean {
  return added + removed + changed + addressesAdded + addressesRemoved > 0
}
