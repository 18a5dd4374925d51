/**
 * What one unit costs, in µs of CPU and in octets: measured by `npm run sizing -- --measure`; docs/scaling.md says where and when.
 *
 * `wakeUp`: for each write of a resolver, however many frames it holds; `fresh`: an address that was not known; `known`: one that ingest passes on again; `repeat`: one that ingest stops; `expired`: withdrawn in its
 * time. Octets of the all-in-one and of announcers are those at a million (docs/performance.md): with fewer, the free room of the heap hides them.
 */
export const UNITS = {
  /** fstrm_capture's CPU for a frame in the same run. */
  yardstickUs: 0.6,
  allInOne: { frame: 0.71, wakeUp: 12, repeat: 1.8, known: 17, fresh: 33, expired: 19, restPerSecond: 33_000 },
  services: {
    frame: 0.83,
    wakeUp: 22,
    repeat: 3.2,
    known: { ingest: 12.5, cache: 37, announcer: 0.6, nats: 6.2, redis: 20 },
    fresh: { ingest: 13, cache: 44, announcer: 10, nats: 6.8, redis: 24 },
    expired: { ingest: 0, cache: 32, announcer: 9, nats: 5.1, redis: 21 },
    restPerSecond: { ingest: 21_000, cache: 27_000, announcer: 23_000, nats: 1400, redis: 3800 },
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
