/** Replies of the announcer. */
import { Type } from '@sinclair/typebox'
import { count, flag, orNull, row, text, texts, time } from './fields.ts'

const number = (description: string) => Type.Number({ description })
const perFamily = (description: string) => Type.Object({ ipv4: Type.Integer(), ipv6: Type.Integer() }, { description })

export const peer = row({
  name: text('name of the peer'),
  address: Type.Optional(text('of the session, or where we would connect to')),
  port: Type.Integer(),
  asn: Type.Integer(),
  localAsn: Type.Integer(),
  passive: flag('we wait for its connection'),
  state: text('state of RFC 4271'),
  since: time('last change of state'),
  lastError: orNull(text('why the last attempt or session ended, and when')),
  nextAttempt: orNull(time('while the peer is left alone')),
  isDamped: flag('a long pause, because the peer refused our number of prefixes'),
  prefixesOut: perFamily('prefixes that the peer was told'),
  tableSent: flag('End-of-RIB is out for every family'),
  queued: count('prefixes that wait to be sent'),
  inFlightBytes: count("octets that the peer's TCP has not acknowledged"),
  suppressed: count('routes suppressed by maxRoutes'),
  adjRibOutBytes: count('memory of its Adj-RIB-Out'),
  negotiated: Type.Optional(Type.Unknown({ description: 'what the OPENs agreed on' })),
  withheldCapabilities: Type.Array(Type.Integer(), { description: 'codes of capabilities that the peer refused' }),
  counters: Type.Object({}, { description: 'counters since the start', additionalProperties: Type.Integer() }),
})

export const peerReset = row({ peer: text('name of the peer'), done: text('what was done') })

export const route = row({
  prefix: text('prefix'),
  lists: Type.Optional(texts('lists that own the route')),
  nextHop: Type.Optional(text('as sent to the peer')),
  nextHopIpv4: Type.Optional(text('configured next hop')),
  nextHopIpv6: Type.Optional(text('configured next hop')),
  asPath: Type.Optional(Type.Array(Type.Integer(), { description: 'as sent to the peer' })),
  med: Type.Optional(number('MULTI_EXIT_DISC')),
  localPref: Type.Optional(number('LOCAL_PREF')),
  communities: Type.Optional(texts('communities and large communities')),
  staleForSeconds: Type.Optional(Type.Integer({ description: 'how long a stale route stays' })),
})
