/**
 * Pushes what we learn to one sync peer, and fetches everything it has from time to time. Each peer has its own client, so a dead peer delays no other.
 *
 *   push(entries) -> queue (bounded, one entry for each binding) -> PUT /put, a few at a time -> 200: pushed
 *                       ^------------- put back, wait with back-off <-- refused, timed out, 5xx
 *   start() -> GET /fetch at once, then every interval -> accept(), part by part, as fast as it takes them
 *
 * Speaks as dnstap-bgp 1.1 does (same headers, one entry a request) until the peer's answer shows that it takes batches.
 */
import { ArrayReader, PushQueue, encodeEntry } from '@dnstap-bgp/peer-sync'
import type { PeerEntry } from '@dnstap-bgp/peer-sync'
import { growingPauseMs, type Clock, type Log, type SecretText, type Timer } from '@dnstap-bgp/runtime'
import { shortText, whyFailed } from './failure-text.ts'
import { SyncPeerConnection, REQUEST_TIMEOUT_MS } from './sync-peer-connection.ts'
import { BATCH_HEADER, BATCH_TYPE } from './peer-server.ts'

export interface PeerClientConfig {
  readonly peer: { readonly host: string; readonly port: number }
  readonly token: SecretText | undefined
  /** 0: never fetch. */
  readonly syncIntervalMs: number
  /** Entries that wait at most; default 100,000. */
  readonly maxQueued?: number
}

export interface PeerClientDeps {
  /**
   * Takes what the peer has; it is called again when that resolves. Rejects when nothing can be taken now: the fetch ends.
   * @param from the peer's address, or its name where the configuration has that
   */
  accept(entries: readonly PeerEntry[], from: string): Promise<unknown>
  readonly health: { ok(why?: string): void; degraded(why: string): void }
  readonly clock: Clock
  readonly log: Log
  /** From 0 to 1; default Math.random. */
  readonly random?: () => number
}

export interface SyncPeerStatus {
  /** `host:port`. */
  readonly peer: string
  readonly queued: number
  readonly dropped: number
  readonly coalesced: number
  /** Entries told. */
  readonly pushed: number
  /** Entries that the peer refused for good, with 400 or 413. */
  readonly refused: number
  readonly pushFailures: number
  readonly fetches: number
  readonly fetchFailures: number
  /** Entries of all fetches that were malformed. */
  readonly fetchedMalformed: number
  /** Entries of the last whole fetch, and when that was. */
  readonly lastFetchEntries: number
  readonly lastFetchAtMs: number | undefined
  /** The present fault, in a sentence; undefined: there is none. */
  readonly problem: string | undefined
}

const DEFAULT_MAX_QUEUED = 100_000
const MAX_FETCH_BYTES = 1024 * 1024 * 1024
const PUTS_AT_ONCE = 4
const ENTRIES_PER_BATCH = 500
const ENTRIES_PER_ACCEPT = 1000
const RETRY = { firstMs: 1000, longestMs: 60_000 }

export class PeerClient {
  readonly name: string
  readonly #config: PeerClientConfig
  readonly #deps: PeerClientDeps
  readonly #random: () => number
  readonly #connection: SyncPeerConnection
  readonly #queue: PushQueue
  #batchSize = 1
  #inFlight = 0
  #pushed = 0
  #refused = 0
  #pushFailures = 0
  #pushFailuresInARow = 0
  #backoff: Timer | undefined
  #nextFetch: Timer | undefined
  #isFetching = false
  #fetchWanted = false
  #fetches = 0
  #fetchFailures = 0
  #fetchFailuresInARow = 0
  #fetchedMalformed = 0
  #lastFetchEntries = 0
  #lastFetchAtMs: number | undefined
  #pushProblem: string | undefined
  #fetchProblem: string | undefined
  #closed = false

  constructor(config: PeerClientConfig, deps: PeerClientDeps) {
    this.#connection = new SyncPeerConnection({ ...config, maxSockets: PUTS_AT_ONCE + 1 }, deps.clock)
    this.name = this.#connection.name
    this.#config = config
    this.#deps = deps
    this.#random = deps.random ?? Math.random
    this.#queue = new PushQueue(config.maxQueued ?? DEFAULT_MAX_QUEUED)
  }

