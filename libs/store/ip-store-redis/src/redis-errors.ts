/** What Redis and its client library say when something fails, as a sentence for operators. */
import { StoreError } from '@dnstap-bgp/ip-store'

/** Redis is there and refuses to write. */
export class RefusedWrite extends StoreError {}

/** Redis does not write because its memory, its disk or its replicas are not as they must be. */
export function isRefusedWrite(error: unknown): boolean {
  return error instanceof Error && /^(MISCONF|NOREPLICAS|OOM|READONLY)\b/.test(error.message)
}

export function sentenceFor(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  if (/^(MOVED|ASK|CROSSSLOT|CLUSTERDOWN)\b/.test(message) || message.includes('cluster'))
    return `this is a Redis Cluster (${message}); the store needs all its keys on one server: use a single server or Sentinel`
  if (/^Stream isn't writeable|^Connection is closed\.|^Reached the max retries per request/.test(message))
    return 'Redis cannot be reached'
  if (message === 'Command timed out' || message.startsWith('Socket timeout')) return 'Redis did not answer in time'
  if (message.startsWith('NOAUTH') || message.startsWith('WRONGPASS')) return `Redis does not accept our credentials: ${message}`
  // Of no use to an operator: which line of our script asked.
  const said = message.replace(/,? script: .*$/, '')
  if (said.startsWith('MISCONF')) return `Redis cannot write to its disk and takes nothing: ${said}`
  return `Redis: ${said}`
}
