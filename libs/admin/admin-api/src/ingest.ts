/** Replies of ingest. */
import { Type } from '@sinclair/typebox'
import { count, countsBy, orNull, row, text, time } from './fields.ts'

export const senders = row({
  connections: Type.Array(
    row({
      peer: text('address and port, or socket and number'),
      listener: text('where it connected'),
      identity: text('dnstap identity; empty: none yet'),
      version: text('dnstap version; empty: none yet'),
      frames: count('frames received'),
      state: Type.Union([Type.Literal('streaming'), Type.Literal('handshake')]),
      clockBehindSeconds: orNull(Type.Number({ description: 'how far its clock is behind ours' })),
    }),
  ),
  identities: Type.Array(
    row({
      identity: text('dnstap identity'),
      version: text('dnstap version'),
      lastSeen: time('its last frame'),
      frames: count('frames received'),
    }),
  ),
  messages: countsBy('dnstap messages by type, without those about questions of our own'),
  resolvers: Type.Array(
    row({
      resolver: text('address and port'),
      kind: text('kind of the configuration'),
      metronome: Type.Union(
        (['off', 'starting', 'ok', 'slow', 'no-answer', 'no-frames'] as const).map((state) => Type.Literal(state)),
        { description: 'state of its metronome' },
      ),
      flushTargetMs: orNull(count('flushTarget of the configuration')),
      delayMs: orNull(Type.Number({ description: 'half of its answers wait no longer until we have them' })),
      longDelayMs: orNull(Type.Number({ description: '99 of 100 answers wait no longer' })),
      warmNames: orNull(count('names that are kept warm')),
      warmLateMs: orNull(count('how long the next question for a warm name has been due')),
      questions: count('questions of our own to it'),
      answers: count('answers to them'),
    }),
  ),
})
