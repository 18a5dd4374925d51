/** Every table with everything in it; what goes over several tables. */
import type { Part } from './config.ts'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { neverListOptions } from './never-list-options.ts'
import { loadConfig } from './parse-config.ts'
import { ANCESTOR, FILE, folder, mistakesIn, parse } from '../testing/parsing.ts'

/** A [bgp] table with every key, a peer with every key, and peers that inherit. */
const EVERY_KEY_OF_BGP = `ipv6 = true
[[list]]
name = "vpn"
source = "x"
[bgp]
as = 65000
routerID = "192.0.2.1"
sourceIP = "192.0.2.1"
sourceIPv6 = "2001:db8::1"
holdTime = "30s"
listen = ":1179"
gracefulRestartTime = "0"
longLivedStaleTime = "24h"
onStop = "withdraw"
relearnTime = "10m"
stateFile = "/var/lib/dnstap-bgp/announced"
[[bgp.peer]]
name = "edge"
address = "192.0.2.2"
port = 1179
as = 65010
localAs = 65020
password = "p"
ttlSecurity = 2
passive = true
families = "ipv6"
nextHop = "self"
nextHopIPv6 = "2001:db8::99"
communities = "blackhole"
largeCommunities = ["1:2:3"]
lists = ["vpn"]
maxRoutes = 10
holdTime = "0"
connectRetry = "5s"
device = "vrf-blue"
role = "customer"
strictRole = true
gracefulRestart = false
[[bgp.peer]]
address = "router.example.org"
as = 65011
[[bgp.peer]]
address = "10.0.0.0/8"
passive = true
[[bgp.peer]]
address = "192.0.2.4"
as = 65012
multihop = 5
`

