/**
 * An all-in-one is frozen for longer than its routes live, while their names are looked up: what waits in its socket extends them, and a
 * real BIRD hears no withdrawal. `ttl = "dns"`, so that a record's TTL is what counts.
 */
import {
  birdCommand,
  type Daemon,
  freePort,
  isInstalled,
  loopbackAddress,
  type Lookups,
  type Router,
  startBird,
  startLookups,
  startProgram,
  waitFor,
} from '@dnstap-bgp/testkit'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const PATIENT = { timeoutMs: 60_000 }
const TTL_SECONDS = 8
const NAMES = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`n${i}.x.test`, `93.184.215.${i + 1}`]))

describe.skipIf(!isInstalled('bird'))('an all-in-one that was frozen', () => {
  let bird: Router
  let program: Daemon
  let lookups: Lookups
  const us = loopbackAddress()

  const config = (folder: string) => {
    writeFileSync(join(folder, 'domains.txt'), 'x.test\n')
    return `
[[list]]
name = "default"
source = "domains.txt"
ttl = "dns"
ttlMin = "1s"
ttlGrace = "0s"
[dnstap]
listen = "./tap.sock"
[bgp]
as = 64512
routerID = "192.0.2.1"
sourceIP = "${us}"
nextHop = "192.0.2.9"
peers = ["${bird.options.address}:${bird.options.port}"]
[admin]
listen = "./admin.sock"
`
  }
  const withdrawals = async () =>
    Number(/Import withdraws:\s+(\d+)/.exec(await birdCommand(bird.folder, 'show protocols all peer'))?.[1])
  const waitForRoutes = (count: number) =>
    waitFor(async () => (await bird.routes()).length === count, {
      ...PATIENT,
      what: () => `${count} routes; our log:\n${program.log().slice(-3000)}`,
    })
  const until = (timeMs: number) => waitFor(() => Date.now() >= timeMs, PATIENT)

  beforeAll(async () => {
    const address = loopbackAddress()
    const port = await freePort(address)
    bird = await startBird({ address, port, asn: 64512, peerAddress: us, peerAsn: 64512, families: ['ipv4'] })
    program = await startProgram({ app: 'all-in-one', config })
    await bird.waitForSession('Established')
    lookups = startLookups({ path: join(program.folder, 'tap.sock'), names: NAMES, everyMs: 2500, ttlSeconds: TTL_SECONDS })
    await waitForRoutes(100)
  }, 120_000)

  afterAll(async () => {
    lookups?.stop()
    await program?.remove()
    await bird?.remove()
  }, 60_000)

  test('reads the waiting frames before deadlines count: no route is withdrawn', async () => {
    program.signal('SIGSTOP')
    await until(Date.now() + TTL_SECONDS * 1000 + 1500)
    program.signal('SIGCONT')
    await until(Date.now() + (TTL_SECONDS * 1000) / 2)
    await waitForRoutes(100)
    expect(await withdrawals()).toBe(0)
  }, 120_000)

  test('withdraws the routes of names that were not looked up meanwhile', async () => {
    lookups.stop()
    program.signal('SIGSTOP')
    await until(Date.now() + TTL_SECONDS * 1000 + 1500)
    program.signal('SIGCONT')
    await waitForRoutes(0)
  }, 120_000)
})
