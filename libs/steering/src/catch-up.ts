/** The question and the answer by which a cache knows that no fact waits unsent at an ingest. */
import type { Codec } from '@dnstap-bgp/bus'
import { checkedCodec, revisionOf, timeOf, wordOf } from './checked.ts'
import { dnstapbgp } from './generated/steering.js'

const v1 = dnstapbgp.v1
const MAX_ID = 64

/** The number of an answer that says: our facts wait, the queue does not take them. Questions count from 1. */
export const NOT_YET = 0

export interface CatchUp {
  /** One run of a cache. */
  readonly asker: string
  /** Counts up with each question of the asker. */
  readonly number: number
}

export interface CaughtUp extends CatchUp {
  /** One run of an ingest. */
  readonly ingest: string
  /** What its steady clock shows as it says this; undefined of an older version. */
  readonly steadyMs?: number | undefined
}

export const catchUpCodec: Codec<CatchUp> = checkedCodec(v1.CatchUp, (question) => ({ ...question }), questionOf)

export const caughtUpCodec: Codec<CaughtUp> = checkedCodec(
  v1.CaughtUp,
  (answer): dnstapbgp.v1.ICaughtUp => ({ ...answer, steadyMs: answer.steadyMs ?? 0 }),
  (wire: dnstapbgp.v1.ICaughtUp) => ({
    ...questionOf(wire),
    ingest: wordOf(wire.ingest, 'ingest', MAX_ID),
    steadyMs: (wire.steadyMs ?? 0) === 0 ? undefined : timeOf(wire.steadyMs, 'steady_ms'),
  }),
)

function questionOf(wire: dnstapbgp.v1.ICatchUp): CatchUp {
  return { asker: wordOf(wire.asker, 'asker', MAX_ID), number: revisionOf(wire.number) }
}
