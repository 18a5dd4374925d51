/**
 * Keeps the dnstap batches of one resolver moving: asks it small questions whose frames fill its queue, and measures the delay that results.
 *
 * The caller tells it of reads from the resolver and of frames about its own questions; it asks by a QuestionSocket. When to ask is decided
 * by MetronomeSchedule. The resolver answers the question from a zone that it has itself, so that nothing is asked of others:
 * Unbound has `invalid` (RFC 6761 §6.4), BIND the empty zones of RFC 6303. Nothing can be learnt from the answer, which is NXDOMAIN.
 */
import { encodeQuery, QueryType, textToName } from '@dnstap-bgp/dns-wire'
import type { Clock, Timer } from '@dnstap-bgp/runtime'
import { FlushDelay } from './flush-delay.ts'
import { METRONOME_PROFILES, MetronomeSchedule } from './metronome-schedule.ts'
import { openTcp, openUdp, type OpenQuestionSocket, type QuestionSocket } from './question-socket.ts'

export type MetronomeKind = keyof typeof METRONOME_PROFILES

export interface MetronomeConfig {
  readonly address: string
  readonly port: number
  readonly kind: MetronomeKind
  readonly flushTargetMs: number
}

export interface MetronomeDeps {
  readonly clock: Clock
  /** A socket of the metronome asks from here now. The function that it returns is called when it no longer does. */
  readonly onOpen: (metronome: Metronome, localAddress: string, localPort: number) => () => void
  readonly open?: OpenQuestionSocket
}

/** `no-answer`: the resolver does not answer us. `no-frames`: it does, and reports nothing of it. `slow`: the delay stays above the target. */
export type MetronomeState = 'starting' | 'ok' | 'slow' | 'no-answer' | 'no-frames'

const QUESTIONS = {
  unbound: [nameOf('metronome.dnstap-bgp.invalid'), QueryType.A],
  bind: [nameOf('metronome.2.0.192.in-addr.arpa'), QueryType.PTR],
} as const

/**
 * Unbound: one connection belongs to one worker, with so-reuseport or without. BIND has a queue for each thread, and the ports reach several:
 * where a wake-up is lost, the next thread's empties that queue too.
 */
const SOCKETS: Readonly<Record<MetronomeKind, OpenQuestionSocket>> = { unbound: openTcp, bind: openUdp(4) }

const WINDOW_MS = 10_000
/** So many windows in a row change the state. */
const WINDOWS_TO_CHANGE = 3
/** The delay is above the target when more than this share of answers waits longer, and below it when less than the other does. */
const SLOW_SHARE = 0.25
const QUICK_SHARE = 0.12

export class Metronome {
  questions = 0
  answers = 0
  readonly #config: MetronomeConfig
  readonly #clock: Clock
  readonly #schedule: MetronomeSchedule
  readonly #socket: QuestionSocket
  readonly #looker: Timer
  #timer: Timer | undefined
  #isClosed = false
  #id = 0
  /** The source port, and frames that our questions from it have made. */
  #source = 0
  #framesOfSource = 0

  #lastBatchMs: number | undefined
  #ownFrames = 0
  #window = new FlushDelay()
  #lastWindow = new FlushDelay()
  #atWindow = { questions: 0, answers: 0, ownFrames: 0 }
  #state: MetronomeState = 'starting'
  /** What the last windows said, and how many of them did. */
  #verdict: MetronomeState = 'starting'
  #verdicts = 0

