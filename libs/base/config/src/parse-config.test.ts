import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import type { Config, Part } from './config.ts'
import { ConfigError } from './mistakes.ts'
import { neverListOptions } from './never-list-options.ts'
import { loadConfig, parseConfig } from './parse-config.ts'

const folder = mkdtempSync(join(tmpdir(), 'config-'))
afterAll(() => rmSync(folder, { recursive: true }))
const FILE = join(folder, 'dnstap-bgp.toml')

const parse = (text: string, environment: Record<string, string> = {}): Config => parseConfig(text, FILE, environment)

/** All mistakes, one line each, without the file's name. */
function mistakesIn(text: string, environment: Record<string, string> = {}, needs: readonly Part[] = []): string[] {
  try {
    parseConfig(text, FILE, environment, { needs })
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.message.split('\n').map((line) => line.slice(FILE.length + 1).replace(/^ /, ''))
  }
}

const ANCESTOR = `
domains = "/etc/dnstap-bgp/domains.txt"
cache   = "/var/lib/dnstap-bgp/cache"
ttl     = "12h"
ipv6    = true
[dnstap]
listen = "/run/dnstap-bgp/dnstap.sock"
perm   = "0666"
[bgp]
as = 65000
routerID = "192.0.2.1"
sourceIP = "192.0.2.1"
nextHop = "192.0.2.9"
nextHopIPv6 = "2001:db8::9"
peers = ["192.0.2.2", "192.0.2.3:1179", "[2001:db8::2]:179"]
[syncer]
listen = "0.0.0.0:8080"
syncInterval = "5m"
peers = ["192.0.2.7:8080", "other.example.org:8081"]
`
/** The least that a [bgp] table can be. */
const BGP = '[bgp]\nas = 65000\nrouterID = "192.0.2.1"\n'

describe("the ancestor's file", () => {
  test('is read as it is', () => {
    const config = parseConfig(ANCESTOR, FILE, {}, { needs: ['lists', 'dnstap', 'bgp', 'syncer'] })
    expect(config.warnings).toEqual([])
    expect(config.ipv6).toBe(true)
    expect(config.lists).toMatchObject([
      {
        name: 'default',
        source: { kind: 'path', path: '/etc/dnstap-bgp/domains.txt' },
        lifetime: { kind: 'idle', ttlMs: 43_200_000 },
      },
    ])
    expect(config.store).toEqual({ kind: 'file', path: '/var/lib/dnstap-bgp/cache' })
    expect(config.bus).toEqual({ kind: 'local' })
    expect(config.dnstap.listen).toEqual([{ kind: 'unix', path: '/run/dnstap-bgp/dnstap.sock' }])
    expect(config.dnstap.mode).toBe(0o666)
    expect(config.bgp).toMatchObject({
      asn: 65000,
      bgpIdentifier: '192.0.2.1',
      nextHopIpv4: '192.0.2.9',
      nextHopIpv6: '2001:db8::9',
      listen: undefined,
    })
    expect(config.bgp.peers.map(({ remote, port, asn }) => [remote, port, asn])).toEqual([
      [{ kind: 'address', address: '192.0.2.2' }, 179, 65000],
      [{ kind: 'address', address: '192.0.2.3' }, 1179, 65000],
      [{ kind: 'address', address: '2001:db8::2' }, 179, 65000],
    ])
    expect(config.bgp.peers[0]).toMatchObject({ families: ['ipv4', 'ipv6'], sourceIpv4: '192.0.2.1', ttl: 64, passive: false })
    expect(config.syncer).toMatchObject({
      listen: { kind: 'tcp', host: '0.0.0.0', port: 8080 },
      syncIntervalMs: 300_000,
      peers: [
        { host: '192.0.2.7', port: 8080 },
        { host: 'other.example.org', port: 8081 },
      ],
    })
  })

  test('may spell its keys in any case', () => {
    expect(parse(ANCESTOR.replaceAll(/^\w+|^\[\w+\]/gm, (key) => key.toLowerCase()))).toEqual(parse(ANCESTOR))
    expect(parse(ANCESTOR.replaceAll(/^\w+|^\[\w+\]/gm, (key) => key.toUpperCase()))).toEqual(parse(ANCESTOR))
  })

  test('may leave out what is optional, or leave it empty', () => {
    const config = parse(
      `domains = "d"\ncache = ""\nttl = ""\n${BGP}nextHop = ""\n[dnstap]\nlisten = "127.0.0.1:6000"\nperm = ""\n[syncer]\nlisten = ""\n`,
    )
    expect(config.store).toEqual({ kind: 'memory' })
    expect(config.lists[0].lifetime).toEqual({ kind: 'idle', ttlMs: 86_400_000 })
    expect(config.bgp).toMatchObject({ nextHopIpv4: '192.0.2.1', nextHopIpv6: undefined, peers: [] })
    expect(config.syncer).toMatchObject({ listen: undefined, syncIntervalMs: 600_000 })
  })

  test('takes the next hop from sourceIP, and that from routerID', () => {
    expect(parse(`${BGP}sourceIP = "192.0.2.5"\n`).bgp?.nextHopIpv4).toBe('192.0.2.5')
    expect(parse(BGP).bgp?.nextHopIpv4).toBe('192.0.2.1')
  })

  test('without nextHopIPv6 is told that peers over IPv4 get no IPv6 routes; fd00::1 is nobody', () => {
    const config = parse(`domains = "d"\nipv6 = true\n${BGP}peers = ["192.0.2.2"]\n`)
    expect(config.bgp?.nextHopIpv6).toBeUndefined()
    expect(config.warnings).toEqual([expect.stringContaining('bgp.nextHopIPv6')])
  })
})

