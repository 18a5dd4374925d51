/**
 * The serving side of a call: one answer per question, at most WINDOW_MESSAGES and WINDOW_BYTES ahead of the asker, so that neither
 * the asker's memory nor nats-server's patience with a slow reader is ever tried, however long the answer.
 */
import { BusError } from '@dnstap-bgp/bus'
import type { Clock } from '@dnstap-bgp/runtime'
import { decodeAnswerMessage, encodeAnswerMessage, ANSWER_HEADER_LENGTH, Kind } from './answer-wire.ts'

export const WINDOW_MESSAGES = 64
const WINDOW_BYTES = 8 * 1024 * 1024
const MAX_PIECE_BYTES = 512 * 1024
/** Silence while a part is made; the asker gives up after several of these. */
const WORKING_INTERVAL_MS = 5000
/** An asker that takes nothing for so long is gone. */
const ASKER_PATIENCE_MS = 60_000

export interface AnswerDeps {
  readonly clock: Clock
  /** @throws when there is no connection */
  readonly send: (bytes: Uint8Array) => void
  readonly maxPayloadBytes: number
}

export class Answer {
  readonly #deps: AnswerDeps
  #sent = 0
  #taken = 0
  /** Sizes of the messages sent and not yet taken, oldest first. */
  readonly #sizes: number[] = []
  #bytesAhead = 0
  #stopped: string | undefined
  #wake: (() => void) | undefined

  constructor(deps: AnswerDeps) {
    this.#deps = deps
  }

  /** Sends every part and END; or FAILED, when the generator throws. Never rejects. */
  async run<Part>(parts: AsyncIterable<Part>, encode: (part: Part) => Uint8Array): Promise<void> {
    const iterator = parts[Symbol.asyncIterator]()
    try {
      for (;;) {
        const step = await this.#working(iterator.next())
        if (this.#stopped !== undefined) break
        if (step.done === true) {
          await this.#send(Kind.END)
          break
        }
        await this.#sendPart(encode(step.value))
        if (this.#stopped !== undefined) break
      }
    } catch (error) {
      const sentence = error instanceof Error ? error.message : String(error)
      await this.#send(Kind.FAILED, new TextEncoder().encode(sentence.slice(0, 1000))).catch(() => {})
    } finally {
      await this.#letGo(iterator)
    }
  }

  /** The server is closing, or the connection is gone: no part after this one. */
  stop(why: string): void {
    if (this.#stopped !== undefined) return
    this.#stopped = why
    try {
      this.#deps.send(encodeAnswerMessage(Kind.FAILED, this.#sent, new TextEncoder().encode(why)))
    } catch {
      // The asker notices the lost connection by itself.
    }
    this.#wake?.()
  }

  /** What the asker sent back. An empty message is nats-server's: nobody listens there any more. */
  onControl(bytes: Uint8Array): void {
    const message = decodeAnswerMessage(bytes)
    if (message === undefined || message.kind === Kind.STOP) {
      this.#stopped ??= 'the asker is gone'
    } else if (message.kind === Kind.TAKEN) {
      for (; this.#taken < message.number && this.#sizes.length > 0; this.#taken++) this.#bytesAhead -= this.#sizes.shift() ?? 0
    }
    this.#wake?.()
  }

  async #working<T>(step: Promise<T>): Promise<T> {
    const timer = this.#deps.clock.every(WORKING_INTERVAL_MS, () => {
      try {
        this.#deps.send(encodeAnswerMessage(Kind.WORKING, 0))
      } catch {
        // As above.
      }
    })
    try {
      return await step
    } finally {
      timer.cancel()
    }
  }

  async #sendPart(bytes: Uint8Array): Promise<void> {
    const pieceLength = Math.min(MAX_PIECE_BYTES, this.#deps.maxPayloadBytes - ANSWER_HEADER_LENGTH)
    let start = 0
    for (; bytes.length - start > pieceLength; start += pieceLength)
      await this.#send(Kind.MORE, bytes.subarray(start, start + pieceLength))
    await this.#send(Kind.PART, bytes.subarray(start))
  }

  async #send(kind: Kind, body?: Uint8Array): Promise<void> {
    while (this.#sizes.length >= WINDOW_MESSAGES || this.#bytesAhead >= WINDOW_BYTES) {
      if (this.#stopped !== undefined) return
      await this.#takenOrGone()
    }
    if (this.#stopped !== undefined) return
    const bytes = encodeAnswerMessage(kind, this.#sent, body)
    this.#deps.send(bytes)
    this.#sent++
    this.#sizes.push(bytes.length)
    this.#bytesAhead += bytes.length
  }

  #takenOrGone(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#deps.clock.after(ASKER_PATIENCE_MS, () => {
        this.#stopped ??= 'the asker takes nothing'
        this.#wake?.()
      })
      this.#wake = () => {
        this.#wake = undefined
        timer.cancel()
        resolve()
      }
    })
  }

  async #letGo(iterator: AsyncIterator<unknown>): Promise<void> {
    try {
      await iterator.return?.()
    } catch (error) {
      // The generator's own clean-up failed: its fault is ours, so it must not pass in silence.
      if (!(error instanceof BusError)) queueMicrotask(() => rethrow(error))
    }
  }
}

function rethrow(error: unknown): never {
  throw error
}
