/**
 * What one unit costs, in µs of CPU and in octets: measured by `npm run sizing -- --measure`; docs/scaling.md says where and when.
 *
 * `wakeUp`: for each write of a resolver, however many frames it holds; `fresh`: an address that was not known; `known`: one that ingest passes on again; `repeat`: one that ingest stops; `expired`: withdrawn in its
 * time. Octets of the all-in-one and of announcers are those at a million (docs/performance.md): with fewer, the free room of the heap hides them.
 */
export const UNITS = {
  /** fstrm_capture's CPU for a frame in the same run. */
  yardstickUs: 0.4,
  allInOne: { frame: 1.1, wakeUp: 14, repeat: 3.2, known: 21, fresh: 31, expired: 41, restPerSecond: 37_000 },
  services: {
    frame: 1.4,
    wakeUp: 17,
    repeat: 4.7,
    known: { ingest: 11, cache: 34, announcer: 0.5, nats: 4.6, redis: 17 },
    fresh: { ingest: 14, cache: 44, announcer: 9.3, nats: 5.8, redis: 23 },
    expired: { ingest: 6.4, cache: 55, announcer: 17, nats: 3, redis: 35 },
    restPerSecond: { ingest: 21_000, cache: 27_000, announcer: 21_000, nats: 1300, redis: 3900 },
  },
  octets: {
    allInOne: 100_000_000,
    allInOneBinding: 255,
    announcer: 90_000_000,
    announcerRoute: 140,
    routeAndPeer: 4.3,
    redisBinding: 800,
    listedName: 31,
  },
} as const
