/**
 * The gateway as a process of its own: the cache behind it over a real NATS with a real Redis, a real Unbound in front of the ingest and a
 * real BIRD behind the announcer, and beside it an instance that speaks as dnstap-bgp 1.1 does.
 */
import {
  type Authority,
  type Daemon,
  freePort,
  isInstalled,
  loopbackAddress,
  type NatsServer,
  type Resolver,
  type Router,
  type Server,
  startAuthority,
  startBird,
  startNats,
  startProgram,
  startRedis,
  startUnbound,
  waitFor,
} from '@dnstap-bgp/testkit'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Asker, entriesOf, FakeAncestor, fetchAll, put } from './ancestor.ts'

const missing = ['unbound', 'knotd', 'bird', 'dig', 'nats-server', 'redis-server'].filter((program) => !isInstalled(program))

const APPS = ['cache', 'sync-gateway', 'bgp-announcer', 'dnstap-ingest'] as const

describe.skipIf(missing.length > 0)(
  `the gateway over NATS${missing.length > 0 ? ` (not installed: ${missing.join(', ')})` : ''}`,
  () => {
    const us = loopbackAddress()
    const programs = new Map<string, Daemon>()
    let authority: Authority
    let nats: NatsServer
    let redis: Server
    let bird: Router
    let ancestor: FakeAncestor
    let unbound: Resolver
    let peer: Asker

    const config = (folder: string) => {
      writeFileSync(join(folder, 'domains.txt'), 'x.test\n')
      return `
domains = "domains.txt"
ttl = "1h"
[dnstap]
listen = ["./tap.sock"]
[bgp]
as = 64512
routerID = "192.0.2.1"
sourceIP = "${us}"
nextHop = "192.0.2.9"
peers = ["${bird.options.address}:${bird.options.port}"]
[syncer]
listen = "${us}:${peer.port}"
syncInterval = "1s"
peers = ["${ancestor.address}:${ancestor.port}"]
[never]
allow = ["198.51.100.0/24", "203.0.113.0/24"]
[bus]
servers = ["nats://${nats.url}"]
[store]
redis = "${redis.host}:${redis.port}"
[admin]
listen = "./admin.sock"
[log]
level = "debug"
`
    }
    const program = (app: string) => {
      const daemon = programs.get(app)
      if (daemon === undefined) throw new Error(`${app} was not started`)
      return daemon
    }
    const logs = () => [...programs].map(([name, daemon]) => `── ${name}\n${daemon.log().slice(-1500)}`).join('\n')
    const waitForRoutes = (...expected: string[]) =>
      waitFor(
        async () =>
          (await bird.routes())
            .map((route) => route.prefix)
            .sort()
            .join() === expected.sort().join(),
        { what: () => `BIRD to have ${expected.join(' ')};\n${logs()}` },
      )
    const json = (ip: string, domain: string) => `{"IP":"${ip}","Domain":"${domain}","TS":"${new Date().toISOString()}"}`

    beforeAll(async () => {
      ;[authority, nats, redis, ancestor] = await Promise.all([
        startAuthority({ 'x.test': 'www A 198.51.100.1\n' }),
        startNats(),
        startRedis(),
        FakeAncestor.start(loopbackAddress()),
      ])
      const address = loopbackAddress()
      bird = await startBird({
        address,
        port: await freePort(address),
        asn: 64512,
        peerAddress: us,
        peerAsn: 64512,
        families: ['ipv4'],
      })
      peer = { host: us, port: await freePort(us), from: ancestor.address }
      await Promise.all(APPS.map(async (app) => programs.set(app, await startProgram({ app, config }))))
      unbound = await startUnbound({ dnstap: join(program('dnstap-ingest').folder, 'tap.sock'), zones: ['x.test'], authority })
      await bird.waitForSession('Established')
    }, 120_000)

    afterAll(async () => {
      await unbound?.remove()
      await Promise.all([...programs.values()].map((daemon) => daemon.remove()))
      await Promise.all([ancestor?.close(), bird?.remove(), nats?.remove(), redis?.remove(), authority?.remove()])
    }, 60_000)

    test("the ancestor's pushed and fetched entries become routes, bindings from lookups are pushed to it, and /fetch has all of them", async () => {
      await waitFor(async () => (await fetchAll(peer)).status === 200, { what: () => `an answer of the cache;\n${logs()}` })
      expect(await put(peer, json('203.0.113.1', 'put.x.test'))).toMatchObject({ status: 200, body: '' })
      ancestor.entries = [JSON.parse(json('203.0.113.2', 'fetched.x.test')) as FakeAncestor['entries'][number]]
      await unbound.lookup('www.x.test')
      await waitForRoutes('198.51.100.1/32', '203.0.113.1/32', '203.0.113.2/32')
      await waitFor(() => ancestor.puts.length > 0, { what: 'our PUT' })
      expect(ancestor.told).toMatchObject([{ IP: '198.51.100.1', Domain: 'www.x.test' }])
      expect((await entriesOf(peer)).map((entry) => entry.IP).sort()).toEqual(['198.51.100.1', '203.0.113.1', '203.0.113.2'])
      expect(await put(peer, json('127.0.0.1', 'put.x.test'))).toMatchObject({
        status: 200,
        body: expect.stringContaining('Ignored: the never list has it') as string,
      })
    })

    test('while there is no cache a sync peer gets 503, so that it pushes again later', async () => {
      await program('cache').kill()
      expect(await put(peer, json('203.0.113.3', 'put.x.test'))).toMatchObject({ status: 503 })
      await program('cache').restart()
      await waitFor(async () => (await put(peer, json('203.0.113.3', 'put.x.test'))).status === 200, {
        what: () => `the cache to take it;\n${logs()}`,
      })
      await waitForRoutes('198.51.100.1/32', '203.0.113.1/32', '203.0.113.2/32', '203.0.113.3/32')
    })
  },
)
