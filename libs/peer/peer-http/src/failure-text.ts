/** Why a sync peer could not be talked to, in words for the log and for health. */
import { PeerSyncError } from '@dnstap-bgp/peer-sync'
import type { IncomingMessage } from 'node:http'

const MAX_ERROR_TEXT = 200

export function whyFailed(error: unknown): string {
  if (error instanceof PeerSyncError) return `its answer is broken: ${error.message}`
  if (!(error instanceof Error)) return String(error)
  const { code } = error as NodeJS.ErrnoException
  return (code === undefined ? undefined : WHY_PEER_FAILED[code]) ?? error.message
}

const WHY_PEER_FAILED: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there',
  ENOTFOUND: 'its name is unknown',
  EAI_AGAIN: 'its name cannot be looked up now',
  EHOSTUNREACH: 'it cannot be reached',
  ENETUNREACH: 'its network cannot be reached',
  ECONNRESET: 'it closed the connection',
}

/** The start of a body, for messages; the rest is read to keep the connection, up to a bound. */
export async function shortText(response: IncomingMessage): Promise<string> {
  let text = ''
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length
    if (text.length < MAX_ERROR_TEXT) text += chunk.toString('latin1')
    if (length > 64 * 1024) break // leaving the loop ends the connection
  }
  return text.slice(0, MAX_ERROR_TEXT).replaceAll(/\p{C}/gu, ' ').trim()
}
