/** All mistakes of a configuration are reported at once, each with its place and what to do. */
import { describe, expect, test } from 'vitest'
import { mistakesIn } from '../testing/parsing.ts'

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
      '2: log.ttl: unknown key here: it belongs at the top of the file, before the first table',
    ],
    ['a table that nobody knows', '[bpg]\nas = 1', '1: bpg: unknown key; did you mean bgp?'],
    [
      'a former key of the ancestor',
      '[dnstap]\nsocket = "/x"\nlisten = "/x"',
      '2: dnstap.socket: is now called `listen`, which takes a path or "host:port"',
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
    ['one key in two spellings', 'ttl = "1h"\nTTL = "1h"', '2: TTL: defined a second time (first as ttl on line 1): remove one'],
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
      '2: dnstap.listen: seen UNIX sockets only, expected a "host:port" among them ([dnstap.tls] protects TCP only)',
    ],
    ['a listener twice', '[dnstap]\nlisten = ["/x", "/x"]', '2: dnstap.listen: /x is listed twice: remove one'],
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
      '5: list.name: "a" is the name of an earlier list, expected a name of its own for each list',
    ],
    [
      'a list named as domains is',
      'domains = "x"\n[[list]]\nname = "default"\nsource = "y"',
      '3: list.name: "default" is the name of an earlier list, expected another name: domains is the list "default"',
    ],
    [
      'ttlMin without ttl = "dns"',
      '[[list]]\nname = "a"\nsource = "x"\nttlMin = "1m"',
      '4: list.ttlMin: applies only with `ttl = "dns"`: remove it, or set that',
    ],
    [
      'ttlMin over ttlMax',
      '[[list]]\nname = "a"\nsource = "x"\nttl = "dns"\nttlMin = "2h"\nttlMax = "1h"',
      '5: list.ttlMin: `ttlMin` is greater than `ttlMax`',
    ],
    [
      'a refresh interval for a file',
      '[[list]]\nname = "a"\nsource = "x"\nrefreshInterval = "1h"',
      '4: list.refreshInterval: applies only when `source` is a URL: remove it',
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
      '5: bus.credsFile: set together with another way to log in: keep one of user with password, token, credsFile',
    ],
    [
      'bus settings without servers',
      '[bus]\ntoken = "t"',
      '1: bus.servers: missing, expected the URLs of the NATS servers these settings are for',
    ],
  ])('%s', (_what, text, expected) => {
    expect(mistakesIn(text)).toEqual([expected])
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
      'store.redis: not used by the all-in-one: remove it and set `cache = "FILE"` at the top of the file',
      'bus.servers: not used by the all-in-one: remove it',
    ])
    expect(mistakesIn(apart, {}, ['nats', 'redis'])).toEqual([])
  })

  test('nothing is called missing when lines could not be read', () => {
    expect(mistakesIn('[bgp]\nas 65000\nrouterID = "192.0.2.1"', {}, ['dnstap'])).toEqual([
      '2: not TOML: expected equal (=) token',
    ])
  })
})
