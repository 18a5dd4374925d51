/** The table [syncer]. */
import { duration } from './duration.ts'
import { eachRepeated } from './each-repeated.ts'
import { endpointWithPort, prefix, tcpListenAddress } from './network-values.ts'
import { Wrong } from './read.ts'
import type { Read } from './read.ts'
import type { Section } from './section.ts'
import { defineSection, secret, setting } from './setting.ts'
import type { ValuesOf } from './setting.ts'
import { arrayOf, string } from './values.ts'

/** A name as it may stand in an HTTP Host header, without port. */
const hostName: Read<string> = (value, folder) => {
  const written = string(value, folder)
  return written instanceof Wrong || !/^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?$/.test(written)
    ? new Wrong('a host name without port, such as "site-a.example.org"')
    : written.toLowerCase()
}

export const SYNCER = defineSection({
  title: 'syncer',
  isOptional: true,
  takesEffect: 'restart',
  settings: {
    listen: setting(tcpListenAddress, { meaning: 'Where other instances reach us. Absent: they do not.' }),
    syncIntervalMs: setting(duration({ minimumMs: 1000, zero: true }), {
      key: 'syncInterval',
      default: '10m',
      meaning: 'How often each peer is asked for everything it has; `0`: never.',
    }),
    peers: setting(arrayOf(endpointWithPort), {
      default: '',
      meaning: '`"host:port"` of each sync peer. We push what we learn to it, and it may talk to us.',
    }),
    /** Canonical prefixes. */
    allow: setting(arrayOf(prefix), { default: '', meaning: 'Prefixes that may talk to us as well.' }),
    names: setting(arrayOf(hostName), {
      default: '',
      meaning:
        "Host names by which peers reach us. Without a token, a request to another name that has a dot is refused, so that no web page can use a peer's browser (DNS rebinding). Addresses, this machine's own name and names without a dot need not be here.",
    }),
    token: secret({ meaning: 'Bearer token, asked for and sent. Not known to dnstap-bgp 1.1.' }),
  },
})
export type SyncerConfig = ValuesOf<typeof SYNCER.settings>

export function parseSyncer(section: Section): SyncerConfig | undefined {
  const syncer = section.read(SYNCER)
  eachRepeated(
    syncer.peers.map(({ host, port }) => `${host} port ${port}`),
    (again) => section.mistaken('peers', `${again} is listed twice: remove one`, ''),
  )
  if (syncer.listen !== undefined && syncer.peers.length === 0 && syncer.allow.length === 0)
    section.warn('[syncer] listens, but no address may talk to it: set syncer.peers, or prefixes in syncer.allow')
  return section.present ? syncer : undefined
}
