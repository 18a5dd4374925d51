/** Replies of the cache. */
import { Type } from '@sinclair/typebox'
import { count, countsBy, flag, row, text, texts } from './fields.ts'

export const cacheStatus = row({
  head: row({ epoch: text('the life of the store'), revision: count('number of the last change of routes') }),
  bindings: count('live bindings'),
  routes: count('routes'),
  routesPerList: countsBy('routes by list'),
})

export const explanation = row({
  subject: text('as it is stored'),
  kind: Type.Union([Type.Literal('address'), Type.Literal('name')]),
  routed: flag('a live binding, or an announcer, has it'),
  verdict: text('one sentence'),
  notes: texts('what else is worth knowing'),
  bindings: Type.Array(
    row({
      list: text('list'),
      name: text('listed name'),
      rule: text('rule that matched'),
      prefix: text('prefix'),
      chain: texts('names from QNAME to the owner of the address'),
      source: text('resolver or sync peer'),
      firstSeen: text('RFC 3339, or never'),
      lastSeen: text('RFC 3339, or never'),
      expires: text('RFC 3339, or never'),
    }),
  ),
  announced: Type.Array(
    row({
      prefix: text('prefix'),
      announcer: text('BGP identifier of the announcer'),
      peers: texts('peers that were told the route'),
      staleFor: text('how long a stale route stays; empty: the store has the route'),
    }),
  ),
  lists: Type.Array(row({ list: text('list'), rule: text('rule that covers the name') })),
  refusals: Type.Array(
    row({
      list: text('list'),
      name: text('name'),
      address: text('address as it was told'),
      refusal: text('reason code'),
      why: text('one sentence'),
      source: text('resolver or sync peer'),
      at: text('RFC 3339'),
    }),
  ),
})

export const forgotten = row({ forgotten: count('bindings that ended'), withdrawn: texts('prefixes that are withdrawn') })