describe('mistakes', () => {
  test('all are told at once, in the order of the file', () => {
    const text =
      'ttl = "soon"\nipv6 = "maybe"\n[dnstap]\nlisten = 5\n[bgp]\nas = 0\nrouterID = "2001:db8::1"\npeers = [\n  "192.0.2.2",\n  "300.1.1.1",\n]\n'
    const found = mistakesIn(text, { DNSTAP_BGP_LOG_LEVEL: 'loud' }, ['syncer'])
    expect(found.map((line) => /^(\d+: )?([\w.]+): /.exec(line)?.[0])).toEqual([
      '1: ttl: ',
      '2: ipv6: ',
      '4: dnstap.listen: ',
      '6: bgp.as: ',
      '7: bgp.routerID: ',
      '10: bgp.peers: ',
      'DNSTAP_BGP_LOG_LEVEL: ',
      'syncer: ',
    ])
  })

  test.each<[what: string, text: string, expected: string]>([
    [
      'a duration that is none (the ancestor made it 0 and wiped its cache)',
      'ttl = "24hh"',
      '1: ttl: seen "24hh", expected a duration such as "24h", "1h30m" or "500ms", or "dns"',
    ],
    [
      'a number for a duration',
      'ttl = 3600',
      '1: ttl: seen 3600, expected a duration such as "24h", "1h30m" or "500ms", or "dns"; did you mean "3600s"?',
    ],
    [
      'no time at all',
      'ttl = "0"',
      '1: ttl: seen "0", expected a duration such as "24h", "1h30m" or "500ms", more than 0, or "dns"',
    ],
    [
      'a key with a slip',
      '[bgp]\nas=1\nrouterID="192.0.2.1"\nholdTme = "9s"',
      '4: bgp.holdTme: unknown key; did you mean holdTime?',
    ],
    ['a key that nobody knows', '[log]\ncolour = 1', '2: log.colour: unknown key, expected one of level, format'],
    [
      'a key in the wrong table',
      '[log]\nttl = "1h"',
      '2: log.ttl: unknown key, expected it at the top of the file, before the first table',
    ],
    ['a table that nobody knows', '[bpg]\nas = 1', '1: bpg: unknown key; did you mean bgp?'],
    [
      'a former key of the ancestor',
      '[dnstap]\nsocket = "/x"\nlisten = "/x"',
      '2: dnstap.socket: is now listen, which takes a path or "host:port"',
    ],
    ['a value for a table', 'bgp = 5', '1: bgp: seen 5, expected a table [bgp]'],
    ['a table for tables', '[list]\nname = "a"', '1: list: seen a table, expected tables headed [[list]]'],
    ['a table for a value', '[ttl]', '1: ttl: seen a table, expected a duration such as "24h", "1h30m" or "500ms", or "dns"'],
    ['a list for a value', 'domains = ["a"]', '1: domains: seen a list of 1, expected a path'],
    [
      'a value for a list',
      '[never]\nprefixes = "10.0.0.0/8"',
      '2: never.prefixes: seen "10.0.0.0/8", expected a list in brackets',
    ],
    [
      'a choice with a slip',
      '[log]\nlevel = "wran"',
      '2: log.level: seen "wran", expected one of "debug", "info", "warn", "error"; did you mean "warn"?',
    ],
    ['no TOML', 'ttl', '1: not TOML: expected equal (=) token'],
    ['one key in two spellings', 'ttl = "1h"\nTTL = "1h"', '2: TTL: stands here a second time (as ttl on line 1), expected once'],
    [
      'host bits',
      '[never]\nprefixes = ["10.0.0.1/8"]',
      '2: never.prefixes: seen "10.0.0.1/8", expected a prefix whose host bits are zero; did you mean "10.0.0.0/8"?',
    ],
    ['a bgp table without its number', '[bgp]\nrouterID = "192.0.2.1"', '1: bgp.as: missing, expected the number of our AS'],
    [
      'a bgp table without its identifier',
      '[bgp]\nas = 1\n',
      '1: bgp.routerID: missing, expected an IPv4 address that names this speaker',
    ],
    [
      'AS_TRANS',
      '[bgp]\nas = 23456\nrouterID = "192.0.2.1"',
      '2: bgp.as: seen 23456, expected an AS number from 1 to 4294967295 (23456 is AS_TRANS, RFC 6793)',
    ],
    [
      'a router identifier of zeros',
      '[bgp]\nas = 1\nrouterID = "0.0.0.0"',
      '3: bgp.routerID: seen "0.0.0.0", expected an IPv4 address other than 0.0.0.0',
    ],
    [
      'a dnstap table without listen',
      '[dnstap]\nperm = "0600"',
      '1: dnstap.listen: missing, expected the path of a UNIX socket, or "host:port"',
    ],
    [
      'a decimal mode',
      '[dnstap]\nlisten = "/x"\nperm = 660',
      '3: dnstap.perm: seen 660, expected permissions in octal such as "0660"; did you mean "0660"?',
    ],
    [
      'no type',
      '[dnstap]\nlisten = "/x"\ntypes = []',
      '3: dnstap.types: seen an empty list, expected at least one of CLIENT_RESPONSE, RESOLVER_RESPONSE, FORWARDER_RESPONSE, STUB_RESPONSE',
    ],
    [
      'a certificate without its key',
      '[dnstap]\nlisten = ":6000"\n[dnstap.tls]\ncert = "c"',
      '3: dnstap.tls.key: missing, expected the path of a PEM file',
    ],
    [
      'TLS for UNIX sockets alone',
      '[dnstap]\nlisten = "/x"\n[dnstap.tls]\ncert = "c"\nkey = "k"',
      '2: dnstap.listen: seen UNIX sockets only, expected a "host:port" among them for [dnstap.tls] to guard',
    ],
    ['a listener twice', '[dnstap]\nlisten = ["/x", "/x"]', '2: dnstap.listen: seen /x twice, expected each address once'],
    [
      'a sync peer without a port',
      '[syncer]\npeers = ["192.0.2.7"]',
      '2: syncer.peers: seen "192.0.2.7", expected "host:port" or "[IPv6 address]:port"',
    ],
    ['a list without a name', '[[list]]\nsource = "x"', '1: list.name: missing, expected a name for the list'],
    [
      'a list without a source',
      '[[list]]\nname = "a"',
      '1: list.source: missing, expected the path of a file or folder, or an http(s) URL',
    ],
    [
      'two lists of one name',
      '[[list]]\nname = "a"\nsource = "x"\n[[list]]\nname = "a"\nsource = "y"',
      '5: list.name: seen "a" again, expected a name of its own for each list',
    ],
    [
      'a list named as domains is',
      'domains = "x"\n[[list]]\nname = "default"\nsource = "y"',
      '3: list.name: seen "default" again, expected another name: domains is the list "default"',
    ],
    [
      'ttlMin without ttl = "dns"',
      '[[list]]\nname = "a"\nsource = "x"\nttlMin = "1m"',
      '4: list.ttlMin: has no meaning here, expected it only where ttl = "dns"',
    ],
    [
      'ttlMin over ttlMax',
      '[[list]]\nname = "a"\nsource = "x"\nttl = "dns"\nttlMin = "2h"\nttlMax = "1h"',
      '5: list.ttlMin: seen ttlMin over ttlMax, expected ttlMin not over ttlMax',
    ],
    [
      'a refresh interval for a file',
      '[[list]]\nname = "a"\nsource = "x"\nrefreshInterval = "1h"',
      '4: list.refreshInterval: is for URLs, expected it away, or a URL as source',
    ],
    [
      'a foreign scheme',
      '[[list]]\nname = "a"\nsource = "ftp://x/y"',
      '3: list.source: seen "ftp://x/y", expected a URL that starts with http:// or https://',
    ],
    [
      'a short digest',
      '[[list]]\nname = "a"\nsource = "x"\nsha256 = "abc"',
      '4: list.sha256: seen "abc", expected the 64 hexadecimal digits of a SHA-256',
    ],
    [
      'several Redis servers',
      '[store]\nredis = ["a:1", "b:1"]',
      '2: store.redis: seen 2 servers, expected one, or the Sentinels and sentinel = "NAME" of the primary',
    ],
    [
      'store settings without Redis',
      '[store]\ndatabase = 1',
      '1: store.redis: missing, expected "host:port" of the server (the embedded store is configured by cache)',
    ],
    [
      'two ways to log in',
      '[bus]\nservers = "a"\nuser = "u"\npassword = "p"\ncredsFile = "c"',
      '5: bus.credsFile: stands beside another way to log in, expected one of user and password, token, credsFile',
    ],
    [
      'bus settings without servers',
      '[bus]\ntoken = "t"',
      '1: bus.servers: missing, expected the URLs of the NATS servers these settings are for',
    ],
  ])('%s', (_what, text, expected) => {
    expect(mistakesIn(text)).toEqual([expected])
  })

  test.each<[what: string, peer: string, expected: string]>([
    ['no address', 'as = 1', '4: bgp.peer.address: missing, expected an address or host name of the peer'],
    [
      'an address of nobody',
      'address = "0.0.0.0"',
      '5: bgp.peer.address: seen "0.0.0.0", expected the address of a router (this is an address in 0.0.0.0/8)',
    ],
    [
      'two ports',
      'address = "192.0.2.2:1179"\nport = 179',
      '6: bgp.peer.port: stands beside a port in address, expected one of the two',
    ],
    [
      'passive without a listener',
      'address = "192.0.2.2"\npassive = true',
      '6: bgp.peer.passive: seen true without bgp.listen, expected bgp.listen = "host:port", where the peer reaches us',
    ],
    [
      'a prefix that is not passive',
      'address = "192.0.2.0/24"',
      '5: bgp.peer.address: seen a prefix, expected passive = true with a prefix, or one address',
    ],
    [
      'a role inside our AS',
      'address = "192.0.2.2"\nrole = "customer"',
      '6: bgp.peer.role: seen a role in our own AS, expected roles (RFC 9234) with peers of another AS only',
    ],
    [
      'a strict role that is none',
      'address = "192.0.2.2"\nstrictRole = true',
      '6: bgp.peer.strictRole: stands without role, expected role, which says what we are to the peer',
    ],
    [
      'ttlSecurity and multihop',
      'address = "192.0.2.2"\nas = 2\nttlSecurity = true\nmultihop = 3',
      '8: bgp.peer.multihop: stands beside ttlSecurity, expected one of the two (ttlSecurity takes the number of hops)',
    ],
    [
      'a hold time of two seconds',
      'address = "192.0.2.2"\nholdTime = "2s"',
      '6: bgp.peer.holdTime: seen "2s", expected a duration of 3s or more, or 0',
    ],
    [
      'half seconds',
      'address = "192.0.2.2"\nholdTime = "3.5s"',
      '6: bgp.peer.holdTime: seen "3.5s", expected a duration of whole seconds',
    ],
    [
      'IPv6 where it is off',
      'address = "192.0.2.2"\nfamilies = ["ipv4", "ipv6"]',
      '6: bgp.peer.families: seen "ipv6" where ipv6 is off, expected ipv6 = true at the top of the file',
    ],
    [
      'a source of the other family',
      'address = "192.0.2.2"\nsourceIP = "2001:db8::1"',
      "6: bgp.peer.sourceIP: seen 2001:db8::1, expected an IPv4 address, as the peer's",
    ],
    [
      'a list that is not there',
      'address = "192.0.2.2"\nlists = ["vpm"]\n[[list]]\nname = "vpn"\nsource = "x"',
      '6: bgp.peer.lists: there is no list "vpm", expected names of configured lists; did you mean "vpn"?',
    ],
    [
      'itself as next hop',
      'address = "192.0.2.2"\nnextHop = "192.0.2.2"',
      '6: bgp.peer.nextHop: seen 192.0.2.2 both as the peer and as its next hop, expected a next hop that is not the peer itself (nextHop in its [[bgp.peer]] table comes first, and may be "self")',
    ],
    [
      'a password that is too long',
      `address = "192.0.2.2"\npassword = "${'x'.repeat(81)}"`,
      '6: bgp.peer.password: something else, expected at most 80 octets (RFC 2385 keys on this system)',
    ],
    [
      'a long interface name',
      'address = "192.0.2.2"\ndevice = "abcdefghijklmnop"',
      '6: bgp.peer.device: seen "abcdefghijklmnop", expected the name of a network interface or VRF (1 to 15 characters)',
    ],
  ])('of a BGP peer: %s', (_what, peer, expected) => {
    expect(mistakesIn(`${BGP}[[bgp.peer]]\n${peer}\n`)).toEqual([expected])
  })

  test.each(['127.0.0.1', '0.0.0.0', '0.1.2.3', '224.0.0.1', '255.255.255.255', '240.0.0.1', '2001:db8::1'])(
    '%s is no next hop for IPv4',
    (nextHop) => {
      expect(mistakesIn(`${BGP}nextHop = "${nextHop}"`)).toEqual([
        expect.stringMatching(/^4: bgp\.nextHop: seen .*, expected an IPv4 address/),
      ])
    },
  )

  test.each(['::', '::1', 'ff02::1', 'fe80::1', '::ffff:192.0.2.1', '192.0.2.1'])('%s is no next hop for IPv6', (nextHop) => {
    expect(mistakesIn(`${BGP}nextHopIPv6 = "${nextHop}"`)).toEqual([
      expect.stringMatching(/^4: bgp\.nextHopIPv6: seen .*, expected an IPv6 address/),
    ])
  })

  test('BGP listens at an address, not at whatever a name resolves to', () => {
    expect(mistakesIn(`${BGP}listen = "localhost:179"`)).toEqual([
      '4: bgp.listen: seen "localhost:179", expected "address:port", "[IPv6 address]:port" or ":port"',
    ])
    for (const listen of [':179', '192.0.2.1:179', '[2001:db8::1]:179'])
      expect(mistakesIn(`${BGP}listen = "${listen}"`)).toEqual([])
  })

  test('a router identifier that cannot be a next hop asks for one', () => {
    expect(mistakesIn('[bgp]\nas = 1\nrouterID = "127.0.0.1"')).toEqual([expect.stringContaining('bgp.nextHop: missing')])
    expect(mistakesIn('[bgp]\nas = 1\nrouterID = "127.0.0.1"\nnextHop = "192.0.2.9"')).toEqual([])
  })

  test("the common next hop may not be a peer's own address, unless that peer gets another", () => {
    expect(mistakesIn(`${BGP}nextHop = "192.0.2.2"\npeers = ["192.0.2.2", "192.0.2.3"]`)).toEqual([
      expect.stringMatching(/^5: bgp\.peers: seen 192\.0\.2\.2 both/),
    ])
    expect(mistakesIn(`${BGP}nextHop = "192.0.2.2"\n[[bgp.peer]]\naddress = "192.0.2.2"\nnextHop = "self"`)).toEqual([])
    const list = '[[list]]\nname = "a"\nsource = "x"\nnextHop = "192.0.2.2"\n'
    expect(mistakesIn(`${BGP}peers = ["192.0.2.2"]\n${list}`)).toEqual([expect.stringContaining('next hop of list "a"')])
    const other = '[[list]]\nname = "b"\nsource = "x"\n'
    expect(mistakesIn(`${BGP}[[bgp.peer]]\naddress = "192.0.2.2"\nlists = ["b"]\n${list}${other}`)).toEqual([])
  })

  test('a peer twice', () => {
    expect(mistakesIn(`${BGP}peers = ["192.0.2.2", "192.0.2.2:179"]\n[[bgp.peer]]\naddress = "192.0.2.2"`)).toEqual([
      '4: bgp.peers: seen 192.0.2.2:179 again, expected each peer once',
      '6: bgp.peer.address: seen 192.0.2.2 again, expected each peer once',
    ])
    expect(mistakesIn(`${BGP}peers = ["192.0.2.2", "192.0.2.2:1179"]`)).toEqual([])
  })

  test('what a service needs and the file lacks is told with what to write', () => {
    expect(mistakesIn('', {}, ['lists', 'dnstap', 'bgp', 'syncer', 'nats', 'redis']).map((line) => line.split(':')[0])).toEqual([
      'domains',
      'dnstap',
      'bgp',
      'syncer',
      'bus.servers',
      'store.redis',
    ])
    expect(mistakesIn('', {}, [])).toEqual([])
  })

  test('what the all-in-one would ignore is a mistake there, and none for the services apart', () => {
    const apart = '[bus]\nservers = "n"\n[store]\nredis = "r"\n'
    expect(mistakesIn(apart, {}, ['alone'])).toEqual([
      'store.redis: is for the services apart, expected it away, and cache = "FILE" at the top of the file: the all-in-one keeps its routes there',
      'bus.servers: is for the services apart, expected it away: the services of the all-in-one need no bus between them',
    ])
    expect(mistakesIn(apart, {}, ['nats', 'redis'])).toEqual([])
  })

  test('nothing is called missing when lines could not be read', () => {
    expect(mistakesIn('[bgp]\nas 65000\nrouterID = "192.0.2.1"', {}, ['dnstap'])).toEqual([
      '2: not TOML: expected equal (=) token',
    ])
  })
})

