/**
 * The wall clock of an all-in-one is set ahead and back while it runs, in ways from seconds to an hour, and so is a resolver's. Names are looked
 * up all the time, and a real BIRD counts withdrawals: no valid route goes, and what is looked up no more goes in time.
 */
import {
  birdCommand,
  type Daemon,
  freePort,
  isInstalled,
  loopbackAddress,
  type Lookups,
  OwnClock,
  type Router,
  startBird,
  startLookups,
  startProgram,
  STEP_SEEN_MS,
  waitFor,
} from '@dnstap-bgp/testkit'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const PATIENT = { timeoutMs: 60_000 }
const HOLD_MS = 8000
const STEADY = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`n${i}.x.test`, `93.184.215.${i + 1}`]))
const missing = [...['bird'].filter((one) => !isInstalled(one)), ...(OwnClock.canBeSet ? [] : ['libfaketime'])]

describe.skipIf(missing.length > 0)(
  `an all-in-one whose clock is set${missing.length > 0 ? ` (not installed: ${missing.join(', ')})` : ''}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-clock-'))
    const clock = new OwnClock(join(folder, 'clock'))
    const us = loopbackAddress()
    let bird: Router
    let program: Daemon
    let steady: Lookups
    let resolverOffsetMs = 0
    const now = () => Date.now() + resolverOffsetMs

    const config = (home: string) => {
      writeFileSync(join(home, 'domains.txt'), 'x.test\n')
      return `
domains = "domains.txt"
ttl = "${HOLD_MS}ms"
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
    const tap = () => join(program.folder, 'tap.sock')

    beforeAll(async () => {
      const address = loopbackAddress()
      const port = await freePort(address)
      bird = await startBird({ address, port, asn: 64512, peerAddress: us, peerAsn: 64512, families: ['ipv4'] })
      program = await startProgram({ app: 'all-in-one', config, env: clock.env })
      await bird.waitForSession('Established')
      steady = startLookups({ path: tap(), names: STEADY, everyMs: 2500, now })
      await waitForRoutes(100)
    }, 120_000)

    afterAll(async () => {
      steady?.stop()
      await program?.remove()
      await bird?.remove()
      rmSync(folder, { recursive: true, force: true })
    }, 60_000)

    test.each([60, -3700])(
      'by %i s and right again: no route goes that is looked up, and one that is not goes in time',
      async (seconds) => {
        const before = await withdrawals()
        const once = startLookups({ path: tap(), names: { 'once.x.test': '93.184.216.1' }, everyMs: 1e9, now })
        await waitForRoutes(101)
        for (const offsetMs of [seconds * 1000, 0]) {
          clock.set(offsetMs)
          await until(Date.now() + STEP_SEEN_MS + HOLD_MS)
        }
        once.stop()
        await waitForRoutes(100)
        expect(await withdrawals()).toBe(before + 1)
      },
      120_000,
    )

    test.each([60, -3700])(
      "a resolver's by %i s: no route goes",
      async (seconds) => {
        const before = await withdrawals()
        resolverOffsetMs += seconds * 1000
        await until(Date.now() + 2 * HOLD_MS)
        await waitForRoutes(100)
        expect(await withdrawals()).toBe(before)
      },
      120_000,
    )
  },
)
