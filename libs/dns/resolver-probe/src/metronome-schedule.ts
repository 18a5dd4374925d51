/**
 * When the metronome asks, and how many questions. Pure: time is passed in.
 *
 * A resolver keeps dnstap frames until enough of them wait in one of its queues, or for a second. The metronome's own questions are frames
 * too, so it asks as many as it takes, `periodMs` after the last batch came: a frame waits no longer than that and the way here.
 *
 *     batch ──── periodMs without another ────▶ ask ──▶ the resolver's queue is full enough ──▶ batch
 *
 *   - Unbound: the 33rd frame in one worker's queue wakes the writer, which empties the queues of all workers. Real frames that wait
 *     count as well: first we ask for what their rate leaves over, and 2 ms later for the rest if no batch came.
 *   - BIND with the options of docs/resolvers.md: the second frame in one thread's queue wakes the writer. libfstrm loses that wake-up when
 *     the second frame comes microseconds after the first, so the two are asked for half a period apart.
 *
 * While batches come by themselves, it asks one question a second, to keep measuring. While our own frames do not arrive at all,
 * it asks one a second as well, to find out when they do.
 */

/** What it takes to make a kind of resolver send. */
export interface MetronomeProfile {
  /** Frames that wake the resolver's writer. */
  readonly framesToWake: number
  /** All of them are asked for at once; else one by one, spread over the period. */
  readonly isBurst: boolean
}

export const METRONOME_PROFILES = {
  unbound: { framesToWake: 33, isBurst: true },
  bind: { framesToWake: 2, isBurst: false },
} as const satisfies Record<string, MetronomeProfile>

/** Of a flush target this much is left for the resolver's work, timers, and the way of the batch. */
const MARGIN_MS = 3
/** One question is asked at least this often. */
export const LEAST_OFTEN_MS = 1000
/** Our own frames have not come for this long: they do not come. */
const LOST_MS = 3000
/** The first part of a burst was not enough if no batch comes in this time. */
const SECOND_PART_MS = 2
/** The rate of real frames is an average over about this time. */
const RATE_MS = 500
/** Of the frames that the rate says wait, this share is relied on. */
const RELIED_SHARE = 0.8

export class MetronomeSchedule {
  readonly periodMs: number
  readonly #profile: MetronomeProfile
  #lastBatchMs: number
  #lastAskedMs = -Infinity
  #lastOwnFrameMs = -Infinity
  /** The question's own frame comes too (CLIENT_QUERY), not the answer's alone. */
  #hasQueryFrames = false
  #queryFrameSeen = false
  /** Questions that are still owed to the burst begun at `#lastAskedMs`. */
  #owed = 0
  /** Frames of others a ms, and those that came since it was worked out. */
  #rate = 0
  #othersSince = 0
  #rateAtMs: number

  constructor(profile: MetronomeProfile, flushTargetMs: number, nowMs: number) {
    this.#profile = profile
    this.periodMs = Math.max(1, flushTargetMs - MARGIN_MS)
    this.#lastBatchMs = this.#rateAtMs = nowMs
  }

  /** Do our own frames come back? */
  isBeating(nowMs: number): boolean {
    return nowMs - this.#lastOwnFrameMs < LOST_MS
  }

  /** Frames that one question makes. */
  get framesPerQuestion(): number {
    return this.#hasQueryFrames ? 2 : 1
  }

  /** Something was read from the resolver. */
  batch(nowMs: number): void {
    this.#lastBatchMs = nowMs
    this.#owed = 0
  }

  /** Frames of others were among what was read. */
  others(frames: number): void {
    this.#othersSince += frames
  }

  /** A frame of our own was among what was read: that of the question, or that of its answer. */
  ownFrame(isQuery: boolean, nowMs: number): void {
    this.#lastOwnFrameMs = nowMs
    if (isQuery) {
      this.#queryFrameSeen = true
      return
    }
    this.#hasQueryFrames = this.#queryFrameSeen
    this.#queryFrameSeen = false
  }

  /** How many questions are due now; they count as asked. */
  take(nowMs: number): number {
    this.#updateRate(nowMs)
    if (nowMs < this.nextMs(nowMs)) return 0
    const asked = this.#howMany(nowMs)
    this.#lastAskedMs = nowMs
    return asked
  }

  /** When to look again: the time of the next question if nothing comes meanwhile. */
  nextMs(nowMs: number): number {
    const latestMs = this.#lastAskedMs + LEAST_OFTEN_MS
    if (!this.isBeating(nowMs)) return latestMs
    if (this.#owed > 0) return this.#lastAskedMs + SECOND_PART_MS
    const { isBurst, framesToWake } = this.#profile
    const stepMs = isBurst ? this.periodMs : (this.periodMs * this.framesPerQuestion) / framesToWake
    return Math.min(latestMs, Math.max(this.#lastBatchMs, this.#lastAskedMs) + stepMs)
  }

  #howMany(nowMs: number): number {
    const { isBurst, framesToWake } = this.#profile
    if (!isBurst || !this.isBeating(nowMs)) return 1
    if (this.#owed > 0) {
      const owed = this.#owed
      this.#owed = 0
      return owed
    }
    const sinceBatchMs = nowMs - this.#lastBatchMs
    // Only to measure: batches come by themselves.
    if (sinceBatchMs < this.periodMs) return 1
    const all = Math.ceil(framesToWake / this.framesPerQuestion)
    const waiting = RELIED_SHARE * this.#rate * sinceBatchMs
    const first = Math.max(1, Math.min(all, Math.ceil((framesToWake - waiting) / this.framesPerQuestion)))
    this.#owed = all - first
    return first
  }

  #updateRate(nowMs: number): void {
    const passedMs = nowMs - this.#rateAtMs
    if (passedMs < 100) return
    const weight = Math.min(1, passedMs / RATE_MS)
    this.#rate = (1 - weight) * this.#rate + (weight * this.#othersSince) / passedMs
    this.#othersSince = 0
    this.#rateAtMs = nowMs
  }
}
