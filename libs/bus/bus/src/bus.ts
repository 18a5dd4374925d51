/**
 * The bus: how the services tell each other things. A port with two implementations: LocalBus here (one process, objects passed
 * by reference) and NatsBus in bus-nats (four processes, protobuf on the wire). busConformance() holds both to this page.
 *
 * Four ways to speak, each with its promise:
 *
 *   publish/subscribe   at most once, to whoever listens now, in the publisher's order   (route changes, heartbeats)
 *   enqueue/consume     at least once, to one of the consumers, kept while none is there (resolutions)
 *   serve/ask           one of the servers answers with a stream of parts                (snapshots, explain)
 *   state/onState       is the other side reachable?                                     (health)
 *
 * A message handed over must not be changed afterwards by either side: LocalBus passes the very object.
 */

/** What travels under one name, and how it is written when it leaves the process. The name carries the version. */
export interface Codec<T> {
  encode(message: T): Uint8Array
  /** @throws when the bytes are not such a message */
  decode(bytes: Uint8Array): T
}

export interface Subject<T> extends Codec<T> {
  /** e.g. `dnstap-bgp.v1.route-changes` */
  readonly name: string
}

/** A durable queue: messages wait, within limits, until a consumer has acknowledged them. */
export interface Queue<T> extends Codec<T> {
  readonly name: string
  /** Beyond either limit the oldest messages are dropped; or, where the sender is in the same process, the newest is refused. */
  readonly limits: { readonly maxBytes: number; readonly maxAgeSeconds: number }
  /** Octets that a message takes in memory, about: what waits is bounded by it, and handed over in portions, where nothing is encoded. */
  octetsOf(message: T): number
}

/** A question that one server answers by one reply. */
export interface Call<Request, Reply> {
  readonly name: string
  readonly request: Codec<Request>
  readonly reply: Codec<Reply>
}

/** A question that one server answers by a stream of parts. */
export interface StreamCall<Request, Part> {
  readonly name: string
  readonly request: Codec<Request>
  readonly part: Codec<Part>
}

/** How far a queue has come. The numbers only grow, except when the queue was lost and made anew. */
export interface QueueProgress {
  /** The number of the newest message that the queue ever took; 0: it took none. */
  readonly newest: number
  /** This message and all before it are acknowledged, or were dropped for the queue's limits. */
  readonly done: number
}

export interface Subscription {
  /** No handler starts after this resolves; one that runs is awaited. */
  close(): Promise<void>
}

export type BusState = 'connected' | 'disconnected'

export interface Bus {
  readonly state: BusState
  /** Called with each change of state. */
  onState(listener: (state: BusState) => void): void

  publish<T>(subject: Subject<T>, message: T): void
  subscribe<T>(subject: Subject<T>, onMessage: (message: T) => void): Subscription

  /** Resolves when the queue has the message safely; rejects with BusError when it cannot be had now (the caller keeps it). */
  enqueue<T>(queue: Queue<T>, message: T): Promise<void>
  /**
   * Hands over what waits, some messages at a time, oldest first. They are acknowledged when the handler resolves, and come again
   * (to any consumer) when it rejects or the process dies. One handler runs at a time.
   */
  consume<T>(queue: Queue<T>, onMessages: (messages: readonly T[]) => Promise<void>): Subscription
  /** Counts what every consumer holds and has not acknowledged as not done. Rejects with BusError when it cannot be known now. */
  progress<T>(queue: Queue<T>): Promise<QueueProgress>

  /** When several serve the same call, each question goes to one of them. */
  serve<Request, Reply>(call: Call<Request, Reply>, answer: (request: Request) => Promise<Reply>): Subscription
  /** Rejects with BusError when nobody serves the call, or the server failed or went away. */
  ask<Request, Reply>(call: Call<Request, Reply>, request: Request): Promise<Reply>
  /** As serve(), with any number of parts. */
  serveStream<Request, Part>(call: StreamCall<Request, Part>, answer: (request: Request) => AsyncIterable<Part>): Subscription
  /** Ends with BusError when nobody serves the call, the answer stops midway, or the server failed. */
  askStream<Request, Part>(call: StreamCall<Request, Part>, request: Request): AsyncIterable<Part>

  /** Delivers the messages that were published, then ends. */
  close(): Promise<void>
}

/** The bus cannot do this now; trying again later may work. */
export class BusError extends Error {
  override readonly name = 'BusError'
}
