/** Mistakes in [bgp] and its peers. */
import { describe, expect, test } from 'vitest'
import { BGP, mistakesIn } from '../testing/parsing.ts'

describe('mistakes', () => {
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
      '6: bgp.peer.port: set together with a port in `address`: keep one of the two',
    ],
    [
      'passive without a listener',
      'address = "192.0.2.2"\npassive = true',
      '6: bgp.peer.passive: needs `bgp.listen = "address:port"`, where the peer reaches us',
    ],
    [
      'a prefix that is not passive',
      'address = "192.0.2.0/24"',
      '5: bgp.peer.address: seen a prefix, expected passive = true with a prefix, or one address',
    ],
    [
      'a role inside our AS',
      'address = "192.0.2.2"\nrole = "customer"',
      '6: bgp.peer.role: applies only to a peer of another AS (RFC 9234): remove it',
    ],
    [
      'a strict role that is none',
      'address = "192.0.2.2"\nstrictRole = true',
      '6: bgp.peer.strictRole: applies only with `role`: set `role`, or remove it',
    ],
    [
      'ttlSecurity and multihop',
      'address = "192.0.2.2"\nas = 2\nttlSecurity = true\nmultihop = 3',
      '8: bgp.peer.multihop: set together with `ttlSecurity`, which takes the number of hops: keep one of the two',
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
      '6: bgp.peer.families: "ipv6" needs `ipv6 = true` at the top of the file',
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
      '4: bgp.peers: 192.0.2.2:179 is listed twice: remove one',
      '6: bgp.peer.address: 192.0.2.2 is listed twice: remove one',
    ])
    expect(mistakesIn(`${BGP}peers = ["192.0.2.2", "192.0.2.2:1179"]`)).toEqual([])
  })
})
