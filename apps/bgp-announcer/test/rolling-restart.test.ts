/**
 * An upgrade under the eyes of three routers at once: the bundled all-in-one is stopped or killed and started again while BIRD, FRR and
 * GoBGP are asked, again and again, whether they hold every route. A fourth router knows no graceful restart and is told goodbye.
 */
import {
  adminJson,
  birdCommand,
  type Daemon,
  dnsResponse,
  dnstapFrame,
  freePort,
  isInstalled,
  loopbackAddress,
  type Router,
  type RouterKind,
  startProgram,
  startRouter,
  waitFor,
  watchRoutes,
} from '@dnstap-bgp/testkit'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tell } from './frame-stream.ts'

const HELPERS = ['bird', 'frr', 'gobgp'] as const
const missing = HELPERS.filter((kind) => !isInstalled(kind))
const OF_EACH_FAMILY = 200
const ROUTES = 2 * OF_EACH_FAMILY

describe.skipIf(missing.length > 0)(
  `a rolling restart${missing.length > 0 ? ` (not installed: ${missing.join(', ')})` : ''}`,
  { timeout: 180_000 }, // three routers and a program, on a machine that may be busy
  () => {
    const us = loopbackAddress()
    let helpers: Router[] = []
    let plain: Router
    let program: Daemon
    let onStop = 'keep'

    const config = (folder: string) => {
      writeFileSync(join(folder, 'domains.txt'), 'listed.example\n')
      return `
cache = "cache"
ipv6 = true
[[list]]
name = "default"
source = "domains.txt"
newRoutesPerSecond = 100000
[dnstap]
listen = ["./tap.sock"]
[bgp]
as = 64512
routerID = "192.0.2.1"
sourceIP = "${us}"
nextHop = "192.0.2.9"
nextHopIPv6 = "2001:db8::9"
connectRetry = "1s"
onStop = "${onStop}"
${[...helpers, plain].map(({ options }) => `[[bgp.peer]]\naddress = "${options.address}"\nport = ${options.port}`).join('\n')}
[admin]
listen = "./admin.sock"
`
    }
    const peerStates = async () =>
      (await adminJson<{ state: string; tableSent: boolean }[]>(join(program.folder, 'admin.sock'), '/api/peers')).map(
        ({ state, tableSent }) => `${state} ${tableSent}`,
      )
    const allUp = () =>
      waitFor(async () => (await peerStates()).filter((each) => each === 'Established true').length === helpers.length + 1, {
        timeoutMs: 60_000,
        what: () => `all sessions to have the table; our log:\n${program.log().slice(-3000)}`,
      })

    beforeAll(async () => {
      const router = async (kind: RouterKind, gracefulRestart: boolean) => {
        const address = loopbackAddress()
        const port = await freePort(address)
        return startRouter(kind, { address, port, asn: 64512, peerAddress: us, peerAsn: 64512, gracefulRestart })
      }
      helpers = await Promise.all(HELPERS.map((kind) => router(kind, true)))
      plain = await router('bird', false)
      program = await startProgram({ app: 'all-in-one', config })
      await allUp()
      await tell(join(program.folder, 'tap.sock'), seed())
      for (const each of [...helpers, plain]) await each.waitForCount(ROUTES)
    })

    afterAll(async () => {
      await program?.remove()
      for (const each of [...helpers, plain]) await each?.remove()
    })

    test.each([
      ['stopped by SIGTERM', async () => expect(await program.stop()).toBe(0)],
      ['killed by SIGKILL', () => program.kill()],
    ])('%s and started again, no route is missing in BIRD, FRR or GoBGP at any moment', async (_how, end) => {
      const watches = helpers.map((router) => watchRoutes(router))
      await end()
      for (const each of helpers)
        await each.waitFor(async () => (await each.session()) !== 'Established', { what: `${each.kind} to notice` })
      await program.restart()
      await allUp()
      await plain.waitForCount(ROUTES)
      for (const each of helpers) await each.waitForSession('Established')
      for (const watch of watches) {
        const { kind, looks, lowest } = await watch.end()
        expect.soft({ kind, lowest }).toEqual({ kind, lowest: ROUTES })
        expect.soft(looks).toBeGreaterThan(10)
      }
    })

    test('the router without graceful restart got a Cease with a text (RFC 9003), and lost the routes', () => {
      expect(plain.log()).toMatch(/Received: Administrative shutdown.*dnstap-bgp stops/)
      expect(helpers[0].log()).not.toMatch(/Administrative shutdown/)
    })

    test('with onStop = "withdraw" the routes are withdrawn everywhere before the session ends', async () => {
      onStop = 'withdraw'
      await program.stop() // the file is read at the start
      await program.restart()
      await allUp()
      for (const each of helpers) await each.waitForCount(ROUTES)
      const [bird] = helpers
      const before = bird.log().length
      await birdCommand(bird.folder, 'debug peer { states, routes, events }')
      expect(await program.stop()).toBe(0)
      for (const each of [...helpers, plain]) await each.waitForCount(0)
      const said = bird.log().slice(before)
      const untilGoodbye = said.slice(0, said.indexOf('Received: Administrative shutdown'))
      expect(untilGoodbye.match(/> removed/g)).toHaveLength(ROUTES)
    })
  },
)

function seed(): Uint8Array[] {
  return Array.from({ length: OF_EACH_FAMILY }, (_, n) => {
    const qname = `h${n}.listed.example`
    const v4 = { owner: qname, type: 'A', value: `20.1.${n >> 8}.${n & 255}` } as const
    const v6 = { owner: qname, type: 'AAAA', value: `2600:1::${(n + 1).toString(16)}` } as const
    return [
      dnstapFrame({ response: dnsResponse({ qname, answers: [v4] }) }),
      dnstapFrame({ response: dnsResponse({ qname, qtype: 28, answers: [v6] }) }),
    ]
  }).flat()
}