describe('the environment', () => {
  test('wins over the file, for any scalar and for lists', () => {
    const config = parse(ANCESTOR, {
      DNSTAP_BGP_TTL: '1h',
      DNSTAP_BGP_IPV6: 'false',
      DNSTAP_BGP_BGP_AS: '65001',
      DNSTAP_BGP_BGP_ROUTERID: '192.0.2.4',
      DNSTAP_BGP_BGP_NEXT_HOP: '192.0.2.10',
      DNSTAP_BGP_BGP_PEERS: '192.0.2.20, 192.0.2.21',
      DNSTAP_BGP_LOG_FORMAT: 'json',
      DNSTAP_BGP_DNSTAP_TLS_CERT: '',
    })
    expect(config.lists[0].lifetime).toEqual({ kind: 'idle', ttlMs: 3_600_000 })
    expect(config.ipv6).toBe(false)
    expect(config.bgp).toMatchObject({ asn: 65001, bgpIdentifier: '192.0.2.4', nextHopIpv4: '192.0.2.10' })
    expect(config.bgp?.peers.map(({ name }) => name)).toEqual(['192.0.2.20', '192.0.2.21'])
    expect(config.log.format).toBe('json')
    expect(config.dnstap?.tls).toBeUndefined()
  })

  test('can stand for whole tables', () => {
    const config = parseConfig(
      '',
      FILE,
      {
        DNSTAP_BGP_DOMAINS: '/d',
        DNSTAP_BGP_DNSTAP_LISTEN: ':6000',
        DNSTAP_BGP_BGP_AS: '1',
        DNSTAP_BGP_BGP_ROUTERID: '192.0.2.1',
      },
      { needs: ['lists', 'dnstap', 'bgp'] },
    )
    expect(config.dnstap.listen).toEqual([{ kind: 'tcp', host: undefined, port: 6000 }])
    expect(config.lists).toHaveLength(1)
  })

  test('is judged like the file', () => {
    expect(mistakesIn('', { DNSTAP_BGP_BGP_AS: 'many', DNSTAP_BGP_BGP_ROUTERID: '192.0.2.1' })).toEqual([
      'DNSTAP_BGP_BGP_AS: seen many, expected an AS number from 1 to 4294967295',
    ])
  })

  test('names that are no setting are a warning; what Kubernetes and Docker make up is none', () => {
    const config = parse('', {
      DNSTAP_BGP_TTTL: '1h',
      DNSTAP_BGP_CACHE_SERVICE_HOST: '10.0.0.1',
      DNSTAP_BGP_CACHE_SERVICE_PORT_HTTP: '80',
      DNSTAP_BGP_CACHE_PORT: 'tcp://10.0.0.1:80',
      DNSTAP_BGP_CACHE_PORT_80_TCP_ADDR: '10.0.0.1',
      DNSTAP_BGP_CONFIG: '/etc/x',
      OTHER: '1',
    })
    expect(config.warnings).toEqual(['environment variable DNSTAP_BGP_TTTL is no setting; did you mean DNSTAP_BGP_TTL?'])
  })

  test('sockets handed over by systemd need no listen', () => {
    expect(parse('[dnstap]\ntypes = "CLIENT_RESPONSE"', { LISTEN_FDS: '1' }).dnstap?.listen).toEqual([])
  })
})

