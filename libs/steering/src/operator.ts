/** What services tell each other when an operator explains or forgets (admin-calls.ts has the operator's own requests). */
import type { Subject } from '@dnstap-bgp/bus'
import { explainReplyCodec, explainRequestCodec } from './explain-codec.ts'
import { forgottenCodec } from './operator-codec.ts'

/**
 * cache -> ingest, caches, announcers: an operator forgot this by hand, now or before (TELL_HELD_DOWN). Caches end its bindings and keep it out. An
 * announcer withdraws the routes that it keeps as stale. Ingest passes it on again when it is looked up.
 */
export interface Forgotten {
  /** A name or a prefix, as stored. */
  readonly subject: string
  /** For how long from now it stays out; 0: it may come back at once. A duration, because clocks of machines differ. */
  readonly holdDownMs: number
}
export const FORGOTTEN: Subject<Forgotten> = { name: 'dnstap-bgp.v1.forgotten', ...forgottenCodec }

/**
 * cache -> announcers and the other caches: what do you know of these prefixes? Those that know something publish EXPLAIN_REPLY at once.
 * The cache waits a moment and explains with the replies that came.
 */
export interface ExplainRequest {
  /** Given back in each reply. */
  readonly id: string
  /** A name or a prefix, as stored. */
  readonly subject: string
  /** Prefixes that may route the subject, itself and wider ones. An announcer replies with the state of each. */
  readonly prefixes: readonly string[]
}
export const EXPLAIN_REQUEST: Subject<ExplainRequest> = { name: 'dnstap-bgp.v1.explain-request', ...explainRequestCodec }

/** What an announcer has of a prefix. */
export interface RouteState {
  readonly prefix: string
  /** Which announcer says so: its BGP identifier. */
  readonly announcer: string
  /** Names of the peers that were told the route. */
  readonly peers: readonly string[]
  /** A stale route: the store does not have it (any more). How long it is still kept, while it may be learnt again; undefined: not stale. */
  readonly staleForMs?: number
}

/** What a cache remembers of a name or an address. Clocks of machines differ, so it says how long ago. */
export type Note =
  | {
      readonly kind: 'refused'
      readonly agoMs: number
      readonly list: string
      readonly name: string
      /** As it was told: perhaps it is none, and was refused for that. */
      readonly address: string
      readonly refusal: string
      readonly why: string
      readonly source: string
    }
  | { readonly kind: 'ended'; readonly agoMs: number; readonly why: string }

export interface ExplainReply {
  readonly id: string
  /** Of an announcer. */
  readonly routes?: readonly RouteState[]
  /** Of another cache: its part of the memory for people. */
  readonly notes?: readonly Note[]
}
export const EXPLAIN_REPLY: Subject<ExplainReply> = { name: 'dnstap-bgp.v1.explain-reply', ...explainReplyCodec }