  constructor(config: MetronomeConfig, { clock, onOpen, open = SOCKETS[config.kind] }: MetronomeDeps) {
    this.#config = config
    this.#clock = clock
    this.#schedule = new MetronomeSchedule(METRONOME_PROFILES[config.kind], config.flushTargetMs, clock.monotonic())
    const { address, port } = config
    this.#socket = open({
      ...{ address, port, clock },
      onOpen: (localAddress, localPort) => onOpen(this, localAddress, localPort),
      onMessage: (message) => this.#onAnswer(message),
    })
    this.#looker = clock.every(WINDOW_MS, () => this.#look())
    this.#arm()
  }

  get state(): MetronomeState {
    return this.#state
  }

  get flushTargetMs(): number {
    return this.#config.flushTargetMs
  }

  /** This share of answers waited no longer, in the last ten seconds that are over; undefined: not known. */
  delayMs(share: number): number | undefined {
    return this.#lastWindow.quantileMs(share) ?? this.#window.quantileMs(share)
  }

  /** Something was read from the resolver that we ask; frames of others were among what the read before brought. */
  onRead(others: number): void {
    const nowMs = this.#clock.monotonic()
    this.#schedule.others(others)
    this.#schedule.batch(nowMs)
    if (this.#lastBatchMs !== undefined) this.#window.add(nowMs - this.#lastBatchMs)
    this.#lastBatchMs = nowMs
    this.#arm()
  }

  /** A frame about a question of ours. */
  onOwnFrame(isQuery: boolean): void {
    this.#ownFrames++
    this.#schedule.ownFrame(isQuery, this.#clock.monotonic())
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
    this.#looker.cancel()
    this.#socket.close()
  }

  #onAnswer(message: Uint8Array): void {
    if (message.length >= 12 && (message[2] & 0x80) !== 0) this.answers++
  }

  /** A timer that is set already looks for itself whether the time is later by now. */
  #arm(): void {
    if (this.#timer !== undefined || this.#isClosed) return
    const nowMs = this.#clock.monotonic()
    this.#timer = this.#clock.after(Math.max(1, this.#schedule.nextMs(nowMs) - nowMs), () => {
      this.#timer = undefined
      this.#ask(this.#schedule.take(this.#clock.monotonic()))
      this.#arm()
    })
  }

  #ask(count: number): void {
    if (count === 0) return
    const [qname, qtype] = QUESTIONS[this.#config.kind]
    const messages = Array.from({ length: count }, () => encodeQuery((this.#id = (this.#id + 1) & 0xffff), qname, qtype))
    this.questions += count
    this.#socket.send(messages, this.#source)
    // One queue must get all frames that wake the writer; the next may be another thread's.
    this.#framesOfSource += count * this.#schedule.framesPerQuestion
    if (this.#framesOfSource < METRONOME_PROFILES[this.#config.kind].framesToWake) return
    this.#framesOfSource = 0
    this.#source = (this.#source + 1) & 0xffff
  }

  #look(): void {
    const verdict = this.#verdictOfWindow()
    this.#lastWindow = this.#window
    this.#window = new FlushDelay()
    this.#atWindow = { questions: this.questions, answers: this.answers, ownFrames: this.#ownFrames }
    if (verdict !== this.#verdict) this.#verdicts = 0
    this.#verdict = verdict
    this.#verdicts++
    const isFirst = this.#state === 'starting' && verdict === 'ok'
    if (isFirst || this.#verdicts >= WINDOWS_TO_CHANGE) this.#state = verdict
  }

  #verdictOfWindow(): MetronomeState {
    const { questions, answers, ownFrames } = this.#atWindow
    if (this.questions === questions) return this.#state
    if (this.answers === answers) return 'no-answer'
    if (this.#ownFrames === ownFrames) return 'no-frames'
    // The gap that is still open counts: nothing may have come for long.
    const share =
      this.#lastBatchMs !== undefined && this.#clock.monotonic() - this.#lastBatchMs > WINDOW_MS / 2
        ? 1
        : this.#window.shareAbove(this.#config.flushTargetMs)
    if (share > SLOW_SHARE) return 'slow'
    return share < QUICK_SHARE || this.#state !== 'slow' ? 'ok' : 'slow'
  }
}

function nameOf(text: string): Uint8Array {
  const name = textToName(text)
  if (name === undefined) throw new RangeError(`${text} is no name`)
  return name
}
