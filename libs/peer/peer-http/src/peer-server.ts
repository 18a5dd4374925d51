/**
 * The gateway's server: other instances, dnstap-bgp 1.1 too, fetch everything we have and push what they learn.
 *
 *   GET /fetch   200, every entry as a JSON array ("null" when there is none); another method: 400
 *   PUT /put     one entry (any method is taken); 200, or 400 with what is wrong
 *                or, as application/x-ndjson, up to MAX_BATCH entries: our own instances do that once they saw BATCH_HEADER
 *
 * An entry that is well formed but not wanted (not listed here, on the never list) gets 200 as well, with the reason as text: the ancestor
 * stops telling its other peers when one answers anything else.
 *
 * Who may talk: `AllowedPeers`, no web page (web-page-guard.ts), and the bearer token when there is one. Everything is bounded: body, time, connections, fetches at once.
 */
import { BatchReader, PeerSyncError, SingleEntryReader } from '@dnstap-bgp/peer-sync'
import type { EntryReader, PeerEntry } from '@dnstap-bgp/peer-sync'
import {
  BearerToken,
  BodyError,
  readBody,
  closeHttpServer,
  limitConnections,
  listenOn,
  plainAddress,
  type TcpListenAddress,
} from '@dnstap-bgp/net'
import { RateLimitedLog, type Clock, type Log, type Resolve, type SecretText } from '@dnstap-bgp/runtime'
import express from 'express'
import type { NextFunction, Request, Response } from 'express'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { hostname } from 'node:os'
import { AllowedPeers } from './allowed-peers.ts'
import { sendEntries, PLAIN_TEXT } from './send-entries.ts'
import { whyFromWebPage } from './web-page-guard.ts'

export interface PeerServerConfig {
  readonly listen: TcpListenAddress
  /** The peers: addresses or host names. */
  readonly peers: readonly string[]
  /** Further prefixes that may talk to us. */
  readonly allow: readonly string[]
  /** Names by which peers reach us, besides the name of this machine. */
  readonly names: readonly string[]
  readonly token: SecretText | undefined
}

export interface PeerServerDeps {
  /** Everything we have, in parts. */
  entries(): AsyncIterable<readonly PeerEntry[]>
  /**
   * Takes what a peer told, and says for each entry why it is not wanted (undefined: taken). Rejects when it cannot take anything now.
   * @param from the peer's address
   */
  accept(entries: readonly PeerEntry[], from: string): Promise<readonly (string | undefined)[]>
  readonly clock: Clock
  readonly log: Log
  readonly resolve?: Resolve
}

export interface PeerServer {
  /** The port that was taken. */
  readonly port: number
  readonly counts: Readonly<PeerServerCounts>
  close(): Promise<void>
}

/** What happened so far, for metrics. */
export interface PeerServerCounts {
  fetches: number
  puts: number
  /** Entries that were taken, that were malformed, and that the cache did not want. */
  entriesTaken: number
  entriesMalformed: number
  entriesUnwanted: number
  /** Requests refused by address or as a web page's, by token, for their body, for want of room or because nothing could be taken. */
  forbidden: number
  unauthorized: number
  malformed: number
  unavailable: number
}

/** Tells our own instances that they may send batches, and how many entries at most. */
export const BATCH_HEADER = 'Dnstap-Bgp-Batch'
export const BATCH_TYPE = 'application/x-ndjson'
export const MAX_BATCH = 1000
const MAX_BODY_BYTES = 1024 * 1024
const MAX_CONNECTIONS = 512
/** Connections of strangers; they only get a 403. */
const MAX_STRANGE_CONNECTIONS = 32
const MAX_FETCHES_AT_ONCE = 8
const HEADERS_TIMEOUT_MS = 5000
const REQUEST_TIMEOUT_MS = 15_000
/** Go's client keeps idle connections for 90 s and does not repeat a PUT that meets one we are closing. */
const KEEP_ALIVE_TIMEOUT_MS = 120_000
/** @throws ListenError */
export async function startPeerServer(config: PeerServerConfig, deps: PeerServerDeps): Promise<PeerServer> {
  const gateway = new Gateway(config, deps)
  await gateway.listen()
  return gateway
}