  /** Begins with a fetch. */
  start(): void {
    this.#deps.health.ok()
    this.fetchSoon()
  }

  /** Fetches now, because what the peer told us is lost. If a fetch is running, another one follows it. */
  fetchSoon(): void {
    if (this.#closed || this.#config.syncIntervalMs === 0) return
    this.#fetchWanted = this.#isFetching
    if (!this.#isFetching) this.#planFetch(0)
  }

  /** Never waits and never fails: entries wait in the queue; entries without room are dropped and counted. */
  push(entries: readonly PeerEntry[]): void {
    if (this.#closed) return
    for (const entry of entries) this.#queue.add(entry)
    this.#pump()
  }

  status(): SyncPeerStatus {
    return {
      peer: this.name,
      queued: this.#queue.size,
      dropped: this.#queue.dropped,
      coalesced: this.#queue.coalesced,
      pushed: this.#pushed,
      refused: this.#refused,
      pushFailures: this.#pushFailures,
      fetches: this.#fetches,
      fetchFailures: this.#fetchFailures,
      fetchedMalformed: this.#fetchedMalformed,
      lastFetchEntries: this.#lastFetchEntries,
      lastFetchAtMs: this.#lastFetchAtMs,
      problem: this.#pushProblem ?? this.#fetchProblem,
    }
  }

  /** Ends running requests. Entries that still wait are not pushed: the peer gets them by its own fetch. */
  close(): Promise<void> {
    this.#closed = true
    this.#backoff?.cancel()
    this.#nextFetch?.cancel()
    this.#connection.close()
    return Promise.resolve()
  }

  #pump(): void {
    // After a failure one request at a time finds out whether the peer is back.
    const atOnce = this.#pushFailuresInARow > 0 ? 1 : PUTS_AT_ONCE
    while (!this.#closed && this.#backoff === undefined && this.#inFlight < atOnce && this.#queue.size > 0) {
      this.#inFlight++
      void this.#tell(this.#queue.take(this.#batchSize)).finally(() => {
        this.#inFlight--
        this.#pump()
      })
    }
  }

  async #tell(entries: readonly PeerEntry[]): Promise<void> {
    const isBatch = entries.length > 1
    try {
      const { status, batch, text } = await this.#put(entries, isBatch)
      if (status === 200) {
        this.#pushed += entries.length
        this.#batchSize = Math.min(batch, ENTRIES_PER_BATCH)
        this.#pushFailuresInARow = 0
        this.#tellHealth({ push: undefined })
      } else if (status === 400 || status === 413) {
        // Trying again would not help. The entries of a batch are pushed again one by one, so that one bad entry does not stop the others.
        if (isBatch) {
          this.#batchSize = 1
          this.#queue.putBack(entries)
        } else this.#refused++
        this.#deps.log.debug({ syncPeer: this.name, status, text, entries: entries.length }, 'A sync peer refused an entry.')
      } else throw new Error(`it answered ${status}${text === '' ? '' : ` (${text})`}`)
    } catch (error) {
      this.#queue.putBack(entries)
      if (!this.#closed) this.#pushFailed(error)
    }
  }

