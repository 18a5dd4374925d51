/**
 * The disk of NATS or of Redis is full for longer than the lifetime of routes whose names are looked up all the time: not one may be withdrawn,
 * health says what is wrong, and all goes on when there is room. Services over a real NATS and a real Redis, and a real BIRD.
 */
import {
  askAdmin,
  birdCommand,
  type Daemon,
  freePort,
  isInstalled,
  loopbackAddress,
  type Lookups,
  makeSmallDisk,
  type NatsServer,
  type Router,
  type Server,
  type SmallDisk,
  smallDiskMissing,
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

const programsMissing = ['bird', 'nats-server', 'redis-server'].filter((program) => !isInstalled(program))
const missing = programsMissing.length > 0 ? `not installed: ${programsMissing.join(', ')}` : smallDiskMissing('tmpfs')

const HOLD_MS = 8_000
/** docs/decisions/0011-facts-before-deadlines.md: after this time an ingest that is silent is no longer awaited. */
const EXPIRY_WAITS_MS = 30_000
const PATIENT = { timeoutMs: 60_000 }
const STEADY = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`n${i}.x.test`, `93.184.100.${i + 1}`]))

describe.skipIf(missing !== '')(`disks of servers are full${missing === '' ? '' : ` (${missing})`}`, () => {
  let natsDisk: SmallDisk
  let redisDisk: SmallDisk
  let nats: NatsServer
  let redis: Server
  let bird: Router
  let steady: Lookups
  const programs: Daemon[] = []
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
  const logs = () => programs.map((program) => `── ${program.name}\n${program.log().slice(-1500)}`).join('\n')
  const withdrawals = async () =>
    Number(/Import withdraws:\s+(\d+)/.exec(await birdCommand(bird.folder, 'show protocols all peer'))?.[1])
  const routes = async () => (await bird.routes()).length
  const until = (timeMs: number) => waitFor(() => Date.now() >= timeMs, PATIENT)
  /** The parts of a program that are not well, with their reasons. */
  async function troubles(app: string): Promise<string> {
    const program = programs.find(({ name }) => name === app)
    if (program === undefined) throw new Error(`${app} does not run`)
    return (await askAdmin(join(program.folder, 'admin.sock'), 'GET', '/api/status')).text
  }
  const saysOf = (app: string, sentence: string) =>
    waitFor(async () => (await troubles(app)).includes(sentence), {
      ...PATIENT,
      what: () => `"${sentence}" of ${app};\n${logs()}`,
    })
  async function learns(name: string, address: string) {
    const tap = join(programs[2].folder, 'tap.sock')
    const lookups = startLookups({ path: tap, names: { [name]: address }, everyMs: 2000 })
    await waitFor(async () => (await bird.routes()).some((route) => JSON.stringify(route).includes(address)), {
      ...PATIENT,
      what: () => `a route to ${address};\n${logs()}`,
    })
    lookups.stop()
  }

  beforeAll(async () => {
    natsDisk = makeSmallDisk('tmpfs', 8 * 2 ** 20)
    redisDisk = makeSmallDisk('tmpfs', 8 * 2 ** 20)
    const jetstream = `jetstream { store_dir: "${natsDisk.path}", max_memory_store: 64MB, max_file_store: 1GB }`
    ;[nats, redis] = await Promise.all([
      startNats({ jetstream: false, extra: jetstream }),
      startRedis({ extra: `appendonly yes\ndir ${redisDisk.path}` }),
    ])
    const address = loopbackAddress()
    const port = await freePort(address)
    bird = await startBird({ address, port, asn: 64512, peerAddress: us, peerAsn: 64512, families: ['ipv4'] })
    const apps = ['cache', 'bgp-announcer', 'dnstap-ingest']
    programs.push(...(await Promise.all(apps.map((app) => startProgram({ app, config })))))
    await bird.waitForSession('Established', { what: () => `a BGP session;\n${logs()}` })
    steady = startLookups({ path: join(programs[2].folder, 'tap.sock'), names: STEADY, everyMs: 2000 })
    await waitFor(async () => (await routes()) === 50, { ...PATIENT, what: () => `50 routes;\n${logs()}` })
  }, 120_000)

  afterAll(async () => {
    steady?.stop()
    await Promise.all(programs.map((program) => program.remove()))
    await Promise.all([bird?.remove(), nats?.remove(), redis?.remove()])
    natsDisk?.remove()
    redisDisk?.remove()
  }, 60_000)

  test('that of Redis: no route goes, and all goes on by itself when there is room', async () => {
    redisDisk.fill()
    await saysOf('cache', 'Redis cannot write to its disk')
    await until(Date.now() + HOLD_MS + 1500)
    redisDisk.makeRoom()
    await learns('one.x.test', '93.184.101.1')
    await waitFor(async () => !(await troubles('cache')).includes('Redis cannot write'), PATIENT)
    expect(await withdrawals()).toBe(0)
  }, 120_000)

  test('that of NATS: no route goes, and all goes on when there is room and, where JetStream hangs, nats-server was restarted', async () => {
    await waitFor(async () => (await routes()) === 50, PATIENT) // one.x.test is looked up no more
    const before = await withdrawals()
    natsDisk.fill()
    // nats-server 2.9 refuses a message, or it hangs.
    const says = /no space left on device|if its disk is full, make room and restart nats-server/
    await waitFor(async () => says.test(await troubles('dnstap-ingest')), { ...PATIENT, what: () => `what to do;\n${logs()}` })
    await until(Date.now() + HOLD_MS + EXPIRY_WAITS_MS + 2000)
    expect(await withdrawals()).toBe(before)
    natsDisk.makeRoom()
    await until(Date.now() + 10_000)
    if (says.test(await troubles('dnstap-ingest'))) {
      await nats.kill()
      await nats.restart()
    }
    await learns('two.x.test', '93.184.101.2')
    await waitFor(async () => !says.test(await troubles('dnstap-ingest')), PATIENT)
    await waitFor(async () => (await routes()) === 50, PATIENT)
    expect(await withdrawals()).toBe(before + 1)
  }, 180_000)
})
