/** Explain requests and replies, to and from steering.proto. People read the result, so an excess is left out, not refused. */
import type { Codec } from '@dnstap-bgp/bus'
import { amountOf, checkedCodec, cut, listOf, prefixOf, prefixToWire, textOf, wordOf, wordOrNothingOf } from './checked.ts'
import { dnstapbgp } from './generated/steering.js'
import type { ExplainReply, ExplainRequest, Note, RouteState } from './operator.ts'

const v1 = dnstapbgp.v1

const MAX_ID = 128
const MAX_PREFIXES = 4096
const MAX_PEERS = 10_000
const MAX_NOTES = 1000
/** A time that a person is told: up to ten thousand years. */
const MAX_SPAN_MS = 3.2e14

export const explainRequestCodec: Codec<ExplainRequest> = checkedCodec(
  v1.ExplainRequest,
  ({ id, subject, prefixes }): dnstapbgp.v1.IExplainRequest => ({
    id,
    subject,
    prefixes: prefixes.slice(0, MAX_PREFIXES).map(prefixToWire),
  }),
  (wire) => ({
    id: wordOf(wire.id, 'id', MAX_ID),
    subject: wordOf(wire.subject, 'subject'),
    prefixes: listOf(wire.prefixes, 'prefixes', prefixOf, MAX_PREFIXES),
  }),
)

export const explainReplyCodec: Codec<ExplainReply> = checkedCodec(
  v1.ExplainReply,
  ({ id, routes = [], notes = [] }): dnstapbgp.v1.IExplainReply => ({
    id,
    routes: routes.slice(0, MAX_PREFIXES).map(routeStateToWire),
    notes: notes.slice(-MAX_NOTES).map(noteToWire),
  }),
  (wire) => {
    const routes = listOf(wire.routes, 'routes', routeStateFromWire, MAX_PREFIXES)
    const notes = listOf(wire.notes, 'notes', noteFromWire, MAX_NOTES).flat()
    return { id: wordOf(wire.id, 'id', MAX_ID), ...(routes.length > 0 ? { routes } : {}), ...(notes.length > 0 ? { notes } : {}) }
  },
)

function routeStateToWire({ prefix, announcer, peers, staleForMs }: RouteState): dnstapbgp.v1.IRouteState {
  return {
    prefix: prefixToWire(prefix),
    announcer,
    peers: peers.slice(0, MAX_PEERS),
    ...(staleForMs === undefined ? {} : { staleForMs }),
  }
}

function routeStateFromWire({ prefix, announcer, peers, staleForMs }: dnstapbgp.v1.IRouteState): RouteState {
  return {
    prefix: prefixOf(prefix),
    announcer: wordOf(announcer, 'announcer'),
    peers: listOf(peers, 'peers', (peer) => wordOf(peer, 'a peer'), MAX_PEERS),
    ...(staleForMs === null || staleForMs === undefined ? {} : { staleForMs: amountOf(staleForMs, 'stale_for_ms', MAX_SPAN_MS) }),
  }
}

function noteToWire(note: Note): dnstapbgp.v1.INote {
  const { agoMs } = note
  if (note.kind === 'ended') return { agoMs, ended: { why: cut(note.why) } }
  const { list, name, address, refusal, why, source } = note
  return { agoMs, refused: { list, name: cut(name), address: cut(address), refusal, why: cut(why), source: cut(source) } }
}

/** None when it is of a kind that a later version has. */
function noteFromWire({ agoMs: ago, refused, ended }: dnstapbgp.v1.INote): Note[] {
  const agoMs = amountOf(ago, 'ago_ms', MAX_SPAN_MS)
  if (refused !== null && refused !== undefined)
    return [
      {
        kind: 'refused',
        agoMs,
        list: wordOrNothingOf(refused.list, 'list'),
        name: textOf(refused.name, 'name'),
        address: textOf(refused.address, 'address'),
        refusal: wordOf(refused.refusal, 'refusal'),
        why: textOf(refused.why, 'why'),
        source: textOf(refused.source, 'source'),
      },
    ]
  return ended === null || ended === undefined ? [] : [{ kind: 'ended', agoMs, why: textOf(ended.why, 'why') }]
}
