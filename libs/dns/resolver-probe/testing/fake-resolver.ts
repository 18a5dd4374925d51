/** A resolver on a fake clock that keeps its frames as Unbound or BIND does, and a metronome that asks it. */
import { FakeClock } from '@dnstap-bgp/testkit'
import { Metronome, type MetronomeKind } from '../src/metronome.ts'
import type { QuestionSocketOptions } from '../src/question-socket.ts'

export interface FakeResolverOptions {
  readonly kind: MetronomeKind
  /** Frames of CLIENT_QUERY too. */
  readonly withQueries?: boolean
  readonly flushTargetMs?: number
  /** As many queues as threads; a source port has one of them. */
  readonly threads?: number
}

const WAKES_AT = { unbound: 33, bind: 2 } as const
const LONGEST_MS = 1000
/** From the question to the batch that it causes. */
const WORK_MS = 0.5

export function startFakeResolver({ kind, withQueries = false, flushTargetMs = 25, threads = 1 }: FakeResolverOptions) {
  const clock = new FakeClock()
  const queues = Array.from({ length: threads }, () => 0)
  let own: boolean[] = []
  let others: (() => void)[] = []
  let flushAtMs = LONGEST_MS
  const resolver = {
    clock,
    answers: true,
    reports: true,
    /** Every burst of questions: when, and how many. */
    asked: [] as { atMs: number; count: number }[],
    sources: [] as number[],
    /** A frame of somebody else; the promise of its delay. */
    frame(thread = 0): { delayMs: number | undefined } {
      const sentMs = clock.monotonic()
      const seen: { delayMs: number | undefined } = { delayMs: undefined }
      others.push(() => (seen.delayMs = clock.monotonic() - sentMs))
      put(thread)
      return seen
    },
  }
  const flush = () => {
    queues.fill(0)
    flushAtMs = clock.monotonic() + LONGEST_MS
    const [frames, ownFrames] = [others, own]
    others = []
    own = []
    if (!resolver.reports || frames.length + ownFrames.length === 0) return
    metronome.onRead(frames.length)
    for (const isQuery of ownFrames) metronome.onOwnFrame(isQuery)
    for (const frame of frames) frame()
  }
  const put = (thread: number) => {
    if (++queues[thread % threads] === WAKES_AT[kind]) clock.after(WORK_MS, flush)
  }
  const socket = ({ onMessage, onOpen }: QuestionSocketOptions) => {
    onOpen('127.0.0.1', 40_000)
    return {
      send(messages: readonly Uint8Array[], source: number) {
        resolver.asked.push({ atMs: clock.monotonic(), count: messages.length })
        resolver.sources.push(source)
        if (!resolver.answers) return
        for (const message of messages) {
          for (const isQuery of withQueries ? [true, false] : [false]) {
            own.push(isQuery)
            put(source)
          }
          onMessage(Uint8Array.from(message, (octet, i) => (i === 2 ? octet | 0x80 : octet)))
        }
      },
      close: () => undefined,
    }
  }
  clock.every(10, () => {
    if (clock.monotonic() >= flushAtMs) flush()
  })
  const metronome = new Metronome(
    { address: '127.0.0.1', port: 53, kind, flushTargetMs },
    { clock, open: socket, onOpen: () => () => undefined },
  )
  return Object.assign(resolver, {
    metronome,
    /** Questions a second over the next seconds. */
    rateOver(seconds: number): number {
      const before = resolver.asked.length
      clock.advance(seconds * 1000)
      return resolver.asked.slice(before).reduce((sum, { count }) => sum + count, 0) / seconds
    },
  })
}
