/** Names that nats-server knows: inboxes, streams, consumers. Permissions are made of them, too. */

export const INBOXES = '_INBOX.'
export const ACKS = 'a'
export const QUESTIONS = 'q'
export const CONTROLS = 'c'

/** Of all inboxes of a client with this name. A subject's token has no dots, spaces or wildcards. */
export function inboxPrefixOf(client: string): string {
  return INBOXES + client.replaceAll(/[^A-Za-z0-9_-]/g, '_')
}

/** The same name in every stream: consumers of one queue are alike. */
export const DURABLE = 'consumers'

/** A stream's name cannot have dots. */
export function streamName(queue: { readonly name: string }): string {
  return queue.name.replaceAll('.', '_')
}
