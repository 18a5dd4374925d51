/**
 * Names are looked up all the time, so their routes are valid all the time, whatever is killed or frozen for longer than the lifetime: not
 * one may be withdrawn. Four services over a real NATS and a real Redis, and a real BIRD that counts withdrawals.
 */
import {
  askAdmin,
  birdCommand,
  type Daemon,
  freePort,
  isInstalled,
  loopbackAddress,
  type Lookups,
  type NatsServer,
  type Router,
  type Server,
  startBird,
  startLookups,
  startNats,
  startProgram,
  startRedis,
  waitFor,
} from '@dnstap-bgp/testkit'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const missing = ['bird', 'nats-server', 'redis-server'].filter((program) => !isInstalled(program))

const HOLD_MS = 8_000
const PATIENT = { timeoutMs: 60_000 }
const namesIn = (net: number, count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`n${i}.net${net}.x.test`, `93.184.${net}.${i + 1}`]))
const STEADY = namesIn(100, 100)

describe.skipIf(missing.length > 0)(
  `facts come before deadlines${missing.length > 0 ? ` (not installed: ${missing.join(', ')})` : ''}`,
  () => {
    let nats: NatsServer
    let redis: Server
    let bird: Router
    let steady: Lookups
    const programs: Record<string, Daemon> = {}
    const us = loopbackAddress()

    const config = (folder: string) => {
      writeFileSync(join(folder, 'domains.txt'), 'x.test\n')
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
    const logs = () =>
      Object.values(programs)
        .map((program) => `── ${program.name}\n${program.log().slice(-1500)}`)
        .join('\n')
    const tap = () => join(programs['ingest'].folder, 'tap.sock')
    /** Withdrawals that BIRD has received. */
    const withdrawals = async () =>
      Number(/Import withdraws:\s+(\d+)/.exec(await birdCommand(bird.folder, 'show protocols all peer'))?.[1])
    /** Bindings that the first cache has ended since it started. */
    const expired = async () => {
      const { text } = await askAdmin(join(programs['cache 1'].folder, 'admin.sock'), 'GET', '/metrics')
      return Number(/cache_expired_bindings_total (\d+)/.exec(text)?.[1])
    }
    const routes = async () => (await bird.routes()).length
    const until = (timeMs: number) => waitFor(() => Date.now() >= timeMs, PATIENT)
    /** Time for a withdrawal to come, and for facts that waited. */
    const caughtUp = async () => {
      const sinceMs = Date.now()
      await until(sinceMs + HOLD_MS / 2)
      await waitFor(async () => (await routes()) === Object.keys(STEADY).length, {
        ...PATIENT,
        what: () => `100 routes;\n${logs()}`,
      })
    }

    beforeAll(async () => {
      ;[nats, redis] = await Promise.all([startNats(), startRedis({ persistent: true, extra: 'appendfsync always' })])
      const address = loopbackAddress()
      const port = await freePort(address)
      bird = await startBird({ address, port, asn: 64512, peerAddress: us, peerAsn: 64512, families: ['ipv4'] })
      const start = async (name: string, app: string) => (programs[name] = await startProgram({ app, config }))
      await Promise.all([start('cache 1', 'cache'), start('announcer', 'bgp-announcer'), start('ingest', 'dnstap-ingest')])
      await bird.waitForSession('Established', { what: () => `a BGP session;\n${logs()}` })
      steady = startLookups({ path: tap(), names: STEADY, everyMs: 2500 })
      await waitFor(async () => (await routes()) === 100, { ...PATIENT, what: () => `100 routes;\n${logs()}` })
    }, 120_000)

    afterAll(async () => {
      steady?.stop()
      await Promise.all(Object.values(programs).map((program) => program.remove()))
      await Promise.all([bird?.remove(), nats?.remove(), redis?.remove()])
    }, 60_000)

    test.each([
      ['NATS', () => nats.kill(), () => nats.restart()],
      ['Redis', () => redis.kill(), () => redis.restart()],
      ['the only cache', () => programs['cache 1'].kill(), () => programs['cache 1'].restart()],
    ])(
      '%s is killed and comes back after the lifetime: no route is withdrawn',
      async (_what, kill, restart) => {
        await kill()
        await until(Date.now() + HOLD_MS + 1500)
        await restart()
        await caughtUp()
        expect(await expired()).toBe(0)
        expect(await withdrawals()).toBe(0)
      },
      120_000,
    )

    test('one of two caches is frozen with unprocessed facts, then killed: no route that they extend is withdrawn', async () => {
      programs['cache 2'] = await startProgram({ app: 'cache', config })
      const once = namesIn(101, 30)
      const seenMs = Date.now()
      startLookups({ path: tap(), names: once, everyMs: 1e9 })
      await waitFor(async () => (await routes()) === 130, { ...PATIENT, what: () => `130 routes;\n${logs()}` })
      programs['cache 2'].signal('SIGSTOP')
      await until(seenMs + HOLD_MS - 2500)
      // One by one, so that both are handed some.
      for (const [name, address] of Object.entries(once)) {
        startLookups({ path: tap(), names: { [name]: address }, everyMs: 1e9 })
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      await until(seenMs + HOLD_MS + 500)
      await programs['cache 2'].kill()
      // The bus hands its facts to the other cache 10 s after it first handed them out: expiry has to wait for them.
      await until(seenMs + HOLD_MS + 2500)
      expect(await withdrawals()).toBe(0)
      await waitFor(async () => (await routes()) === 100, { ...PATIENT, what: () => `100 routes;\n${logs()}` })
    }, 60_000)

    test('routes that expired while Redis was away are withdrawn when it is back with its data, and are not kept as stale', async () => {
      await waitFor(async () => (await routes()) === 100, PATIENT)
      startLookups({ path: tap(), names: namesIn(102, 20), everyMs: 1e9 })
      await waitFor(async () => (await routes()) === 120, { ...PATIENT, what: () => `120 routes;\n${logs()}` })
      await redis.kill()
      await until(Date.now() + HOLD_MS)
      await redis.restart()
      await waitFor(async () => (await routes()) === 100, { ...PATIENT, what: () => `100 routes;\n${logs()}` })
      expect(programs['cache 1'].log()).not.toContain('Redis has lost data')
    }, 120_000)

    test('routes of names that are no longer looked up are withdrawn', async () => {
      steady.stop()
      await waitFor(async () => (await routes()) === 0, { ...PATIENT, what: () => `no routes;\n${logs()}` })
    }, 60_000)
  },
)
