/** What is forgotten by hand, and answers to what a sync peer offers, to and from steering.proto. A longer hold-down becomes the longest. */
import type { Codec } from '@dnstap-bgp/bus'
import { amountOf, checkedCodec, cut, listOf, MAX_HOLD_DOWN_MS, textOf, wordOf } from './checked.ts'
import { dnstapbgp } from './generated/steering.js'
import type { Forgotten } from './operator.ts'
import type { OfferAnswer } from './subjects.ts'

const v1 = dnstapbgp.v1

const LONGEST_WORD = 256

export const forgottenCodec: Codec<Forgotten> = checkedCodec(
  v1.Forgotten,
  ({ subject, holdDownMs }): dnstapbgp.v1.IForgotten => ({
    subject: cut(subject),
    holdDownMs: Math.min(holdDownMs, MAX_HOLD_DOWN_MS),
  }),
  (wire) => ({
    subject: wordOf(wire.subject, 'subject'),
    holdDownMs: amountOf(wire.holdDownMs, 'hold_down_ms', MAX_HOLD_DOWN_MS),
  }),
)

export const offerAnswersCodec: Codec<readonly OfferAnswer[]> = checkedCodec(
  v1.OfferAnswers,
  (answers): dnstapbgp.v1.IOfferAnswers => ({ answers: answers.map((answer) => answer ?? {}) }),
  (wire) =>
    listOf(wire.answers, 'answers', ({ refusal, why }) => {
      const word = textOf(refusal, 'refusal', LONGEST_WORD)
      return word === '' ? null : { refusal: word, why: textOf(why, 'why') }
    }),
)
