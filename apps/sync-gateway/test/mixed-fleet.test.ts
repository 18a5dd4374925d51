/**
 * A fleet of dnstap-bgp 1.1 and one of ours, in the ancestor's recorded octets both ways: a real Unbound in front of the bundled all-in-one,
 * a real BIRD behind it, and beside it another instance that speaks as the ancestor does.
 */
import {
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
import { type Asker, entriesOf, FakeAncestor, fetchAll, put } from './ancestor.ts'

const missing = ['unbound', 'knotd', 'bird', 'dig'].filter((program) => !isInstalled(program))

const ZONES = { 'x.test': 'www A 198.51.100.1\nwww AAAA 2001:db8:51::1\n' }
const HOUR_MS = 3_600_000

describe.skipIf(missing.length > 0)(
  `one of ours among ancestors${missing.length > 0 ? ` (not installed: ${missing.join(', ')})` : ''}`,
  () => {
    const us = loopbackAddress()
    const stranger = loopbackAddress()
    let authority: Authority
    let bird: Router
    let ancestor: FakeAncestor
    let ours: Daemon
    let unbound: Resolver
    /** Us, asked from the ancestor's address. */
    let peer: Asker

    const config = (folder: string) => {
      writeFileSync(join(folder, 'domains.txt'), 'x.test\nlisted.test\n')
      return `
domains = "domains.txt"
ttl = "24h"
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
[syncer]
listen = "${us}:${peer.port}"
syncInterval = "1s"
peers = ["${ancestor.address}:${ancestor.port}"]
[never]
allow = ["198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"]
[admin]
listen = "./admin.sock"
[log]
level = "debug"
`
    }
    const prefixes = async () => (await bird.routes()).map((route) => route.prefix).sort()
    const waitForRoutes = (...expected: string[]) =>
      waitFor(async () => (await prefixes()).join() === expected.sort().join(), {
        what: () => `BIRD to have ${expected.join(' ')}; our log:\n${ours.log().slice(-3000)}`,
      })
    const metric = async (name: string) => {
      const { text } = await askAdmin(join(ours.folder, 'admin.sock'), 'GET', '/metrics')
      const line = text.split('\n').find((one) => one.startsWith(`dnstap_bgp_${name} `))
      if (line === undefined) throw new Error(`no metric ${name} in\n${text}`)
      return Number(line.slice(line.lastIndexOf(' ') + 1))
    }
    /** As Go writes times: nanoseconds, here with digits that we do not keep. */
    const goTime = (unixMs: number) => new Date(unixMs).toISOString().replace('Z', '254902Z')
    const json = (ip: string, domain: string, seenAtMs = Date.now()) =>
      `{"IP":"${ip}","Domain":"${domain}","TS":"${goTime(seenAtMs)}"}`
    const seenAt = async (ip: string) => (await entriesOf(peer)).find((entry) => entry.IP === ip)?.TS

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
      ancestor = await FakeAncestor.start(loopbackAddress())
      peer = { host: us, port: await freePort(us), from: ancestor.address }
      ours = await startProgram({ app: 'all-in-one', config })
      unbound = await startUnbound({ dnstap: join(ours.folder, 'tap.sock'), zones: Object.keys(ZONES), authority })
      await bird.waitForSession('Established')
    })

    afterAll(async () => {
      await unbound?.remove()
      await ours?.remove()
      await ancestor?.close()
      await bird?.remove()
      await authority?.remove()
    })

    test('at the start we ask the ancestor in its own octets, and have nothing to tell: "null"', async () => {
      await waitFor(() => ancestor.fetches.length > 0, { what: 'our GET /fetch' })
      expect(ancestor.fetches[0]).toBe(
        `GET /fetch HTTP/1.1\r\nHost: ${ancestor.address}:${ancestor.port}\r\nUser-Agent: Go-http-client/1.1\r\nAccept-Encoding: gzip\r\n\r\n`,
      )
      expect(await fetchAll(peer)).toMatchObject({ status: 200, body: 'null\n' })
    })

    test("the ancestor's PUT gets 200 with an empty body and becomes a route", async () => {
      expect(await put(peer, json('203.0.113.1', 'listed.test'))).toMatchObject({ status: 200, body: '' })
      expect(await put(peer, json('2001:db8:2::1', 'listed.test'))).toMatchObject({ status: 200, body: '' })
      await waitForRoutes('203.0.113.1/32', '2001:db8:2::1/128')
      expect((await bird.routes()).map((route) => route.nextHop).sort()).toEqual(['192.0.2.9', '2001:db8::9'])
    })

    test("GET /fetch gives it back in the ancestor's form", async () => {
      const { status, headers, body } = await fetchAll(peer)
      expect(status).toBe(200)
      expect(headers).toContain('\r\nContent-Type: text/plain; charset=utf-8\r\n')
      expect(body).toMatch(
        /^\[\{"IP":"[^"]+","Domain":"listed\.test","TS":"[^"]+Z"\},\{"IP":"[^"]+","Domain":"listed\.test","TS":"[^"]+Z"\}\]\n$/,
      )
      expect((await entriesOf(peer)).map((entry) => entry.IP).sort()).toEqual(['2001:db8:2::1', '203.0.113.1'])
    })

    test('a binding from a lookup is pushed at once, in the octets that the ancestor would send; its own entries are not pushed back', async () => {
      await unbound.lookup('WWW.x.test', 'A')
      await unbound.lookup('www.x.test', 'AAAA')
      await waitFor(() => ancestor.puts.length >= 2, { what: () => `two PUTs; seen ${ancestor.puts.length}` })
      const [first] = ancestor.puts
      const body = first.slice(first.indexOf('\r\n\r\n') + 4)
      expect(first).toBe(
        `PUT /put HTTP/1.1\r\nHost: ${ancestor.address}:${ancestor.port}\r\nUser-Agent: Go-http-client/1.1\r\nTransfer-Encoding: chunked\r\nAccept-Encoding: gzip\r\n\r\n${body}`,
      )
      expect(body).toMatch(
        /^[0-9a-f]+\r\n\{"IP":"198\.51\.100\.1","Domain":"www\.x\.test","TS":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z"\}\r\n0\r\n\r\n$/,
      )
      expect(Number.parseInt(body, 16)).toBe(body.split('\r\n')[1].length)
      expect(ancestor.told.map((entry) => entry.IP).sort()).toEqual(['198.51.100.1', '2001:db8:51::1'])
    })

    test("the ancestor's entries are fetched every interval: good ones are merged, a bad one costs only itself", async () => {
      const refused = {
        never: await metric('cache_refused_total{reason="never"}'),
        old: await metric('cache_refused_total{reason="too-old"}'),
      }
      const now = Date.now()
      ancestor.entries = [
        { IP: '127.0.0.1', Domain: 'listed.test', TS: goTime(now) },
        { IP: 'not-an-ip', Domain: 'listed.test', TS: goTime(now) },
        { IP: '203.0.113.66', Domain: 'www.unlisted.test', TS: goTime(now) },
        { IP: '203.0.113.67', Domain: 'listed.test', TS: goTime(now - 25 * HOUR_MS) },
        { IP: '203.0.113.2', Domain: 'Mixed.LISTED.test', TS: goTime(now) },
      ]
      await waitForRoutes('198.51.100.1/32', '203.0.113.1/32', '203.0.113.2/32', '2001:db8:2::1/128', '2001:db8:51::1/128')
      expect(await metric('cache_refused_total{reason="never"}')).toBeGreaterThan(refused.never)
      expect(await metric('cache_refused_total{reason="too-old"}')).toBeGreaterThan(refused.old)
      expect((await entriesOf(peer)).find((entry) => entry.IP === '203.0.113.2')?.Domain).toBe('mixed.listed.test')
      ancestor.entries = []
    })

    test.each([
      ['loopback', '127.0.0.1', 'listed.test', 'never', 'the never list has it: loopback'],
      ['our own next hop', '192.0.2.9', 'listed.test', 'never', 'the never list has it'],
      ['a private address', '10.1.2.3', 'listed.test', 'never', 'the never list has it'],
      ['a name that is not listed', '203.0.113.3', 'www.notlisted.test', 'not-listed', 'no list covers www.notlisted.test'],
    ])('a PUT of %s is 200 with the reason, counted, and no route', async (_what, ip, domain, reason, why) => {
      const name = `cache_refused_total{reason="${reason}"}`
      const before = await metric(name)
      const routes = await prefixes()
      const answer = await put(peer, json(ip, domain))
      expect(answer).toMatchObject({ status: 200, body: expect.stringContaining(`Ignored: ${why}`) as string })
      expect(await metric(name)).toBe(before + 1)
      expect((await entriesOf(peer)).map((entry) => entry.IP)).not.toContain(ip)
      expect(await prefixes()).toEqual(routes)
    })

    test('one IPv4 address has one key: the mapped form is refused, and a name in another case is the same name', async () => {
      expect(await put(peer, json('::ffff:203.0.113.1', 'listed.test'))).toMatchObject({
        status: 400,
        body: 'Bad request: invalid IP address: ::ffff:203.0.113.1',
      })
      const before = await entriesOf(peer)
      expect(await put(peer, json('203.0.113.1', 'LISTED.Test.'))).toMatchObject({ status: 200, body: '' })
      const after = await entriesOf(peer)
      expect(after).toHaveLength(before.length)
      expect(after.filter((entry) => entry.IP === '203.0.113.1').map((entry) => entry.Domain)).toEqual(['listed.test'])
    })

    test("a peer's old or expired sighting of a live route neither withdraws nor ages it", async () => {
      const seen = await seenAt('198.51.100.1')
      const routes = await prefixes()
      expect(await put(peer, json('198.51.100.1', 'www.x.test', Date.now() - HOUR_MS))).toMatchObject({ status: 200, body: '' })
      expect(await put(peer, json('198.51.100.1', 'www.x.test', Date.now() - 25 * HOUR_MS))).toMatchObject({
        status: 200,
        body: 'Ignored: it was seen longer ago than its lifetime',
      })
      expect(await seenAt('198.51.100.1')).toBe(seen)
      expect(await prefixes()).toEqual(routes)
    })

    test('a stranger gets 403 with the reason, and nothing that it sent is kept', async () => {
      const before = await metric('gateway_requests_total{result="forbidden"}')
      const forbidden = { status: 403, body: `Forbidden: ${stranger} is not among the peers (syncer.peers, syncer.allow)` }
      expect(await put({ ...peer, from: stranger }, json('203.0.113.4', 'listed.test'))).toMatchObject(forbidden)
      expect(await fetchAll({ ...peer, from: stranger })).toMatchObject(forbidden)
      expect(await metric('gateway_requests_total{result="forbidden"}')).toBe(before + 2)
      expect((await entriesOf(peer)).map((entry) => entry.IP)).not.toContain('203.0.113.4')
    })

    test('a later sighting by the ancestor moves ours on, and we tell it in the next answer', async () => {
      const laterMs = Date.now()
      expect(await put(peer, json('203.0.113.2', 'mixed.listed.test', laterMs))).toMatchObject({ status: 200, body: '' })
      expect(Date.parse((await seenAt('203.0.113.2')) ?? '')).toBe(laterMs)
    })
  },
)