class Gateway implements PeerServer {
  readonly counts: PeerServerCounts = {
    fetches: 0,
    puts: 0,
    entriesTaken: 0,
    entriesMalformed: 0,
    entriesUnwanted: 0,
    forbidden: 0,
    unauthorized: 0,
    malformed: 0,
    unavailable: 0,
  }
  readonly #config: PeerServerConfig
  readonly #deps: PeerServerDeps
  readonly #allowed: AllowedPeers
  readonly #server: Server
  readonly #token: BearerToken | undefined
  /** Undefined: the token says who talks, and any Host will do. */
  readonly #names: ReadonlySet<string> | undefined
  /** Many peers may ask in vain for long. */
  readonly #failures: RateLimitedLog
  #fetching = 0
  #strangers = 0

  constructor(config: PeerServerConfig, deps: PeerServerDeps) {
    this.#config = config
    this.#deps = deps
    this.#token = config.token === undefined ? undefined : new BearerToken(config.token)
    this.#names =
      config.token === undefined ? new Set([...config.names, hostname()].map((name) => name.toLowerCase())) : undefined
    this.#allowed = new AllowedPeers({ hosts: config.peers, prefixes: config.allow }, deps)
    this.#failures = new RateLimitedLog(deps.log, deps.clock)
    this.#server = createServer(
      {
        headersTimeout: HEADERS_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
        connectionsCheckingInterval: 1000,
        maxHeaderSize: 16 * 1024,
      },
      this.#routes(),
    )
    limitConnections(this.#server, MAX_CONNECTIONS)
    this.#server.on('connection', (socket: Socket) => this.#countStranger(socket))
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async listen(): Promise<void> {
    try {
      await listenOn(this.#server, this.#config.listen, { who: 'the gateway ([syncer] listen)' })
    } catch (error) {
      this.#allowed.close()
      throw error
    }
    this.#allowed.start()
  }

  async close(): Promise<void> {
    this.#allowed.close()
    await closeHttpServer(this.#server)
  }

  #routes(): express.Express {
    const app = express()
    app.set('env', 'production') // errors never show our stack
    app.disable('x-powered-by')
    app.disable('etag')
    app.enable('strict routing')
    app.enable('case sensitive routing')
    app.use((request, response, next) => this.#guard(request, response, next))
    app.all('/fetch', (request, response) => this.#fetch(request, response))
    app.all('/put', (request, response) => this.#put(request, response))
    app.use((_request, response) => {
      answer(response, 404, '404 page not found\n')
    })
    // Express knows an error handler by its four parameters.
    app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => this.#failed(error, request, response))
    return app
  }

  #guard(request: Request, response: Response, next: NextFunction): void {
    const { remoteAddress } = request.socket
    if (!this.#allowed.allows(remoteAddress)) {
      this.counts.forbidden++
      return refuse(
        response,
        403,
        `Forbidden: ${plainAddress(remoteAddress ?? '')} is not among the peers (syncer.peers, syncer.allow)`,
      )
    }
    const why = whyFromWebPage(request.headers, this.#names)
    if (why !== undefined) {
      this.counts.forbidden++
      // The log must say why: the peer may reach us by a name that is missing in syncer.names.
      this.#failures.warn({ syncPeer: plainAddress(remoteAddress ?? ''), why }, 'A request to the sync gateway was refused.')
      return refuse(response, 403, `Forbidden: ${why}`)
    }
    const token = this.#token?.check(request.headers.authorization) ?? 'good'
    if (token !== 'good') {
      this.counts.unauthorized++
      const fault = token === 'missing' ? 'a bearer token is needed' : 'the bearer token is wrong'
      return refuse(response, 401, `Unauthorized: ${fault} (syncer.token)`)
    }
    next()
  }

  async #fetch(request: Request, response: Response): Promise<void> {
    if (request.method !== 'GET') return answer(response, 400, '')
    if (this.#fetching >= MAX_FETCHES_AT_ONCE) {
      this.counts.unavailable++
      return answer(response, 503, 'Unavailable: too many fetches at once')
    }
    this.counts.fetches++
    this.#fetching++
    try {
      await sendEntries(this.#entries(), response, this.#deps.clock)
    } finally {
      this.#fetching--
    }
  }

  async *#entries(): AsyncIterable<readonly PeerEntry[]> {
    try {
      yield* this.#deps.entries()
    } catch (error) {
      throw new UnavailableError('our entries cannot be read now', { cause: error })
    }
  }

  async #put(request: Request, response: Response): Promise<void> {
    this.counts.puts++
    const isBatch = request.headers['content-type']?.startsWith(BATCH_TYPE) === true
    const reader = isBatch ? new BatchReader() : new SingleEntryReader()
    const entries = await readEntries(request, reader)
    this.counts.entriesMalformed += reader.refused
    const reasons = entries.length === 0 ? [] : await this.#accept(entries, requesterAddress(request))
    const unwanted = reasons.filter((reason) => reason !== undefined)
    this.counts.entriesTaken += entries.length - unwanted.length
    this.counts.entriesUnwanted += unwanted.length
    const why = reader.firstRefusal ?? unwanted[0]
    response.setHeader(BATCH_HEADER, String(MAX_BATCH))
    if (why === undefined) answer(response, 200, '')
    else
      answer(
        response,
        200,
        isBatch ? `Ignored ${reader.refused + unwanted.length} of ${reader.refused + entries.length}: ${why}` : `Ignored: ${why}`,
      )
  }

  async #accept(entries: readonly PeerEntry[], from: string): Promise<readonly (string | undefined)[]> {
    try {
      return await this.#deps.accept(entries, from)
    } catch (error) {
      throw new UnavailableError('nothing can be taken now', { cause: error })
    }
  }

  #failed(error: unknown, request: Request, response: Response): void {
    const from = requesterAddress(request)
    if (error instanceof PeerSyncError) {
      this.counts.malformed++
      this.#deps.log.debug({ syncPeer: from, why: error.message }, "A sync peer's request was refused.")
      return refuse(response, 400, `Bad request: ${error.message}`)
    }
    if (error instanceof BodyError && error.fault === 'gone') return void response.destroy()
    if (error instanceof BodyError || error instanceof TooManyEntriesError) {
      this.counts.malformed++
      return refuse(response, 413, `Bad request: ${error.message}`)
    }
    this.counts.unavailable++
    const fields = { syncPeer: from, path: request.path, error: error instanceof UnavailableError ? error.cause : error }
    if (error instanceof UnavailableError) this.#failures.warn(fields, `A sync peer gets 503: ${error.message}.`)
    else this.#deps.log.error(fields, "A sync peer's request failed.")
    // Half an answer is out: cut the connection, so that the peer does not take it for whole.
    if (response.headersSent) response.destroy()
    else refuse(response, 503, `Unavailable: ${error instanceof UnavailableError ? error.message : 'internal error'}`)
  }

  /** Strangers may connect, a few at a time: they must not take the places of peers. */
  #countStranger(socket: Socket): void {
    if (this.#allowed.allows(socket.remoteAddress)) return
    if (this.#strangers >= MAX_STRANGE_CONNECTIONS) {
      this.counts.forbidden++
      socket.destroy()
      return
    }
    this.#strangers++
    socket.once('close', () => this.#strangers--)
  }
}

class UnavailableError extends Error {
  override readonly name = 'UnavailableError'
}

class TooManyEntriesError extends Error {
  override readonly name = 'TooManyEntriesError'
}

/** @throws BodyError, PeerSyncError, or TooManyEntriesError */
async function readEntries(request: Request, reader: EntryReader): Promise<readonly PeerEntry[]> {
  const entries: PeerEntry[] = []
  await readBody(request, MAX_BODY_BYTES, (chunk) => {
    for (const entry of reader.push(chunk)) entries.push(entry)
    if (entries.length > MAX_BATCH) throw new TooManyEntriesError(`over ${MAX_BATCH} entries in one batch`)
  })
  entries.push(...reader.end())
  return entries
}

/** The socket is gone when the peer is. */
function requesterAddress(request: Request): string {
  const socket = request.socket as Socket | null
  return plainAddress(socket?.remoteAddress ?? '')
}

/** As Go's server answers: a type only where there is text. */
function answer(response: Response, status: number, text: string): void {
  response.writeHead(status, { ...(text === '' ? {} : PLAIN_TEXT), 'Content-Length': Buffer.byteLength(text) })
  response.end(text)
}

/** The rest of the request is not read: the connection ends with this answer. */
function refuse(response: Response, status: number, text: string): void {
  response.setHeader('Connection', 'close')
  answer(response, status, text)
}
