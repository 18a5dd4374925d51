import { expect, test } from 'vitest'
import { dnstapbgp } from './generated/steering.js'
import { CATCH_UP, CAUGHT_UP } from './subjects.ts'

const { CatchUp, CaughtUp } = dnstapbgp.v1

test('a question and its answer survive the wire', () => {
  const question = { asker: 'a', number: 7 }
  expect(CATCH_UP.decode(CATCH_UP.encode(question))).toEqual(question)
  const answer = { ...question, ingest: 'i' }
  expect(CAUGHT_UP.decode(CAUGHT_UP.encode(answer))).toEqual(answer)
})

test.each([
  ['nothing at all', () => CATCH_UP.decode(new Uint8Array())],
  ['a fraction of a question', () => CATCH_UP.decode(CatchUp.encode({ asker: 'a', number: 0.5 }).finish())],
  ['an answer by nobody', () => CAUGHT_UP.decode(CaughtUp.encode({ asker: 'a', number: 1 }).finish())],
  ['a name without end', () => CAUGHT_UP.decode(CaughtUp.encode({ asker: 'a', ingest: 'x'.repeat(65) }).finish())],
])('%s is refused', (_what, decode) => expect(decode).toThrow(/empty|not a revision|65 characters/))
