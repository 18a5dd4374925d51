/**
 * Who told us of a resolution, tagged; and as the text that the bus carries, stores keep and people see:
 *
 *   resolver     its dnstap identity, else where its connection comes from
 *   sync peer    `peer 192.0.2.7`, by the address or the name that it is known by
 *   list         `list`: the address stands in a list
 *
 * An identity is any text. One that reads like one of the others, or begins with a backslash, has a backslash before it in the text: older
 * versions, which know no backslash, take it for a resolver's too.
 */
export type ResolutionSource =
  | { readonly kind: 'resolver'; readonly identity: string }
  | { readonly kind: 'sync-peer'; readonly name: string }
  | { readonly kind: 'list' }

const SYNC_PEER = 'peer '
const LIST = 'list'
const ESCAPE = '\\'

export function sourceText(source: ResolutionSource): string {
  switch (source.kind) {
    case 'resolver': {
      const { identity } = source
      const isAmbiguous = identity.startsWith(SYNC_PEER) || identity.startsWith(ESCAPE) || identity === LIST
      return isAmbiguous ? ESCAPE + identity : identity
    }
    case 'sync-peer':
      return SYNC_PEER + source.name
    case 'list':
      return LIST
  }
}

export function sourceOf(text: string): ResolutionSource {
  if (text.startsWith(SYNC_PEER)) return { kind: 'sync-peer', name: text.slice(SYNC_PEER.length) }
  if (text === LIST) return { kind: 'list' }
  return { kind: 'resolver', identity: text.startsWith(ESCAPE) ? text.slice(ESCAPE.length) : text }
}
