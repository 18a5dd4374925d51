/** Which program answers a path of the admin API that another one was asked for. */
const PROGRAMS: Readonly<Record<string, string>> = {
  '/api/senders': 'dnstap-ingest',
  '/api/lists': 'dnstap-ingest and cache',
  '/api/lists/accept': 'dnstap-ingest and cache',
  '/api/lists/reload': 'dnstap-ingest and cache',
  '/api/match': 'dnstap-ingest and cache',
  '/api/lists/preview': 'cache',
  '/api/cache': 'cache',
  '/api/peers': 'bgp-announcer',
  '/api/peers/reset': 'bgp-announcer',
  '/api/routes': 'bgp-announcer',
  '/api/sync-peers': 'sync-gateway',
  '/api/backup': 'the all-in-one',
}

export function whoServes(path: string): string | undefined {
  return Object.hasOwn(PROGRAMS, path) ? PROGRAMS[path] : undefined
}
