/**
 * What every Bus must do, whatever carries it. Run by LocalBus (unit) and NatsBus (integration); imported as
 * `@dnstap-bgp/bus/conformance` by tests only, because it needs vitest.
 *
 * openPair gives two ends of one bus: two connections to one server, or the same LocalBus twice. Names of subjects are
 * fresh in each test, so the server may be shared.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BusError } from './bus.ts'
import type { Bus, Call, Codec, Queue, Subject } from './bus.ts'

interface Note {
  readonly from: string
  readonly number: number
  readonly padding?: string
}

const LIMITS = { maxBytes: 64 * 1024 * 1024, maxAgeSeconds: 3600 }
/** Looks at a condition; 5 ms apart this is patience for 20 s. */
const MAX_LOOKS = 4000
const LOOK_AGAIN_MS = 5

const noteCodec: Codec<Note> = {
  encode: (note) => new TextEncoder().encode(JSON.stringify(note)),
  decode: (bytes) => JSON.parse(new TextDecoder().decode(bytes)) as Note,
}

let lastName = 0
const freshName = (kind: string): string => `conformance.v1.${kind}-${process.pid}-${++lastName}`
const freshSubject = (): Subject<Note> => ({ name: freshName('subject'), ...noteCodec })
const freshQueue = (limits = LIMITS): Queue<Note> => ({ name: freshName('queue'), limits, octetsOf: () => 512, ...noteCodec })
const freshCall = (): Call<Note, Note> => ({ name: freshName('call'), request: noteCodec, part: noteCodec })

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
const note = (number: number): Note => ({ from: 'near', number })

const lookLater = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS))

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let looks = 0; !(await condition()); looks++) {
    if (looks === MAX_LOOKS) throw new Error(`looked ${MAX_LOOKS} times in vain for ${what}`)
    await lookLater()
  }
}

/** A subscription takes effect at the far server some time later: knocks until it answers. */
async function subscribed(bus: Bus, subject: Subject<Note>, seen: readonly Note[]): Promise<void> {
  await until(`a subscriber of ${subject.name}`, () => {
    bus.publish(subject, { from: 'knock', number: -1 })
    return seen.length > 0
  })
}

const withoutKnocks = (seen: readonly Note[]): number[] => seen.filter((each) => each.from !== 'knock').map((each) => each.number)

async function* countTo(count: number): AsyncIterable<Note> {
  for (const number of numbers(count)) yield note(number)
}

/** Asks until somebody serves, for the same reason. */
async function askAll(bus: Bus, call: Call<Note, Note>, request: Note): Promise<Note[]> {
  for (let looks = 0; ; looks++) {
    const parts: Note[] = []
    try {
      for await (const part of bus.ask(call, request)) parts.push(part)
      return parts
    } catch (error) {
      if (!(error instanceof BusError) || parts.length > 0 || looks === MAX_LOOKS) throw error
      await lookLater()
    }
  }
}

/** A promise with its two ends in hand. */
function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open = (): void => {}
  const passed = new Promise<void>((resolve) => (open = resolve))
  return { passed, open }
}

