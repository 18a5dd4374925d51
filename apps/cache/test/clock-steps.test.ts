/**
 * Machines whose clocks differ, and clocks that are set: of an ingest and of a cache, over a real NATS and a real Redis. Names are looked up all the time, and a real BIRD counts withdrawals.
 */
import {
  birdCommand,
  type Daemon,
  freePort,
  isInstalled,
  loopbackAddress,
  type Lookups,
  type NatsServer,
  OwnClock,
  type Router,
  type Server,
  startBird,
  startLookups,
  startNats,
  startProgram,
  startRedis,
  STEP_SEEN_MS,
  waitFor,
} from '@dnstap-bgp/testkit'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const HOLD_MS = 8000
const PATIENT = { timeoutMs: 60_000 }
const STEADY = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`n${i}.x.test`, `93.184.215.${i + 1}`]))
const programs = ['bird', 'nats-server', 'redis-server'].filter((one) => !isInstalled(one))
const missing = OwnClock.canBeSet ? programs : [...programs, 'libfaketime']

describe.skipIf(missing.length > 0)(
  `four services whose clocks are set${missing.length > 0 ? ` (not installed: ${missing.join(', ')})` : ''}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-clock-'))
    const clocks = { ingest: new OwnClock(join(folder, 'ingest')), cache: new OwnClock(join(folder, 'cache')) }
    const daemons: Daemon[] = []
    const us = loopbackAddress()
    let nats: NatsServer
    let redis: Server
    let bird: Router
    let steady: Lookups
    let tap = ''

    const config = (home: string) => {
      writeFileSync(join(home, 'domains.txt'), 'x.test\n')
      return `
domains = "domains.txt"
ttl = "${HOLD_MS / 1000}s"
[dnstap]
listen = "./tap.sock"
[bgp]
as = 64512
routerID = "192.0.2.1"
sourceIP = "${us}"
nextHop = "192.0.2.9"
peers = ["${bird.options.address}:${bird.options.port}"]
[bus]
servers = ["nats://${nats.url}"]
[store]
redis = "${redis.host}:${redis.port}"
[admin]
listen = "./admin.sock"
`
    }
    const logs = () => daemons.map((program) => `── ${program.name}\n${program.log().slice(-1500)}`).join('\n')
    const withdrawals = async () =>
      Number(/Import withdraws:\s+(\d+)/.exec(await birdCommand(bird.folder, 'show protocols all peer'))?.[1])
    const waitForRoutes = (count: number) =>
      waitFor(async () => (await bird.routes()).length === count, { ...PATIENT, what: () => `${count} routes;\n${logs()}` })
    const until = (timeMs: number) => waitFor(() => Date.now() >= timeMs, PATIENT)

    beforeAll(async () => {
      ;[nats, redis] = await Promise.all([startNats(), startRedis({ persistent: true })])
      const address = loopbackAddress()
      const port = await freePort(address)
      bird = await startBird({ address, port, asn: 64512, peerAddress: us, peerAsn: 64512, families: ['ipv4'] })
      const start = async (app: string, clock?: OwnClock) => {
        const daemon = await startProgram({ app, config, ...(clock === undefined ? {} : { env: clock.env }) })
        daemons.push(daemon)
        return daemon
      }
      const [ingest] = await Promise.all([
        start('dnstap-ingest', clocks.ingest),
        start('cache', clocks.cache),
        start('bgp-announcer'),
      ])
      tap = join(ingest.folder, 'tap.sock')
      await bird.waitForSession('Established', { what: () => `a BGP session;\n${logs()}` })
      steady = startLookups({ path: tap, names: STEADY, everyMs: 2500 })
      await waitForRoutes(100)
    }, 120_000)

    afterAll(async () => {
      steady?.stop()
      await Promise.all(daemons.map((program) => program.remove()))
      await Promise.all([bird?.remove(), nats?.remove(), redis?.remove()])
      rmSync(folder, { recursive: true, force: true })
    }, 60_000)

    test.each([
      ['ingest', -60],
      ['cache', 60],
    ] as const)(
      '%s by %i s and right again: no route goes that is looked up, and one that is not goes in time',
      async (who, seconds) => {
        const before = await withdrawals()
        const once = startLookups({ path: tap, names: { 'once.x.test': '93.184.216.1' }, everyMs: 1e9 })
        await waitForRoutes(101)
        for (const offsetMs of [seconds * 1000, 0]) {
          clocks[who].set(offsetMs)
          await until(Date.now() + STEP_SEEN_MS + HOLD_MS)
        }
        once.stop()
        await waitForRoutes(100)
        expect(await withdrawals()).toBe(before + 1)
      },
      120_000,
    )
  },
)
