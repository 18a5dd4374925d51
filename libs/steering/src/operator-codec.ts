/**
 * Explain, forget and offers' answers, to and from steering.proto.
 *
 * The subject of a question is what a person wrote: the cache tells a person that it is no name. A hold-down longer than the longest there
 * is becomes that one.
 */
import type { Codec } from '@dnstap-bgp/bus'
import { amountOf, checkedCodec, cut, listOf, MAX_HOLD_DOWN_MS, SteeringError, textOf, wordOf } from './checked.ts'
import { dnstapbgp } from './generated/steering.js'
import type { ExplainCommand, ForgetRequest, Forgotten, OperatorAnswer } from './operator.ts'
import type { OfferAnswer } from './subjects.ts'

const v1 = dnstapbgp.v1

/** A refusal of a status that HTTP does not know as one is told as this. */
const NO_STATUS = 503
const LONGEST_WORD = 256

export const explainCommandCodec: Codec<ExplainCommand> = checkedCodec(
  v1.ExplainCommand,
  ({ subject }): dnstapbgp.v1.IExplainCommand => ({ subject: cut(subject) }),
  (wire) => ({ subject: textOf(wire.subject, 'subject') }),
)

interface SubjectAndTime {
  readonly subject: string
  readonly holdDownMs: number
}

interface SubjectAndTimeOnWire {
  subject?: string | null
  holdDownMs?: number | null
}

export const forgetRequestCodec: Codec<ForgetRequest> = checkedCodec(v1.ForgetRequest, subjectToWire, (wire) => ({
  subject: textOf(wire.subject, 'subject'),
  holdDownMs: holdDownOf(wire),
}))

export const forgottenCodec: Codec<Forgotten> = checkedCodec(v1.Forgotten, subjectToWire, (wire) => ({
  subject: wordOf(wire.subject, 'subject'),
  holdDownMs: holdDownOf(wire),
}))

function subjectToWire({ subject, holdDownMs }: SubjectAndTime): SubjectAndTimeOnWire {
  return { subject: cut(subject), holdDownMs: Math.min(holdDownMs, MAX_HOLD_DOWN_MS) }
}

function holdDownOf({ holdDownMs }: SubjectAndTimeOnWire): number {
  return amountOf(holdDownMs, 'hold_down_ms', MAX_HOLD_DOWN_MS)
}

export const operatorAnswerCodec: Codec<OperatorAnswer> = checkedCodec(
  v1.OperatorAnswer,
  (answer): dnstapbgp.v1.IOperatorAnswer =>
    'answer' in answer
      ? { answerJson: JSON.stringify(answer.answer) }
      : { refusal: { status: answer.status, error: answer.error } },
  ({ refusal, answerJson }) => {
    if (refusal === null || refusal === undefined) return { answer: objectIn(answerJson ?? '') }
    const status = refusal.status ?? 0
    return { status: status >= 400 && status <= 599 ? status : NO_STATUS, error: textOf(refusal.error, 'error') }
  },
)

/** The object as it is: only people and their tools read it. Its length is that of one answer part, which the bus bounds. */
function objectIn(json: string): object {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (cause) {
    throw new SteeringError('answer_json is no JSON', { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new SteeringError('answer_json is no object')
  return value
}

export const offerAnswersCodec: Codec<readonly OfferAnswer[]> = checkedCodec(
  v1.OfferAnswers,
  (answers): dnstapbgp.v1.IOfferAnswers => ({ answers: answers.map((answer) => answer ?? {}) }),
  (wire) =>
    listOf(wire.answers, 'answers', ({ refusal, why }) => {
      const word = textOf(refusal, 'refusal', LONGEST_WORD)
      return word === '' ? null : { refusal: word, why: textOf(why, 'why') }
    }),
)
