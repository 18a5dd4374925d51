/**
 * Two instances of ours, each the bundled all-in-one and neither with anything on disk. The lookups are the first one's, the BIRD is behind
 * the second. The first has another peer before the second: one that takes connections and never answers.
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
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Asker, entriesOf, fetchAll, put } from './ancestor.ts'

const missing = ['unbound', 'knotd', 'bird', 'dig'].filter((program) => !isInstalled(program))

const hosts = Array.from({ length: 9 }, (_, i) => i + 1)
const ZONES = { 'x.test': `${hosts.map((n) => `h${n} A 198.51.100.${n}`).join('\n')}\n` }
/** Our clients speak from here: what Linux picks towards another address of the loopback. */
const FROM = '127.0.0.1'
const TOKEN = 'sesame'

describe.skipIf(missing.length > 0)(`two of ours${missing.length > 0 ? ` (not installed: ${missing.join(', ')})` : ''}`, () => {
  const addresses = { first: loopbackAddress(), second: loopbackAddress() }
  const mute = { address: loopbackAddress(), port: 0, sockets: new Set<Socket>() }
  const muteServer = createServer((socket) => {
    mute.sockets.add(socket)
    socket.on('error', () => {})
    socket.resume()
  })
  let authority: Authority
  let bird: Router
  let first: Daemon
  let second: Daemon
  let unbound: Resolver
  const askers = {} as Record<'first' | 'second', Asker>
  let ttl = '1h'
  /** The second's is long: what is not pushed comes to it with the first fetch, at the start. */
  let syncInterval = '1h'

  const config = (own: 'first' | 'second', other: 'first' | 'second') => (folder: string) => {
    writeFileSync(join(folder, 'domains.txt'), 'x.test\n')
    const endpoint = (who: 'first' | 'second') => `"${addresses[who]}:${askers[who].port}"`
    return `
domains = "domains.txt"
ttl = "${ttl}"
[dnstap]
listen = ["./tap.sock"]
[bgp]
as = 64512
routerID = "192.0.2.1"
sourceIP = "${addresses[own]}"
nextHop = "192.0.2.9"
peers = [${own === 'second' ? `"${bird.options.address}:${bird.options.port}"` : ''}]
[syncer]
listen = ${endpoint(own)}
syncInterval = "${own === 'first' ? syncInterval : '1h'}"
peers = [${own === 'first' ? `"${mute.address}:${mute.port}", ` : ''}${endpoint(other)}]
allow = ["${FROM}/32"]
token = "${TOKEN}"
[never]
allow = ["198.51.100.0/24"]
[admin]
listen = "./admin.sock"
[log]
level = "debug"
`
  }
  const routeOf = (n: number) => `198.51.100.${n}/32`
  const prefixes = async () => (await bird.routes()).map((route) => route.prefix).sort()
  const waitForRoutes = (...numbers: number[]) =>
    waitFor(async () => (await prefixes()).join() === numbers.map(routeOf).join(), {
      what: () =>
        `BIRD to have ${numbers.map(routeOf).join(' ')};\n── first\n${first.log().slice(-1500)}\n── second\n${second.log().slice(-1500)}`,
    })
  const has = async (who: 'first' | 'second') =>
    (await entriesOf(askers[who], `Authorization: Bearer ${TOKEN}\r\n`)).map((entry) => entry.IP).sort()
  const sync = (daemon: Daemon) =>
    adminJson<{ peer: string; pushed: number; queued: number; problem?: string }[]>(
      join(daemon.folder, 'admin.sock'),
      '/api/sync-peers',
    )

  beforeAll(async () => {
    authority = await startAuthority(ZONES)
    mute.port = await freePort(mute.address)
    await new Promise<void>((resolve) => muteServer.listen(mute.port, mute.address, resolve))
    const address = loopbackAddress()
    bird = await startBird({
      address,
      port: await freePort(address),
      asn: 64512,
      peerAddress: addresses.second,
      peerAsn: 64512,
      families: ['ipv4'],
    })
    for (const who of ['first', 'second'] as const)
      askers[who] = { host: addresses[who], port: await freePort(addresses[who]), from: FROM }
    ;[first, second] = await Promise.all([
      startProgram({ app: 'all-in-one', config: config('first', 'second') }),
      startProgram({ app: 'all-in-one', config: config('second', 'first') }),
    ])
    unbound = await startUnbound({ dnstap: join(first.folder, 'tap.sock'), zones: Object.keys(ZONES), authority })
    await bird.waitForSession('Established')
  })

  afterAll(async () => {
    await unbound?.remove()
    await Promise.all([first?.remove(), second?.remove()])
    for (const socket of mute.sockets) socket.destroy()
    await new Promise((resolve) => muteServer.close(resolve))
    await bird?.remove()
    await authority?.remove()
  })

  test('a binding of one becomes a route at the other, although the peer before it never answers', async () => {
    await unbound.lookup('h1.x.test')
    await waitForRoutes(1)
    expect(mute.sockets.size).toBeGreaterThan(0)
    const [dead, alive] = await sync(first)
    expect(dead).toMatchObject({ peer: `${mute.address}:${mute.port}`, pushed: 0 })
    expect(alive).toMatchObject({ pushed: 1, queued: 0 })
  })

  test('without the token, or with a wrong one, even a peer gets 401, and nothing that it sent is kept', async () => {
    const json = `{"IP":"198.51.100.200","Domain":"h9.x.test","TS":"${new Date().toISOString()}"}`
    expect(await put(askers.second, json)).toMatchObject({
      status: 401,
      body: 'Unauthorized: a bearer token is needed (syncer.token)',
    })
    expect(await fetchAll(askers.second, 'Authorization: Bearer sesam\r\n')).toMatchObject({
      status: 401,
      body: 'Unauthorized: the bearer token is wrong (syncer.token)',
    })
    expect(await has('second')).toEqual(['198.51.100.1'])
    const { text } = await askAdmin(join(second.folder, 'admin.sock'), 'GET', '/metrics')
    expect(text).toContain('gateway_requests_total{result="unauthorized"} 2')
    expect(text + second.log() + first.log()).not.toContain(TOKEN)
  })

  test('an instance that was away has everything again, although it stored nothing', async () => {
    await second.kill()
    await unbound.lookup('h2.x.test')
    await waitFor(async () => (await has('first')).length === 2, { what: 'the lookup at the first' })
    await second.restart()
    await bird.waitForSession('Established')
    await waitForRoutes(1, 2)
    expect(await has('second')).toEqual(await has('first'))
  })

  test('so has the instance that hears the resolver', async () => {
    await first.kill()
    await first.restart()
    await waitFor(async () => (await has('first')).length === 2, { what: 'both at the first' })
    await unbound.lookup('h3.x.test')
    await waitForRoutes(1, 2, 3)
  })

  test('while a name keeps being looked up at one, its route stays at the other; when that ends, it goes from both', async () => {
    await Promise.all([first.stop(), second.stop()])
    ttl = '6s'
    syncInterval = '1s' // asking again and again must not keep alive what nobody looks up
    await Promise.all([first.restart(), second.restart()])
    await bird.waitForSession('Established')
    await unbound.lookup('h4.x.test')
    await waitForRoutes(4)
    const seen = async () => {
      const entries = await entriesOf(askers.second, `Authorization: Bearer ${TOKEN}\r\n`)
      return Date.parse(entries.find((entry) => entry.IP === '198.51.100.4')?.TS ?? '')
    }
    const since = await seen()
    // Over two lifetimes by the second's own word.
    await waitFor(
      async () => {
        await unbound.lookup('h4.x.test')
        expect.soft(await prefixes()).toEqual([routeOf(4)])
        return (await seen()) - since > 13_000
      },
      { timeoutMs: 40_000, intervalMs: 200, what: 'refreshes over two lifetimes' },
    )
    await waitForRoutes()
    await waitFor(async () => (await has('first')).length === 0, { what: 'the first to have nothing' })
  })
})
