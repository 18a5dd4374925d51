/** The table [syncer]. */
import type { SyncerConfig } from './config.ts'
import type { Context } from './context.ts'
import { DEFAULTS } from './defaults.ts'
import { eachRepeated } from './each-repeated.ts'
import { readSecret } from './read-secret.ts'
import type { Section } from './section.ts'
import { Wrong, duration, endpointWithPort, arrayOf, prefix, tcpListenAddress, string } from './values.ts'
import type { Read } from './values.ts'

export function parseSyncer(section: Section, context: Context): SyncerConfig | undefined {
  const syncer: SyncerConfig = {
    listen: section.optional('listen', tcpListenAddress),
    syncIntervalMs: section.get('syncInterval', duration({ minimumMs: 1000, zero: true }), DEFAULTS.syncer.syncIntervalMs),
    peers: section.get('peers', arrayOf(endpointWithPort), []),
    allow: section.get('allow', arrayOf(prefix), []),
    names: section.get('names', arrayOf(hostName), []),
    token: readSecret(section, 'token', context),
  }
  eachRepeated(
    syncer.peers.map(({ host, port }) => `${host} port ${port}`),
    (again) => section.mistaken('peers', `${again} is listed twice: remove one`, ''),
  )
  if (syncer.listen !== undefined && syncer.peers.length === 0 && syncer.allow.length === 0)
    context.reading.warnings.push(
      '[syncer] listens, but no address may talk to it: set syncer.peers, or prefixes in syncer.allow',
    )
  section.done()
  return section.present ? syncer : undefined
}

/** A name as it may stand in an HTTP Host header, without port. */
const hostName: Read<string> = (value) => {
  const written = string(value)
  return written instanceof Wrong || !/^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?$/.test(written)
    ? new Wrong('a host name without port, such as "site-a.example.org"')
    : written.toLowerCase()
}
