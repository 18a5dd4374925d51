/**
 * HTTP to one sync peer: its connections, the time limits of requests, and the bytes that dnstap-bgp 1.1 sends.
 *
 * Node's own client, not a library: the order of headers is the ancestor's, and the limits run on the clock that tests own.
 */
import { reveal, type Clock, type SecretText } from '@dnstap-bgp/runtime'
import { Agent, request } from 'node:http'
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { createGunzip } from 'node:zlib'

export interface SyncPeerConnectionConfig {
  readonly peer: { readonly host: string; readonly port: number }
  readonly token: SecretText | undefined
  /** Connections at once. */
  readonly maxSockets: number
}

/** The ancestor's. */
export const REQUEST_TIMEOUT_MS = 5000
/** Time that we wait for the peer during one fetch; the time that we need to take its entries does not count. */
const FETCH_TIMEOUT_MS = 300_000

export class SyncPeerConnection {
  /** `host:port`. */
  readonly name: string
  readonly #config: SyncPeerConnectionConfig
  readonly #clock: Clock
  readonly #agent: Agent
  readonly #running = new Set<{ cancel(why: string): void }>()

  constructor(config: SyncPeerConnectionConfig, clock: Clock) {
    const { peer, maxSockets } = config
    this.name = `${peer.host.includes(':') ? `[${peer.host}]` : peer.host}:${peer.port}`
    this.#config = config
    this.#clock = clock
    this.#agent = new Agent({ keepAlive: true, maxSockets, maxFreeSockets: maxSockets })
  }

  close(): void {
    for (const one of this.#running) one.cancel('we are stopping')
    this.#agent.destroy()
  }

  /** Runs with a signal that fires after `timeoutMs`, or when we are closed. */
  within<T>(timeoutMs: number, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.untilClosed(async (signal, abort) => {
      const timer = this.#clock.after(timeoutMs, () => abort(`it gave no answer in ${timeoutMs / 1000} s`))
      try {
        return await run(signal)
      } finally {
        timer.cancel()
      }
    })
  }

  async untilClosed<T>(run: (signal: AbortSignal, abort: (why: string) => void) => Promise<T>): Promise<T> {
    const aborter = new AbortController()
    const abort = (why: string) => aborter.abort(new Error(why))
    const one = { cancel: abort }
    this.#running.add(one)
    try {
      return await run(aborter.signal, abort)
    } catch (error) {
      throw aborter.signal.aborted ? aborter.signal.reason : error
    } finally {
      this.#running.delete(one)
    }
  }

  /** The response, its body unread. Sends the request once more when a kept connection turns out to be closed by the peer. */
  async request(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
    body: string | undefined,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const all = { ...this.#headers(), ...headers }
    for (;;) {
      const { response, error, wasReused } = await this.#requestOnce(method, path, all, body, signal)
      if (response !== undefined) return response
      if (!wasReused || signal.aborted) throw signal.aborted ? signal.reason : error
    }
  }

  /** The octets of an answer, decompressed. Ends an answer that stands still, and one for which we waited FETCH_TIMEOUT_MS in all. */
  async *bodyOf(response: IncomingMessage, signal: AbortSignal): AsyncIterable<Buffer> {
    const isCompressed = response.headers['content-encoding'] === 'gzip'
    const stream = isCompressed ? response.pipe(createGunzip()) : response
    if (isCompressed) response.once('error', (error) => stream.destroy(error))
    const iterator = (stream as AsyncIterable<Buffer>)[Symbol.asyncIterator]()
    const clock = this.#clock
    let waitedMs = 0
    try {
      for (;;) {
        const sinceMs = clock.monotonic()
        const standstill = clock.after(REQUEST_TIMEOUT_MS, () =>
          response.destroy(new Error('it stopped in the middle of its answer')),
        )
        const next = await iterator.next().finally(() => standstill.cancel())
        waitedMs += clock.monotonic() - sinceMs
        if (next.done === true) return
        if (waitedMs > FETCH_TIMEOUT_MS) throw new Error(`its answer is not whole after ${FETCH_TIMEOUT_MS / 1000} s`)
        yield next.value
        signal.throwIfAborted()
      }
    } finally {
      response.destroy()
    }
  }

  /** Ancestor's headers, in its order. */
  #headers(): OutgoingHttpHeaders {
    const { token } = this.#config
    return {
      Host: this.name,
      'User-Agent': 'Go-http-client/1.1',
      ...(token === undefined ? {} : { Authorization: `Bearer ${reveal(token)}` }),
    }
  }

  #requestOnce(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
    body: string | undefined,
    signal: AbortSignal,
  ): Promise<Attempt> {
    const { host, port } = this.#config.peer
    return new Promise((resolve) => {
      const asked = request({ host, port, method, path, headers, agent: this.#agent, signal }, (response) =>
        resolve({ response, error: undefined, wasReused: false }),
      )
      asked.removeHeader('Connection') // Node would say keep-alive, which HTTP/1.1 means anyway and Go does not say
      asked.once('error', (error: NodeJS.ErrnoException) =>
        resolve({ response: undefined, error, wasReused: asked.reusedSocket && error.code === 'ECONNRESET' }),
      )
      asked.end(body)
    })
  }
}

interface Attempt {
  readonly response: IncomingMessage | undefined
  readonly error: Error | undefined
  readonly wasReused: boolean
}
