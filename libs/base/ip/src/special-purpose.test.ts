import { describe, expect, test } from 'vitest'
import { NeverList } from './special-purpose.ts'

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

  test('can be had with more besides', () => {
    const list = never({ also: [['93.184.215.14', 'our next hop']] }).with([['93.184.215.15', 'a resolver']])
    expect(['93.184.215.14/32', '93.184.215.15/32', '127.0.0.1/32', '93.184.215.16/32'].map((one) => list.refuses(one))).toEqual([
      'our next hop',
      'a resolver',
      expect.stringMatching(/loopback/),
      undefined,
    ])
  })

  test('what is no prefix is refused', () => expect(never().refuses('not-an-ip')).toMatch(/not a prefix/))
})
