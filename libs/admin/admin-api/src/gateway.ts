/** Replies of the sync gateway. */
import { Type } from '@sinclair/typebox'
import { count, row, text } from './fields.ts'

export const syncPeer = row({
  peer: text('host:port'),
  queued: count('entries that wait'),
  dropped: count('entries dropped because too many waited'),
  coalesced: count('entries replaced by a newer one of the same name and address'),
  pushed: count('entries told'),
  refused: count('entries that the peer refused for ever'),
  pushFailures: count('failed pushes'),
  fetches: count('whole fetches'),
  fetchFailures: count('failed fetches'),
  fetchedMalformed: count('malformed entries in fetches'),
  lastFetchEntries: count('entries of the last whole fetch'),
  lastFetchAtMs: Type.Optional(Type.Number({ description: 'Unix time of the last whole fetch in ms' })),
  problem: Type.Optional(text('what is wrong now')),
})
