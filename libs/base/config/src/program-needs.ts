/** What each program must find in its configuration; `dnstap-bgp check` asks for the same. */
import type { Part } from './config.ts'

export const PROGRAM_NEEDS = {
  'all-in-one': ['lists', 'dnstap', 'bgp', 'alone'],
  'dnstap-ingest': ['lists', 'dnstap', 'nats'],
  cache: ['lists', 'nats', 'redis'],
  'bgp-announcer': ['bgp', 'nats'],
  'sync-gateway': ['syncer', 'nats'],
} as const satisfies Record<string, readonly Part[]>
