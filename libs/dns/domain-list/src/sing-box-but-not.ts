/**
 * A logical rule of sing-box that says "these names but those": mode `and`, one part of names, and inverted parts.
 *
 * The names of the inverted parts become exceptions. As an exception holds everywhere and not in its rule alone, this is done only where it
 * takes nothing else: each excepted name lies at or below a name of the rule. An excepted name elsewhere excepts nothing and is
 * dropped. Keywords and expressions, addresses and everything nested cannot be judged so, and the rule is skipped.
 */
import { normalizeName } from './normalize-name.ts'
import { EntryField } from './sing-box-entries.ts'
import type { PendingEntries } from './sing-box-entries.ts'

/** A rule inside another one. */
export interface RulePart {
  /** Its entries among those that wait. */
  readonly start: number
  readonly end: number
  readonly line: number
  readonly invert: boolean
  readonly isLogical: boolean
  /** It holds exceptions. */
  readonly excepts: boolean
  /** Why it cannot be honoured. */
  readonly fault: string | undefined
}

/** Marks the entries that except; returns why the rule cannot be honoured. */
export function makeExceptions(pending: PendingEntries, parts: readonly RulePart[]): string | undefined {
  const listed = parts.filter((part) => !part.invert)
  const excepted = parts.filter((part) => part.invert)
  const [rule] = listed
  if (rule === undefined || listed.length > 1 || parts.some((part) => part.isLogical)) return 'mode: and'
  const names = namesOf(pending, rule)
  const exceptions = excepted.map((part) => namesOf(pending, part))
  if (names === undefined || exceptions.includes(undefined)) return 'mode: and'
  for (const exception of exceptions.flatMap((each) => each ?? [])) {
    const isBelow = names.some(
      ({ isSuffix, name }) => name === exception.name || (isSuffix && exception.name.endsWith(`.${name}`)),
    )
    if (isBelow) pending.markException(exception.at)
    // A wider exception would take the names of other rules too.
    else if (exception.isSuffix && names.some(({ name }) => name.endsWith(`.${exception.name}`))) return 'mode: and'
    else pending.markDropped(exception.at)
  }
  return undefined
}

interface EntryName {
  readonly at: number
  readonly name: string
  readonly isSuffix: boolean
}

/** Undefined when the part holds anything but names. */
function namesOf(pending: PendingEntries, { start, end }: RulePart): EntryName[] | undefined {
  const names: EntryName[] = []
  for (const { at, field, text } of pending.entries(start, end)) {
    const name = normalizeName(text.replace(/^\./, '')).name
    if (name === undefined || (field !== EntryField.domain && field !== EntryField.domainSuffix)) return undefined
    if (names.push({ at, name, isSuffix: field === EntryField.domainSuffix }) > MAX_NAMES) return undefined
  }
  return names
}

/** Each is compared with each. */
const MAX_NAMES = 2000
