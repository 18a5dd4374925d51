/** An answer is held until it is routed, with the four services apart: the word that it is routed travels over NATS. */
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  birdCommand,
  type Daemon,
  freePort,
  isInstalled,
  loopbackAddress,
  type Resolver,
  startAuthority,
  startBird,
  startNats,
  startProgram,
  startRedis,
  startUnbound,
  waitFor,
} from '@dnstap-bgp/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Client } from './client.ts'

const script = fileURLToPath(new URL('../../../../deploy/resolvers/unbound.py', import.meta.url))
const missing = [
  ...['unbound', 'knotd', 'bird', 'nats-server', 'redis-server'].filter((program) => !isInstalled(program)),
  ...(existsSync('/usr/lib/python3/dist-packages/unboundmodule.py') ? [] : ['python3-unbound']),
]
const PATIENT = { timeoutMs: 60_000 }
const RECORDS = Array.from({ length: 400 }, (_, i) => `n${i} A 20.8.${i >> 8}.${i & 255}`).join('\n')

describe.skipIf(missing.length > 0)(
  `hold, with the services apart${missing.length > 0 ? ` (not installed: ${missing.join(', ')})` : ''}`,
  () => {
    const closers: (() => unknown)[] = []
    const use = <T extends { remove(): Promise<void> }>(one: T): T => {
      closers.push(() => one.remove())
      return one
    }
    let bird: { readonly folder: string }
    let announcer: Daemon
    let resolver: Resolver
    let client: Client

    beforeAll(async () => {
      const folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-hold-'))
      closers.push(() => rmSync(folder, { recursive: true, force: true }))
      chmodSync(folder, 0o755)
      writeFileSync(join(folder, 'names'), 'listed.test\n')
      const us = loopbackAddress()
      const address = loopbackAddress()
      const port = await freePort(address)
      const router = use(await startBird({ address, port, asn: 64512, peerAddress: us, peerAsn: 64512, families: ['ipv4'] }))
      bird = router
      const nats = use(await startNats())
      const redis = use(await startRedis())
      const config = () => `domains = "${folder}/names"
[dnstap]
listen = "${folder}/dnstap.sock"
perm = "0666"
[dnstap.hold]
limit = "1s"
[bgp]
as = 64512
routerID = "192.0.2.1"
sourceIP = "${us}"
nextHop = "192.0.2.9"
[[bgp.peer]]
address = "${address}:${port}"
confirm = true
[bus]
servers = ["nats://${nats.url}"]
[store]
redis = "${redis.host}:${redis.port}"
[admin]
listen = "./admin.sock"
`
      use(await startProgram({ app: 'cache', config }))
      announcer = use(await startProgram({ app: 'bgp-announcer', config }))
      use(await startProgram({ app: 'dnstap-ingest', config }))
      const authority = use(await startAuthority({ 'listed.test': RECORDS }))
      const env = { DNSTAP_BGP_SOCKET: join(folder, 'dnstap.sock'), DNSTAP_BGP_HOLD_MS: '1000' }
      resolver = use(await startUnbound({ zones: ['listed.test'], authority, pythonModule: { script, env } }))
      client = await Client.open(resolver)
      closers.push(() => client.close())
      await router.waitForSession('Established', PATIENT)
    }, 120_000)

    afterAll(async () => {
      for (const close of closers.reverse()) await close()
    }, 60_000)

    test('the UPDATE has left the announcer before the client has the answer', async () => {
      let asked = 0
      const ask = async () => (await client.ask(`n${asked++}.listed.test`)).split(' ')[1]
      const isRouted = async (route: string) =>
        (await birdCommand(bird.folder, `show route for ${route}`)).includes(`${route}/32`)
      // The hook finds the socket, and each service runs warm.
      await waitFor(async () => isRouted(await ask()), { ...PATIENT, intervalMs: 100 })
      for (let round = 0; round < 20; round++) {
        const route = await ask()
        announcer.signal('SIGSTOP')
        await waitFor(() => isRouted(route), { ...PATIENT, what: `a route to ${route}` })
        announcer.signal('SIGCONT')
      }
      expect(asked).toBeGreaterThan(20)
    }, 120_000)
  },
)
