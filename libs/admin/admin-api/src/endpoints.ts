/** Every endpoint of the admin API. Paths and replies are promises: scripts of operators depend on them. */
import { Type, type TSchema } from '@sinclair/typebox'
import { peer, peerReset, route } from './announcer.ts'
import { cacheStatus, explanation, forgotten } from './cache.ts'
import type { AdminEndpoint, Fields, ProgramName } from './endpoint.ts'
import { text } from './fields.ts'
import { syncPeer } from './gateway.ts'
import { senders } from './ingest.ts'
import { list, match, preview } from './lists.ts'
import { backup, status } from './process.ts'

const NOTHING = Type.Object({})
const EVERY_PROGRAM: readonly ProgramName[] = ['dnstap-ingest', 'cache', 'bgp-announcer', 'sync-gateway']
const WITH_LISTS: readonly ProgramName[] = ['dnstap-ingest', 'cache']
const AWAY = 'the store, or the bus, is away'
const NO_SUCH_PEER = 'there is no peer of that name'
const subject = text('an address, a prefix or a name')

interface Get<Query extends Fields, Reply extends TSchema> {
  readonly path: `/api/${string}`
  readonly summary: string
  readonly servedBy: readonly ProgramName[]
  readonly overBus?: boolean
  readonly query?: Query
  readonly reply: Reply
  readonly isStream?: boolean
  readonly errors?: Readonly<Record<number, string>>
}

function get<Reply extends TSchema, Query extends Fields = typeof NOTHING>(
  endpoint: Get<Query, Reply>,
): AdminEndpoint<Query, undefined, Reply> {
  const query = endpoint.query ?? (NOTHING as unknown as Query)
  return {
    method: 'GET',
    overBus: false,
    isStream: false,
    errors: {},
    patienceSeconds: PATIENCE_SECONDS,
    ...endpoint,
    query,
    body: undefined,
  }
}

interface Post<Body extends Fields, Reply extends TSchema> {
  readonly path: `/api/${string}`
  readonly summary: string
  readonly servedBy: readonly ProgramName[]
  readonly overBus?: boolean
  readonly body?: Body
  readonly reply: Reply
  readonly errors?: Readonly<Record<number, string>>
  readonly patienceSeconds?: number
}

function post<Reply extends TSchema, Body extends Fields = typeof NOTHING>(
  endpoint: Post<Body, Reply>,
): AdminEndpoint<typeof NOTHING, Body, Reply> {
  const body = endpoint.body ?? (NOTHING as unknown as Body)
  return {
    method: 'POST',
    overBus: false,
    isStream: false,
    errors: {},
    patienceSeconds: PATIENCE_SECONDS,
    ...endpoint,
    query: NOTHING,
    body,
  }
}

const PATIENCE_SECONDS = 30
/** A list is downloaded, which may take 300 s, and built. */
const PATIENCE_FOR_A_LIST_SECONDS = 360

export const ADMIN_API = {
  status: get({
    path: '/api/status',
    summary: 'Health of each part, and counts.',
    servedBy: EVERY_PROGRAM,
    reply: status,
  }),
  explain: get({
    path: '/api/explain',
    summary: 'Why an address or a name is routed, or why not.',
    servedBy: ['cache'],
    overBus: true,
    query: Type.Object({ subject }),
    reply: explanation,
    errors: { 400: 'the subject is missing, or is no address, prefix or name', 503: AWAY },
  }),
  forget: post({
    path: '/api/forget',
    summary: 'End the bindings of an address or a name by hand.',
    servedBy: ['cache'],
    overBus: true,
    body: Type.Object({ subject, holdDown: Type.Optional(text('a duration such as "1h"')) }),
    reply: forgotten,
    errors: { 400: 'the subject is missing or no address, prefix or name; or holdDown is no duration', 503: AWAY },
  }),
  cache: get({
    path: '/api/cache',
    summary: 'How much the store has.',
    servedBy: ['cache'],
    overBus: true,
    reply: cacheStatus,
    errors: { 503: AWAY },
  }),
  match: get({
    path: '/api/match',
    summary: 'Which rule of which list decides on a name.',
    servedBy: WITH_LISTS,
    overBus: true,
    query: Type.Object({ name: text('a name') }),
    reply: match,
    errors: { 400: 'the name is missing' },
  }),
  lists: get({
    path: '/api/lists',
    summary: 'The lists of the process.',
    servedBy: WITH_LISTS,
    reply: Type.Array(list),
  }),
  acceptList: post({
    path: '/api/lists/accept',
    summary: 'Take the new version of a list although it shrank.',
    servedBy: WITH_LISTS,
    body: Type.Object({ list: text('the name of a list') }),
    reply: Type.Array(list),
    errors: { 404: 'there is no such list', 503: 'the program is stopping' },
    patienceSeconds: PATIENCE_FOR_A_LIST_SECONDS,
  }),
  reloadLists: post({
    path: '/api/lists/reload',
    summary: 'Read every list again.',
    servedBy: WITH_LISTS,
    reply: Type.Array(list),
    errors: { 503: 'the program is stopping' },
  }),
  previewLists: post({
    path: '/api/lists/preview',
    summary: 'What a reload of the configuration file would bring.',
    servedBy: ['cache'],
    reply: preview,
    errors: { 409: 'the configuration file has mistakes' },
  }),
  senders: get({
    path: '/api/senders',
    summary: 'Each resolver that sends dnstap to the process.',
    servedBy: ['dnstap-ingest'],
    reply: senders,
  }),
  peers: get({
    path: '/api/peers',
    summary: 'Each BGP peer.',
    servedBy: ['bgp-announcer'],
    reply: Type.Array(peer),
  }),
  resetPeer: post({
    path: '/api/peers/reset',
    summary: 'Send a peer its routes once more, or end its session and begin anew.',
    servedBy: ['bgp-announcer'],
    body: Type.Object({
      peer: text('the name of a peer'),
      hard: Type.Optional(Type.Boolean({ description: 'true or false' })),
    }),
    reply: peerReset,
    errors: { 400: 'the peer is missing, or hard is no boolean', 404: NO_SUCH_PEER, 409: 'there is no session with the peer' },
  }),
  routes: get({
    path: '/api/routes',
    summary: 'The routes that should be out, or those that a peer was told.',
    servedBy: ['bgp-announcer'],
    query: Type.Object({ peer: Type.Optional(text('the name of a peer')) }),
    reply: Type.Array(route),
    isStream: true,
    errors: { 404: NO_SUCH_PEER },
  }),
  syncPeers: get({
    path: '/api/sync-peers',
    summary: 'Each sync peer.',
    servedBy: ['sync-gateway'],
    reply: Type.Array(syncPeer),
  }),
  backup: post({
    path: '/api/backup',
    summary: "Copy the all-in-one's store to CACHE.backup while it is in use.",
    servedBy: [],
    reply: backup,
    errors: { 503: 'the copy cannot be written' },
    patienceSeconds: 600,
  }),
} as const

/** The programs that serve a path, in a sentence; undefined: there is no such path. */
export function ownersOf(path: string): string | undefined {
  const endpoint = Object.values(ADMIN_API).find((one) => one.path === path)
  if (endpoint === undefined) return undefined
  return endpoint.servedBy.length === 0 ? 'the all-in-one' : endpoint.servedBy.join(' and ')
}

/** All of them, for code that treats them alike: tsc 6 gives up on the union of their types. */
const BY_NAME: Readonly<Record<string, AdminEndpoint>> = ADMIN_API
export const ADMIN_ENDPOINTS: readonly AdminEndpoint[] = Object.values(BY_NAME)
