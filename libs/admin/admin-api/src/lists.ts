/** Replies about lists, of the programs that load them. */
import { Type, type Static } from '@sinclair/typebox'
import type { Sent } from './endpoint.ts'
import { count, countsBy, orNull, row, text, texts, time } from './fields.ts'

export const list = row({
  name: text('name in the configuration'),
  source: text('path or URL'),
  state: text('fresh, degraded, stale, refused, failed or waiting'),
  why: orNull(text('why it is not fresh')),
  notKept: orNull(text('why its last good version is not kept for a restart')),
  warnings: texts('what an operator may not expect of its rules'),
  format: text('as recognised, when the configuration says auto'),
  names: count('distinct names'),
  rules: count('distinct rules'),
  duplicates: count('lines that repeat a rule'),
  addresses: count('addresses and prefixes'),
  sha256: Type.Optional(text('of the bytes that its rules were read from')),
  skipped: countsBy('lines that became no rule, by reason'),
  changed: time('when its rules last changed'),
  checked: time('when its source was last read or asked'),
  firstSkipped: texts('some of the skipped lines'),
})
export type ListRow = Sent<Static<typeof list>>

const listPreview = row({
  name: text('name in the configuration'),
  state: text('as in /api/lists'),
  why: orNull(text('why it would not be fresh')),
  added: count('names'),
  removed: count('names'),
  changed: count('names with other rules'),
  addressesAdded: count('addresses and prefixes'),
  addressesRemoved: count('addresses and prefixes'),
})

export const preview = row({
  config: text('the configuration file that the process runs by'),
  lists: Type.Array(listPreview),
  removed: texts('lists that the file does not have any more'),
  routesGoing: count('live routes that would be withdrawn'),
  needsRestart: texts('changed settings that need a restart'),
})
export type ListPreviewReply = Sent<Static<typeof preview>>

export const match = row({
  name: text('the name as it is matched: A-labels, lower case'),
  feeds: Type.Optional(Type.Array(Type.Unknown(), { description: 'lists that the name feeds' })),
  rules: Type.Optional(Type.Array(Type.Unknown(), { description: 'rules that match' })),
  why: texts('a sentence for each list or exception that decides'),
})
