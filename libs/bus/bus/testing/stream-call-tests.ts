/** Calls that are answered by a stream of parts. */
import { expect, test } from 'vitest'
import { BusError } from '../src/bus.ts'
import type { Bus } from '../src/bus.ts'
import { askAll, countTo, freshCall, note, numbers, until, type Ends } from './notes.ts'

export function streamCallTests(ends: Ends): void {
  test('the parts of the answer arrive in order, and the answer ends', async () => {
    const call = freshCall()
    ends.far.serveStream(call, (request) => countTo(request.number))
    const parts = await askAll(ends.near, call, note(500))
    expect(parts.map((part) => part.number)).toEqual(numbers(500))
  })

  test('an answer without parts ends at once', async () => {
    const call = freshCall()
    ends.far.serveStream(call, () => countTo(0))
    expect(await askAll(ends.near, call, note(0))).toEqual([])
  })

  test('parts of 200 kB each arrive whole while the asker is slow', async () => {
    const call = freshCall()
    ends.far.serveStream(call, async function* () {
      for (const number of numbers(60)) yield { from: 'far', number, padding: 'x'.repeat(200_000) }
    })
    await askAll(ends.near, call, note(0))
    const sizes: number[] = []
    for await (const part of ends.near.askStream(call, note(0))) {
      sizes.push((part.padding ?? '').length)
      if (part.number % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    }
    expect(sizes).toEqual(numbers(60).map(() => 200_000))
  })

  test('when nobody serves the call, asking ends with BusError', async () => {
    const parts = ends.near.askStream(freshCall(), note(1))
    await expect(parts[Symbol.asyncIterator]().next()).rejects.toBeInstanceOf(BusError)
  })

  test('when the server fails, the parts before it arrive and then a BusError with its sentence', async () => {
    const call = freshCall()
    ends.far.serveStream(call, async function* (request) {
      yield* countTo(3)
      if (request.number > 0) throw new Error('the store is on fire')
    })
    await askAll(ends.near, call, note(0))
    const seen: number[] = []
    const asking = async (): Promise<void> => {
      for await (const part of ends.near.askStream(call, note(1))) seen.push(part.number)
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
      bus.serveStream(call, async function* (request) {
        answers++
        yield request
      })
    serving(ends.near)
    serving(ends.far)
    await askAll(ends.near, call, note(0))
    answers = 0
    const parts = await Promise.all(numbers(40).map((number) => askAll(ends.near, call, note(number))))
    expect(parts.map((part) => part.map((each) => each.number))).toEqual(numbers(40).map((number) => [number]))
    expect(answers).toBe(40)
  })

  test('an asker that stops early lets the server’s generator end', async () => {
    const call = freshCall()
    let ended = 0
    ends.far.serveStream(call, async function* () {
      try {
        for (let number = 0; ; number++) yield note(number)
      } finally {
        ended++
      }
    })
    await until('a first part', async () => {
      try {
        for await (const part of ends.near.askStream(call, note(0))) return part.number === 0
      } catch (error) {
        if (!(error instanceof BusError)) throw error
      }
      return false
    })
    await until('the end of the generator', () => ended > 0)
  })

  test('a server that closes midway ends the answer with BusError', async () => {
    const call = freshCall()
    const serving = ends.far.serveStream(call, async function* () {
      for (let number = 0; ; number++) {
        yield note(number)
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
    })
    const asking = async (): Promise<number> => {
      let count = 0
      for await (const _part of ends.near.askStream(call, note(0))) if (++count === 3) await serving.close()
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
}
