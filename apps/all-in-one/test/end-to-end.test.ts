/**
 * The main job, on one box, with nothing faked: a real client asks a real Unbound, which asks a real authority and reports by dnstap to the
 * bundled all-in-one, which announces to a real BIRD.
 */
import {
  adminJson,
  askAdmin,
  type Authority,
  type Daemon,
  freePort,
  isInstalled,
  loopbackAddress,
  type Resolver,
  type Router,
  startAuthority,
  startBird,
  startProgram,
  startUnbound,
  waitFor,
} from '@dnstap-bgp/testkit'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const wanted = ['unbound', 'knotd', 'bird', 'dig']
const missing = wanted.filter((program) => !isInstalled(program))

// Documentation ranges stand for the internet here; the configuration lets them pass.
const ZONES = {
  'x.test': 'www A 198.51.100.1\nwww AAAA 2001:db8:51::1\nalias CNAME cdn.y.test.\nshort A 198.51.100.7\nloop A 127.0.0.1\n',
  'xbox.test': 'www A 198.51.100.66\n',
  'y.test': 'cdn A 198.51.100.2\ncdn A 198.51.100.3\n',
}

describe.skipIf(missing.length > 0)(
  `Unbound to BIRD through the all-in-one${missing.length > 0 ? ` (not installed: ${missing.join(', ')})` : ''}`,
  () => {
    let authority: Authority
    let unbound: Resolver
    let bird: Router
    let program: Daemon
    const us = loopbackAddress()
    let list = 'x.test\n'
    let ttl = '1h'

    const config = (folder: string) => {
      writeFileSync(join(folder, 'domains.txt'), list)
      return `
domains = "domains.txt"
cache = "cache"
ttl = "${ttl}"
ipv6 = true
[dnstap]
listen = ["./tap.sock"]
[bgp]
as = 64512
routerID = "192.0.2.1"
sourceIP = "${us}"
nextHop = "192.0.2.9"
nextHopIPv6 = "2001:db8::9"
peers = ["${bird.options.address}:${bird.options.port}"]
[never]
allow = ["198.51.100.0/24", "2001:db8:51::/48"]
[admin]
listen = "./admin.sock"
[log]
level = "debug"
`
    }
    const prefixes = async () => (await bird.routes()).map((route) => route.prefix)
    const waitForRoutes = (...expected: string[]) =>
      waitFor(async () => JSON.stringify(await prefixes()) === JSON.stringify(expected.sort()), {
        what: () => `BIRD to have ${expected.join(' ')}; our log:\n${program.log().slice(-3000)}`,
      })

    beforeAll(async () => {
      authority = await startAuthority(ZONES)
      const address = loopbackAddress()
      bird = await startBird({
        address,
        port: await freePort(address),
        asn: 64512,
        peerAddress: us,
        peerAsn: 64512,
        families: ['ipv4', 'ipv6'],
      })
      program = await startProgram({ app: 'all-in-one', config })
      unbound = await startUnbound({ dnstap: join(program.folder, 'tap.sock'), zones: Object.keys(ZONES), authority })
      await bird.waitForSession('Established')
    })

    afterAll(async () => {
      await unbound?.remove()
      await program?.remove()
      await bird?.remove()
      await authority?.remove()
    })

    test('a lookup becomes a route with the right next hop, for both families', async () => {
      await unbound.lookup('www.x.test', 'A')
      await unbound.lookup('www.x.test', 'AAAA')
      await waitForRoutes('198.51.100.1/32', '2001:db8:51::1/128')
      const routes = await bird.routes()
      expect(Object.fromEntries(routes.map((route) => [route.prefix, route.nextHop]))).toEqual({
        '198.51.100.1/32': '192.0.2.9',
        '2001:db8:51::1/128': '2001:db8::9',
      })
    })

    test('the addresses behind a CNAME of a listed name are routed; a look-alike, an unlisted name and loopback are not', async () => {
      await unbound.lookup('www.xbox.test')
      await unbound.lookup('cdn.y.test')
      await unbound.lookup('loop.x.test')
      await unbound.lookup('ALIAS.X.test')
      await waitForRoutes('198.51.100.1/32', '198.51.100.2/32', '198.51.100.3/32', '2001:db8:51::1/128')
    })

    test('a name that was forgotten by hand is back with the next lookup', async () => {
      const body = { subject: 'alias.x.test', holdDown: '0s' }
      const { text } = await askAdmin(join(program.folder, 'admin.sock'), 'POST', '/api/forget', body)
      expect(JSON.parse(text)).toMatchObject({ forgotten: 2 })
      await waitForRoutes('198.51.100.1/32', '2001:db8:51::1/128')
      await unbound.lookup('alias.x.test')
      await waitForRoutes('198.51.100.1/32', '198.51.100.2/32', '198.51.100.3/32', '2001:db8:51::1/128')
    })

    test('a restart brings the routes back from the store, without a lookup', async () => {
      expect(await program.stop()).toBe(0)
      await program.restart()
      await bird.waitForSession('Established')
      await waitForRoutes('198.51.100.1/32', '198.51.100.2/32', '198.51.100.3/32', '2001:db8:51::1/128')
    })

    test('SIGKILL loses nothing that is older than the durability window', async () => {
      await unbound.lookup('short.x.test')
      await waitForRoutes('198.51.100.1/32', '198.51.100.2/32', '198.51.100.3/32', '198.51.100.7/32', '2001:db8:51::1/128')
      // Older than the window by the program's own clock.
      const uptime = async () =>
        (await adminJson<{ uptimeSeconds: number }>(join(program.folder, 'admin.sock'), '/api/status')).uptimeSeconds
      const since = await uptime()
      await waitFor(async () => (await uptime()) >= since + 2, { what: 'the durability window to pass' })
      await program.kill()
      await program.restart()
      await bird.waitForSession('Established')
      await waitForRoutes('198.51.100.1/32', '198.51.100.2/32', '198.51.100.3/32', '198.51.100.7/32', '2001:db8:51::1/128')
    })

    test('SIGHUP reads the lists again: routes that they no longer cover are withdrawn, routes of names still covered stay', async () => {
      writeFileSync(join(program.folder, 'domains.txt'), 'www.x.test\n')
      program.signal('SIGHUP')
      await waitForRoutes('198.51.100.1/32', '2001:db8:51::1/128')
    })

    test('SIGUSR1 logs counts', async () => {
      program.signal('SIGUSR1')
      await waitFor(() => /Counts\..*routes/.test(program.log()), { what: 'the counts in the log' })
    })

    test('a route goes when its name was idle for the lifetime, even while we were down', async () => {
      expect(await program.stop()).toBe(0)
      ttl = '3s'
      list = 'x.test\n'
      await program.restart()
      await waitForRoutes()
      await unbound.lookup('short.x.test')
      await waitForRoutes('198.51.100.7/32')
      await waitForRoutes()
    })
  },
)
