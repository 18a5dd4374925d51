/**
 * Inboxes: the subjects on which answers come to us.
 *
 *     _INBOX.<client>.<random>.a.<number>    JetStream's acknowledgements of what we enqueued
 *     _INBOX.<client>.<random>.q.<number>    answers to our questions
 *     _INBOX.<client>.<random>.c.<number>    what askers of ours have taken
 *
 * The client's name is in them, so that a NATS user can be held to the inboxes of its own service (permissions.ts).
 */
import { createInbox } from 'nats'
import { ACKS, CONTROLS, INBOXES, inboxPrefixOf, QUESTIONS } from './names.ts'

export interface Inboxes {
  readonly prefix: string
  /** All that follow. */
  readonly all: string
  readonly acks: string
  readonly questions: string
  readonly controls: string
}

export function makeInboxes(client: string): Inboxes {
  const prefix = inboxPrefixOf(client)
  const inbox = createInbox(prefix)
  return {
    prefix,
    all: `${inbox}.>`,
    acks: `${inbox}.${ACKS}.`,
    questions: `${inbox}.${QUESTIONS}.`,
    controls: `${inbox}.${CONTROLS}.`,
  }
}

/** A question's answer goes to an inbox. Anywhere else, a stranger would let us say something in our name. */
export function isInbox(subject: string | undefined): subject is string {
  return subject?.startsWith(INBOXES) === true
}
