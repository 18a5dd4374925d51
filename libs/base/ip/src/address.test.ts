import fc from 'fast-check'
import { isIP, SocketAddress } from 'node:net'
import { describe, expect, test } from 'vitest'
import { formatAddress, isIpv4Mapped, parseAddress } from './address.ts'

const ipv6Text = fc.oneof(
  fc.ipV6(),
  fc
    .array(fc.constantFrom('0', '00', 'ffff', 'A', ':', '::', '1.2.3.4', '.', 'g'), { maxLength: 12 })
    .map((parts) => parts.join('')),
)

describe('parseAddress', () => {
  test.each(['0.0.0.0', '192.0.2.1', '255.255.255.255'])('reads %s and writes it back', (text) => {
    expect(formatAddress(parseAddress(text)!)).toBe(text)
  })

  test.each([
    '',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.4 ',
    ' 1.2.3.4',
    '01.2.3.4',
    '1.2.3.256',
    '1..2.3',
    '0x1.2.3.4',
    '1.2.3.-4',
    '1.2.3.4/32',
    '١.2.3.4',
  ])('refuses %j as IPv4', (text) => expect(parseAddress(text)).toBeUndefined())

  test.each(['::', '::1', '2001:db8::1', '2001:db8::9', '1:2:3:4:5:6:7:8', '::ffff:192.0.2.1', 'fe80::1:0:0:1'])(
    'reads %s and writes it back',
    (text) => {
      expect(formatAddress(parseAddress(text)!)).toBe(text)
    },
  )

  test.each([
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:0db8::0001', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'], // one zero group is not shortened (RFC 5952 §4.2.2)
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'], // the longest run (§4.2.3)
    ['1:0:0:2:3:0:0:4', '1::2:3:0:0:4'], // the first of equals
    ['::1.2.3.4', '::102:304'],
  ])('writes %s as %s (RFC 5952)', (text, canonical) => expect(formatAddress(parseAddress(text)!)).toBe(canonical))

  test('accepts exactly what Node accepts as an address without zone', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), ipv6Text, fc.string({ maxLength: 20 })), (text) => {
        expect(parseAddress(text) !== undefined).toBe(isIP(text) !== 0 && !text.includes('%'))
      }),
      { numRuns: 3000 },
    )
  })

  test('writes every IPv6 address as another implementation reads it back', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(0, 0, 0, 1, 0xabcd, 0xffff), { minLength: 8, maxLength: 8 }), (groups) => {
        const bytes = Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255]))
        const theirs = new SocketAddress({ address: groups.map((group) => group.toString(16)).join(':'), family: 'ipv6' }).address
        const ours = formatAddress(bytes)
        expect(parseAddress(ours)).toEqual(bytes)
        if (!theirs.includes('.')) expect(ours).toBe(theirs)
      }),
    )
  })
})

test('only ::ffff:0:0/96 is IPv4-mapped (RFC 4291 §2.5.5.2)', () => {
  expect(isIpv4Mapped(parseAddress('::ffff:192.0.2.1')!)).toBe(true)
  expect(isIpv4Mapped(parseAddress('::192.0.2.1')!)).toBe(false)
  expect(isIpv4Mapped(parseAddress('64:ff9b::192.0.2.1')!)).toBe(false)
})