export function busConformance(name: string, openPair: () => Promise<readonly [Bus, Bus]>): void {
  describe(`${name} is a bus`, () => {
    let near: Bus
    let far: Bus
    beforeEach(async () => {
      ;[near, far] = await openPair()
    })
    afterEach(async () => {
      await near.close()
      await far.close()
    })

    test('says it is connected', () => {
      expect(near.state).toBe('connected')
    })

    describe('publish and subscribe', () => {
      test('every subscriber gets every message in the order of the publisher', async () => {
        const subject = freshSubject()
        const first: Note[] = []
        const second: Note[] = []
        far.subscribe(subject, (message) => first.push(message))
        near.subscribe(subject, (message) => second.push(message))
        await subscribed(near, subject, first)
        await subscribed(near, subject, second)
        for (const number of numbers(1000)) near.publish(subject, note(number))
        await until('1000 messages twice', () => withoutKnocks(first).length >= 1000 && withoutKnocks(second).length >= 1000)
        expect(withoutKnocks(first)).toEqual(numbers(1000))
        expect(withoutKnocks(second)).toEqual(numbers(1000))
      })

      test('nobody is called from inside publish', () => {
        const subject = freshSubject()
        let called = false
        near.subscribe(subject, () => (called = true))
        near.publish(subject, note(1))
        expect(called).toBe(false)
      })

      test('a message published from a subscriber comes after those published before it', async () => {
        const subject = freshSubject()
        const seen: Note[] = []
        near.subscribe(subject, (message) => {
          if (message.number === 0) near.publish(subject, note(2))
        })
        near.subscribe(subject, (message) => seen.push(message))
        await subscribed(near, subject, seen)
        near.publish(subject, note(0))
        near.publish(subject, note(1))
        await until('three messages', () => withoutKnocks(seen).length === 3)
        expect(withoutKnocks(seen)).toEqual([0, 1, 2])
      })

      test('subscribers that answer each other for ever leave the event loop alive', async () => {
        const subject = freshSubject()
        let rounds = 0
        const subscription = near.subscribe(subject, (message) => {
          rounds++
          near.publish(subject, message)
        })
        await until('the first round', () => {
          near.publish(subject, note(0))
          return rounds > 0
        })
        await new Promise((resolve) => setTimeout(resolve, 1))
        await subscription.close()
        expect(rounds).toBeGreaterThan(0)
      })

      test('after close() a subscriber is not called any more', async () => {
        const subject = freshSubject()
        const closed: Note[] = []
        const open: Note[] = []
        const subscription = far.subscribe(subject, (message) => closed.push(message))
        far.subscribe(subject, (message) => open.push(message))
        await subscribed(near, subject, closed)
        await subscription.close()
        const before = closed.length
        near.publish(subject, note(7))
        await until('the other subscriber', () => withoutKnocks(open).length > 0)
        expect(closed.length).toBe(before)
      })

      test('a message without a subscriber is nobody’s loss', () => {
        near.publish(freshSubject(), note(1))
        expect(near.state).toBe('connected')
      })

      test('close() delivers what was published before it', async () => {
        const subject = freshSubject()
        const seen: Note[] = []
        far.subscribe(subject, (message) => seen.push(message))
        await subscribed(near, subject, seen)
        for (const number of numbers(100)) near.publish(subject, note(number))
        await near.close()
        await until('100 messages', () => withoutKnocks(seen).length === 100)
      })
    })

    describe('enqueue and consume', () => {
      test('messages wait for a consumer and come oldest first', async () => {
        const queue = freshQueue()
        await Promise.all(numbers(1500).map((number) => near.enqueue(queue, note(number))))
        const seen: number[] = []
        far.consume(queue, async (messages) => void seen.push(...messages.map((message) => message.number)))
        await until('1500 messages', () => seen.length >= 1500)
        expect(seen).toEqual(numbers(1500))
      })

      test('what is enqueued while a handler runs comes in the next batch, and one handler runs at a time', async () => {
        const queue = freshQueue()
        const batches: number[][] = []
        const first = gate()
        let running = 0
        let mostRunning = 0
        far.consume(queue, async (messages) => {
          mostRunning = Math.max(mostRunning, ++running)
          batches.push(messages.map((message) => message.number))
          if (batches.length === 1) await first.passed
          running--
        })
        await near.enqueue(queue, note(0))
        await until('the first batch', () => batches.length === 1)
        await Promise.all(numbers(50).map((number) => near.enqueue(queue, note(number + 1))))
        first.open()
        await until('51 messages', () => batches.flat().length >= 51)
        expect(batches.flat()).toEqual(numbers(51))
        expect(mostRunning).toBe(1)
        expect(batches.length).toBeLessThan(51)
      })

      test('nobody is called from inside enqueue', () => {
        const queue = freshQueue()
        let called = false
        near.consume(queue, async () => void (called = true))
        void near.enqueue(queue, note(1)).catch(() => {})
        expect(called).toBe(false)
      })

      test('a batch whose handler rejects comes again', async () => {
        const queue = freshQueue()
        const handled = new Set<number>()
        let failures = 0
        far.consume(queue, async (messages) => {
          if (failures < 2) {
            failures++
            throw new Error('not now')
          }
          for (const message of messages) handled.add(message.number)
        })
        await Promise.all(numbers(20).map((number) => near.enqueue(queue, note(number))))
        await until('20 messages', () => handled.size === 20)
        expect([...handled].sort((a, b) => a - b)).toEqual(numbers(20))
      })

      test('two consumers share the messages: each goes to one of them', async () => {
        const queue = freshQueue()
        const seen: number[] = []
        const consumers = [near, far].map((bus) =>
          bus.consume(queue, async (messages) => void seen.push(...messages.map((message) => message.number))),
        )
        await Promise.all(numbers(2000).map((number) => near.enqueue(queue, note(number))))
        await until('2000 messages', () => seen.length >= 2000)
        await Promise.all(consumers.map((consumer) => consumer.close()))
        expect(seen.sort((a, b) => a - b)).toEqual(numbers(2000))
      })

      test('close() awaits the handler that runs, and no handler starts after it', async () => {
        const queue = freshQueue()
        const started = gate()
        const release = gate()
        let handled = 0
        let calls = 0
        const consumer = far.consume(queue, async (messages) => {
          calls++
          started.open()
          await release.passed
          handled += messages.length
        })
        await near.enqueue(queue, note(1))
        await started.passed
        const closed = consumer.close()
        release.open()
        await closed
        expect(handled).toBe(1)
        const callsAtClose = calls
        await near.enqueue(queue, note(2))
        const seen: number[] = []
        far.consume(queue, async (messages) => void seen.push(...messages.map((message) => message.number)))
        await until('the message left behind', () => seen.includes(2))
        expect(calls).toBe(callsAtClose)
      })

      test('messages left by one consumer wait for the next', async () => {
        const queue = freshQueue()
        let calls = 0
        const failing = far.consume(queue, async () => {
          calls++
          throw new Error('never')
        })
        await Promise.all(numbers(10).map((number) => near.enqueue(queue, note(number))))
        await until('a failure', () => calls > 0)
        await failing.close()
        const seen = new Set<number>()
        near.consume(queue, async (messages) => messages.forEach((message) => seen.add(message.number)))
        await until('10 messages', () => seen.size === 10)
      })

      test('its progress counts as done what was acknowledged, not what waits and not what a consumer holds', async () => {
        const queue = freshQueue()
        expect(await near.progress(queue)).toEqual({ newest: 0, done: 0 })
        await Promise.all(numbers(3).map((number) => near.enqueue(queue, note(number))))
        expect(await near.progress(queue)).toEqual({ newest: 3, done: 0 })
        const held = gate()
        let taken = 0
        far.consume(queue, async (messages) => {
          taken += messages.length
          await held.passed
        })
        await until('a message in hand', () => taken > 0)
        expect(await near.progress(queue)).toEqual({ newest: 3, done: 0 })
        held.open()
        await until('all to be done', async () => (await near.progress(queue)).done === 3)
        expect(await far.progress(queue)).toEqual({ newest: 3, done: 3 })
      })

      test('its progress stays before a message that was rejected', async () => {
        const queue = freshQueue()
        const refused = gate()
        let tries = 0
        far.consume(queue, async (messages) => {
          tries++
          if (messages.some(({ number }) => number === 0) && tries < 3) throw new Error('not yet')
          if (tries >= 3) await refused.passed
        })
        await near.enqueue(queue, note(0))
        await until('a third try', () => tries >= 3)
        expect((await near.progress(queue)).done).toBe(0)
        refused.open()
        await until('the message to be done', async () => (await near.progress(queue)).done === 1)
      })

      test('after close() enqueue and progress reject with BusError', async () => {
        await near.close()
        await expect(near.enqueue(freshQueue(), note(1))).rejects.toBeInstanceOf(BusError)
        await expect(near.progress(freshQueue())).rejects.toBeInstanceOf(BusError)
      })
    })

    describe('serve and ask', () => {
      test('the parts of the answer arrive in order, and the answer ends', async () => {
        const call = freshCall()
        far.serve(call, (request) => countTo(request.number))
        const parts = await askAll(near, call, note(500))
        expect(parts.map((part) => part.number)).toEqual(numbers(500))
      })

      test('an answer without parts ends at once', async () => {
        const call = freshCall()
        far.serve(call, () => countTo(0))
        expect(await askAll(near, call, note(0))).toEqual([])
      })

      test('parts of 200 kB each arrive whole while the asker is slow', async () => {
        const call = freshCall()
        far.serve(call, async function* () {
          for (const number of numbers(60)) yield { from: 'far', number, padding: 'x'.repeat(200_000) }
        })
        await askAll(near, call, note(0))
        const sizes: number[] = []
        for await (const part of near.ask(call, note(0))) {
          sizes.push((part.padding ?? '').length)
          if (part.number % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
        }
        expect(sizes).toEqual(numbers(60).map(() => 200_000))
      })

      test('when nobody serves the call, asking ends with BusError', async () => {
        const parts = near.ask(freshCall(), note(1))
        await expect(parts[Symbol.asyncIterator]().next()).rejects.toBeInstanceOf(BusError)
      })

      test('when the server fails, the parts before it arrive and then a BusError with its sentence', async () => {
        const call = freshCall()
        far.serve(call, async function* (request) {
          yield* countTo(3)
          if (request.number > 0) throw new Error('the store is on fire')
        })
        await askAll(near, call, note(0))
        const seen: number[] = []
        const asking = async (): Promise<void> => {
          for await (const part of near.ask(call, note(1))) seen.push(part.number)
        }
        const error = await asking().then(
          () => undefined,
          (reason: unknown) => reason,
        )
        expect(error).toBeInstanceOf(BusError)
        expect((error as BusError).message).toContain('the store is on fire')
        expect(seen).toEqual([0, 1, 2])
      })

      test('when several serve, each question is answered once', async () => {
        const call = freshCall()
        let answers = 0
        const serving = (bus: Bus) =>
          bus.serve(call, async function* (request) {
            answers++
            yield request
          })
        serving(near)
        serving(far)
        await askAll(near, call, note(0))
        answers = 0
        const parts = await Promise.all(numbers(40).map((number) => askAll(near, call, note(number))))
        expect(parts.map((part) => part.map((each) => each.number))).toEqual(numbers(40).map((number) => [number]))
        expect(answers).toBe(40)
      })

      test('an asker that stops early lets the server’s generator end', async () => {
        const call = freshCall()
        let ended = 0
        far.serve(call, async function* () {
          try {
            for (let number = 0; ; number++) yield note(number)
          } finally {
            ended++
          }
        })
        await until('a first part', async () => {
          try {
            for await (const part of near.ask(call, note(0))) return part.number === 0
          } catch (error) {
            if (!(error instanceof BusError)) throw error
          }
          return false
        })
        await until('the end of the generator', () => ended > 0)
      })

      test('a server that closes midway ends the answer with BusError', async () => {
        const call = freshCall()
        const serving = far.serve(call, async function* () {
          for (let number = 0; ; number++) {
            yield note(number)
            await new Promise((resolve) => setTimeout(resolve, 1))
          }
        })
        const asking = async (): Promise<number> => {
          let count = 0
          for await (const _part of near.ask(call, note(0))) if (++count === 3) await serving.close()
          return count
        }
        await until('an answer that was cut', async () => {
          try {
            await asking()
          } catch (error) {
            expect(error).toBeInstanceOf(BusError)
            return !(error as BusError).message.includes('nobody serves')
          }
          throw new Error('an endless answer ended well')
        })
      })
    })
  })
}
