import { BusError } from '@dnstap-bgp/bus'
import { FakeClock } from '@dnstap-bgp/testkit'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeAnswerMessage, encodeAnswerMessage, ANSWER_HEADER_LENGTH, Kind } from './answer-wire.ts'
import { Asker } from './asker.ts'
import { Answer, WINDOW_MESSAGES } from './answer.ts'

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const bytesOf = (word: string): Uint8Array => new TextEncoder().encode(word)

describe('a message of an answer', () => {
  test('comes back as it was', () => {
    const kind = fc.constantFrom(...Object.values(Kind))
    fc.assert(
      fc.property(kind, fc.nat(2 ** 32 - 1), fc.uint8Array(), (sent, number, body) => {
        const message = decodeAnswerMessage(encodeAnswerMessage(sent, number, body))
        expect(message).toEqual({ kind: sent, number, body })
      }),
    )
  })

  test('is read from no other bytes, and reading never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        const isOne = bytes.length >= ANSWER_HEADER_LENGTH && (bytes[0] ?? 255) <= Kind.STOP
        expect(decodeAnswerMessage(bytes) !== undefined).toBe(isOne)
      }),
    )
  })
})

/** An answer and its asker, with a wire between them that the test may cut messages from. */
function linked(options: { maxPayloadBytes?: number; lose?: (index: number) => boolean; deaf?: boolean } = {}) {
  const clock = new FakeClock()
  let sent = 0
  const asker = new Asker('test', clock, (_control, bytes) => {
    if (options.deaf !== true) answer.onControl(bytes)
  })
  const answer: Answer = new Answer({
    clock,
    maxPayloadBytes: options.maxPayloadBytes ?? 1_000_000,
    send: (bytes) => {
      const index = sent++
      if (options.lose?.(index) !== true) asker.onMessage(bytes, 'control')
    },
  })
  return { clock, asker, answer, sent: () => sent }
}

async function* countTo(count: number): AsyncIterable<string> {
  for (let number = 0; number < count; number++) yield `part ${number}`
}

async function all(parts: AsyncIterable<Uint8Array>): Promise<string[]> {
  const taken: string[] = []
  for await (const part of parts) taken.push(text(part))
  return taken
}

const turns = async (): Promise<void> => {
  for (let count = 0; count < 50; count++) await new Promise((resolve) => setImmediate(resolve))
}

describe('an answer', () => {
  test('longer than the window arrives whole', async () => {
    const { answer, asker } = linked()
    const run = answer.run(countTo(1000), bytesOf)
    expect(await all(asker.parts())).toHaveLength(1000)
    await run
  })

  test('is never more than the window ahead of its asker', async () => {
    const { answer, asker, sent } = linked()
    const run = answer.run(countTo(1000), bytesOf)
    await turns()
    expect(sent()).toBe(WINDOW_MESSAGES)
    await all(asker.parts())
    await run
  })

  test('ends when its asker takes nothing for a minute, and lets the generator end', async () => {
    const { answer, clock } = linked({ deaf: true })
    let ended = false
    const run = answer.run(
      (async function* () {
        try {
          yield* countTo(1000)
        } finally {
          ended = true
        }
      })(),
      bytesOf,
    )
    await turns()
    clock.advance(59_000)
    await turns()
    expect(ended).toBe(false)
    clock.advance(2_000)
    await run
    expect(ended).toBe(true)
  })

  test('ends when nats-server says that nobody listens there any more', async () => {
    const { answer } = linked({ deaf: true })
    const run = answer.run(countTo(1000), bytesOf)
    await turns()
    answer.onControl(new Uint8Array())
    await run
  })

  test('with parts of any size, cut to what the server takes, comes together again', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ maxLength: 60 }), { maxLength: 40 }),
        fc.integer({ min: 6, max: 40 }),
        async (words, max) => {
          const { answer, asker } = linked({ maxPayloadBytes: max })
          const run = answer.run(
            (async function* () {
              yield* words
            })(),
            bytesOf,
          )
          expect(await all(asker.parts())).toEqual(words)
          await run
        },
      ),
    )
  })

  test('of which a message is lost ends with BusError, whichever it is', async () => {
    for (let lost = 0; lost < 10; lost++) {
      const { answer, asker } = linked({ lose: (index) => index === lost })
      const run = answer.run(countTo(10), bytesOf)
      await expect(all(asker.parts())).rejects.toThrow(
        new BusError(`message ${lost} of the answer of test was lost; ${lost + 1} came instead`),
      )
      asker.stop()
      await run
    }
  })

  test('whose end is lost ends with BusError after 20 s of silence', async () => {
    const { answer, asker, clock } = linked({ lose: (index) => index === 3 })
    await answer.run(countTo(3), bytesOf)
    const taken = all(asker.parts())
    await turns()
    clock.advance(20_000)
    asker.checkIdle(clock.monotonic())
    clock.advance(1)
    asker.checkIdle(clock.monotonic())
    await expect(taken).rejects.toThrow('silent for 20 s')
  })

  test('is not given up, by either side, while its asker is slow to take it', async () => {
    const { answer, asker, clock } = linked()
    const run = answer.run(countTo(100), bytesOf)
    let count = 0
    for await (const _part of asker.parts()) {
      count++
      for (let seconds = 0; seconds < 90; seconds++) {
        clock.advance(1000)
        asker.checkIdle(clock.monotonic())
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(count).toBe(100)
    await run
  })

  test('that comes faster than the window allows ends with BusError, and what is kept of it is bounded', async () => {
    const asker = new Asker('test', new FakeClock(), () => {})
    for (let number = 0; number < 1000; number++) asker.onMessage(encodeAnswerMessage(Kind.PART, number, bytesOf('x')), 'control')
    const taken: string[] = []
    const taking = (async () => {
      for await (const part of asker.parts()) taken.push(text(part))
    })()
    await expect(taking).rejects.toThrow(new BusError('the server of test does not keep its window'))
    expect(taken.length).toBeLessThanOrEqual(2 * WINDOW_MESSAGES + 1)
  })

  test('that is slow sends signs of life, and is waited for', async () => {
    const { answer, asker, clock } = linked()
    let go = (): void => {}
    const gate = new Promise<void>((resolve) => (go = resolve))
    const run = answer.run(
      (async function* () {
        await gate
        yield 'late'
      })(),
      bytesOf,
    )
    const taken = all(asker.parts())
    for (let seconds = 0; seconds < 60; seconds++) {
      clock.advance(1000)
      asker.checkIdle(clock.monotonic())
    }
    go()
    expect(await taken).toEqual(['late'])
    await run
  })
})
