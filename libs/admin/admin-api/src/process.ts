/** Replies that every process gives about itself. */
import { Type } from '@sinclair/typebox'
import { flag, row, text, time } from './fields.ts'

const state = Type.Union([Type.Literal('starting'), Type.Literal('ok'), Type.Literal('degraded'), Type.Literal('failed')])

export const status = row({
  program: text('name of the program'),
  version: text('its version'),
  state: state,
  ready: flag('the start is over and no part has failed'),
  uptimeSeconds: Type.Integer(),
  parts: Type.Array(row({ name: text('name of the part'), state, why: text('a sentence, or empty'), since: time('since when') })),
  counts: Type.Record(Type.String(), Type.Unknown(), { description: 'counts of the services; later versions may have others' }),
})

export const backup = row({ path: text('file of the copy'), bytes: Type.Integer() })