  #pushFailed(error: unknown): void {
    this.#pushFailures++
    this.#pushFailuresInARow++
    this.#batchSize = 1 // the next answer may come from another program
    this.#tellHealth({ push: `${this.name} cannot be told anything: ${whyFailed(error)}` })
    this.#backoff ??= this.#deps.clock.after(this.#pauseMs(this.#pushFailuresInARow), () => {
      this.#backoff = undefined
      this.#pump()
    })
  }

  async #put(entries: readonly PeerEntry[], isBatch: boolean): Promise<{ status: number; batch: number; text: string }> {
    const headers = {
      'Transfer-Encoding': 'chunked',
      'Accept-Encoding': 'gzip',
      ...(isBatch ? { 'Content-Type': BATCH_TYPE } : {}),
    }
    const body = isBatch ? entries.map((entry) => `${encodeEntry(entry)}\n`).join('') : encodeEntry(entries[0])
    return this.#connection.within(REQUEST_TIMEOUT_MS, async (signal) => {
      const response = await this.#connection.request('PUT', '/put', headers, body, signal)
      const text = await shortText(response)
      const batch = Number(response.headers[BATCH_HEADER.toLowerCase()] ?? 1)
      return { status: response.statusCode ?? 0, batch: Number.isInteger(batch) && batch > 0 ? batch : 1, text }
    })
  }

  async #fetchAndPlan(): Promise<void> {
    const { syncIntervalMs } = this.#config
    let waitMs = syncIntervalMs * (0.9 + 0.2 * this.#random())
    this.#isFetching = true
    this.#fetchWanted = false
    try {
      const entries = await this.#fetch()
      this.#fetches++
      this.#fetchFailuresInARow = 0
      this.#lastFetchEntries = entries
      this.#lastFetchAtMs = this.#deps.clock.now()
      this.#tellHealth({ fetch: undefined })
    } catch (error) {
      if (this.#closed) return
      this.#fetchFailures++
      this.#fetchFailuresInARow++
      const what = error instanceof NotTakenError ? 'has entries that we cannot take now' : 'cannot be asked for what it has'
      this.#tellHealth({ fetch: `${this.name} ${what}: ${whyFailed(error)}` })
      waitMs = Math.min(syncIntervalMs, this.#pauseMs(this.#fetchFailuresInARow))
    }
    this.#isFetching = false
    if (!this.#closed) this.#planFetch(this.#fetchWanted ? 0 : waitMs)
  }

  #planFetch(waitMs: number): void {
    this.#nextFetch?.cancel()
    this.#nextFetch = this.#deps.clock.after(waitMs, () => void this.#fetchAndPlan())
  }

  /** @returns how many entries there were */
  #fetch(): Promise<number> {
    return this.#connection.untilClosed(async (signal) => {
      const response = await this.#connection.within(REQUEST_TIMEOUT_MS, (soon) =>
        this.#connection.request('GET', '/fetch', { 'Accept-Encoding': 'gzip' }, undefined, AbortSignal.any([signal, soon])),
      )
      if (response.statusCode !== 200) throw new Error(`it answered ${response.statusCode} (${await shortText(response)})`)
      const reader = new ArrayReader()
      let waiting: PeerEntry[] = []
      let count = 0
      let length = 0
      const hand = async (least: number) => {
        while (waiting.length >= least && waiting.length > 0) {
          const part = waiting.slice(0, ENTRIES_PER_ACCEPT)
          waiting = waiting.slice(ENTRIES_PER_ACCEPT)
          await this.#deps.accept(part, this.#config.peer.host).catch((error: unknown) => {
            throw new NotTakenError(whyFailed(error), { cause: error })
          })
          count += part.length
        }
      }
      for await (const chunk of this.#connection.bodyOf(response, signal)) {
        length += chunk.length
        if (length > MAX_FETCH_BYTES) throw new Error(`its answer is over ${MAX_FETCH_BYTES} octets`)
        for (const entry of reader.push(chunk)) waiting.push(entry)
        await hand(ENTRIES_PER_ACCEPT)
      }
      reader.end()
      await hand(1)
      this.#fetchedMalformed += reader.refused
      if (reader.refused > 0)
        this.#deps.log.warn(
          { syncPeer: this.name, refused: reader.refused, first: reader.firstRefusal },
          'A sync peer has entries that are malformed.',
        )
      return count
    })
  }

  #tellHealth(change: { readonly push?: string | undefined } | { readonly fetch?: string | undefined }): void {
    if ('push' in change) this.#pushProblem = change.push
    if ('fetch' in change) this.#fetchProblem = change.fetch
    const problem = this.#pushProblem ?? this.#fetchProblem
    if (problem === undefined) this.#deps.health.ok()
    else this.#deps.health.degraded(problem)
  }

  #pauseMs(failures: number): number {
    return growingPauseMs(failures, { ...RETRY, random: this.#random })
  }
}

/** We failed, not the peer. */
class NotTakenError extends Error {
  override readonly name = 'NotTakenError'
}
