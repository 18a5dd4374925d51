/** Calls that are answered by one reply. */
import { expect, test } from 'vitest'
import { BusError, type Call } from '../src/bus.ts'
import { freshCall, note, untilServed, type Ends, type Note } from './notes.ts'

const freshUnaryCall = (): Call<Note, Note> => {
  const { name, request, part } = freshCall()
  return { name, request, reply: part }
}

export function callTests(ends: Ends): void {
  test('the reply arrives', async () => {
    const call = freshUnaryCall()
    ends.far.serve(call, async ({ number }) => note(number + 1))
    expect(await untilServed(() => ends.near.ask(call, note(7)))).toEqual(note(8))
  })

  test('when nobody serves the call, asking rejects with BusError', async () => {
    await expect(ends.near.ask(freshUnaryCall(), note(1))).rejects.toBeInstanceOf(BusError)
  })

  test('when the server fails, asking rejects with BusError and its sentence', async () => {
    const call = freshUnaryCall()
    ends.far.serve(call, async ({ number }) => {
      if (number > 0) throw new Error('the store is on fire')
      return note(number)
    })
    await untilServed(() => ends.near.ask(call, note(0)))
    const asked = ends.near.ask(call, note(1))
    await expect(asked).rejects.toBeInstanceOf(BusError)
    await expect(asked).rejects.toThrow('the store is on fire')
  })

  test('an answer without a reply is a BusError; the first reply counts, though the answer never ends', async () => {
    const call = freshUnaryCall()
    const { name, request, reply } = call
    ends.far.serveStream({ name, request, part: reply }, async function* ({ number }) {
      if (number === 0) return
      yield note(number)
      await new Promise(() => undefined)
    })
    expect(await untilServed(() => ends.near.ask(call, note(1)))).toEqual(note(1))
    await expect(ends.near.ask(call, note(0))).rejects.toThrow(/gave no reply/)
  })
}