describe('secrets', () => {
  writeFileSync(join(folder, 'password'), 'sesame\n')
  writeFileSync(join(folder, 'empty'), '\n')
  const peer = (line: string) => `${BGP}[[bgp.peer]]\naddress = "192.0.2.2"\n${line}\n`

  test('come from the file, from a file of their own without its line end, or from the environment', () => {
    expect(parse(peer('password = "open"')).bgp?.peers[0].password?.reveal()).toBe('open')
    expect(parse(peer('passwordFile = "password"')).bgp?.peers[0].password?.reveal()).toBe('sesame')
    expect(parse('[syncer]\npeers = ["a:1"]', { DNSTAP_BGP_SYNCER_TOKEN: 't' }).syncer?.token?.reveal()).toBe('t')
    expect(parse(`${BGP}peers = ["192.0.2.2"]`, { DNSTAP_BGP_BGP_PASSWORD: 'for all' }).bgp?.peers[0].password?.reveal()).toBe(
      'for all',
    )
  })

  test('are not shown by anything that prints a configuration', () => {
    const config = parse(
      `${peer('password = "hunter2"')}[bus]\nservers = "a"\ntoken = "hunter2"\n[store]\nredis = "r"\npassword = "hunter2"\n[admin]\ntoken = "hunter2"\n`,
    )
    for (const shown of [JSON.stringify(config), inspect(config, { depth: 9 }), `${config.admin.token}`]) {
      expect(shown).not.toContain('hunter2')
      expect(shown).toContain('[secret]')
    }
  })

  test.each<[string, string, Record<string, string>]>([
    ['a number', peer('password = 12345678'), {}],
    ['too long', peer(`password = "${'12345678'.repeat(20)}"`), {}],
    ['in a URL of NATS', '[bus]\nservers = "nats://me:12345678@a"', {}],
    ['in a URL of Redis', '[store]\nredis = "redis://:12345678@a"', {}],
    ['in a URL of a list', '[[list]]\nname = "a"\nsource = "https://me:12345678@a/"', {}],
    ['in the environment', BGP, { DNSTAP_BGP_BGP_PASSWORD: '12345678'.repeat(20) }],
  ])('are not shown when they are wrong: %s', (_what, text, environment) => {
    const found = mistakesIn(text, environment)
    expect(found).toHaveLength(1)
    expect(found[0]).not.toContain('12345678')
  })

  test.each([
    ['a file that is not there', 'passwordFile = "nowhere"', /there is no such file/],
    ['an empty file', 'passwordFile = "empty"', /is empty/],
    ['both ways at once', 'password = "a"\npasswordFile = "password"', /stands beside bgp\.peer\.password/],
  ])('%s is a mistake', (_what, line, expected) => {
    expect(mistakesIn(peer(line))).toEqual([expect.stringMatching(expected)])
  })
})

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

  test('a BGP peer with everything, and what it inherits', () => {
    const { bgp } = parse(`ipv6 = true
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
`)
    expect(bgp).toMatchObject({
      listen: { kind: 'tcp', host: undefined, port: 1179 },
      nextHopIpv6: '2001:db8::1',
      gracefulRestartSeconds: 0,
      longLivedStaleSeconds: 86_400,
      onStop: 'withdraw',
      relearnMs: 600_000,
      stateFile: '/var/lib/dnstap-bgp/announced',
    })
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
    expect(parse('[syncer]\nlisten = ":8080"').warnings).toEqual([expect.stringContaining('nobody may talk to it')])
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
