/** The asking side of a call: puts the answer's messages in order, tells the server what was taken, and gives up when nothing comes. */
import { BusError } from '@dnstap-bgp/bus'
import type { Clock } from '@dnstap-bgp/runtime'
import { decodeAnswerMessage, encodeAnswerMessage, Kind } from './answer-wire.ts'
import { WINDOW_MESSAGES } from './answer.ts'

/** Four times the server's WORKING interval. */
const IDLE_TIMEOUT_MS = 20_000
/** Says TAKEN before the server's window is half used up. */
const TAKEN_EVERY = WINDOW_MESSAGES / 4
/** A caller that takes its time says TAKEN again now and then: the server gives up an asker that says nothing for long. */
const STILL_HERE_EVERY_MS = 5000
const MAX_PART_BYTES = 64 * 1024 * 1024

export class Asker {
  /** Of the call. */
  readonly name: string
  readonly #clock: Clock
  readonly #reply: (control: string, bytes: Uint8Array) => void
  /** Whole parts' pieces and the end, not yet taken by the caller. */
  readonly #arrived: { readonly kind: Kind; readonly body: Uint8Array }[] = []
  #expected = 0
  #taken = 0
  #lastTold = 0
  #control: string | undefined
  #failure: BusError | undefined
  /** The caller has a part and did not ask for the next one yet. */
  #isYielding = false
  #lastHeardMs: number
  #lastToldMs: number
  #wake: (() => void) | undefined

  constructor(name: string, clock: Clock, reply: (control: string, bytes: Uint8Array) => void) {
    this.name = name
    this.#clock = clock
    this.#reply = reply
    this.#lastHeardMs = this.#lastToldMs = clock.monotonic()
  }

  onMessage(bytes: Uint8Array, control: string): void {
    if (this.#failure !== undefined) return
    this.#lastHeardMs = this.#clock.monotonic()
    if (control !== '') this.#control = control
    const message = decodeAnswerMessage(bytes)
    if (message === undefined) return this.fail(`the answer of ${this.name} has a message that is none`)
    const { kind, number, body } = message
    if (kind === Kind.WORKING) return
    if (number !== this.#expected)
      return this.fail(`message ${this.#expected} of the answer of ${this.name} was lost; ${number} came instead`)
    this.#expected++
    if (this.#arrived.length > 2 * WINDOW_MESSAGES) return this.fail(`the server of ${this.name} does not keep its window`)
    this.#arrived.push({ kind, body })
    this.#wake?.()
  }

  /** The first failure stands; parts that arrived before it are still handed out. */
  fail(sentence: string): void {
    this.#failure ??= new BusError(sentence)
    this.#wake?.()
  }

  /** nats-server's word, not a time-out. */
  nobodyServes(): void {
    this.fail(`nobody serves ${this.name}`)
  }

  /** Asked by the bus's tick. While parts wait for our caller the silence is ours, not the server's. */
  checkIdle(nowMs: number): void {
    if (this.#isYielding || this.#arrived.length > 0) {
      this.#lastHeardMs = nowMs
      if (nowMs - this.#lastToldMs >= STILL_HERE_EVERY_MS) this.#tellTaken()
    } else if (nowMs - this.#lastHeardMs > IDLE_TIMEOUT_MS)
      this.fail(`the server of ${this.name} has been silent for ${IDLE_TIMEOUT_MS / 1000} s`)
  }

  /** The whole parts, in order; ends at END, throws BusError at anything else. */
  async *parts(): AsyncIterable<Uint8Array> {
    let pieces: Uint8Array[] = []
    let length = 0
    for (;;) {
      const message = this.#arrived.shift()
      if (message === undefined) {
        if (this.#failure !== undefined) throw this.#failure
        await new Promise<void>((resolve) => (this.#wake = resolve))
        this.#wake = undefined
        continue
      }
      this.#taken++
      if (this.#taken - this.#lastTold >= TAKEN_EVERY) this.#tellTaken()
      if (message.kind === Kind.END) return
      if (message.kind === Kind.FAILED)
        throw new BusError(`the server of ${this.name} failed: ${new TextDecoder().decode(message.body)}`)
      length += message.body.length
      if (length > MAX_PART_BYTES)
        throw new BusError(`a part of the answer of ${this.name} is longer than ${MAX_PART_BYTES} bytes`)
      pieces.push(message.body)
      if (message.kind === Kind.MORE) continue
      const [only] = pieces
      this.#isYielding = true
      yield pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces)
      this.#isYielding = false
      this.#lastHeardMs = this.#clock.monotonic()
      pieces = []
      length = 0
    }
  }

  /** The caller wants no more. */
  stop(): void {
    if (this.#control !== undefined) this.#reply(this.#control, encodeAnswerMessage(Kind.STOP, this.#taken))
  }

  #tellTaken(): void {
    if (this.#control === undefined) return
    this.#lastTold = this.#taken
    this.#lastToldMs = this.#clock.monotonic()
    this.#reply(this.#control, encodeAnswerMessage(Kind.TAKEN, this.#taken))
  }
}