describe('the extended tables', () => {
  test('a list with everything', () => {
    const { lists } = parse(`
ttl = "1h"
[[list]]
name = "vpn"
source = "https://example.org/list.txt"
format = "hosts"
match = "exact"
addresses = true
communities = ["65000:100", "no-export"]
largeCommunities = "65000:1:2"
nextHop = "192.0.2.10"
nextHopIPv6 = "2001:db8::10"
localPref = 200
med = 10
ttl = "dns"
ttlMin = "1m"
ttlMax = "6h"
ttlGrace = "0"
maxRoutes = 5000
newRoutesPerSecond = 50
newRoutesBurst = 500
refreshInterval = "6h"
sha256 = "${'AB'.repeat(32)}"
bearerToken = "t"
minimumShare = 0.8
proxy = "http://192.0.2.99:3128"
[[list]]
name = "plain"
source = "lists"
newRoutesPerSecond = 0
`)
    expect(lists[0]).toMatchObject({
      name: 'vpn',
      source: { kind: 'url', url: 'https://example.org/list.txt', proxy: 'http://192.0.2.99:3128' },
      format: 'hosts',
      match: 'exact',
      addresses: true,
      communities: [0xfde80064, 0xffffff01],
      largeCommunities: [[65000, 1, 2]],
      nextHopIpv4: '192.0.2.10',
      nextHopIpv6: '2001:db8::10',
      localPref: 200,
      med: 10,
      lifetime: { kind: 'dns', minMs: 60_000, maxMs: 21_600_000, graceMs: 0 },
      maxRoutes: 5000,
      newRoutesPerSecond: 50,
      newRoutesBurst: 500,
      refreshIntervalMs: 21_600_000,
      sha256: 'ab'.repeat(32),
      minimumShare: 0.8,
    })
    expect(lists[1]).toMatchObject({
      source: { kind: 'path', path: join(folder, 'lists') },
      lifetime: { kind: 'idle', ttlMs: 3_600_000 },
      newRoutesPerSecond: Infinity,
      maxRoutes: Infinity,
    })
  })

  test('the lifetime at the top is inherited, "dns" with its bounds too', () => {
    const { lists } = parse(
      'ttl = "dns"\nttlMax = "2h"\ndomains = "d"\n[[list]]\nname = "a"\nsource = "x"\n[[list]]\nname = "b"\nsource = "x"\nttl = "1h"\n',
    )
    expect(lists.map(({ lifetime }) => lifetime)).toEqual([
      { kind: 'dns', minMs: 300_000, maxMs: 7_200_000, graceMs: 60_000 },
      { kind: 'dns', minMs: 300_000, maxMs: 7_200_000, graceMs: 60_000 },
      { kind: 'idle', ttlMs: 3_600_000 },
    ])
  })

  test('every key of [bgp]', () => {
    const { bgp } = parse(EVERY_KEY_OF_BGP)
    expect(bgp).toMatchObject({
      listen: { kind: 'tcp', host: undefined, port: 1179 },
      nextHopIpv6: '2001:db8::1',
      gracefulRestartSeconds: 0,
      longLivedStaleSeconds: 86_400,
      onStop: 'withdraw',
      relearnMs: 600_000,
      stateFile: '/var/lib/dnstap-bgp/announced',
    })
  })

  test('every key of a BGP peer', () => {
    const { bgp } = parse(EVERY_KEY_OF_BGP)
    expect(bgp?.peers[0]).toMatchObject({
      name: 'edge',
      port: 1179,
      asn: 65010,
      localAsn: 65020,
      ttlSecurityHops: 2,
      ttl: 255,
      passive: true,
      families: ['ipv6'],
      nextHopIpv4: 'self',
      nextHopIpv6: '2001:db8::99',
      communities: [0xffff029a],
      largeCommunities: [[1, 2, 3]],
      lists: ['vpn'],
      maxRoutes: 10,
      holdTimeSeconds: 0,
      connectRetrySeconds: 5,
      device: 'vrf-blue',
      role: 'customer',
      strictRole: true,
      gracefulRestart: false,
      sourceIpv6: '2001:db8::1',
    })
  })

  test('what a BGP peer inherits from [bgp]', () => {
    const { bgp } = parse(EVERY_KEY_OF_BGP)
    expect(bgp?.peers[1]).toMatchObject({
      remote: { kind: 'hostname', hostname: 'router.example.org' },
      ttl: 1,
      holdTimeSeconds: 30,
      lists: undefined,
    })
    expect(bgp?.peers[2].remote).toEqual({ kind: 'prefix', prefix: '10.0.0.0/8' })
    expect(bgp?.peers[3].ttl).toBe(5)
  })

  test('bus and store', () => {
    writeFileSync(join(folder, 'password'), 'sesame\n')
    const { bus, store, warnings } = parse(`cache = "c"
[bus]
servers = ["a", "tls://b:4223", "nats://[2001:db8::1]"]
user = "u"
passwordFile = "password"
replicas = 3
[bus.tls]
ca = "ca.pem"
[store]
redis = "rediss://r.example.org"
user = "acl"
password = "p"
database = 2
`)
    expect(bus).toMatchObject({
      kind: 'nats',
      servers: ['nats://a:4222', 'tls://b:4223', 'nats://[2001:db8::1]:4222'],
      user: 'u',
      replicas: 3,
      tls: { caFile: join(folder, 'ca.pem'), certFile: undefined },
    })
    expect(store).toMatchObject({
      kind: 'redis',
      servers: [{ host: 'r.example.org', port: 6379 }],
      user: 'acl',
      database: 2,
      tls: { caFile: undefined },
    })
    expect(warnings).toEqual(['cache is ignored: store.redis is set'])
    expect(parse('[store]\nredis = ["a", "b"]\nsentinel = "main"\n').store).toMatchObject({
      sentinelName: 'main',
      servers: [
        { host: 'a', port: 26379 },
        { host: 'b', port: 26379 },
      ],
    })
  })

  test('admin and log', () => {
    expect(parse('').admin.listen).toEqual({ kind: 'tcp', host: '127.0.0.1', port: 8053 })
    expect(parse('[admin]\nlisten = "off"').admin.listen).toBeUndefined()
    expect(parse('[admin]\nlisten = "./admin.sock"').admin.listen).toEqual({ kind: 'unix', path: join(folder, 'admin.sock') })
    expect(parse('[admin]\nlisten = "./admin.sock"').admin.socket).toBeUndefined()
    expect(parse('[admin]\nlisten = "off"').admin.socket).toBeUndefined()
    expect(parse('').admin.socket).toEqual({ path: '/run/dnstap-bgp/admin.sock', isDefault: true })
    // Each of several programs on one machine has a socket of its own, and the command finds it by the configuration alone.
    expect(parse('[admin]\nlisten = "127.0.0.1:8061"').admin.socket?.path).toBe('/run/dnstap-bgp/admin-8061.sock')
    expect(parse('[admin]\nsocket = "./a.sock"').admin.socket).toEqual({ path: join(folder, 'a.sock'), isDefault: false })
    expect(parse('[admin]\nsocket = "off"').admin.socket).toBeUndefined()
    expect(parse('[admin]\nlisten = "off"\nsocket = "./a.sock"').admin).toMatchObject({
      listen: undefined,
      socket: { isDefault: false },
    })
    expect(parse('[log]\nlevel = "DEBUG"').log).toEqual({ level: 'debug', format: 'text' })
  })

  test.each([
    ['dnstap listens on TCP for everybody', 'listen = ":6000"', 1],
    ['dnstap listens on TCP for everybody, with TLS', 'listen = "192.0.2.1:6000"\n[dnstap.tls]\ncert = "c"\nkey = "k"', 1],
    ['dnstap listens on TCP for who is allowed', 'listen = ":6000"\nallow = ["192.0.2.0/24", "2001:db8::1"]', 0],
    ['it asks for certificates', 'listen = ":6000"\n[dnstap.tls]\ncert = "c"\nkey = "k"\nclientCA = "ca"', 0],
    ['dnstap listens on this machine alone', 'listen = ["./x.sock", "127.0.0.1:6000", "[::1]:6000", "localhost:6001"]', 0],
  ])('%s: so many warnings', (_name, dnstap, warnings) => {
    const parsed = parse(`[dnstap]\n${dnstap}`)
    expect(parsed.warnings).toEqual(Array.from({ length: warnings }, () => expect.stringContaining('dnstap.allow')))
  })

  test('who may talk to dnstap is told by canonical prefixes', () => {
    expect(parse('[dnstap]\nlisten = ":6000"\nallow = ["192.0.2.7", "2001:DB8::/32"]').dnstap?.allow).toEqual([
      '192.0.2.7/32',
      '2001:db8::/32',
    ])
  })

  test('the resolvers that report are named by address, or learnt', () => {
    const dnstap = (more: string) => parse(`[dnstap]\nlisten = ":6000"\nallow = ["192.0.2.7"]\n${more}`)
    expect(dnstap('resolvers = ["192.0.2.53", "2001:DB8::53"]').dnstap?.resolvers).toEqual(['192.0.2.53', '2001:db8::53'])
    expect(dnstap('').dnstap?.resolvers).toBeUndefined()
    expect(dnstap('resolvers = []').dnstap?.resolvers).toEqual([])
    const { also } = neverListOptions(dnstap('resolvers = ["192.0.2.53"]'))
    expect(also).toContainEqual(['192.0.2.53', 'a resolver that reports to us'])
  })

  test('a gateway that listens for nobody is a warning', () => {
    expect(parse('[syncer]\nlisten = ":8080"').warnings).toEqual([expect.stringContaining('no address may talk to it')])
    expect(parse('[syncer]\nlisten = ":8080"\nallow = ["192.0.2.0/24"]').warnings).toEqual([])
  })

  test('names of the gateway are host names, without port and scheme', () => {
    expect(parse('[syncer]\nnames = ["Site-A.example.org", "b"]').syncer?.names).toEqual(['site-a.example.org', 'b'])
    for (const wrong of ['a:8080', 'http://a', 'a/', '.a', 'a.', ''])
      expect(mistakesIn(`[syncer]\nnames = ["${wrong}"]`)).toEqual([
        expect.stringContaining('a host name without port, such as "site-a.example.org"'),
      ])
  })
})

