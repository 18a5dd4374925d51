/**
 * Asks one resolver for the names that are to stay warm, within a budget of questions a second.
 *
 * A new address of such a name becomes a route before a client meets it: our question makes the resolver fetch it, and the resolver reports
 * the answer by dnstap like any other. WarmSet decides what is due; this class has the socket, the budget and the patience. What a dnstap
 * frame teaches is ingest's business: here only TTLs are read.
 */
import { encodeQuery, ResponseFault, ResponseReader } from '@dnstap-bgp/dns-wire'
import type { Clock, Timer } from '@dnstap-bgp/runtime'
import { openUdp, type OpenQuestionSocket, type QuestionSocket } from './question-socket.ts'
import { WarmSet, type WarmOutcome, type WarmQuestion, type WarmSetOptions } from './warm-set.ts'

export interface WarmNamesConfig extends WarmSetOptions {
  readonly address: string
  readonly port: number
}

export interface WarmNamesDeps {
  readonly clock: Clock
  readonly onOpen: (warm: WarmNames, localAddress: string, localPort: number) => () => void
  readonly open?: OpenQuestionSocket
}

const TICK_MS = 100
const PATIENCE_MS = 3000
/** So many questions in a row without an answer: the resolver is away. */
const SILENT_QUESTIONS = 10
const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 60_000
/** What is seen of a name so soon after our question may be our question, even if it does not look like it: a hook knows no ports. */
const OWN_ECHO_MS = 2000
const RCODE_NXDOMAIN = 3

export class WarmNames {
  questions = 0
  answers = 0
  readonly set: WarmSet
  readonly #config: WarmNamesConfig
  readonly #clock: Clock
  readonly #socket: QuestionSocket
  readonly #ticker: Timer
  readonly #reader = new ResponseReader()
  /** By message id, the one asked longest ago first. */
  readonly #out = new Map<number, { readonly question: WarmQuestion; readonly atMs: number }>()
  #id: number
  #tokens = 0
  #lastTickMs: number
  #silent = 0
  #pauseMs = 0
  #pausedUntilMs = -Infinity

  constructor(config: WarmNamesConfig, { clock, onOpen, open = openUdp(1) }: WarmNamesDeps) {
    this.#config = config
    this.#clock = clock
    this.set = new WarmSet(config)
    this.#id = Math.floor(Math.random() * 0x10000)
    this.#lastTickMs = clock.monotonic()
    this.#socket = open({
      ...{ address: config.address, port: config.port, clock },
      onOpen: (localAddress, localPort) => onOpen(this, localAddress, localPort),
      onMessage: (message) => this.#onMessage(message),
    })
    this.#ticker = clock.every(TICK_MS, () => this.#tick())
  }

  /** The resolver answers nothing: little is asked. */
  get isPaused(): boolean {
    return this.#pauseMs > 0
  }

  /** A client of the resolver looked the name up. */
  use(name: string): void {
    const nowMs = this.#clock.monotonic()
    const known = this.set.find(name)
    if (known !== undefined && nowMs - known.askedAtMs < OWN_ECHO_MS) return
    this.set.use(name, nowMs)
  }

  close(): void {
    this.#ticker.cancel()
    this.#socket.close()
    this.#out.clear()
  }

  #tick(): void {
    const nowMs = this.#clock.monotonic()
    const { queriesPerSecond } = this.#config
    // After a stall no burst makes up for it.
    const room = Math.max(1, (2 * TICK_MS * queriesPerSecond) / 1000)
    this.#tokens = Math.min(room, this.#tokens + ((nowMs - this.#lastTickMs) * queriesPerSecond) / 1000)
    this.#lastTickMs = nowMs
    this.#giveUpOld(nowMs)
    if (this.isPaused) {
      if (nowMs < this.#pausedUntilMs || this.#out.size > 0) return
      this.#tokens = Math.min(this.#tokens, 1)
    } else this.set.dropBeyondBudget(nowMs)
    while (this.#tokens >= 1 && this.#out.size < MAX_OUT) {
      const question = this.set.take(nowMs)
      if (question === undefined) break
      this.#tokens--
      this.#ask(question, nowMs)
    }
  }

  #ask(question: WarmQuestion, nowMs: number): void {
    do this.#id = (this.#id + 1) & 0xffff
    while (this.#out.has(this.#id))
    this.#out.set(this.#id, { question, atMs: nowMs })
    this.questions++
    this.#socket.send([encodeQuery(this.#id, question.of.wire, question.qtype)], 0)
  }

  #giveUpOld(nowMs: number): void {
    for (const [id, { question, atMs }] of this.#out) {
      if (nowMs - atMs < PATIENCE_MS) return
      this.#out.delete(id)
      this.set.settle(question, 'failure', nowMs)
      this.#silent++
      if (this.#silent < SILENT_QUESTIONS && !this.isPaused) continue
      this.#pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, 2 * this.#pauseMs))
      this.#pausedUntilMs = nowMs + this.#pauseMs
    }
  }

  #onMessage(message: Uint8Array): void {
    if (message.length < 12) return
    const id = (message[0] << 8) | message[1]
    const asked = this.#out.get(id)
    if (asked === undefined) return
    const outcome = this.#outcomeOf(message)
    if (outcome === undefined) return
    this.#out.delete(id)
    this.answers++
    const nowMs = this.#clock.monotonic()
    this.#silent = 0
    if (this.isPaused) {
      this.#pauseMs = 0
      this.set.resume(nowMs)
    }
    this.set.settle(asked.question, outcome, nowMs)
  }

  /** Undefined: it is no answer. */
  #outcomeOf(message: Uint8Array): WarmOutcome | undefined {
    const reader = this.#reader
    const fault = reader.read(message, 0, message.length)
    if (fault === ResponseFault['not-a-response']) return undefined
    if (fault === ResponseFault['error-rcode']) return reader.rcode === RCODE_NXDOMAIN ? 'no-name' : 'failure'
    if (fault !== 0) return 'failure'
    if (reader.addressCount === 0) return 'empty'
    let ttlSeconds = reader.addressTtl[0]
    for (let i = 1; i < reader.addressCount; i++) ttlSeconds = Math.min(ttlSeconds, reader.addressTtl[i])
    return { ttlSeconds }
  }
}

/** Questions that wait for an answer, at most: fewer than there are ids. */
const MAX_OUT = 32_768
