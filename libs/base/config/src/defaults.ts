/** Every default, once. The manual (docs/configuration.md) is checked against this table by a test. */
const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS

export const DEFAULTS = {
  ipv6: false,
  list: {
    format: 'auto',
    match: 'auto',
    addresses: false,
    shortestPrefixIpv4: 8,
    shortestPrefixIpv6: 19,
    ttlMs: 24 * HOUR_MS,
    ttlMinMs: 5 * MINUTE_MS,
    ttlMaxMs: 24 * HOUR_MS,
    ttlGraceMs: 1 * MINUTE_MS,
    newRoutesPerSecond: 1000,
    newRoutesBurst: 10_000,
    refreshIntervalMs: 24 * HOUR_MS,
    minimumShare: 0.5,
  },
  limits: { namesPerAddress: 256, addressesPerName: 1024, routes: 1_000_000 },
  never: { allowPrivate: false },
  dnstap: { mode: 0o660, types: ['CLIENT_RESPONSE'], maxFrameBytes: 256 * 1024, handshakeTimeoutMs: 10 * SECOND_MS },
  resolver: { port: 53 },
  bgp: {
    port: 179,
    gracefulRestartSeconds: 120,
    longLivedStaleSeconds: 0,
    onStop: 'keep',
    relearnMs: 15 * MINUTE_MS,
    holdTimeSeconds: 90,
    connectRetrySeconds: 10,
    multihopTtl: 64,
    peer: { ttlSecurity: false, multihop: false, passive: false, strictRole: false, gracefulRestart: true },
  },
  bus: { port: 4222 },
  syncer: { syncIntervalMs: 10 * MINUTE_MS },
  store: { port: 6379, sentinelPort: 26379, database: 0, keyPrefix: 'dnstap-bgp:' },
  // On another port than that of `listen`, the socket's name has the port: several programs on one machine each have their own.
  admin: { listen: { kind: 'tcp', host: '127.0.0.1', port: 8053 }, socket: '/run/dnstap-bgp/admin.sock' },
  log: { level: 'info', format: 'text' },
} as const