test('the never list has every address of the file that routes must not catch', () => {
  const { also, allowPrivate, allow } = neverListOptions(
    parse(`${ANCESTOR}[never]\nprefixes = ["198.18.0.0/15"]\nallow = ["192.0.2.0/28"]\nallowPrivate = true\n`),
  )
  const texts = also.map(([text]) => text)
  for (const text of [
    '192.0.2.1',
    '192.0.2.2',
    '192.0.2.3',
    '2001:db8::2',
    '192.0.2.9',
    '2001:db8::9',
    '192.0.2.7',
    '198.18.0.0/15',
  ])
    expect(texts).toContain(text)
  expect(texts).not.toContain('other.example.org')
  expect({ allowPrivate, allow }).toEqual({ allowPrivate: true, allow: ['192.0.2.0/28'] })
})

test('the never list of a file read anew has also what the process uses of [bgp] and [syncer] until it starts again', () => {
  const running = parse(ANCESTOR)
  const fresh = parse('[bgp]\nas = 65000\nrouterID = "198.51.100.1"\npeers = ["198.51.100.2"]')
  const texts = neverListOptions(fresh, running).also.map(([text]) => text)
  for (const text of ['198.51.100.1', '198.51.100.2', '192.0.2.1', '192.0.2.3', '192.0.2.9', '192.0.2.7'])
    expect(texts).toContain(text)
})

