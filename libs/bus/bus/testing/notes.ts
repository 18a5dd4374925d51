/** Messages, fresh names and patience for the suite: names are fresh in each test, so a server may be shared. */
import { BusError } from '../src/bus.ts'
import type { Bus, Codec, Queue, StreamCall, Subject } from '../src/bus.ts'

/** Two ends of one bus. */
export interface Ends {
  near: Bus
  far: Bus
}

export interface Note {
  readonly from: string
  readonly number: number
  readonly padding?: string
}

export const LIMITS = { maxBytes: 64 * 1024 * 1024, maxAgeSeconds: 3600 }
/** Looks at a condition; 5 ms apart this is patience for 20 s. */
export const MAX_LOOKS = 4000
export const LOOK_AGAIN_MS = 5

export const noteCodec: Codec<Note> = {
  encode: (note) => new TextEncoder().encode(JSON.stringify(note)),
  decode: (bytes) => JSON.parse(new TextDecoder().decode(bytes)) as Note,
}

let lastName = 0
export const freshName = (kind: string): string => `conformance.v1.${kind}-${process.pid}-${++lastName}`
export const freshSubject = (): Subject<Note> => ({ name: freshName('subject'), ...noteCodec })
export const freshQueue = (limits = LIMITS): Queue<Note> => ({
  name: freshName('queue'),
  limits,
  octetsOf: () => 512,
  ...noteCodec,
})
export const freshCall = (): StreamCall<Note, Note> => ({ name: freshName('call'), request: noteCodec, part: noteCodec })

export const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
export const note = (number: number): Note => ({ from: 'near', number })

export const lookLater = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS))

export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let looks = 0; !(await condition()); looks++) {
    if (looks === MAX_LOOKS) throw new Error(`looked ${MAX_LOOKS} times in vain for ${what}`)
    await lookLater()
  }
}

/** A subscription takes effect at the far server some time later: knocks until it answers. */
export async function subscribed(bus: Bus, subject: Subject<Note>, seen: readonly Note[]): Promise<void> {
  await until(`a subscriber of ${subject.name}`, () => {
    bus.publish(subject, { from: 'knock', number: -1 })
    return seen.length > 0
  })
}

export const withoutKnocks = (seen: readonly Note[]): number[] =>
  seen.filter((each) => each.from !== 'knock').map((each) => each.number)

export async function* countTo(count: number): AsyncIterable<Note> {
  for (const number of numbers(count)) yield note(number)
}

/** Asks until somebody serves: serving takes effect at the far server some time later. */
export async function untilServed<T>(ask: () => Promise<T>): Promise<T> {
  for (let looks = 0; ; looks++) {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof BusError) || !error.message.startsWith('nobody serves') || looks === MAX_LOOKS) throw error
      await lookLater()
    }
  }
}

export async function askAll(bus: Bus, call: StreamCall<Note, Note>, request: Note): Promise<Note[]> {
  return untilServed(async () => {
    const parts: Note[] = []
    for await (const part of bus.askStream(call, request)) parts.push(part)
    return parts
  })
}

/** A promise with its two ends in hand. */
export function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open = (): void => {}
  const passed = new Promise<void>((resolve) => (open = resolve))
  return { passed, open }
}
