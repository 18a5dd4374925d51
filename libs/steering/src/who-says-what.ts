/**
 * Which service says and hears what on the bus: the one table from which the permissions of NATS users are made (bus-nats), and by which
 * tests know every name there is.
 *
 * A service may do what stands in its row and nothing else. Who may publish ROUTE_CHANGES, HEAD and FORGOTTEN moves routes: the cache
 * alone. The gateway and ingest face others, so they may not forget; a cache or an announcer is asked for that.
 */
import { CACHE_STATUS, EXPLAIN, FORGET, MATCH } from './admin-calls.ts'
import { EXPLAIN_REPLY, EXPLAIN_REQUEST, FORGOTTEN } from './operator.ts'
import {
  AWAIT_ROUTES,
  BINDINGS,
  CATCH_UP,
  CAUGHT_UP,
  HEAD,
  LEARNT,
  OFFER,
  RESOLUTIONS,
  RESOLVERS,
  ROUTE_CHANGES,
  ROUTES_SETTLED,
  SNAPSHOT,
  TAIL,
  TELL_HELD_DOWN,
} from './subjects.ts'

interface Decoder {
  decode(bytes: Uint8Array): unknown
}

export interface NameOnBus extends Decoder {
  readonly name: string
}

export type CallOnBus = { readonly name: string; readonly request: Decoder } & (
  { readonly reply: Decoder } | { readonly part: Decoder }
)

/** What one service does on the bus. */
export interface BusRow {
  readonly publishes: readonly NameOnBus[]
  readonly subscribes: readonly NameOnBus[]
  readonly enqueues: readonly NameOnBus[]
  readonly consumes: readonly NameOnBus[]
  readonly serves: readonly CallOnBus[]
  readonly asks: readonly CallOnBus[]
}

export const SERVICES = ['dnstap-ingest', 'cache', 'bgp-announcer', 'sync-gateway'] as const
export type ServiceName = (typeof SERVICES)[number]

export const WHO_SAYS_WHAT: Readonly<Record<ServiceName, BusRow>> = {
  'dnstap-ingest': {
    publishes: [RESOLVERS, CAUGHT_UP, AWAIT_ROUTES],
    subscribes: [HEAD, FORGOTTEN, CATCH_UP, ROUTES_SETTLED],
    enqueues: [RESOLUTIONS],
    consumes: [],
    serves: [],
    asks: [BINDINGS, EXPLAIN, CACHE_STATUS],
  },
  cache: {
    publishes: [LEARNT, ROUTE_CHANGES, HEAD, FORGOTTEN, TELL_HELD_DOWN, EXPLAIN_REQUEST, EXPLAIN_REPLY, CATCH_UP, ROUTES_SETTLED],
    subscribes: [AWAIT_ROUTES, FORGOTTEN, TELL_HELD_DOWN, RESOLVERS, EXPLAIN_REQUEST, EXPLAIN_REPLY, ROUTE_CHANGES, CAUGHT_UP],
    enqueues: [],
    consumes: [RESOLUTIONS],
    serves: [SNAPSHOT, TAIL, BINDINGS, OFFER, EXPLAIN, FORGET, CACHE_STATUS, MATCH],
    asks: [EXPLAIN, FORGET],
  },
  'bgp-announcer': {
    publishes: [EXPLAIN_REPLY, ROUTES_SETTLED],
    subscribes: [ROUTE_CHANGES, HEAD, FORGOTTEN, RESOLVERS, EXPLAIN_REQUEST, AWAIT_ROUTES],
    enqueues: [],
    consumes: [],
    serves: [],
    asks: [SNAPSHOT, TAIL, EXPLAIN, FORGET, CACHE_STATUS, MATCH],
  },
  'sync-gateway': {
    publishes: [],
    subscribes: [LEARNT, HEAD],
    enqueues: [],
    consumes: [],
    serves: [],
    asks: [BINDINGS, OFFER, EXPLAIN, CACHE_STATUS, MATCH],
  },
}

/** Everything that can arrive somewhere, each name once; a call's question and its answer's parts apart. */
export function decodersOnBus(): ReadonlyMap<string, Decoder> {
  const all = new Map<string, Decoder>()
  for (const row of Object.values(WHO_SAYS_WHAT)) {
    for (const one of [...row.publishes, ...row.subscribes, ...row.enqueues, ...row.consumes]) all.set(one.name, one)
    for (const call of [...row.serves, ...row.asks]) {
      all.set(call.name, call.request)
      all.set(`${call.name} (answer)`, 'part' in call ? call.part : call.reply)
    }
  }
  return all
}