test('a file that is not there, or is a folder, is one sentence', () => {
  expect(() => loadConfig(join(folder, 'none.toml'), {})).toThrow(
    `${join(folder, 'none.toml')}: there is no such file, expected a configuration file`,
  )
  expect(() => loadConfig(folder, {})).toThrow(/it is a folder/)
  writeFileSync(FILE, ANCESTOR)
  expect(loadConfig(FILE, {}, { needs: ['bgp'] }).bgp.asn).toBe(65000)
})

test('every element of a list that is wrong is named', () => {
  const mistakes = mistakesIn('[never]\nprefixes = [\n  "10.0.0.0/8",\n  "10.0.0.0/99",\n  "192.0.2.1/24",\n  "nonsense",\n]\n')
  expect(mistakes.map((line) => /^(\d+): never\.prefixes/.exec(line)?.[1])).toEqual(['4', '5', '6'])
})

test.each([
  ['syncer', 'syncer', '[syncer]\nlisten = ":8064"\npeers = ["192.0.2.9:8054"]\n'],
  ['dnstap', 'alone', '[dnstap]\nlisten = ["./tap.sock", "127.0.0.1:8064"]\n'],
  ['bgp', 'bgp', '[bgp]\nas = 64512\nrouterID = "192.0.2.1"\nlisten = "127.0.0.1:8064"\npeers = []\n'],
] as const)('[%s] listens elsewhere than [admin]', (table, need, text) => {
  const admin = '[admin]\nlisten = "127.0.0.1:8064"\n'
  const shared = (more: string, needs: readonly Part[]) =>
    mistakesIn(text + more, {}, needs).filter((line) => line.includes('where [admin] listens'))
  expect(shared(admin, [need])).toEqual([expect.stringContaining(`${table}.listen`)])
  // A program that does not read the table may share the file.
  expect(shared(admin, ['nats'])).toEqual([])
  for (const other of ['127.0.0.1:8065', './admin.sock', 'off'])
    expect(shared(`[admin]\nlisten = "${other}"\n`, [need])).toEqual([])
})
