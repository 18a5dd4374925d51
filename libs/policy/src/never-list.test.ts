import { parsePrefix } from '@dnstap-bgp/ip'
import { describe, expect, test } from 'vitest'
import { NeverList } from './never-list.ts'
import { WELL_KNOWN_PREFIXES } from './well-known-prefixes.ts'

const never = (options: Partial<ConstructorParameters<typeof NeverList>[0]> = {}) =>
  new NeverList({ allowPrivate: false, allow: [], also: [], ...options })

describe('the never list', () => {
  test.each([
    ['127.0.0.1/32', /loopback/],
    ['10.1.2.3/32', /private/],
    ['169.254.169.254/32', /metadata/],
    ['8.8.8.8/32', /public resolver/],
    ['224.0.0.251/32', /multicast/],
    ['192.0.2.7/32', /documentation/],
    ['255.255.255.255/32', /broadcast/],
    ['::1/128', /loopback/],
    ['::ffff:203.0.113.1/128', /IPv4-mapped/],
    ['fe80::1/128', /link local/],
    ['fd00::1/128', /unique local/],
    ['2001:db8::1/128', /documentation/],
    ['ff02::1/128', /multicast/],
    ['5f00::1/128', /not global unicast/],
    ['64:ff9b::808:808/128', /translation/],
  ])('refuses %s', (prefix, reason) => expect(never().refuses(prefix)).toMatch(reason))

  test.each(['93.184.215.14/32', '2606:2800:21f::1/128', '172.15.0.1/32', '172.32.0.1/32', '100.63.0.1/32'])(
    'lets %s pass',
    (prefix) => {
      expect(never().refuses(prefix)).toBeUndefined()
    },
  )

  test('refuses an aggregate that covers a refused address', () => {
    expect(never().refuses('8.8.8.0/24')).toMatch(/public resolver/)
    expect(never().refuses('8.0.0.0/7')).toMatch(/public resolver|private/)
    expect(never().refuses('93.184.215.0/24')).toBeUndefined()
  })

  test('private ranges pass when the operator allows them, and nothing else does', () => {
    expect(never({ allowPrivate: true }).refuses('10.1.2.3/32')).toBeUndefined()
    expect(never({ allowPrivate: true }).refuses('fd00::1/128')).toBeUndefined()
    expect(never({ allowPrivate: true }).refuses('127.0.0.1/32')).toMatch(/loopback/)
    expect(never({ allowPrivate: true }).refuses('fd00:ec2::254/128')).toMatch(/metadata/)
  })

  test("the operator's own prefixes are refused, and an allowed one inside them passes", () => {
    const list = never({
      also: [
        ['198.18.0.0/15', 'a lab'],
        ['93.184.215.14', 'our next hop'],
      ],
      allow: ['198.18.5.0/24'],
    })
    expect(list.refuses('93.184.215.14/32')).toBe('our next hop')
    expect(list.refuses('198.18.1.1/32')).toBe('a lab')
    expect(list.refuses('198.18.5.1/32')).toBeUndefined()
  })

  test('can be extended by further addresses', () => {
    const list = never({ also: [['93.184.215.14', 'our next hop']] }).with([['93.184.215.15', 'a resolver']])
    expect(['93.184.215.14/32', '93.184.215.15/32', '127.0.0.1/32', '93.184.215.16/32'].map((one) => list.refuses(one))).toEqual([
      'our next hop',
      'a resolver',
      expect.stringMatching(/loopback/),
      undefined,
    ])
  })

  test('a text that is no prefix is refused', () => expect(never().refuses('not-an-ip')).toMatch(/not a prefix/))

  test.each([
    ['198.41.0.4/32', /root server \(a\.root-servers\.net\)/],
    ['2001:dc3::35/128', /root server \(m\.root-servers\.net\)/],
    ['4.2.2.2/32', /Lumen/],
    ['64.6.64.6/32', /UltraDNS/],
    ['76.76.2.22/32', /Control D/],
    ['185.228.168.9/32', /CleanBrowsing/],
    ['45.90.28.17/32', /NextDNS/],
    ['45.90.30.230/32', /NextDNS/],
    ['94.140.14.15/32', /AdGuard/],
    ['162.159.36.1/32', /Cloudflare/],
    ['2606:4700:4700::6400/128', /Cloudflare/],
    ['2001:4860:4860::6464/128', /Google/],
    ['2001:4860::/32', /Google/],
  ])('refuses %s, which everybody depends on', (prefix, reason) => expect(never().refuses(prefix)).toMatch(reason))

  test('has all thirteen root servers in both families', () => {
    const letters = WELL_KNOWN_PREFIXES.flatMap(([prefix, reason]) => {
      const letter = /root server \((\w)/.exec(reason)?.[1]
      return letter === undefined ? [] : [`${letter} ${prefix.includes(':') ? 6 : 4}`]
    })
    expect([...new Set(letters)].sort()).toEqual([...'abcdefghijklm'].flatMap((letter) => [`${letter} 4`, `${letter} 6`]))
  })

  test('is written without slips: every prefix can be read, none twice', () => {
    const prefixes = WELL_KNOWN_PREFIXES.map(([prefix]) => prefix)
    expect(prefixes.filter((prefix) => parsePrefix(prefix) === undefined)).toEqual([])
    expect(prefixes.filter((prefix, index) => prefixes.indexOf(prefix) !== index)).toEqual([])
  })
})

describe('an IPv4 address inside an allowed IPv6 range is judged', () => {
  const allowed = never({
    allow: ['64:ff9b::/96', '64:ff9b:1::/48', '::ffff:0.0.0.0/96', '::ffff:0:0:0/96', '2002::/16', '2001::/32'],
    also: [['93.184.215.14', 'our next hop']],
  })

  test.each([
    ['64:ff9b::a9fe:a9fe/128', '169.254.169.254 inside NAT64 (RFC 6052): cloud metadata'],
    ['64:ff9b::a00:1/128', '10.0.0.1 inside NAT64 (RFC 6052): private use (RFC 1918)'],
    ['64:ff9b::808:808/128', '8.8.8.8 inside NAT64 (RFC 6052): public resolver (Google)'],
    ['64:ff9b::5db8:d70e/128', '93.184.215.14 inside NAT64 (RFC 6052): our next hop'],
    ['64:ff9b::a00:0/104', '10.0.0.0/8 inside NAT64 (RFC 6052): private use (RFC 1918)'],
    ['64:ff9b::/96', /^0\.0\.0\.0\/0 inside NAT64 \(RFC 6052\): /],
    ['64:ff9b:1::7f00:1/128', '127.0.0.1 inside NAT64 (RFC 8215): loopback (RFC 1122)'],
    ['64:ff9b:1:a00:0:100::/128', '10.0.0.1 inside NAT64 (RFC 8215): private use (RFC 1918)'],
    ['64:ff9b:1:fa:0:1::/128', /^250\.0\.0\.1 inside NAT64 \(RFC 8215\): reserved/],
    ['64:ff9b:1:ffff:a:0:100:0/128', '10.0.0.1 inside NAT64 (RFC 8215): private use (RFC 1918)'],
    ['64:ff9b:1::/128', '0.0.0.0 inside NAT64 (RFC 8215): this network (RFC 791)'],
    ['::ffff:10.0.0.1/128', '10.0.0.1 inside IPv4-mapped (RFC 4291): private use (RFC 1918)'],
    ['::ffff:0:a00:1/128', '10.0.0.1 inside IPv4-translated (RFC 2765): private use (RFC 1918)'],
    ['2002:a00:1::1/128', '10.0.0.1 inside 6to4 (RFC 3056): private use (RFC 1918)'],
    ['2002:a00::/24', '10.0.0.0/8 inside 6to4 (RFC 3056): private use (RFC 1918)'],
    ['2002::/16', /^0\.0\.0\.0\/0 inside 6to4/],
    ['2001:0:a00:1::a247:28f1/128', '10.0.0.1 inside the server of Teredo (RFC 4380): private use (RFC 1918)'],
    ['2001:0:5db8:d70f::f5ff:fffe/128', '10.0.0.1 inside the client of Teredo (RFC 4380): private use (RFC 1918)'],
    ['2600::5efe:a00:1/128', '10.0.0.1 inside ISATAP (RFC 5214): private use (RFC 1918)'],
    ['2600::200:5efe:808:808/128', '8.8.8.8 inside ISATAP (RFC 5214): public resolver (Google)'],
  ])('%s', (prefix, reason) => {
    if (typeof reason === 'string') expect(allowed.refuses(prefix)).toBe(reason)
    else expect(allowed.refuses(prefix)).toMatch(reason)
  })

  test.each([
    '64:ff9b::5db8:d70f/128',
    '64:ff9b::5db8:d710/124',
    '64:ff9b:1::5db8:d70f/128',
    '64:ff9b:1:5db8:d7:f00::/128',
    '64:ff9b:1:ab5d:b8:d70f::/128',
    '::ffff:93.184.215.15/128',
    '2002:5db8:d70f::1/128',
    '2001:0:5db8:d70f::a247:28f0/128',
    '2600::5efe:5db8:d70f/128',
    '2600::1:5efe:a00:1/128',
  ])('%s passes', (prefix) => expect(allowed.refuses(prefix)).toBeUndefined())

  test('an IPv4 range that the operator allows is allowed inside IPv6 as well', () => {
    const list = never({ allowPrivate: true, allow: ['64:ff9b::/96'] })
    expect(list.refuses('64:ff9b::a00:1/128')).toBeUndefined()
    expect(list.refuses('64:ff9b::7f00:1/128')).toMatch(/loopback/)
  })
})
