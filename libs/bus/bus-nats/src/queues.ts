/**
 * What we believe of each queue, and for how long.
 *
 *              ensure: there                     evidence against it: a refused or missing
 *   ┌─────────┐ ─────────────▶ ┌───────┐         acknowledgement, a lost consumer
 *   │ unknown │                │ ready │ ──────────────────────────────────────────┐
 *   └─────────┘ ◀───────────── └───────┘                                           │
 *       ▲  │      connected anew                                                   │
 *       │  └─ ensure: not there ─▶ ┌────────┐                                      │
 *       │                          │ failed │ asked again a second later at most   │
 *       │                          └────────┘                                      │
 *       └──────────────────────── in doubt ◀───────────────────────────────────────┘
 *
 * A doubt stays, and health reports it, until something works again: an acknowledgement, a message, an answer to a request. Finding the queue is
 * not enough. A queue that is ready is checked again every minute, with or without evidence.
 *
 * Sending and receiving are apart: a sender needs the stream, a receiver the consumer, too.
 */
import { BusError } from '@dnstap-bgp/bus'
import type { Clock, Log } from '@dnstap-bgp/runtime'
import type { QueueName } from './streams.ts'

export type QueueSide = 'sends' | 'receives'

/** Between two attempts to make sure of a queue that failed. */
const RETRY_MS = 1000
const LOOK_AGAIN_MS = 60_000
const READY = Promise.resolve(undefined)

interface State {
  readonly queue: QueueName
  readonly side: QueueSide
  kind: 'unknown' | 'ready' | 'failed'
  error: BusError | undefined
  /** When `kind` was found out. */
  sinceMs: number
  ensuring: Promise<BusError | undefined> | undefined
  /** Why it seems not to work, though it may be there. */
  doubt: string | undefined
}

export interface QueuesDeps {
  readonly clock: Clock
  readonly log: Log
  /** Makes sure of stream and consumer. @throws BusError, a sentence for the operator */
  readonly ensure: (queue: QueueName, side: QueueSide) => Promise<void>
  /** An object for each connection; undefined while there is none. What we found out on an earlier connection no longer counts. */
  readonly connection: () => object | undefined
  readonly onChange: () => void
}

export class Queues {
  readonly #deps: QueuesDeps
  readonly #states = new Map<string, State>()

  constructor(deps: QueuesDeps) {
    this.#deps = deps
  }

  /** What does not work, in a sentence. */
  get problem(): string | undefined {
    for (const { kind, error } of this.#states.values())
      if (kind === 'failed' && error !== undefined) return `A queue cannot be used: ${error.message}`
    for (const { queue, doubt } of this.#states.values())
      if (doubt !== undefined) return `The queue ${queue.name} does not work: ${doubt}`
    return undefined
  }

  isReady(queue: QueueName, side: QueueSide): boolean {
    return this.#state(queue, side).kind === 'ready'
  }

  /** Undefined when the queue can be used. Failures are remembered for a second, so that a flood of messages asks once. */
  ensure(queue: QueueName, side: QueueSide): Promise<BusError | undefined> {
    const state = this.#state(queue, side)
    if (state.kind === 'ready') return READY
    if (state.kind === 'failed' && this.#deps.clock.monotonic() - state.sinceMs < RETRY_MS) return Promise.resolve(state.error)
    return this.#look(state)
  }

  /** The server may have come back without its streams. A doubt may have come from its absence alone. */
  connected(): void {
    for (const state of this.#states.values()) {
      if (state.kind === 'ready') state.kind = 'unknown'
      state.doubt = undefined
    }
  }

  /** There is evidence that the queue does not work: check it again. */
  doubt(queue: QueueName, side: QueueSide, why: string): void {
    for (const each of ['sends', 'receives'] as const) {
      const state = this.#states.get(keyOf(queue, each))
      if (state?.kind === 'ready') state.kind = 'unknown'
    }
    const state = this.#state(queue, side)
    if (state.doubt === undefined) this.#deps.log.warn({ queue: queue.name, why }, 'a queue does not work; looking at it again')
    state.doubt = why
    this.#deps.onChange()
  }

  /** Something says that it does. Asked for every message. */
  works(queue: QueueName, side: QueueSide): void {
    const state = this.#state(queue, side)
    if (state.doubt === undefined) return
    state.doubt = undefined
    this.#deps.log.info({ queue: queue.name }, 'the queue works again')
    this.#deps.onChange()
  }

  /** Asked by the bus's tick. It stays ready meanwhile. */
  tick(nowMs: number): void {
    if (this.#deps.connection() === undefined) return
    for (const state of this.#states.values())
      if (state.kind === 'ready' && nowMs - state.sinceMs >= LOOK_AGAIN_MS) void this.#look(state)
  }

  #look(state: State): Promise<BusError | undefined> {
    state.ensuring ??= this.#tryToEnsure(state).finally(() => (state.ensuring = undefined))
    return state.ensuring
  }

  async #tryToEnsure(state: State): Promise<BusError | undefined> {
    const { clock, log, ensure, connection, onChange } = this.#deps
    const before = connection()
    if (before === undefined) return new BusError('NATS cannot be reached')
    try {
      await ensure(state.queue, state.side)
      if (state.kind === 'failed') log.info({ queue: state.queue.name }, 'the queue can be used again')
      state.kind = connection() === before ? 'ready' : 'unknown'
      state.error = undefined
      state.sinceMs = clock.monotonic()
      onChange()
      return undefined
    } catch (error) {
      if (!(error instanceof BusError)) throw error
      if (connection() === undefined) return error // the connection broke meanwhile: that has been said
      if (state.kind !== 'failed' || state.error?.message !== error.message) log.error({ queue: state.queue.name }, error.message)
      state.kind = 'failed'
      state.error = error
      state.sinceMs = clock.monotonic()
      onChange()
      return error
    }
  }

  #state(queue: QueueName, side: QueueSide): State {
    const key = keyOf(queue, side)
    let state = this.#states.get(key)
    if (state === undefined) {
      state = { queue, side, kind: 'unknown', error: undefined, sinceMs: 0, ensuring: undefined, doubt: undefined }
      this.#states.set(key, state)
    }
    return state
  }
}

function keyOf(queue: QueueName, side: QueueSide): string {
  return `${side} ${queue.name}`
}
